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

/// Runs periodic maintenance of many queues on one thread.
///
/// A task that Redis refuses or does not answer runs again as soon as the client may try, other tasks meanwhile. Any other
/// error is logged, and the task runs again an interval later.
/// Threads: one of its own, on which the tasks run; the public methods from any.
class PeriodicThread {
public:
    using Time = Clock::Monotonic;
    /// Does the work once; returns when it is due again.
    using Work = std::function<Time(RedisClient&)>;

    /// `name` is the thread's, and begins its log lines.
    PeriodicThread(std::string name, std::unique_ptr<RedisClient> redis, const Clock& clock);
    ~PeriodicThread();
    PeriodicThread(const PeriodicThread&) = delete;
    PeriodicThread& operator=(const PeriodicThread&) = delete;

    /// Adds a task, with a client of its own or that of the thread. All that `work` refers to must live until stop(). Returns a
    /// number for runNow().
    std::size_t add(Work work,
                    std::chrono::milliseconds interval,
                    Time due,
                    std::shared_ptr<RedisClient> redis = nullptr);
    /// Makes a task due; a task that runs at the moment runs once more after that.
    void runNow(std::size_t number);
    void start();
    void stop();
    [[nodiscard]] bool stopping() const;

private:
    struct Task {
        Work work;
        std::chrono::milliseconds interval;
        Time due;
        std::shared_ptr<RedisClient> redis;
    };

    void loop();
    /// Runs the task once; returns when it is due again.
    Time run(const Task& task);

    const std::string name_;
    const std::shared_ptr<RedisClient> redis_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Task> tasks_;  ///< Only ever added to: references stay valid.
    bool woken_ = false;      ///< A task is due sooner than it was.
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace drover
