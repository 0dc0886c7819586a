#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <Poco/DirectoryWatcher.h>

namespace drover {

/// Reports changes of folders on a thread of its own: once for all changes within a tenth of a second.
/// Events come from the folders that were there at the beginning. A move behind a link, and a folder that another one
/// replaces, raise none: a poll is compared with the last one every second.
/// Ends when it is destroyed, which takes up to 0.2 s if there is a folder.
class FolderWatch {
public:
    /// Returns the present state, in any form; called on the thread of the watch.
    using Poll = std::function<std::string()>;

    /// Logs a folder that cannot be watched. Changes in the first moments may go unnoticed.
    FolderWatch(const std::vector<std::string>& folders,
                std::function<void()> changed,
                Poll poll = Poll());
    ~FolderWatch();
    FolderWatch(const FolderWatch&) = delete;
    FolderWatch& operator=(const FolderWatch&) = delete;

    /// Acts as if something had changed now, to look again at unfinished files. Any thread.
    void soon();

private:
    using Event = Poco::DirectoryWatcher::DirectoryEvent;

    void watch(const std::string& folder);
    void onEvent(const Event& /*event*/) { soon(); }
    void run();

    const std::function<void()> changed_;
    const Poll poll_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool soon_ = false;
    bool stopping_ = false;
    std::vector<std::unique_ptr<Poco::DirectoryWatcher>> watchers_;
    std::thread thread_;
};

/// Returns the identity of the files at these paths, links followed: device, inode, size, times, mode,
/// owner.
[[nodiscard]] std::string fingerprintOf(const std::vector<std::string>& paths);

}  // namespace drover
