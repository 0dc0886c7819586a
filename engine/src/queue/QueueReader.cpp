#include "drover/QueueReader.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <Poco/Exception.h>

#include "queue/EventTypes.h"
#include "queue/QueueOnServer.h"
#include "queue/ops/Children.h"
#include "queue/ops/Meta.h"
#include "queue/ops/Pages.h"
#include "queue/ops/Read.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

constexpr int kHighestPriority = 2097151;
constexpr int kMostReasons = 10000;
constexpr int kMostEvents = 10000;
/// Beyond it the numbers of scripts are not exact.
constexpr std::int64_t kFarthestPlace = std::int64_t{1} << 52;

PageRange bounded(const PageRange& range) {
    return {std::clamp(range.start, -kFarthestPlace, kFarthestPlace),
            std::clamp(range.end, -kFarthestPlace, kFarthestPlace),
            range.order};
}

void requireWithin(const std::string& what,
                   std::int64_t value,
                   std::int64_t least,
                   std::int64_t most) {
    if (value < least || value > most) {
        throw Poco::InvalidArgumentException(what + " must be in [" + std::to_string(least) + ", " +
                                             std::to_string(most) + "], not " +
                                             std::to_string(value));
    }
}

/// Walks the keyspaces of all nodes. The cursor has the number of the node in its lowest digits.
QueueNames namesInCluster(const RedisOptions& options,
                          const std::string& prefix,
                          const std::string& cursor) {
    constexpr std::uint64_t kMostNodes = 1000;
    std::uint64_t at = 0;
    const auto parsed = std::from_chars(cursor.data(), cursor.data() + cursor.size(), at);
    const std::vector<Redis::Address> nodes = options.endpoints->masters();
    const std::uint64_t node = at % kMostNodes;
    if (parsed.ec != std::errc() || node >= nodes.size()) {
        throw Poco::InvalidArgumentException(
            "cursor \"" + cursor + "\" is not of this cluster, or of its nodes of before");
    }
    RedisOptions there = options.at(nodes[node]);
    there.endpoints = nullptr;
    RedisClient client(there, "queues");
    QueueNames page = ops::queueNames(client, prefix, std::to_string(at / kMostNodes));
    if (page.cursor != "0") {
        page.cursor = std::to_string(std::stoull(page.cursor) * kMostNodes + node);
    } else if (node + 1 < nodes.size()) {
        page.cursor = std::to_string(node + 1);
    }
    return page;
}

}  // namespace

std::int64_t JobCounts::of(JobState state) const {
    switch (state) {
        case JobState::Waiting:
            return waiting + paused;
        case JobState::Active:
            return active;
        case JobState::Delayed:
            return delayed;
        case JobState::Prioritized:
            return prioritized;
        case JobState::WaitingChildren:
            return waitingChildren;
        case JobState::Completed:
            return completed;
        case JobState::Failed:
            return failed;
        case JobState::Unknown:
            break;
    }
    throw Poco::InvalidArgumentException(
        "jobs of the state \"unknown\" cannot be counted: no key holds their ids");
}

class QueueReader::Impl : public QueueOnServer {
public:
    using QueueOnServer::QueueOnServer;
};

QueueReader::QueueReader(const Redis& redis, const Settings& settings)
    : impl_(std::make_unique<Impl>(redis, settings.prefix, settings.name)) {}
QueueReader::~QueueReader() = default;

