#include "worker/MarkerWait.h"

#include <algorithm>
#include <limits>

#include "core/Strtod.h"
#include "drover/Exceptions.h"
#include "queue/QueueContext.h"
#include "queue/ops/Marker.h"

namespace drover {

namespace {

constexpr std::chrono::milliseconds kLongestBlock{10000};
/// How much later than the block's own timeout a reply may come before the connection counts as dead.
constexpr std::chrono::milliseconds kMargin{1000};

}  // namespace

MarkerWait::MarkerWait(const QueueContext& queue,
                       std::unique_ptr<RedisClient> redis,
                       const Clock& clock)
    : queue_(queue), redis_(std::move(redis)), clock_(clock) {}

void MarkerWait::connect() {
    try {
        redis_->connection();
    } catch (const RedisIoException&) {
        // Logged when the outage began; arm() tries again.
    }
}

void MarkerWait::arm(std::int64_t nextDelayedMs, std::chrono::milliseconds drainDelay) {
    if (armed_) {
        return;
    }
    nextDelayedMs_ = nextDelayedMs;
    // At least 1 ms: 0 would block for ever.
    std::chrono::milliseconds timeout = std::max(drainDelay, std::chrono::milliseconds(1));
    if (nextDelayedMs > 0) {
        const std::chrono::milliseconds left(nextDelayedMs - clock_.wallMs());
        timeout = std::clamp(left, std::chrono::milliseconds(1), kLongestBlock);
    }
    try {
        Connection& link = redis_->connection();
        link.send(ops::blockOnMarker(queue_, timeout),
                  clock_.monotonic() + redis_->options().commandTimeout);
        armed_ = true;
        blockTime_ = timeout;
        watchdog_ = clock_.monotonic() + timeout + kMargin;
    } catch (const RedisIoException&) {
        // Logged when the outage began; the claim loop polls by time meanwhile.
    }
}

int MarkerWait::fd() {
    return armed_ ? redis_->connection().fd() : -1;
}

MarkerWait::Time MarkerWait::deadline() const {
    return armed_ ? watchdog_
                  : std::max(redis_->nextAttempt(),
                             clock_.monotonic() + std::chrono::milliseconds(10));
}

void MarkerWait::lost(const std::string& why) {
    armed_ = false;
    redis_->fail(why);
}

MarkerWait::Woken MarkerWait::check() {
    if (!armed_) {
        return Woken::No;
    }
    try {
        const std::optional<Reply> reply = redis_->connection().tryReceive();
        if (!reply) {
            if (clock_.monotonic() >= watchdog_) {
                if (redis_->refusedAnywhere()) {
                    // Nothing ends a block while a script runs or data are loaded.
                    watchdog_ = clock_.monotonic() + kMargin;
                    return Woken::No;
                }
                lost("no answer to BZPOPMIN within its timeout");
                return Woken::Lost;
            }
            return Woken::No;
        }
        armed_ = false;
        if (reply->isError()) {
            try {
                redis_->require(*reply, "BZPOPMIN", queue_.keys().marker);
            } catch (const RedisIoException&) {
                // Logged when the outage began.
            } catch (const Exception& error) {
                lost(error.message());
            }
            return Woken::Look;
        }
        if (reply->size() < 3) {
            return Woken::Look;
        }
        // The score is a due time in ms, possibly with a fraction; 0 is "there may be a job now".
        const auto due =
            saturatedInteger(strtodC(std::string(reply->at(2).text()).c_str(), nullptr));
        // A score that is not a time has no due time: look.
        if (due <= 0 || due == std::numeric_limits<std::int64_t>::max() ||
            due - clock_.wallMs() < 1) {
            return Woken::Look;
        }
        // An earlier due time stays: the popped marker may belong to a later job.
        if (nextDelayedMs_ == 0 || due < nextDelayedMs_) {
            nextDelayedMs_ = due;
        }
        return Woken::Later;
    } catch (const RedisIoException& error) {
        lost(error.message());
        return Woken::Lost;
    }
}

void MarkerWait::disarm(RedisClient& commands) {
    if (!armed_) {
        return;
    }
    try {
        Connection& link = redis_->connection();
        // Reads a reply that is on its way; without one, dropping the connection ends the block in Redis.
        if (const std::optional<Reply> reply = link.tryReceive(); reply && reply->size() >= 3) {
            ops::restoreMarker(queue_, commands, reply->at(1).text(), reply->at(2).text());
        }
    } catch (const Exception&) {
        // Nothing to restore then: other workers look by themselves after their own timeout. This is the end of the worker's
        // thread: an exception must not leave it.
    }
    armed_ = false;
    redis_->drop();
}

}  // namespace drover
