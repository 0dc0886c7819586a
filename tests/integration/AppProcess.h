#pragma once

#include <map>
#include <string>
#include <vector>

#include "support/ServerProcess.h"

namespace drover::test {

/// The real binary as a child, with a folder of its own for its files and sockets, and no environment but PATH.
class AppProcess {
public:
    AppProcess();
    ~AppProcess();
    AppProcess(const AppProcess&) = delete;
    AppProcess& operator=(const AppProcess&) = delete;

    [[nodiscard]] const std::string& folder() const { return folder_; }
    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
    /// Writes a file into the folder and returns its path.
    std::string write(const std::string& name, const std::string& text) const;

    /// Starts `drover args…`.
    void start(const std::vector<std::string>& args,
               const std::map<std::string, std::string>& environment = {});
    /// Sends standard output and error of the next start to `file`, a FIFO say; empty: to files of their own.
    void printTo(const std::string& file) { printTo_ = file; }
    /// Gives the next start this shell text in front, "ulimit -n 64", these options of env, "--ignore-signal=CHLD",
    /// and a program that becomes it.
    void launchBy(const std::string& shell,
                  const std::string& envOptions = "",
                  const std::string& program = "") {
        launchBy_ = shell;
        envOptions_ = envOptions;
        program_ = program;
    }
    /// Waits for the end; the exit code, or 128 + signal. Throws std::runtime_error after `timeout`.
    int wait(std::chrono::milliseconds timeout = std::chrono::seconds(20));
    /// start() and wait().
    int run(const std::vector<std::string>& args,
            const std::map<std::string, std::string>& environment = {});
    void signal(int number) const { process_.signal(number); }
    [[nodiscard]] bool running() const { return process_.running(); }
    [[nodiscard]] pid_t pid() const { return process_.pid(); }

    [[nodiscard]] std::string out() const;
    [[nodiscard]] std::string err() const;
    /// Waits until the standard error holds `text`.
    void waitForLog(const std::string& text) const;
    /// Waits for a line of the log with `text` whose field `plugin` is `plugin`.
    void waitForPlugin(const std::string& plugin, const std::string& text) const;
    /// Returns every line so far, in JSON, with `text` and the field `plugin`.
    [[nodiscard]] std::vector<std::string> pluginLines(const std::string& plugin,
                                                       const std::string& text) const;

private:
    std::string folder_;
    std::string printTo_;
    std::string launchBy_;
    std::string envOptions_;
    std::string program_;
    ServerProcess process_;
};

}  // namespace drover::test
