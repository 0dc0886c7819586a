#include "worker/IdleWait.h"

#include <algorithm>
#include <cstdint>
#include <poll.h>
#include <string>
#include <utility>

#include "queue/ops/Marker.h"

namespace drover {

IdleWait::IdleWait(const QueueContext& queue,
                   std::unique_ptr<RedisClient> blocking,
                   OutcomeInbox& inbox,
                   QueueOutlook& outlook,
                   const Clock& clock)
    : queue_(queue),
      marker_(queue, std::move(blocking), clock),
      inbox_(inbox),
      outlook_(outlook),
      clock_(clock) {}

IdleWait::Ended IdleWait::wait(bool mayClaim, std::chrono::milliseconds drainDelay, Time until) {
    const Time now = clock_.monotonic();
    if (mayClaim) {
        marker_.arm(outlook_.nextDelayedMs(), drainDelay);
        if (!marker_.armed()) {
            outlook_
                .expectJobs();  // Redis is away: a marker may have come and gone by the next attempt.
        }
    }
    if (mayClaim || marker_.armed()) {
        until = std::min(until, marker_.deadline());
    }
    if (outlook_.isClosed(now)) {
        until = std::min(until, outlook_.opensAt());
    }
    pollfd fds[2] = {{inbox_.fd(), POLLIN, 0}, {marker_.fd(), POLLIN, 0}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - now).count() +
                      1;  // Rounded up: rather late than in a loop of zero waits.
    poll(fds, 2, static_cast<int>(std::max<std::int64_t>(left, 0)));
    switch (marker_.check()) {
        case MarkerWait::Woken::No:
            return Ended::Quietly;
        case MarkerWait::Woken::Later:
            delayedMarker_ = true;
            outlook_.onDelayedMarker(marker_.nextDelayedMs());
            return Ended::ByReply;
        case MarkerWait::Woken::Look:
            delayedMarker_ = false;
            outlook_.expectJobs();
            return Ended::ByReply;
        case MarkerWait::Woken::Lost:
            delayedMarker_ = false;
            outlook_.expectJobs();
            return Ended::ByOutage;
    }
    return Ended::Quietly;
}

void IdleWait::passOn(RedisClient& commands) {
    if (delayedMarker_) {
        ops::restoreMarker(queue_, commands, "1", std::to_string(outlook_.nextDelayedMs()));
    } else {
        ops::restoreMarker(queue_, commands, "0", "0");
    }
}

}  // namespace drover
