#include "support/ServerProcess.h"

#include <arpa/inet.h>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "support/Skip.h"

namespace drover::test {

ServerProcess::~ServerProcess() {
    stop(SIGKILL);
}

void ServerProcess::start(const std::vector<std::string>& args,
                          const std::string& logFile,
                          const std::string& user) {
    stop(SIGKILL);
    logFile_ = logFile;
    // Everything that allocates happens before the fork: the child may only call what is async-signal-safe.
    std::vector<char*> argv;
    argv.reserve(args.size() + 1);
    for (const std::string& arg : args) {
        argv.push_back(const_cast<char*>(arg.c_str()));
    }
    argv.push_back(nullptr);
    uid_t uid = getuid();
    gid_t gid = getgid();
    if (!user.empty()) {
        const passwd* entry = getpwnam(user.c_str());
        if (entry == nullptr) {
            throw MissingService("user " + user);
        }
        uid = entry->pw_uid;
        gid = entry->pw_gid;
    }
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) {
        throw std::runtime_error("fork failed");
    }
    if (child == 0) {
        setpgid(0, 0);
        if (uid != getuid() &&
            (setgroups(0, nullptr) != 0 || setgid(gid) != 0 || setuid(uid) != 0)) {
            _exit(126);
        }
        // After setuid, which clears it. The race with a parent that is gone already is closed by the check.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(125);
        }
        const int log = open(logFile.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
        if (log >= 0) {
            dup2(log, 1);
            dup2(log, 2);
        }
        const int null = open("/dev/null", O_RDONLY);
        dup2(null, 0);
        for (int fd = 3; fd < 256; ++fd) {
            close(fd);
        }
        execvp(argv[0], argv.data());
        _exit(127);
    }
    pid_ = child;
}

int ServerProcess::stop(int number) {
    if (pid_ <= 0) {
        return -1;
    }
    kill(pid_, number);
    int status = 0;
    for (int i = 0; i < 1000; ++i) {
        if (waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            return status;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
}

void ServerProcess::signal(int number) const {
    if (pid_ > 0) {
        kill(pid_, number);
    }
}

bool ServerProcess::running() const {
    if (pid_ <= 0) {
        return false;
    }
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

void ServerProcess::waitUntil(const std::function<bool()>& ready,
                              std::chrono::milliseconds timeout) const {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (std::chrono::steady_clock::now() < deadline) {
        if (ready()) {
            return;
        }
        if (!running()) {
            break;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::ifstream log(logFile_);
    std::stringstream text;
    text << log.rdbuf();
    throw std::runtime_error("server did not become ready; its log:\n" + text.str());
}

namespace {

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

}  // namespace

int freePort() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
        getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        throw std::runtime_error("no free port on 127.0.0.1");
    }
    close(fd);
    return ntohs(address.sin_port);
}

bool accepts(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool ok = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    close(fd);
    return ok;
}

std::string findProgram(const std::string& name, const std::vector<std::string>& extra) {
    const char* path = std::getenv("PATH");
    std::stringstream folders(path == nullptr ? "" : path);
    std::vector<std::string> all = extra;
    for (std::string folder; std::getline(folders, folder, ':');) {
        all.push_back(folder);
    }
    for (const std::string& folder : all) {
        const std::string candidate = folder + "/" + name;
        if (access(candidate.c_str(), X_OK) == 0) {
            return candidate;
        }
    }
    throw MissingService("program " + name + " is not installed");
}

std::string makeTempFolder(const std::string& prefix) {
    std::string path = "/tmp/" + prefix + "XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
        throw std::runtime_error("mkdtemp " + path + " failed");
    }
    chmod(path.c_str(), 0777);
    return path;
}

void removeTree(const std::string& path) {
    std::error_code ignored;  // A leftover in /tmp must not fail a test.
    std::filesystem::remove_all(path, ignored);
}

}  // namespace drover::test
