#include "worker/upkeep/StalledSweeper.h"

#include <algorithm>
#include <limits>

#include <Poco/Logger.h>

namespace drover {

namespace {

/// Jobs per script call: LREM walks the active list once for each.
constexpr int kChunk = 100;
/// Pages of the keyspace per visit of the search for lost jobs, and the pause until the next: other queues come in between.
constexpr int kPages = 20;
constexpr std::chrono::milliseconds kBetweenPages{50};

}  // namespace

StalledSweeper::StalledSweeper(std::unique_ptr<RedisClient> redis, const Clock& clock)
    : clock_(clock, redis->options().time),
      problems_(clock_),
      rounds_("stalled-sweeper", std::move(redis), clock) {}

void StalledSweeper::watch(const QueueBackend& backend,
                           std::chrono::milliseconds interval,
                           int maxStalledCount,
                           std::chrono::milliseconds lostInterval) {
    const std::lock_guard lock(mutex_);
    Watched& watched = watched_.emplace_back(backend, interval, maxStalledCount, lostInterval);
    watched.round =
        rounds_.add([this, &watched](RedisClient& redis) { return sweep(redis, watched); },
                    interval,
                    clock_.monotonic());
}

void StalledSweeper::resumed(const QueueBackend& backend) {
    const std::lock_guard lock(mutex_);
    for (Watched& watched : watched_) {
        if (&watched.backend == &backend) {
            watched.lookForLost = true;
            rounds_.visitNow(watched.round);
        }
    }
}

PeriodicThread::Time StalledSweeper::sweep(RedisClient& redis, Watched& watched) {
    const QueueBackend& backend = watched.backend;
    bool continuing = false;
    bool shared = false;
    redis.connection();  // Whose time is it: measured before the first use.
    while (true) {
        const StalledResult result = backend.checkStalled(
            redis, clock_.wallMs(), watched.interval, watched.maxStalledCount, kChunk, continuing);
        if (!result.recovered.empty()) {
            Poco::Logger::get("worker").warning(
                "%s: %z stalled jobs went back to wait, %s the first of them",
                backend.keys().qualifiedName(),
                result.recovered.size(),
                result.recovered.front());
        }
        problems_.report(backend.keys().qualifiedName(), result.problems);
        shared = result.bullmq5;
        if (result.state != StalledResult::State::More) {
            break;
        }
        continuing = true;
        if (rounds_.stopping()) {
            return clock_.monotonic();
        }
    }
    // Not part of the check: BullMQ's workers, who look for nothing lost, may be the ones who make it.
    const bool searching = lookForLost(redis, watched, shared);
    // Ours or another's: the next check is due when this one expires, not an interval after we looked.
    std::chrono::milliseconds left = backend.stalledCheckExpiresIn(redis);
    if (searching) {
        left = std::min(left, kBetweenPages);
    } else if (shared) {
        left = std::min(left, backend.rescueExpiresIn(redis));
    }
    return clock_.monotonic() + std::clamp(left, std::chrono::milliseconds(1), watched.interval);
}

bool StalledSweeper::lookForLost(RedisClient& redis, Watched& watched, bool shared) {
    const QueueBackend& backend = watched.backend;
    // Each of its own accord: a resumed queue does not wait for the interval.
    const bool due = backend.beginRescue(redis, shared ? watched.interval : watched.lostInterval);
    if ((watched.lookForLost.exchange(false) && shared) || due) {
        watched.search.emplace(backend, clock_.wallMs());
    }
    if (!watched.search) {
        return false;
    }
    // In a shared queue at once: the jobs of a pause are waited for.
    const bool complete = watched.search->step(
        redis, shared ? std::numeric_limits<int>::max() : kPages, clock_.wallMs());
    problems_.report(backend.keys().qualifiedName(), watched.search->popProblems());
    if (!complete) {
        return true;
    }
    if (watched.search->rescued() > 0) {
        Poco::Logger::get("worker").warning(
            "%s: %z jobs were in no list: lost between clients of BullMQ 5 and 6, or by a script "
            "that ended half way; they are back in the queue",
            backend.keys().qualifiedName(),
            watched.search->rescued());
    }
    watched.search.reset();
    return false;
}

}  // namespace drover
