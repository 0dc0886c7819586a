#include "plugin/PluginProbe.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drover/Exceptions.h"

extern char** environ;

namespace drover {

namespace {

using Clock = std::chrono::steady_clock;

/// More than any message has; the rest of what a plugin prints is not kept.
constexpr std::size_t kMostOutput = 65536;

struct Child {
    pid_t pid = -1;
    int output = -1;

    ~Child() {
        if (pid > 0) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
        if (output >= 0) {
            ::close(output);
        }
    }
};

void spawn(Child& child, const std::string& path, const std::vector<std::string>& options) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        throw PluginException(path + ": no pipe for its trial: " + std::strerror(errno));
    }
    child.output = ends[0];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    // A group of its own: a Ctrl-C on the terminal is for the engine.
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    std::vector<std::string> args = {"drover", "plugin", "check", path};
    args.insert(args.end(), options.begin(), options.end());
    std::vector<char*> argv;
    argv.reserve(args.size() + 1);
    for (std::string& arg : args) {
        argv.push_back(arg.data());
    }
    argv.push_back(nullptr);
    const int error =
        ::posix_spawn(&child.pid, "/proc/self/exe", &actions, &attributes, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    ::close(ends[1]);
    if (error != 0) {
        child.pid = -1;
        throw PluginException(path + ": no child process for its trial: " + std::strerror(error));
    }
}

/// Reads until the child closes its end; false when the time is over.
bool readAll(const Child& child, Clock::time_point deadline, std::string& output) {
    while (true) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd waited{child.output, POLLIN, 0};
        const int ready = ::poll(&waited, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return false;
        }
        char buffer[4096];
        const ssize_t got = ::read(child.output, buffer, sizeof(buffer));
        if (got <= 0) {
            return true;
        }
        if (output.size() < kMostOutput) {
            output.append(buffer, static_cast<std::size_t>(got));
        }
    }
}

/// False: it still runs.
bool reap(Child& child, Clock::time_point deadline, int& status) {
    while (::waitpid(child.pid, &status, WNOHANG) == 0) {
        if (Clock::now() >= deadline) {
            return false;
        }
        ::usleep(1000);
    }
    child.pid = -1;
    return true;
}

/// The last line that says something, without the program's name.
std::string lastLine(std::string output) {
    while (!output.empty() && output.back() == '\n') {
        output.pop_back();
    }
    std::string line = output.substr(output.rfind('\n') + 1);
    const std::string program = "drover: ";
    return line.rfind(program, 0) == 0 ? line.substr(program.size()) : line;
}

}  // namespace

PluginProbe::PluginProbe(std::vector<std::string> options, std::chrono::milliseconds timeout)
    : options_(std::move(options)), timeout_(timeout) {}

void PluginProbe::check(const std::string& path) const {
    Child child;
    spawn(child, path, options_);
    const auto deadline = Clock::now() + timeout_;
    std::string output;
    int status = 0;
    if (!readAll(child, deadline, output) || !reap(child, deadline, status)) {
        throw PluginException(path + ": loading it and making its handlers does not end within " +
                              std::to_string(timeout_.count()) + " ms (plugins.probeTimeoutMs)");
    }
    const std::string said = lastLine(output);
    if (WIFSIGNALED(status)) {
        const char* const name = sigabbrev_np(WTERMSIG(status));
        throw PluginException(path + ": its trial was ended by SIG" +
                              (name == nullptr ? std::to_string(WTERMSIG(status)) : name) +
                              (said.empty() ? "" : "; it said: " + said));
    }
    if (WEXITSTATUS(status) == 0 && said.rfind(path + ": good", 0) == 0) {
        return;
    }
    if (said.rfind(path + ": ", 0) == 0) {
        throw PluginException(said);
    }
    throw PluginException(path + ": its trial ended with exit code " +
                          std::to_string(WEXITSTATUS(status)) +
                          (said.empty() ? "" : "; it said: " + said));
}

}  // namespace drover
