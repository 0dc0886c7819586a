#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/Log.h"
#include "drover/Exceptions.h"
#include "drover/Queue.h"
#include "queue/QueueContext.h"
#include "queue/ops/Add.h"
#include "redis/RedisClient.h"

namespace drover {

/// Joins the adds of many threads into one script call at a time.
///
/// While a call is in flight, what arrives waits and joins the next one: an idle queue has the latency of one round
/// trip, a busy one the throughput of hundreds of jobs a call. A second call is sent while one is in flight if it is full
/// or has half of all adds that are not answered, and the next one before an answer is passed on: Redis works on one half
/// while the producers of the other one go on. A lost reply makes its adds Unknown. Nothing
/// is sent twice but what a server refused since another one has the keys: behind sentinels and in a cluster such adds wait
/// for that server until their deadlines.
/// Threads: add() from any thread; one thread of its own sends, another one answers adds whose deadline has passed.
class AddCoalescer {
public:
    using Clock = Queue::Clock;
    using Done = std::function<void(std::vector<AddResult>)>;

    AddCoalescer(QueueContext queue,
                 std::unique_ptr<RedisClient> redis,
                 const Queue::Settings& settings,
                 std::chrono::milliseconds stuckAfter);
    /// Adds that still wait become Unavailable.
    ~AddCoalescer();
    AddCoalescer(const AddCoalescer&) = delete;
    AddCoalescer& operator=(const AddCoalescer&) = delete;

    /// Adds at most settings.maxBatch items. Calls `done` once, with one result each, by the deadline: on a thread of the
    /// coalescer, or before add() returns. `done` must neither throw nor block. With `once` the items are added together, and
    /// a repetition has the results of the first time; with `recallOnly` all but a repetition is Unavailable.
    void add(std::vector<JobRecord> items,
             Clock::time_point deadline,
             Done done,
             std::optional<AddOnce> once = std::nullopt,
             bool recallOnly = false);

    /// Returns the reason why adds make no progress; empty: they do. Redis did not answer the last time, or the thread that
    /// sends stands still for `stuckAfter`, which is longer than each of its waits. Any thread.
    [[nodiscard]] std::string problem() const;
    /// Returns false if the thread that sends stands still, as above. Any thread.
    [[nodiscard]] bool progresses() const {
        return Clock::now() - progressed_.load() <= stuckAfter_;
    }

private:
    struct Waiter;
    using Waiters = std::vector<std::shared_ptr<Waiter>>;
    using Deadlines = std::multimap<Clock::time_point, std::shared_ptr<Waiter>>;

    /// One add() call. Queued until it is part of a batch, gathered until a connection stands, in flight until the reply. At
    /// its deadline it becomes Done, and is not sent if it was not in flight.
    struct Waiter {
        std::vector<JobRecord> items;
        std::size_t count = 0;
        Done done;
        std::optional<AddOnce> once;
        bool recallOnly = false;
        enum class Phase { Queued, Gathered, InFlight, Done } phase = Phase::Queued;
        Deadlines::iterator deadline;  ///< Until it is Done.
    };
    /// A call of `done` that is due, to be made without the lock.
    struct Answer {
        Done done;
        std::vector<AddResult> results;
    };

    /// A call in flight.
    struct Call {
        Waiters waiters;
        std::vector<JobRecord> items{};
        Command command{};  ///< Refers to the items.
        Clock::time_point deadline{};
    };
    struct Answered {
        std::unique_ptr<Call> call;
        Reply reply;
    };

    void run();
    /// Sends a small command, so that readiness is known without an add; the first one stores the queue's version.
    void probe();
    /// Returns the next batch. Without a call in flight waits for it, at most a second; with one returns nothing but a batch
    /// that is worth a second call, and with two nothing.
    Waiters popBatch();
    Waiters popQueued();
    void send(Waiters waiters);
    /// Waits for the answer to the oldest call, or until a batch is queued that may be sent, at most for the time that a
    /// reply may take. Without an answer returns nothing: there is something to send, or all calls in flight were lost.
    std::optional<Answered> receive();
    /// Waits until the connection is readable, or until a batch is queued that may be sent: then returns false.
    bool waitReadable(Clock::time_point until);
    void finish(Answered answered);
    /// Answers a call that Redis refused, or whose reply is lost.
    void fail(const Call& call, const Exception& error);
    /// Makes all adds in flight Unknown.
    void loseCalls(const std::string& message);
    void finish(const Waiters& waiters,
                AddResult::Status status,
                const std::string& message,
                const std::vector<AddedId>& added,
                const std::vector<JobRecord>& items = {});
    void refuseQueued(const std::string& message);
    /// Puts the adds of elsewhere_ back to the queue, and leaves the server.
    void putBackElsewhere();
    /// Returns true if a batch may be sent beside the calls in flight.
    [[nodiscard]] bool maySendMore() const;
    /// Returns true, with the lock held, if a second call of what is queued pays.
    [[nodiscard]] bool isWorthSecond() const;
    /// Puts adds that were not done back to the front of the queue; `items`: those of the waiters in flight.
    void putBack(const Waiters& waiters, std::vector<JobRecord>& items);
    /// Returns true if adds that cannot be sent wait for the server that has the keys now; then waits for the next attempt.
    bool awaitServer();
    void watchDeadlines();
    /// Makes a waiter Done with the lock held, and returns the call to make after it.
    Answer answerFor(Waiter& waiter, std::vector<AddResult> results);
    Answer giveUp(const std::shared_ptr<Waiter>& waiter);

    const QueueContext queue_;
    const Log log_;
    const std::unique_ptr<RedisClient> redis_;
    const std::size_t maxWaiting_;
    const std::size_t maxBatch_;
    const std::chrono::microseconds linger_;
    const int wake_;  ///< An eventfd: a batch is queued that may be sent.

    std::mutex mutex_;
    std::condition_variable arrived_;
    std::condition_variable deadlinesChanged_;
    std::deque<std::shared_ptr<Waiter>> queued_;
    std::size_t queuedItems_ = 0;
    std::size_t outstandingItems_ = 0;  ///< Adds of all waiters that are not Done.
    bool wakeWhenWorth_ = false;  ///< The thread that sends waits for Redis and could send more.
    Deadlines deadlines_;         ///< Has every waiter that is not Done.
    Clock::time_point deadlineWake_;  ///< When the thread that watches them looks again.
    bool stopping_ = false;
    bool busy_ = false;  ///< The last call carried more than one add: a linger pays.
    std::deque<std::unique_ptr<Call>>
        calls_;  ///< In flight, in the order of their replies. Used by the thread that sends.
    /// Calls that were not done since another server has the keys, until no other call is in flight. Used by the thread that
    /// sends.
    std::deque<Answered> elsewhere_;
    /// Until when adds wait for the server that has the keys now. Used by the thread that sends.
    Clock::time_point awaitServerUntil_{};
    bool introduced_ = false;  ///< The queue's meta was written. Used by the thread that sends.
    bool metaRefused_ =
        false;  ///< Logged that it cannot be written. Used by the thread that sends.
    const std::chrono::milliseconds stuckAfter_;
    std::atomic<Clock::time_point> progressed_{
        Clock::now()};  ///< The last step of the thread that sends.
    std::thread deadlineThread_;
    std::thread thread_;
};

}  // namespace drover
