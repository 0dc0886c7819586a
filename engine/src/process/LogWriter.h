#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace drover {

/// Writes lines to a file descriptor on a thread of its own, so that a reader that stops reading stops nothing else.
///
/// Lines wait in a queue that is bounded in lines and in bytes. A line that finds the queue full, or whose write fails, is
/// dropped and counted; a notice with the number precedes the next accepted line.
/// Threads: every method may be called from any thread. Does not own the descriptor.
class LogWriter {
public:
    struct Limits {
        std::size_t lines = 20000;
        std::size_t bytes = std::size_t{8} << 20;
    };
    /// Returns the line that reports the number of dropped lines, with its end. Called on any thread, also after its maker
    /// is gone: it owns all that it uses.
    using Notice = std::function<std::string(std::uint64_t dropped)>;

    LogWriter(int descriptor, Notice notice) : LogWriter(descriptor, std::move(notice), Limits()) {}
    LogWriter(int descriptor, Notice notice, Limits limits);
    /// Flushes for at most a second. A thread inside a write that never returns is left behind.
    ~LogWriter();
    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;

    /// Accepts a line with its end. Never waits.
    void push(std::string line);
    /// Waits until all accepted lines are written; returns false after `timeout`.
    bool flush(std::chrono::milliseconds timeout);
    /// flush(), but returns at once if the last one timed out and nothing was written since.
    void flushUnlessStuck(std::chrono::milliseconds timeout);
    /// Returns how many lines were dropped so far.
    [[nodiscard]] std::uint64_t dropped() const;
    /// Returns how many lines wait; for a signal handler. It lives as long as the thread.
    [[nodiscard]] const std::atomic<std::size_t>& waiting() const;

private:
    struct State;
    static void run(State& state);

    const std::shared_ptr<State> state_;
    std::thread thread_;
};

}  // namespace drover
