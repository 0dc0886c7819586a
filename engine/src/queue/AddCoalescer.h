#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/Log.h"
#include "drover/Queue.h"
#include "queue/QueueContext.h"
#include "queue/ops/Add.h"

namespace drover {

/// Joins the adds of many threads into one script call at a time.
///
/// While a call is in flight, what arrives waits and joins the next one: an idle queue has the latency of one round
/// trip, a busy one the throughput of hundreds of jobs a call. Nothing is sent twice: a lost reply makes its adds
/// Unknown.
/// Threads: add() from any thread; one thread of its own sends.
class AddCoalescer {
public:
    using Clock = Queue::Clock;

    AddCoalescer(QueueContext queue,
                 std::unique_ptr<RedisClient> redis,
                 const Queue::Settings& settings,
                 std::chrono::milliseconds stuckAfter);
    /// Whoever still waits is told Unavailable.
    ~AddCoalescer();
    AddCoalescer(const AddCoalescer&) = delete;
    AddCoalescer& operator=(const AddCoalescer&) = delete;

    /// At most settings.maxBatch items; one result each, by the deadline.
    std::vector<AddResult> add(std::vector<JobRecord> items, Clock::time_point deadline);

    /// Returns the reason why adds make no progress; empty: they do. Redis did not answer the last time, or the thread that
    /// sends stands still for `stuckAfter`, which is longer than each of its waits. Any thread.
    [[nodiscard]] std::string problem() const;

private:
    /// One add() call. Queued until it is part of a batch, gathered until a connection stands, in flight until the reply. A
    /// caller that gives up earlier makes it Done, and it is not sent.
    struct Waiter {
        std::vector<JobRecord> items;
        std::vector<AddResult> results;
        enum class Phase { Queued, Gathered, InFlight, Done } phase = Phase::Queued;
        std::condition_variable done;
    };
    using Waiters = std::vector<std::shared_ptr<Waiter>>;

    void run();
    /// Sends a small command, so that readiness is known without an add; the first one stores the queue's version.
    void probe();
    /// Waits for work, at most a second. Returns nothing if none came.
    Waiters popBatch();
    void send(Waiters waiters);
    void finish(const Waiters& waiters,
                AddResult::Status status,
                const std::string& message,
                const std::vector<AddedId>& added,
                const std::vector<JobRecord>& items = {});
    void refuseQueued(const std::string& message);

    const QueueContext queue_;
    const Log log_;
    const std::unique_ptr<RedisClient> redis_;
    const std::size_t maxWaiting_;
    const std::size_t maxBatch_;
    const std::chrono::microseconds linger_;

    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<std::shared_ptr<Waiter>> queued_;
    std::size_t queuedItems_ = 0;
    bool stopping_ = false;
    bool busy_ = false;        ///< The last call carried more than one add: a linger pays.
    bool introduced_ = false;  ///< The queue's meta was written. Used by the thread that sends.
    bool metaRefused_ =
        false;  ///< Logged that it cannot be written. Used by the thread that sends.
    const std::chrono::milliseconds stuckAfter_;
    std::atomic<Clock::time_point> progressed_{
        Clock::now()};  ///< The last step of the thread that sends.
    std::thread thread_;
};

}  // namespace drover
