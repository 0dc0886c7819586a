#include "worker/upkeep/LockKeeper.h"

#include <algorithm>
#include <utility>

#include "core/JobFields.h"
#include "queue/QueueContext.h"
#include "queue/ops/Locks.h"
#include "worker/upkeep/CancelListener.h"

namespace drover {

namespace {

constexpr std::size_t kLocksPerCall = 500;

void renew(RedisClient& redis,
           const QueueContext& queue,
           HeldJobs& held,
           std::chrono::milliseconds lockDuration) {
    const auto locks = held.locks();
    for (std::size_t from = 0; from < locks.size(); from += kLocksPerCall) {
        const auto begin = locks.begin() + static_cast<std::ptrdiff_t>(from);
        const auto end = locks.begin() +
                         static_cast<std::ptrdiff_t>(std::min(from + kLocksPerCall, locks.size()));
        const std::string& name = queue.keys().qualifiedName();
        const RenewResult result = ops::extendLocks(queue, redis, {begin, end}, lockDuration);
        for (std::size_t i = 0; i < result.cancelled.size(); ++i) {
            const auto& [id, token] = locks[from + result.cancelled[i]];
            cancelRun(held, name, id, token, result.reasons[i]);
        }
        for (const std::size_t position : result.lost) {
            const auto& [id, token] = locks[from + position];
            // A job that ended between the list and the call has no lock any more either: cancel() does not find it.
            if (held.cancel(id, token, CancelReason::Lost)) {
                Log("worker").warning("the job's lock is lost; its cancel token is set",
                                      {.queue = queueNameOf(name), .job = id});
            }
        }
    }
}

}  // namespace

LockKeeper::LockKeeper(std::unique_ptr<RedisClient> redis, const Clock& clock)
    : clock_(clock), thread_("lock-keeper", std::move(redis), clock) {}

void LockKeeper::watch(const QueueContext& queue,
                       HeldJobs& held,
                       std::chrono::milliseconds lockDuration,
                       std::chrono::milliseconds interval,
                       std::shared_ptr<RedisClient> redis) {
    thread_.add(
        [this, &queue, &held, lockDuration, interval](RedisClient& client) {
            const auto next = clock_.monotonic() + interval;
            renew(client, queue, held, lockDuration);
            return next;
        },
        interval,
        clock_.monotonic() + interval,
        std::move(redis));
}

}  // namespace drover
