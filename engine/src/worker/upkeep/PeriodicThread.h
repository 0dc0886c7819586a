#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/Clock.h"
#include "redis/RedisClient.h"

namespace drover {

/// A thread that comes by each queue when it is due, for what looks after all queues of a process.
///
/// A visit that Redis refuses or does not answer is repeated as soon as the client may, other queues meanwhile; any other
/// error is logged, and the next visit is an interval later.
/// Threads: one of its own, on which the visits run; the public methods from any.
class PeriodicThread {
public:
    using Time = Clock::Monotonic;
    /// Returns when it is due again.
    using Visit = std::function<Time(RedisClient&)>;

    /// `name` is the thread's, and stands in front of what is logged.
    PeriodicThread(std::string name, std::unique_ptr<RedisClient> redis, const Clock& clock);
    ~PeriodicThread();
    PeriodicThread(const PeriodicThread&) = delete;
    PeriodicThread& operator=(const PeriodicThread&) = delete;

    /// What `visit` refers to must live until stop(). Returns a number for visitNow().
    std::size_t add(Visit visit, std::chrono::milliseconds interval, Time due);
    /// Makes a visit due; if it runs just now, once more after that.
    void visitNow(std::size_t number);
    void start();
    void stop();
    [[nodiscard]] bool stopping() const;

private:
    struct Stop {
        Visit visit;
        std::chrono::milliseconds interval;
        Time due;
    };

    void loop();
    /// Returns when the next one is due.
    Time visit(const Stop& stop);

    const std::string name_;
    const std::unique_ptr<RedisClient> redis_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Stop> stops_;  ///< Only ever added to: references stay valid.
    bool woken_ = false;      ///< Something is due sooner than it was.
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace drover
