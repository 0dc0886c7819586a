#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace drover::test {

/// A server of a test: a child process on loopback that dies with the test, found by process id only.
class ServerProcess {
public:
    ServerProcess() = default;
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;
    ~ServerProcess();

    /// Starts `args` (args[0] is looked up in PATH); output goes to `logFile`. `user` empty: that of the test.
    void start(const std::vector<std::string>& args,
               const std::string& logFile,
               const std::string& user = "");
    /// Sends `signal` and waits for the end; returns the wait status, -1 if nothing ran.
    int stop(int signal = 15);
    void signal(int number) const;
    [[nodiscard]] bool running() const;
    [[nodiscard]] pid_t pid() const { return pid_; }

    /// Throws std::runtime_error with the end of the log if `ready` is not true within `timeout`.
    void waitUntil(const std::function<bool()>& ready, std::chrono::milliseconds timeout) const;

private:
    pid_t pid_ = -1;
    std::string logFile_;
};

/// Returns a TCP port on 127.0.0.1 that was free a moment ago.
[[nodiscard]] int freePort();
/// Returns true if a process accepts connections on 127.0.0.1:port.
[[nodiscard]] bool accepts(int port);
/// Returns the full path of a program, from PATH and `extra` folders. Throws MissingService if it is in none.
[[nodiscard]] std::string findProgram(const std::string& name,
                                      const std::vector<std::string>& extra = {});
/// A fresh folder under /tmp that every user can reach; removed by removeTree.
[[nodiscard]] std::string makeTempFolder(const std::string& prefix);
void removeTree(const std::string& path);

}  // namespace drover::test