JobCounts QueueReader::counts() const {
    return ops::counts(impl_->queue_, *impl_->lease());
}
std::int64_t QueueReader::count(const std::vector<JobState>& states) const {
    // Checked before anything is read.
    for (const JobState state : states) {
        static_cast<void>(JobCounts().of(state));
    }
    const JobCounts all = counts();
    std::int64_t sum = 0;
    for (const JobState state : states) {
        sum += all.of(state);
    }
    return sum;
}
std::map<int, std::int64_t> QueueReader::countsPerPriority(
    const std::vector<int>& priorities) const {
    for (const int priority : priorities) {
        requireWithin("a priority", priority, 0, kHighestPriority);
    }
    return ops::countsPerPriority(impl_->queue_, *impl_->lease(), priorities);
}
std::int64_t QueueReader::delayedBefore(std::int64_t timeMs) const {
    constexpr std::int64_t kLatest = std::int64_t{1} << 50;
    return ops::delayedBefore(
        impl_->queue_, *impl_->lease(), std::clamp<std::int64_t>(timeMs, 0, kLatest));
}
std::optional<Job> QueueReader::job(const std::string& id) const {
    return ops::job(impl_->queue_, *impl_->lease(), id);
}
JobPage QueueReader::jobs(const std::vector<JobState>& states, const PageRange& range) const {
    return ops::jobs(impl_->queue_, *impl_->lease(), states, bounded(range));
}
JobState QueueReader::state(const std::string& id) const {
    return ops::state(impl_->queue_, *impl_->lease(), id);
}
std::optional<JobEnd> QueueReader::ended(const std::string& id) const {
    return ops::ends(impl_->queue_, *impl_->lease(), {id}).front();
}
JobLogs QueueReader::logs(const std::string& id, const PageRange& range) const {
    return ops::logs(impl_->queue_, *impl_->lease(), id, bounded(range));
}
bool QueueReader::isPaused() const {
    return ops::isPaused(impl_->queue_, *impl_->lease());
}
bool QueueReader::isMaxed() const {
    return ops::isMaxed(impl_->queue_, *impl_->lease());
}
JobChildren QueueReader::children(const std::string& id) const {
    return ops::children(impl_->queue_, *impl_->lease(), id);
}
ChildrenPage QueueReader::children(const std::string& id, const ChildPages& pages) const {
    return ops::childrenPage(impl_->queue_, *impl_->lease(), id, pages);
}
ChildCounts QueueReader::childCounts(const std::string& id) const {
    return ops::childCounts(impl_->queue_, *impl_->lease(), id);
}
JobChildren::Values QueueReader::childrenValues(const std::string& id) const {
    return ops::childrenValues(impl_->queue_, *impl_->lease(), id);
}
JobChildren::Values QueueReader::ignoredChildrenFailures(const std::string& id) const {
    return ops::ignoredChildrenFailures(impl_->queue_, *impl_->lease(), id);
}
std::int64_t QueueReader::rateLimitTtl(std::optional<int> max) const {
    return ops::rateLimitTtl(impl_->queue_, *impl_->lease(), max);
}
QueueMeta QueueReader::meta() const {
    return ops::meta(impl_->queue_, *impl_->lease());
}
QueueMetrics QueueReader::metrics(JobState state, const PageRange& range) const {
    if (state != JobState::Completed && state != JobState::Failed) {
        throw Poco::InvalidArgumentException(
            std::string("metrics are kept of completed and failed jobs, not of state \"") +
            toString(state) + "\"");
    }
    return ops::metrics(impl_->queue_, *impl_->lease(), toString(state), bounded(range));
}
std::vector<WorkerInfo> QueueReader::workers() const {
    return ops::workers(impl_->queue_, *impl_->lease());
}
EventPage QueueReader::events(const std::string& after, int most) const {
    requireWithin("most", most, 1, kMostEvents);
    return eventsBehind(impl_->queue_, *impl_->lease(), after, most);
}
FailedReasons QueueReader::failedReasons(std::int64_t start, int most) const {
    requireWithin("start", start, 0, kFarthestPlace);
    requireWithin("most", most, 1, kMostReasons);
    return ops::failedReasons(impl_->queue_, *impl_->lease(), start, most);
}
QueueNames QueueReader::queues(const Redis& redis,
                               const std::string& prefix,
                               const std::string& cursor) {
    if (cursor.empty() || cursor.find_first_not_of("0123456789") != std::string::npos) {
        throw Poco::InvalidArgumentException("cursor \"" + cursor +
                                             "\" must be \"0\", or the cursor of the page before");
    }
    if (!redis.shared().options().isCluster()) {
        return ops::queueNames(*redis.shared().lease(), prefix, cursor);
    }
    return namesInCluster(redis.shared().options(), prefix, cursor);
}

}  // namespace drover
