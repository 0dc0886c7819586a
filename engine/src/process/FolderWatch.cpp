#include "process/FolderWatch.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <future>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <utility>

#include <Poco/Delegate.h>
#include <Poco/Exception.h>
#include <Poco/Logger.h>

#include "core/Descriptor.h"
#include "core/Guarded.h"

namespace drover {

namespace {

/// Events within this time are reported once.
constexpr std::chrono::milliseconds kSoon{100};
/// The interval of the poll, for changes that raise no event.
constexpr std::chrono::milliseconds kPoll{1000};

/// Poco reports a refused watch (max_user_watches) on its own thread, perhaps before a listener is there.
void requireWatch(const std::string& folder) {
    const Descriptor trial(::inotify_init1(IN_CLOEXEC));
    if (trial.get() < 0 || ::inotify_add_watch(trial.get(), folder.c_str(), IN_CREATE) < 0) {
        throw Poco::IOException(std::string("inotify: ") + std::strerror(errno));
    }
}

}  // namespace

FolderWatch::FolderWatch(const std::vector<std::string>& folders,
                         std::function<void()> changed,
                         Poll poll)
    : changed_(std::move(changed)), poll_(std::move(poll)) {
    for (const std::string& folder : folders) {
        watch(folder);
    }
    thread_ = std::thread([this] { (void)runGuarded("folder-watch", [this] { run(); }); });
}

FolderWatch::~FolderWatch() {
    {
        // Each waits for its own thread: all of them at once, or one by one without a thread for that.
        std::vector<std::future<void>> ends;
        for (auto& watcher : watchers_) {
            ends.push_back(std::async(std::launch::async | std::launch::deferred,
                                      [&watcher] { watcher.reset(); }));
        }
        for (auto& end : ends) {
            end.wait();
        }
    }
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void FolderWatch::watch(const std::string& folder) {
    try {
        requireWatch(folder);
        auto watcher = std::make_unique<Poco::DirectoryWatcher>(
            folder, Poco::DirectoryWatcher::DW_FILTER_ENABLE_ALL);
        for (auto* event : {&watcher->itemAdded,
                            &watcher->itemRemoved,
                            &watcher->itemModified,
                            &watcher->itemMovedFrom,
                            &watcher->itemMovedTo}) {
            *event += Poco::delegate(this, &FolderWatch::onEvent);
        }
        watchers_.push_back(std::move(watcher));
    } catch (const Poco::Exception& error) {
        Poco::Logger::get("engine").warning(folder + " is not watched: " + error.displayText() +
                                            "; HUP looks into it");
    }
}

std::string fingerprintOf(const std::vector<std::string>& paths) {
    std::string all;
    for (const std::string& path : paths) {
        struct stat status {};
        all += path;
        if (::stat(path.c_str(), &status) == 0) {
            for (const std::int64_t number : {static_cast<std::int64_t>(status.st_dev),
                                              static_cast<std::int64_t>(status.st_ino),
                                              static_cast<std::int64_t>(status.st_size),
                                              static_cast<std::int64_t>(status.st_mtim.tv_sec),
                                              static_cast<std::int64_t>(status.st_mtim.tv_nsec),
                                              static_cast<std::int64_t>(status.st_mode),
                                              static_cast<std::int64_t>(status.st_uid),
                                              static_cast<std::int64_t>(status.st_gid)}) {
                all += ' ' + std::to_string(number);
            }
        }
        all += '\n';
    }
    return all;
}

void FolderWatch::soon() {
    const std::lock_guard lock(mutex_);
    soon_ = true;
    wake_.notify_all();
}

void FolderWatch::run() {
    std::string seen = poll_ ? poll_() : "";
    std::unique_lock lock(mutex_);
    while (true) {
        const auto woken = [this] { return soon_ || stopping_; };
        if (!poll_) {
            wake_.wait(lock, woken);
        } else if (!wake_.wait_for(lock, kPoll, woken)) {
            lock.unlock();
            std::string now = poll_();
            lock.lock();
            if (now == seen) {
                continue;
            }
            seen = std::move(now);
        }
        if (wake_.wait_for(lock, kSoon, [this] { return stopping_; })) {
            return;
        }
        soon_ = false;
        lock.unlock();
        changed_();
        lock.lock();
    }
}

}  // namespace drover
