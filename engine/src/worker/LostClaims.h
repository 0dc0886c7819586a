#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/Clock.h"
#include "queue/QueueContext.h"
#include "queue/ops/Replies.h"
#include "redis/RedisClient.h"

namespace drover {

/// Gives back the jobs of claims whose reply was lost.
///
/// No worker runs such jobs: they would wait until their locks expire, and count as stalled then.
/// Threads: the claim loop's only.
class LostClaims {
public:
    struct Claim {
        std::string token;  ///< The token of the jobs that it may have claimed.
        int wanted;         ///< How many jobs it was to claim.
    };
    struct Recovered {
        int wanted = 0;
        std::size_t jobs = 0;  ///< How many jobs went back to wait.
        std::vector<JobProblem> problems;
    };

    /// Both must outlive this object.
    LostClaims(const QueueContext& queue, const Clock& clock) : queue_(queue), clock_(clock) {}

    void add(Claim claim) { claims_.push_back(std::move(claim)); }
    [[nodiscard]] bool empty() const { return claims_.empty(); }
    [[nodiscard]] const std::vector<Claim>& claims() const { return claims_; }
    /// Gives the jobs of one claim back, and forgets the claim. Requires that there is one. Throws as
    /// RedisClient::call() does; the claim stays then.
    Recovered recoverNext(RedisClient& redis);

private:
    const QueueContext& queue_;
    const Clock& clock_;
    std::vector<Claim> claims_;
};

}  // namespace drover
