#include "worker/LostClaims.h"

#include "queue/ops/Locks.h"
#include "queue/ops/Settle.h"

namespace drover {

LostClaims::Recovered LostClaims::recoverNext(RedisClient& redis) {
    const Claim& claim = claims_.back();
    std::vector<HandBackItem> items;
    for (std::string& id : ops::activeWithToken(queue_, redis, claim.token)) {
        items.push_back({std::move(id), claim.token, 0, true});
    }
    Recovered recovered{claim.wanted, items.size(), {}};
    if (!items.empty()) {
        recovered.problems = ops::handBackJobs(queue_, redis, items, clock_.wallMs()).problems;
    }
    claims_.pop_back();
    return recovered;
}

}  // namespace drover
