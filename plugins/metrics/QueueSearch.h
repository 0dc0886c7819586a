#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "drover/QueueReader.h"
#include "drover/Redis.h"

namespace drover::metrics {

/// Looks for queues in Redis by their names, now and then.
///
/// A search goes through all keys of the server, by SCAN with pauses. It runs on a thread of its own, so that no scrape waits
/// for it. Without globs there is neither.
/// Threads: every method may be called from any thread.
class QueueSearch {
public:
    struct Settings {
        std::string prefix = "bull";
        std::vector<std::string> globs{};
        std::size_t most = 2000;  ///< Names beyond it are left out, in their order.
        std::chrono::milliseconds interval{60000};

        bool operator==(const Settings&) const = default;
    };

    QueueSearch(const Redis& redis, Settings settings);
    ~QueueSearch();
    QueueSearch(const QueueSearch&) = delete;
    QueueSearch& operator=(const QueueSearch&) = delete;

    void start();
    void stop();
    /// Returns the names that the last whole search found, sorted.
    [[nodiscard]] std::vector<std::string> names() const;
    /// Returns how many names that search left out.
    [[nodiscard]] std::size_t leftOut() const;

private:
    void run();
    /// Searches all keys once. Returns false if stop() was called meanwhile.
    bool search();
    /// Returns false if stop() was called meanwhile.
    bool pause(std::chrono::milliseconds time);

    const Redis redis_;
    const Settings settings_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> names_;  ///< Guarded by mutex_, as are
    std::size_t leftOut_ = 0;         ///< this
    bool stopping_ = false;           ///< and this.
    std::thread thread_;
};

}  // namespace drover::metrics
