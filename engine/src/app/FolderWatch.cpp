#include "app/FolderWatch.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <Poco/Logger.h>

#include "core/Guarded.h"

namespace drover {

namespace {

/// What happens within it is told once.
constexpr std::chrono::milliseconds kSoon{100};

}  // namespace

FolderWatch::FolderWatch(const std::vector<std::string>& folders, std::function<void()> changed)
    : changed_(std::move(changed)), inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    for (const std::string& path : folders) {
        if (inotify_add_watch(
                inotify_,
                path.c_str(),
                IN_ONLYDIR | IN_CREATE | IN_DELETE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO) < 0) {
            Poco::Logger::get("engine").warning(path + " is not watched: " + std::strerror(errno) +
                                                "; HUP looks into it");
        }
    }
    thread_ = std::thread([this] { (void)runGuarded("folder-watch", [this] { run(); }); });
}

FolderWatch::~FolderWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    end_.notify_all();
    wake_.raise();
    thread_.join();
    if (inotify_ >= 0) {
        close(inotify_);
    }
}

void FolderWatch::run() {
    while (true) {
        // Without inotify its descriptor is negative, which poll() leaves out.
        std::array<pollfd, 2> ready{{{inotify_, POLLIN, 0}, {wake_.fd(), POLLIN, 0}}};
        if (poll(ready.data(), ready.size(), -1) < 0) {
            continue;  // A signal: nothing else can happen to these two.
        }
        {
            std::unique_lock lock(mutex_);
            if (end_.wait_for(lock, kSoon, [this] { return stopping_; })) {
                return;
            }
        }
        wake_.clear();
        forgetEvents();
        changed_();
    }
}

void FolderWatch::forgetEvents() const {
    std::array<char, 4096> events{};
    while (inotify_ >= 0 && read(inotify_, events.data(), events.size()) > 0) {
    }
}

}  // namespace drover
