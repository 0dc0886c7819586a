#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <thread>

namespace drover {

/// Reaps orphans: as process 1 of a container (or as a subreaper) this process becomes the parent of processes that its
/// children leave behind, and no other process waits for those.
///
/// A child of this process belongs to the code that started it, such as a handler's popen(), which alone may read its status. An
/// ended child is an orphan if it was seen with another parent before, or if it has been unreaped for half a minute.
/// Threads: run by one of its own; look() by one at a time.
class Reaper {
public:
    using Clock = std::chrono::steady_clock;

    /// Returns true if orphans come to this process.
    [[nodiscard]] static bool isNeeded();

    /// `isKnown`: returns true for a child that the engine waits for itself. Starts the thread if `threaded`.
    explicit Reaper(std::function<bool(pid_t)> isKnown, bool threaded = true);
    ~Reaper();
    Reaper(const Reaper&) = delete;
    Reaper& operator=(const Reaper&) = delete;

    /// Looks at every process once; returns how many were reaped.
    int look(Clock::time_point now);

private:
    struct Seen {
        std::string start;     ///< With the id it names a process.
        bool adopted = false;  ///< It had another parent before.
        Clock::time_point endedSince{};
    };

    void run();

    const std::function<bool(pid_t)> isKnown_;
    std::map<pid_t, Seen> seen_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace drover
