#include "process/Reaper.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <Poco/Logger.h>

#include "core/Guarded.h"

namespace drover {

namespace {

constexpr std::chrono::milliseconds kInterval{1000};
constexpr std::chrono::seconds kGrace{30};

/// The fields of /proc/<pid>/stat behind the name in parentheses; empty if the process is gone.
std::vector<std::string> statOf(const std::filesystem::path& process) {
    std::ifstream file(process / "stat");
    std::string line;
    std::getline(file, line);
    const std::size_t name = line.rfind(')');
    std::vector<std::string> fields;
    if (name != std::string::npos) {
        std::istringstream rest(line.substr(name + 1));
        for (std::string field; rest >> field;) {
            fields.push_back(field);
        }
    }
    return fields;
}

}  // namespace

bool Reaper::isNeeded() {
    int subreaper = 0;
    return ::getpid() == 1 ||
           (::prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0) == 0 && subreaper != 0);
}

Reaper::Reaper(std::function<bool(pid_t)> isKnown, bool threaded) : isKnown_(std::move(isKnown)) {
    if (threaded) {
        thread_ = std::thread([this] { (void)runGuarded("reaper", [this] { run(); }); });
    }
}

Reaper::~Reaper() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Reaper::run() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
        lock.unlock();
        if (const int reaped = look(Clock::now()); reaped > 0) {
            Poco::Logger::get("engine").debug("reaped " + std::to_string(reaped) + " orphans");
        }
        lock.lock();
    }
}

int Reaper::look(Clock::time_point now) {
    constexpr std::size_t kState = 0, kParent = 1, kStart = 19;
    const std::string self = std::to_string(::getpid());
    int reaped = 0;
    std::map<pid_t, Seen> seen;
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) {
            continue;
        }
        const std::vector<std::string> stat = statOf(entry->path());
        if (stat.size() <= kStart) {
            continue;
        }
        const auto pid = static_cast<pid_t>(std::stol(name));
        Seen one{stat[kStart]};
        if (const auto before = seen_.find(pid);
            before != seen_.end() && before->second.start == one.start) {
            one = before->second;
        }
        if (stat[kParent] != self) {
            one.adopted = true;
        } else if (stat[kState] == "Z" && !isKnown_(pid)) {
            if (one.endedSince == Clock::time_point{}) {
                one.endedSince = now;
            }
            if ((one.adopted || now - one.endedSince >= kGrace) &&
                ::waitpid(pid, nullptr, WNOHANG) == pid) {
                ++reaped;
                continue;
            }
        }
        seen.emplace(pid, std::move(one));
    }
    seen_ = std::move(seen);
    return reaped;
}

}  // namespace drover
