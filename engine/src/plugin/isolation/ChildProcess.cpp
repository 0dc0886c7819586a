#include "plugin/isolation/ChildProcess.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <set>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "core/Descriptor.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

constexpr int kFirst = 3;  ///< The number of the first descriptor that a child is handed.
constexpr std::chrono::milliseconds kLook{1};  ///< How often the end of a child is checked.

/// The attributes of posix_spawn with one owner.
struct SpawnOptions {
    SpawnOptions() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    SpawnOptions(const SpawnOptions&) = delete;
    SpawnOptions& operator=(const SpawnOptions&) = delete;
    ~SpawnOptions() {
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }

    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
};

/// The children that a ChildProcess waits for: a fact about the process, as its table of children is.
struct Own {
    std::mutex mutex;
    std::set<pid_t> pids;
};

Own& own() {
    static Own all;
    return all;
}

}  // namespace

bool ChildProcess::isOurs(pid_t pid) {
    const std::lock_guard lock(own().mutex);
    return own().pids.count(pid) != 0;
}

ChildProcess::ChildProcess(const std::string& program,
                           std::vector<std::string> args,
                           const std::vector<int>& descriptors,
                           int output) {
    SpawnOptions options;
    posix_spawn_file_actions_addopen(&options.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (output >= 0) {
        posix_spawn_file_actions_adddup2(&options.actions, output, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&options.actions, output, STDERR_FILENO);
    }
    // Out of the way first: a descriptor that has one of the wanted numbers must not be overwritten before it is copied.
    std::vector<Descriptor> copies;
    const int free = kFirst + static_cast<int>(descriptors.size());
    for (const int fd : descriptors) {
        copies.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, free));
        if (copies.back().get() < 0) {
            throw PluginException(program +
                                  ": no descriptor for a child process: " + std::strerror(errno));
        }
    }
    for (std::size_t i = 0; i < copies.size(); ++i) {
        posix_spawn_file_actions_adddup2(
            &options.actions, copies[i].get(), kFirst + static_cast<int>(i));
    }
    posix_spawn_file_actions_addclosefrom_np(&options.actions, free);
    sigset_t blocked;
    sigemptyset(&blocked);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        sigaddset(&blocked, signal);
    }
    posix_spawnattr_setsigmask(&options.attributes, &blocked);
    posix_spawnattr_setpgroup(&options.attributes, 0);
    posix_spawnattr_setflags(&options.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    std::vector<char*> argv;
    argv.reserve(args.size() + 1);
    for (std::string& arg : args) {
        argv.push_back(arg.data());
    }
    argv.push_back(nullptr);
    // Held, so that the pid is registered before the child can be seen.
    const std::lock_guard lock(own().mutex);
    const int error = ::posix_spawn(
        &pid_, program.c_str(), &options.actions, &options.attributes, argv.data(), environ);
    if (error != 0) {
        pid_ = -1;
        throw PluginException(program +
                              ": cannot be started as a child process: " + std::strerror(error));
    }
    own().pids.insert(pid_);
}

ChildProcess::~ChildProcess() {
    if (pid_ > 0) {
        kill();
        const std::lock_guard lock(own().mutex);
        own().pids.erase(pid_);
    }
}

std::optional<int> ChildProcess::look() {
    if (status_) {
        return status_;
    }
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        if (errno == ECHILD) {
            // Code in this process ignores SIGCHLD, or waits for every child. Its number may be another one's by now.
            status_ = kUnknownEnd;
        }
        return status_;
    }
    if (info.si_pid == 0) {
        return std::nullopt;
    }
    // Before it is reaped: until then no other process can have its number.
    ::kill(-pid_, SIGKILL);
    reap();
    return status_;
}

std::optional<int> ChildProcess::awaitEnd(std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (true) {
        if (const auto status = look()) {
            return status;
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            return std::nullopt;
        }
        std::this_thread::sleep_for(kLook);
    }
}

int ChildProcess::kill() {
    if (const auto status = look()) {
        return *status;
    }
    ::kill(-pid_, SIGKILL);
    reap();
    return *status_;
}

void ChildProcess::reap() {
    int status = 0;
    pid_t reaped = 0;
    while ((reaped = ::waitpid(pid_, &status, 0)) < 0 && errno == EINTR) {
    }
    status_ = reaped == pid_ ? status : kUnknownEnd;
}

std::string describeEnd(int waitStatus) {
    if (waitStatus == kUnknownEnd) {
        return "ended, and how is unknown: other code of the engine's process, a plugin's most "
               "likely, reads the status of "
               "its children";
    }
    if (WIFEXITED(waitStatus)) {
        return "ended with exit code " + std::to_string(WEXITSTATUS(waitStatus));
    }
    const int signal = WTERMSIG(waitStatus);
    const char* const name = ::sigabbrev_np(signal);
    return name == nullptr ? "ended by signal " + std::to_string(signal)
                           : "ended by SIG" + std::string(name);
}

}  // namespace drover
