#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace drover::admin {

/// Runs the requests that may take minutes, on threads of its own: those of the front stay free for short ones.
/// Threads: any.
class LongWork {
public:
    explicit LongWork(std::size_t threads, std::size_t mostWaiting = 100);
    /// Stops.
    ~LongWork();
    LongWork(const LongWork&) = delete;
    LongWork& operator=(const LongWork&) = delete;

    /// Runs `work` when a thread is free. Returns false, without running it, if too much waits or after stop().
    /// `work` ends soon once isStopping() returns true. An exception from it is logged.
    bool run(std::function<void()> work);
    [[nodiscard]] bool isStopping() const { return stopping_; }
    /// Waits for the work that runs, and for that which waits: isStopping() ends it.
    void stop();

private:
    void loop();

    const std::size_t mostWaiting_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> waiting_;
    std::vector<std::thread> threads_;
};

}  // namespace drover::admin
