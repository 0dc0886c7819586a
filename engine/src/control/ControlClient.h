#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace drover {

/// Runs commands in a running process over its control socket, one connection each. Threads: any.
class ControlClient {
public:
    explicit ControlClient(std::string path,
                           std::chrono::milliseconds timeout = std::chrono::seconds(5))
        : path_(std::move(path)), timeout_(timeout) {}

    [[nodiscard]] const std::string& path() const { return path_; }

    /// Runs the command `name`, which needs no arguments, and returns the answer line, see ControlCommands.
    /// Throws Poco::IOException if no process listens or the peer closes, Poco::TimeoutException.
    [[nodiscard]] std::string run(const std::string& name) const;

    /// Sends one request line and returns the answer line. Throws as run().
    [[nodiscard]] std::string exchange(const std::string& request) const;

private:
    std::string path_;
    std::chrono::milliseconds timeout_;
};

/// The control sockets on which processes answer.
struct RunningSockets {
    std::vector<std::string> paths;     ///< Sorted within a folder.
    std::vector<std::string> searched;  ///< The folders, in order.
};

/// Returns the sockets `drover-<pid>.sock` of living processes of this user. Searches `folders` in order and ends with the
/// first one that this user can write to: a process puts its socket no further.
[[nodiscard]] RunningSockets findRunningSockets(const std::vector<std::string>& folders);

}  // namespace drover
