#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "QueueSearch.h"
#include "drover/Metrics.h"
#include "drover/Service.h"
#include "drover/operate/QueueOverview.h"

namespace drover::metrics {

/// Reads the figures of the queues of a process, and of those that a search finds, for one configuration.
///
/// Requests that come close to each other share a reading.
/// Threads: any.
class QueueReadings {
public:
    /// `context` outlives it. `settings.most` bounds the queues of both kinds together.
    QueueReadings(const ServiceContext& context, QueueSearch::Settings settings);
    ~QueueReadings();
    QueueReadings(const QueueReadings&) = delete;
    QueueReadings& operator=(const QueueReadings&) = delete;

    [[nodiscard]] const QueueSearch::Settings& settings() const { return settings_; }
    /// Begins and ends the search.
    void start() { search_.start(); }
    void stop() { search_.stop(); }

    /// Adds the figures of the queues, and those of their reading. An outage of Redis is among them.
    void addTo(Metrics& metrics);

private:
    using Clock = std::chrono::steady_clock;
    struct Reading;

    std::shared_ptr<const Reading> read();
    void onRead(std::shared_ptr<const Reading> fresh);
    Reading readNow();

    const ServiceContext& context_;
    const QueueSearch::Settings settings_;
    QueueSearch search_;
    ShardedQueues sharded_;                           ///< Those of overviews_.
    std::map<std::string, QueueOverview> overviews_;  ///< By prefix. Used by one request at a time.
    std::mutex mutex_;
    std::condition_variable changed_;
    bool reading_ = false;                 ///< Guarded by mutex_, as is
    std::shared_ptr<const Reading> last_;  ///< the last reading.
};

}  // namespace drover::metrics
