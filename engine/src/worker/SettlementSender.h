#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "core/Clock.h"
#include "queue/QueueContext.h"
#include "queue/ops/Replies.h"
#include "redis/RedisClient.h"
#include "worker/SettledRun.h"
#include "worker/Settlement.h"

namespace drover {

/// Sends what a settlement holds besides finished jobs: retries, waits for children, hand-backs and the closing of the
/// queue's limiter. Finished jobs travel with AdvanceCalls.
/// Threads: the claim loop's only.
class SettlementSender {
public:
    /// All of them must outlive this object.
    SettlementSender(const QueueContext& queue,
                     RedisClient& redis,
                     Settlement& settlement,
                     const Clock& clock)
        : queue_(queue), redis_(redis), settlement_(settlement), clock_(clock) {}

    /// The reply to one call.
    struct Sent {
        std::vector<SettledRun> runs;
        std::vector<JobProblem> problems;
        std::chrono::milliseconds closed{
            0};  ///< For how long the call closed the limiter; 0: it did not.
    };
    /// Sends one call, if the settlement has something for it, and waits for the reply. No other call may be under way.
    /// Throws as RedisClient::call() does; the entries are back in the settlement then, and marked if Redis may have
    /// worked on them.
    std::optional<Sent> sendNext();

private:
    template <typename Item, typename Call>
    Sent send(std::vector<Pending<Item>>& pending, Ending ending, Call call);

    const QueueContext& queue_;
    RedisClient& redis_;
    Settlement& settlement_;
    const Clock& clock_;
};

}  // namespace drover
