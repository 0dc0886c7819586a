#include "QueueReadings.h"

#include <algorithm>
#include <set>
#include <utility>

#include <Poco/Exception.h>

#include "QueueFamilies.h"

namespace drover::metrics {

namespace {

/// Scrapes that follow each other faster have the same figures of queues: the route is open by default.
constexpr std::chrono::milliseconds kShortestInterval{1000};

}  // namespace

/// A reading of all queues.
struct QueueReadings::Reading {
    std::vector<QueueSummary> queues;
    std::size_t unreadable = 0;  ///< Queues whose keys are of other types.
    std::size_t leftOut = 0;     ///< Queues beyond the most.
    bool reached = false;        ///< Redis answered.
    double seconds = 0;
    Clock::time_point at{};
};

QueueReadings::QueueReadings(const ServiceContext& context, QueueSearch::Settings settings)
    : context_(context), settings_(std::move(settings)), search_(context.redis(), settings_) {}

QueueReadings::~QueueReadings() = default;

void QueueReadings::addTo(Metrics& metrics) {
    const auto reading = read();
    addQueues(metrics, reading->queues);
    metrics.gauge("drover_redis_up", "1 if Redis answered the reading of the queues")
        .add({}, reading->reached);
    metrics.gauge("drover_queues", "Queues that were read")
        .add({}, reading->queues.size() - reading->unreadable);
    metrics.gauge("drover_queues_unreadable", "Queues left out: a key is of another type")
        .add({}, reading->unreadable);
    metrics.gauge("drover_queues_left_out", "Queues left out: beyond metrics.maxQueues")
        .add({}, reading->leftOut);
    metrics.gauge("drover_queues_read_seconds", "Time that the reading of the queues took")
        .add({}, reading->seconds);
}

/// Returns a reading that is not older than kShortestInterval; while another request makes one, the last.
std::shared_ptr<const QueueReadings::Reading> QueueReadings::read() {
    {
        std::unique_lock lock(mutex_);
        if (reading_ && last_) {
            return last_;
        }
        changed_.wait(lock, [this] { return !reading_; });
        if (last_ && Clock::now() - last_->at < kShortestInterval) {
            return last_;
        }
        reading_ = true;
    }
    std::shared_ptr<const Reading> fresh;
    try {
        fresh = std::make_shared<const Reading>(readNow());
    } catch (...) {
        onRead(nullptr);
        throw;
    }
    onRead(fresh);
    return fresh;
}

/// Lets other requests read, and stores the reading if there is one.
void QueueReadings::onRead(std::shared_ptr<const Reading> fresh) {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    if (fresh) {
        last_ = std::move(fresh);
    }
    changed_.notify_all();
}

QueueReadings::Reading QueueReadings::readNow() {
    Reading reading;
    const auto began = Clock::now();
    std::vector<QueueReader::Settings> queues = context_.queues();
    std::set<std::string> present;
    for (const QueueReader::Settings& queue : queues) {
        present.insert(queue.name);
    }
    for (std::string& name : search_.names()) {
        if (present.insert(name).second) {
            queues.push_back({settings_.prefix, std::move(name)});
        }
    }
    const std::size_t all = queues.size();
    queues.resize(std::min(all, settings_.most));
    reading.leftOut = all - queues.size() + search_.leftOut();
    std::map<std::string, std::vector<std::string>> byPrefix;
    for (QueueReader::Settings& queue : queues) {
        byPrefix[queue.prefix].push_back(std::move(queue.name));
    }
    try {
        if (const ShardedQueues sharded = context_.shardedQueues(); sharded != sharded_) {
            overviews_.clear();
            sharded_ = sharded;
        }
        for (const auto& [prefix, names] : byPrefix) {
            QueueOverview& overview =
                overviews_.try_emplace(prefix, context_.redis(), prefix, sharded_).first->second;
            for (QueueSummary& summary : overview.look(overview.joined(names), false)) {
                reading.unreadable += summary.problem.empty() ? 0 : 1;
                reading.queues.push_back(std::move(summary));
            }
        }
        reading.reached = true;
    } catch (const Poco::Exception&) {
        // The log has the outage; drover_redis_up is 0, and the figures of the process are there all the same.
        reading.queues.clear();
        reading.unreadable = 0;
    }
    reading.at = Clock::now();
    reading.seconds = std::chrono::duration<double>(reading.at - began).count();
    return reading;
}

}  // namespace drover::metrics
