#include "worker/StalledSweeper.h"

#include <algorithm>

#include <Poco/Logger.h>

#include "core/Guarded.h"
#include "drover/Exceptions.h"
#include "worker/LostJobs.h"

namespace drover {

namespace {

/// Jobs per script call: LREM walks the active list once for each.
constexpr int kChunk = 100;
constexpr std::chrono::seconds kLongestWait{1};

}  // namespace

StalledSweeper::StalledSweeper(std::unique_ptr<RedisClient> redis, const Clock& clock)
    : redis_(std::move(redis)), clock_(clock) {}

StalledSweeper::~StalledSweeper() {
    stop();
}

void StalledSweeper::watch(const QueueBackend& backend,
                           std::chrono::milliseconds interval,
                           int maxStalledCount) {
    const std::lock_guard lock(mutex_);
    watched_.push_back({&backend, interval, maxStalledCount, clock_.monotonic()});
    woken_ = true;
    changed_.notify_all();
}

void StalledSweeper::resumed(const QueueBackend& backend) {
    const std::lock_guard lock(mutex_);
    for (Watched& watched : watched_) {
        if (watched.backend == &backend) {
            watched.resumed = true;
            watched.due = clock_.monotonic();
        }
    }
    woken_ = true;
    changed_.notify_all();
}

void StalledSweeper::start() {
    thread_ = std::thread([this] {
        while (!runGuarded("stalled-sweeper", [this] { loop(); })) {
        }
    });
}

void StalledSweeper::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void StalledSweeper::loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        Clock::Monotonic wake = clock_.monotonic() + kLongestWait;
        for (std::size_t i = 0; i < watched_.size() && !stopping_; ++i) {
            if (clock_.monotonic() >= watched_[i].due) {
                const Watched watched = watched_[i];
                lock.unlock();
                Clock::Monotonic next = clock_.monotonic() + watched.interval;
                bool looked = false;
                try {
                    next = sweep(watched);
                    looked = true;
                } catch (const RedisIoException&) {
                    next = std::max(redis_->nextAttempt(),
                                    clock_.monotonic() + std::chrono::milliseconds(10));
                } catch (const Exception& error) {
                    Poco::Logger::get("worker").error("stalled check: %s", error.message());
                }
                lock.lock();
                // Else it was resumed meanwhile, and is due again at once.
                if (watched_[i].due == watched.due) {
                    watched_[i].due = next;
                    watched_[i].resumed = watched.resumed && !looked;
                }
            }
            wake = std::min(wake, watched_[i].due);
        }
        changed_.wait_until(lock, wake, [this] { return stopping_ || woken_; });
        woken_ = false;
    }
}

Clock::Monotonic StalledSweeper::sweep(const Watched& watched) {
    const QueueBackend& backend = *watched.backend;
    bool continuing = false;
    bool shared = false;
    while (true) {
        const StalledResult result = backend.checkStalled(*redis_,
                                                          clock_.wallMs(),
                                                          watched.interval,
                                                          watched.maxStalledCount,
                                                          kChunk,
                                                          continuing);
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
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            return clock_.monotonic();
        }
    }
    // Not part of the check: BullMQ's workers, who look for nothing lost, may be the ones who make it.
    if (shared && (backend.beginRescue(*redis_, watched.interval) || watched.resumed)) {
        rescueLost(backend);
    }
    // Ours or another's: the next check is due when this one expires, not an interval after we looked.
    std::chrono::milliseconds left = backend.stalledCheckExpiresIn(*redis_);
    if (shared) {
        left = std::min(left, backend.rescueExpiresIn(*redis_));
    }
    return clock_.monotonic() + std::clamp(left, std::chrono::milliseconds(1), watched.interval);
}

void StalledSweeper::rescueLost(const QueueBackend& backend) {
    const std::size_t rescued = rescueLostJobs(*redis_, backend, clock_.wallMs());
    if (rescued > 0) {
        Poco::Logger::get("worker").warning(
            "%s: %z jobs were in no list, lost between clients of BullMQ 5 and 6; they went back "
            "to wait",
            backend.keys().qualifiedName(),
            rescued);
    }
}

}  // namespace drover
