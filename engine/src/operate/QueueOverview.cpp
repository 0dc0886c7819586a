#include "drover/operate/QueueOverview.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/HashSlot.h"
#include "queue/LoadMeter.h"
#include "queue/QueueContext.h"
#include "queue/ops/Overview.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

using Monotonic = std::chrono::steady_clock::time_point;

/// How many queues one group of calls reads: Redis serves other clients between two of them.
constexpr std::size_t kQueuesPerGroup = 100;
constexpr std::int64_t kMinuteMs = 60000;

std::int64_t unfinished(const JobCounts& counts) {
    return counts.waiting + counts.paused + counts.prioritized + counts.active + counts.delayed +
           counts.waitingChildren;
}

Shards shardsOf(const ShardedQueues& sharded, const std::string& name) {
    const auto found = sharded.find(name);
    return found == sharded.end() ? Shards() : found->second;
}

/// Returns the queue that a queue of Redis is a shard of, or the queue itself.
std::string wholeOf(const ShardedQueues& sharded, const std::string& name) {
    if (const auto number = Shards::numberOf(name)) {
        for (const auto& [queue, shards] : sharded) {
            if (*number < shards.count && Shards::nameOf(queue, *number) == name) {
                return queue;
            }
        }
    }
    return name;
}

template <typename Number>
void addTo(std::optional<Number>& sum, const std::optional<Number>& one) {
    if (one) {
        sum = sum.value_or(0) + *one;
    }
}

/// Adds a further shard to the summary of those before it.
void join(QueueSummary& whole, const QueueSummary& one) {
    if (whole.problem.empty() && !one.problem.empty()) {
        whole = QueueSummary();
        whole.problem = one.name + ": " + one.problem;
    }
    if (!whole.problem.empty()) {
        return;
    }
    JobCounts& counts = whole.counts;
    counts.waiting += one.counts.waiting;
    counts.active += one.counts.active;
    counts.delayed += one.counts.delayed;
    counts.prioritized += one.counts.prioritized;
    counts.waitingChildren += one.counts.waitingChildren;
    counts.completed += one.counts.completed;
    counts.failed += one.counts.failed;
    counts.paused += one.counts.paused;
    whole.paused = whole.paused && one.paused;
    addTo(whole.concurrency, one.concurrency);
    whole.version = whole.version ? whole.version : one.version;
    if (one.oldestWaitMs > whole.oldestWaitMs) {
        whole.oldestWaitMs = one.oldestWaitMs;
        whole.oldestId = one.oldestId;
    }
    addTo(whole.added, one.added);
    addTo(whole.ended, one.ended);
    addTo(whole.failed, one.failed);
    whole.drainSeconds = std::max(whole.drainSeconds, one.drainSeconds);
    whole.allCompleted += one.allCompleted;
    whole.allFailed += one.allFailed;
    whole.events += one.events;
    addTo(whole.eventBytes, one.eventBytes);
    addTo(whole.workers, one.workers);
}

/// Returns the rate that the metrics of a queue have, at that time of Redis.
std::optional<double> rateOfMetrics(const QueueLook::Ends& ends, std::int64_t nowMs) {
    if (!ends.count || !ends.previousMs) {
        return std::nullopt;
    }
    // A queue that rests makes no points, and a fresh minute has none yet.
    const std::int64_t minutes = (nowMs - *ends.previousMs) / kMinuteMs;
    if (minutes < 1) {
        return static_cast<double>(ends.latestPoint.value_or(*ends.count - ends.previousCount));
    }
    return static_cast<double>(*ends.count - ends.previousCount) / static_cast<double>(minutes);
}

}  // namespace

// A class within an exported one is exported as well, unless it says otherwise.
class __attribute__((visibility("hidden"))) QueueOverview::Impl {
public:
    Impl(const Redis& redis, std::string prefix, ShardedQueues sharded)
        : redis_(redis), prefix_(std::move(prefix)), sharded_(std::move(sharded)) {}

