#include "worker/upkeep/StalledSweeper.h"

#include <algorithm>
#include <limits>

#include "core/JobFields.h"
#include "queue/QueueContext.h"
#include "queue/ops/Stalled.h"

namespace drover {

namespace {

/// Jobs per script call: LREM walks the active list once for each.
constexpr int kChunk = 100;
/// Pages of the keyspace per step of the search for lost jobs, and the pause until the next step: for other queues.
constexpr int kPages = 20;
constexpr std::chrono::milliseconds kBetweenPages{50};

}  // namespace

StalledSweeper::StalledSweeper(std::unique_ptr<RedisClient> redis, const Clock& clock)
    : clock_(clock), problems_(clock_), thread_("stalled-sweeper", std::move(redis), clock) {}

void StalledSweeper::watch(const QueueContext& queue,
                           std::chrono::milliseconds interval,
                           int maxStalledCount,
                           std::chrono::milliseconds lostInterval,
                           std::shared_ptr<RedisClient> redis) {
    const std::lock_guard lock(mutex_);
    Watched& watched = watched_.emplace_back(queue, interval, maxStalledCount, lostInterval);
    watched.task =
        thread_.add([this, &watched](RedisClient& client) { return sweep(client, watched); },
                    interval,
                    clock_.monotonic(),
                    std::move(redis));
}

void StalledSweeper::onResumed(const QueueContext& queue) {
    const std::lock_guard lock(mutex_);
    for (Watched& watched : watched_) {
        if (&watched.queue == &queue) {
            watched.searchNow = true;
            thread_.runNow(watched.task);
        }
    }
}

void StalledSweeper::measure(Metrics& metrics) const {
    MetricFamily& stalled = metrics.counter(
        "drover_jobs_stalled_total",
        "Active jobs without a lock that this process put back: their workers crashed or hang");
    MetricFamily& rescued = metrics.counter("drover_jobs_rescued_total",
                                            "Jobs in no list that this process found and put back");
    const std::lock_guard lock(mutex_);
    for (const Watched& watched : watched_) {
        const MetricLabels labels = {{"queue", queueNameOf(watched.queue.keys().qualifiedName())}};
        stalled.add(labels, watched.stalled.load());
        rescued.add(labels, watched.rescued.load());
    }
}

PeriodicThread::Time StalledSweeper::sweep(RedisClient& redis, Watched& watched) {
    const QueueContext& queue = watched.queue;
    const std::string name = queueNameOf(queue.keys().qualifiedName());
    bool continuing = false;
    bool shared = false;
    while (true) {
        const StalledResult result = ops::checkStalled(queue,
                                                       redis,
                                                       redis.nowMs(),
                                                       watched.interval,
                                                       watched.maxStalledCount,
                                                       kChunk,
                                                       continuing);
        if (!result.recovered.empty()) {
            Log("worker").warning(std::to_string(result.recovered.size()) +
                                      " stalled jobs went back to wait, this one first",
                                  {.queue = name, .job = result.recovered.front()});
        }
        watched.stalled += result.recovered.size();
        problems_.report(name, result.problems);
        shared = result.bullmq5;
        if (result.state != StalledResult::State::More) {
            break;
        }
        continuing = true;
        if (thread_.stopping()) {
            return clock_.monotonic();
        }
    }
    // Not part of the check: BullMQ's workers, which do not search for lost jobs, may be the ones that make it.
    const bool searching = searchLost(redis, watched, shared);
    // The next check is due when the last one expires, whichever worker made it, not an interval after this sweep.
    std::chrono::milliseconds left = ops::stalledCheckExpiresIn(queue, redis);
    if (searching) {
        left = std::min(left, kBetweenPages);
    } else if (shared) {
        left = std::min(left, ops::rescueExpiresIn(queue, redis, shared));
    }
    return clock_.monotonic() + std::clamp(left, std::chrono::milliseconds(1), watched.interval);
}

bool StalledSweeper::searchLost(RedisClient& redis, Watched& watched, bool shared) {
    const QueueContext& queue = watched.queue;
    // Two reasons: the interval is over, or a shared queue was resumed.
    const bool due =
        ops::beginRescue(queue, redis, shared, shared ? watched.interval : watched.lostInterval);
    if ((watched.searchNow.exchange(false) && shared) || due) {
        watched.search.emplace(queue, redis.nowMs());
    }
    if (!watched.search) {
        return false;
    }
    // A shared queue is searched to the end: clients wait for the jobs of a pause.
    const bool complete = watched.search->step(
        redis, shared ? std::numeric_limits<int>::max() : kPages, redis.nowMs());
    const std::string name = queueNameOf(queue.keys().qualifiedName());
    problems_.report(name, watched.search->popProblems());
    if (!complete) {
        return true;
    }
    watched.rescued += watched.search->rescued();
    if (watched.search->rescued() > 0) {
        Log("worker").warning(std::to_string(watched.search->rescued()) +
                                  " jobs were in no list: lost between clients of BullMQ 5 and 6, "
                                  "or by a script that "
                                  "ended half way; they are back in the queue",
                              {.queue = name});
    }
    watched.search.reset();
    return false;
}

}  // namespace drover
