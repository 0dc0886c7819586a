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

/// Tells, on a thread of its own, that something happened in folders: once for what happens within a tenth of a second.
/// Events come from the folders that were there at the beginning. What moves behind a link, or a folder that another one
/// replaces, raises none: a poll is compared with the last one every second.
/// Ends when it is destroyed, which takes up to 0.2 s if there is a folder.
class FolderWatch {
public:
    /// What is there, in whatever form; called on the thread of the watch.
    using Poll = std::function<std::string()>;

    /// A folder that cannot be watched is told in the log. What happens in the first moments may go by unnoticed.
    FolderWatch(const std::vector<std::string>& folders,
                std::function<void()> changed,
                Poll poll = Poll());
    ~FolderWatch();
    FolderWatch(const FolderWatch&) = delete;
    FolderWatch& operator=(const FolderWatch&) = delete;

    /// As if something happened now: to look again at what is not finished. Any thread.
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

/// What tells the files at these paths, links followed, from others that were there before: device, inode, size, times, mode,
/// owner.
[[nodiscard]] std::string fingerprintOf(const std::vector<std::string>& paths);

}  // namespace drover
