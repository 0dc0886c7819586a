#include "worker/upkeep/StalledSweeper.h"

#include <algorithm>
#include <limits>

#include "core/JobFields.h"

namespace drover {

namespace {

/// Jobs per script call: LREM walks the active list once for each.
constexpr int kChunk = 100;
/// Pages of the keyspace per step of the search for lost jobs, and the pause until the next step: for other queues.
constexpr int kPages = 20;
constexpr std::chrono::milliseconds kBetweenPages{50};

}  // namespace

StalledSweeper::StalledSweeper(std::unique_ptr<RedisClient> redis, const Clock& clock)
    : clock_(clock, redis->options().time),
      problems_(clock_),
      thread_("stalled-sweeper", std::move(redis), clock) {}

void StalledSweeper::watch(const QueueBackend& backend,
                           std::chrono::milliseconds interval,
                           int maxStalledCount,
                           std::chrono::milliseconds lostInterval) {
    const std::lock_guard lock(mutex_);
    Watched& watched = watched_.emplace_back(backend, interval, maxStalledCount, lostInterval);
    watched.task =
        thread_.add([this, &watched](RedisClient& redis) { return sweep(redis, watched); },
                    interval,
                    clock_.monotonic());
}

void StalledSweeper::onResumed(const QueueBackend& backend) {
    const std::lock_guard lock(mutex_);
    for (Watched& watched : watched_) {
        if (&watched.backend == &backend) {
            watched.searchNow = true;
            thread_.runNow(watched.task);
        }
    }
}

PeriodicThread::Time StalledSweeper::sweep(RedisClient& redis, Watched& watched) {
    const QueueBackend& backend = watched.backend;
    const std::string queue = queueNameOf(backend.keys().qualifiedName());
    bool continuing = false;
    bool shared = false;
    redis.connection();  // Measures Redis's time before the first use.
    while (true) {
        const StalledResult result = backend.checkStalled(
            redis, clock_.wallMs(), watched.interval, watched.maxStalledCount, kChunk, continuing);
        if (!result.recovered.empty()) {
            Log("worker").warning(std::to_string(result.recovered.size()) +
                                      " stalled jobs went back to wait, this one first",
                                  {.queue = queue, .job = result.recovered.front()});
        }
        problems_.report(queue, result.problems);
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
    std::chrono::milliseconds left = backend.stalledCheckExpiresIn(redis);
    if (searching) {
        left = std::min(left, kBetweenPages);
    } else if (shared) {
        left = std::min(left, backend.rescueExpiresIn(redis));
    }
    return clock_.monotonic() + std::clamp(left, std::chrono::milliseconds(1), watched.interval);
}

bool StalledSweeper::searchLost(RedisClient& redis, Watched& watched, bool shared) {
    const QueueBackend& backend = watched.backend;
    // Two reasons: the interval is over, or a shared queue was resumed.
    const bool due = backend.beginRescue(redis, shared ? watched.interval : watched.lostInterval);
    if ((watched.searchNow.exchange(false) && shared) || due) {
        watched.search.emplace(backend, clock_.wallMs());
    }
    if (!watched.search) {
        return false;
    }
    // A shared queue is searched to the end: clients wait for the jobs of a pause.
    const bool complete = watched.search->step(
        redis, shared ? std::numeric_limits<int>::max() : kPages, clock_.wallMs());
    const std::string name = queueNameOf(backend.keys().qualifiedName());
    problems_.report(name, watched.search->popProblems());
    if (!complete) {
        return true;
    }
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