    std::vector<QueueSummary> look(const std::vector<std::string>& names, bool withWorkers);

    const Redis redis_;
    const std::string prefix_;
    const ShardedQueues sharded_;

private:
    struct Seen {
        Monotonic at;
        QueueLook look;
        LoadMeter meter{};
    };

    /// Returns why a cluster cannot have the queue; empty: it can.
    [[nodiscard]] std::string unreachable(const QueueContext& queue) const {
        return redis_.shared().options().isCluster() ? slotError(queue.keys().qualifiedName()) : "";
    }
    void setRates(QueueSummary& summary, const Seen& now, std::int64_t nowMs) const;

    std::map<std::string, Seen> before_;
};

std::vector<QueueSummary> QueueOverview::Impl::look(const std::vector<std::string>& names,
                                                    bool withWorkers) {
    std::vector<QueueContext> queues;
    queues.reserve(names.size());
    for (const std::string& name : names) {
        queues.emplace_back(QueueKeys(prefix_, name));
    }
    // A call reaches one node of a cluster.
    const std::size_t perGroup = redis_.shared().options().isCluster() ? 1 : kQueuesPerGroup;
    std::vector<QueueSummary> found;
    found.reserve(names.size());
    std::map<std::string, Seen> seen;
    for (std::size_t from = 0; from < names.size(); from += perGroup) {
        if (const std::string problem = unreachable(queues[from]); !problem.empty()) {
            QueueSummary& summary = found.emplace_back();
            summary.name = names[from];
            summary.problem = problem;
            continue;
        }
        const Redis server = serverOf(redis_, queues[from].keys().qualifiedName());
        const ClientPool::Lease lease = server.shared().lease();
        const auto first = queues.begin() + static_cast<std::ptrdiff_t>(from);
        const std::size_t count = std::min(perGroup, queues.size() - from);
        const std::vector<QueueLook> looks =
            ops::looks({first, first + static_cast<std::ptrdiff_t>(count)}, *lease);
        const std::int64_t nowMs = (*lease).nowMs();
        for (std::size_t i = 0; i < count; ++i) {
            Seen now{std::chrono::steady_clock::now(), looks[i]};
            QueueSummary& summary = found.emplace_back();
            summary.name = names[from + i];
            summary.problem = now.look.problem;
            if (!summary.problem.empty()) {
                continue;
            }
            summary.counts = now.look.counts;
            summary.paused = now.look.paused;
            summary.concurrency = now.look.concurrency;
            summary.version = now.look.version;
            summary.oldestId = now.look.oldestId;
            if (now.look.oldestSinceMs) {
                summary.oldestWaitMs = std::max<std::int64_t>(nowMs - *now.look.oldestSinceMs, 0);
            }
            summary.allCompleted = now.look.completed.count.value_or(0);
            summary.allFailed = now.look.failed.count.value_or(0);
            summary.events = now.look.events;
            summary.eventBytes = now.look.eventBytes;
            setRates(summary, now, nowMs);
            if (const auto before = before_.find(summary.name); before != before_.end()) {
                now.meter = before->second.meter;
            }
            now.meter.onSample({summary.waiting(), unfinished(summary.counts), now.look.lastId},
                               now.at);
            if (const auto wait = now.meter.load()->wait) {
                summary.drainSeconds = std::chrono::duration<double>(*wait).count();
            }
            seen.insert_or_assign(summary.name, std::move(now));
        }
    }
    before_ = std::move(seen);
    if (withWorkers) {
        std::map<const Redis::Shared*, std::optional<std::map<std::string, std::int64_t>>> seenBy;
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (!unreachable(queues[i]).empty()) {
                continue;
            }
            const Redis server = serverOf(redis_, queues[i].keys().qualifiedName());
            auto place = seenBy.find(&server.shared());
            if (place == seenBy.end()) {
                place =
                    seenBy
                        .emplace(&server.shared(), ops::connectionsByName(*server.shared().lease()))
                        .first;
            }
            if (const auto& connections = place->second) {
                const std::string unnamed = queues[i].keys().workerClientName("");
                const std::string named = unnamed + ":w:";
                std::int64_t workers = 0;
                for (auto at = connections->lower_bound(unnamed);
                     at != connections->end() && at->first.rfind(unnamed, 0) == 0;
                     ++at) {
                    if (at->first == unnamed || at->first.rfind(named, 0) == 0) {
                        workers += at->second;
                    }
                }
                found[i].workers = workers;
            }
        }
    }
    return found;
}

