#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace drover::api {

/// The thread that parses open bodies, a batch at a time, so that neither the front's thread nor one of a queue does.
/// Threads: any, but the destructor.
class StreamThread {
public:
    /// The way to the thread. May outlive it: work that is posted later is dropped.
    class Inbox {
    public:
        explicit Inbox(std::size_t mostBodies) : mostBodies_(mostBodies) {}

        /// Counts one more open body while the pointer lives. nullptr: as many as may be are under way.
        [[nodiscard]] static std::shared_ptr<void> admit(const std::shared_ptr<Inbox>& inbox);
        [[nodiscard]] std::size_t mostBodies() const { return mostBodies_; }
        /// Runs `work`, which must not throw, behind what was posted before.
        void post(std::function<void()> work);

    private:
        friend class StreamThread;
        void run();
        void close();

        const std::size_t mostBodies_;
        std::mutex mutex_;
        std::condition_variable posted_;
        std::deque<std::function<void()>> work_;  ///< Guarded by mutex_.
        std::size_t bodies_ = 0;                  ///< Guarded by mutex_.
        bool closed_ = false;                     ///< Guarded by mutex_.
    };

    explicit StreamThread(std::size_t mostBodies);
    /// Waits for the work that runs, and drops the rest.
    ~StreamThread();
    StreamThread(const StreamThread&) = delete;
    StreamThread& operator=(const StreamThread&) = delete;

    [[nodiscard]] const std::shared_ptr<Inbox>& inbox() const { return inbox_; }

private:
    const std::shared_ptr<Inbox> inbox_;
    std::thread thread_;
};

}  // namespace drover::api
