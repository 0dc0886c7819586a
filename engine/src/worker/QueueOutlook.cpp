#include "worker/QueueOutlook.h"

#include <algorithm>
#include <utility>

namespace drover {

bool QueueOutlook::onClaim(const Claim& claim, std::int64_t nowMs, Time now) {
    nextDelayedMs_ = claim.nextDelayedMs;
    const bool delayedIsDue = nextDelayedMs_ > 0 && nextDelayedMs_ <= nowMs;
    mayFindJobs_ = claim.more || delayedIsDue || claim.closedFor.has_value();
    if (claim.closedFor) {
        opensAt_ = now + *claim.closedFor;
    }
    return std::exchange(sharedPaused_, claim.sharedPaused) && !sharedPaused_;
}

void QueueOutlook::closeUntil(Time until) {
    opensAt_ = std::max(opensAt_, until);
}

}  // namespace drover