void QueueOverview::Impl::setRates(QueueSummary& summary,
                                   const Seen& now,
                                   std::int64_t nowMs) const {
    const auto before = before_.find(summary.name);
    if (before == before_.end()) {
        summary.failed = rateOfMetrics(now.look.failed, nowMs);
        if (const auto completed = rateOfMetrics(now.look.completed, nowMs)) {
            summary.ended = *completed + summary.failed.value_or(0);
        }
        return;
    }
    const QueueLook& then = before->second.look;
    const double minutes =
        std::chrono::duration<double, std::ratio<60>>(now.at - before->second.at).count();
    const auto perMinute = [minutes](std::int64_t difference) {
        return minutes > 0 ? std::max(static_cast<double>(difference), 0.0) / minutes : 0.0;
    };
    const std::int64_t added = now.look.lastId - then.lastId;
    summary.added = perMinute(added);
    if (now.look.completed.count || now.look.failed.count) {
        const std::int64_t failed =
            now.look.failed.count.value_or(0) - then.failed.count.value_or(0);
        const std::int64_t completed =
            now.look.completed.count.value_or(0) - then.completed.count.value_or(0);
        summary.failed = perMinute(failed);
        summary.ended = perMinute(completed + failed);
    } else {
        summary.ended = perMinute(added - (unfinished(now.look.counts) - unfinished(then.counts)));
    }
}

QueueOverview::QueueOverview(const Redis& redis, std::string prefix, ShardedQueues sharded)
    : impl_(std::make_unique<Impl>(redis, std::move(prefix), std::move(sharded))) {}
QueueOverview::~QueueOverview() = default;

std::vector<QueueSummary> QueueOverview::look(const std::vector<std::string>& names,
                                              bool withWorkers) {
    const ShardedQueues& sharded = impl_->sharded_;
    if (sharded.empty()) {
        return impl_->look(names, withWorkers);
    }
    std::vector<std::string> inRedis;
    for (const std::string& name : names) {
        const std::vector<std::string> its = shardsOf(sharded, name).namesOf(name);
        inRedis.insert(inRedis.end(), its.begin(), its.end());
    }
    std::vector<QueueSummary> found = impl_->look(inRedis, withWorkers);
    std::vector<QueueSummary> summaries;
    auto next = found.begin();
    for (const std::string& name : names) {
        QueueSummary& summary = summaries.emplace_back(std::move(*next++));
        if (!summary.problem.empty() && summary.name != name) {
            summary.problem = summary.name + ": " + summary.problem;
        }
        for (int shard = 1; shard < shardsOf(sharded, name).count; ++shard) {
            join(summary, *next++);
        }
        summary.name = name;
    }
    return summaries;
}

std::vector<std::string> QueueOverview::joined(const std::vector<std::string>& names) const {
    std::set<std::string> all;
    for (const std::string& name : names) {
        all.insert(wholeOf(impl_->sharded_, name));
    }
    return {all.begin(), all.end()};
}

std::vector<std::string> QueueOverview::names() const {
    std::vector<std::string> all;
    std::string cursor = "0";
    do {
        QueueNames page = QueueReader::queues(impl_->redis_, impl_->prefix_, cursor);
        all.insert(all.end(), page.names.begin(), page.names.end());
        cursor = std::move(page.cursor);
    } while (cursor != "0");
    return joined(all);
}

}  // namespace drover
