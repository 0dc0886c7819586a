#include "worker/StalledSweeper.h"

#include <algorithm>

#include <Poco/Logger.h>

#include "drover/Exceptions.h"
#include "worker/LostJobs.h"

namespace drover {

namespace {

/// Jobs per script call: LREM walks the active list once for each.
constexpr int kChunk = 100;

}  // namespace

StalledSweeper::StalledSweeper(std::unique_ptr<RedisClient> redis, const Clock& clock)
    : clock_(clock), rounds_("stalled-sweeper", std::move(redis), clock) {}

void StalledSweeper::watch(const QueueBackend& backend,
                           std::chrono::milliseconds interval,
                           int maxStalledCount) {
    const std::lock_guard lock(mutex_);
    Watched& watched = watched_.emplace_back(backend, interval, maxStalledCount);
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

QueueRounds::Time StalledSweeper::sweep(RedisClient& redis, Watched& watched) {
    const QueueBackend& backend = watched.backend;
    bool continuing = false;
    bool shared = false;
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
    if (shared) {
        const bool due = backend.beginRescue(redis, watched.interval);
        if (watched.lookForLost.exchange(false) || due) {
            try {
                rescueLost(redis, backend);
            } catch (const RedisIoException&) {
                watched.lookForLost = true;
                throw;
            }
        }
    }
    // Ours or another's: the next check is due when this one expires, not an interval after we looked.
    std::chrono::milliseconds left = backend.stalledCheckExpiresIn(redis);
    if (shared) {
        left = std::min(left, backend.rescueExpiresIn(redis));
    }
    return clock_.monotonic() + std::clamp(left, std::chrono::milliseconds(1), watched.interval);
}

void StalledSweeper::rescueLost(RedisClient& redis, const QueueBackend& backend) {
    const std::size_t rescued = rescueLostJobs(redis, backend, clock_.wallMs());
    if (rescued > 0) {
        Poco::Logger::get("worker").warning(
            "%s: %z jobs were in no list, lost between clients of BullMQ 5 and 6; they went back "
            "to wait",
            backend.keys().qualifiedName(),
            rescued);
    }
}

}  // namespace drover
