#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/WakeSignal.h"

namespace drover {

/// Tells, on a thread of its own, that something happened in folders: once for what happens within a tenth of a second.
/// Owns its thread; the destructor ends it at once. Poco::DirectoryWatcher takes a thread for each folder, 0.2 s to end
/// it, and sees nothing until that thread has run.
class FolderWatch {
public:
    /// A folder that cannot be watched is told in the log.
    FolderWatch(const std::vector<std::string>& folders, std::function<void()> changed);
    ~FolderWatch();
    FolderWatch(const FolderWatch&) = delete;
    FolderWatch& operator=(const FolderWatch&) = delete;

    /// As if something happened now: to look again at what is not finished. Any thread.
    void soon() { wake_.raise(); }

private:
    void run();
    void forgetEvents() const;

    const std::function<void()> changed_;
    const int inotify_;
    WakeSignal wake_;
    std::mutex mutex_;
    std::condition_variable end_;
    bool stopping_ = false;  ///< Guarded by mutex_.
    std::thread thread_;
};

}  // namespace drover
