#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "drover/JobResults.h"
#include "drover/Queue.h"
#include "drover/Redis.h"

namespace drover::api {

/// The queues that requests name, each opened for the first request.
///
/// A queue costs two threads and a connection for adding, and as much for the ends of its jobs. So a number of queues is open
/// at most: another one takes the place of the queue that was used longest ago and has nothing under way.
/// Threads: open() from any thread; it does not block. A thread of its own closes queues.
class QueueTable {
public:
    /// `settingsOf` returns the settings of a queue by its name.
    QueueTable(Redis redis,
               std::function<Queue::Settings(const std::string&)> settingsOf,
               std::size_t most = 64);
    /// Adds that still wait become Unavailable, and waits for ends of jobs end.
    ~QueueTable();
    QueueTable(const QueueTable&) = delete;
    QueueTable& operator=(const QueueTable&) = delete;

    /// Returns the queue, which stays open while the pointer lives. nullptr: all that may be open have something under way.
    /// Throws Poco::InvalidArgumentException for a name that no queue can have. The pointer must not outlive the table, but
    /// in callbacks of Queue::addAsync().
    [[nodiscard]] std::shared_ptr<Queue> open(const std::string& name);
    /// Returns the ends of the queue's jobs in the same way, for a queue without shards. nullptr also after endWaits(). The pointer must not outlive the
    /// table, but in callbacks of JobResults::whenFinished().
    [[nodiscard]] std::shared_ptr<JobResults> results(const std::string& name);
    /// Ends all waits for ends of jobs, as their deadlines would, and allows no more.
    void endWaits();

    [[nodiscard]] Queue::Settings settings(const std::string& name) const {
        return settingsOf_(name);
    }
    [[nodiscard]] const Redis& redis() const { return redis_; }

private:
    /// Both parts are opened when they are first asked for.
    struct Entry {
        std::uint64_t lastUse = 0;  ///< Guarded by mutex_.
        std::atomic<int> inUse{
            0};  ///< Pointers that live; the end of a part calls back those who have them.
        std::optional<Queue> queue;
        std::optional<JobResults> results;
    };
    using Entries = std::map<std::string, std::unique_ptr<Entry>>;

    /// Returns the entry of a queue, made if need be; nullptr as open(). With the lock.
    [[nodiscard]] Entry* entryOf(const std::string& name);
    /// Returns a part of an entry, which is in use while the pointer lives. With the lock.
    template <typename Part>
    [[nodiscard]] std::shared_ptr<Part> use(Entry& entry, Part& part);
    /// Hands the queue that was used longest ago to the closing thread. Returns false if all are in use.
    bool retireOne();
    void closeRetired();

    const Redis redis_;
    const std::function<Queue::Settings(const std::string&)> settingsOf_;
    const std::size_t most_;
    std::mutex mutex_;
    std::condition_variable changed_;
    Entries entries_;
    std::vector<std::unique_ptr<Entry>> retired_;
    std::uint64_t uses_ = 0;
    bool stopping_ = false;
    bool waitsEnded_ = false;
    std::thread closing_;
};

}  // namespace drover::api
