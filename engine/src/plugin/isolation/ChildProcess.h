#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace drover {

/// A child process that inherits the environment and the given descriptors; never a fork (docs/pitfalls.md#u1).
///
/// It has a process group of its own, so that a Ctrl-C on the terminal is for the engine alone. TERM, INT and HUP are
/// blocked: an init system that signals the whole group of the service leaves the end to the engine. Threads: one at
/// a time.
class ChildProcess {
public:
    /// `args` begins with the program's name. `descriptors` become 3, 4, ... in the child, `output` its standard output and
    /// error; -1: those of this process.
    /// Throws PluginException if it cannot be started.
    ChildProcess(const std::string& program,
                 std::vector<std::string> args,
                 const std::vector<int>& descriptors,
                 int output = -1);
    /// Kills it, and the rest of its group.
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    /// Returns true if a ChildProcess of this process waits for it. Any thread.
    [[nodiscard]] static bool isOurs(pid_t pid);

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// Returns its wait status once it has ended, by itself or killed; std::nullopt: it still runs after `timeout`.
    std::optional<int> awaitEnd(std::chrono::milliseconds timeout);
    /// Ends it by SIGKILL unless it has ended; returns the wait status.
    int kill();

private:
    std::optional<int> look();
    void reap();

    pid_t pid_ = -1;
    std::optional<int> status_;
};

/// In place of a wait status that other code has read.
constexpr int kUnknownEnd = -1;

/// "ended by SIGSEGV", "ended with exit code 3".
[[nodiscard]] std::string describeEnd(int waitStatus);

}  // namespace drover
