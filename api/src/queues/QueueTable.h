#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "drover/Queue.h"
#include "drover/Redis.h"

namespace drover::api {

/// The queues that requests name, each opened for the first request.
///
/// A queue costs two threads and a connection, so that a number of them is open at most: another one takes the place of the
/// queue that was used longest ago and has nothing under way.
/// Threads: open() from any thread; it does not block. A thread of its own closes queues.
class QueueTable {
public:
    /// `settingsOf` returns the settings of a queue by its name.
    QueueTable(Redis redis,
               std::function<Queue::Settings(const std::string&)> settingsOf,
               std::size_t most = 64);
    /// Adds that still wait become Unavailable.
    ~QueueTable();
    QueueTable(const QueueTable&) = delete;
    QueueTable& operator=(const QueueTable&) = delete;

    /// Returns the queue, which stays open while the pointer lives. nullptr: all that may be open have something under way.
    /// Throws Poco::InvalidArgumentException for a name that no queue can have. The pointer must not outlive the table, but
    /// in callbacks of Queue::addAsync().
    [[nodiscard]] std::shared_ptr<Queue> open(const std::string& name);

    [[nodiscard]] Queue::Settings settings(const std::string& name) const {
        return settingsOf_(name);
    }
    [[nodiscard]] const Redis& redis() const { return redis_; }

private:
    struct Entry {
        Entry(const Redis& redis, const Queue::Settings& settings) : queue(redis, settings) {}

        std::uint64_t lastUse = 0;  ///< Guarded by mutex_.
        std::atomic<int> inUse{
            0};  ///< Pointers that live; the queue's end calls back those who have them.
        Queue queue;
    };
    using Entries = std::map<std::string, std::unique_ptr<Entry>>;

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
    std::thread closing_;
};

}  // namespace drover::api
