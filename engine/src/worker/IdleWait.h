#pragma once

#include <chrono>
#include <memory>

#include "core/Clock.h"
#include "worker/MarkerWait.h"
#include "worker/OutcomeInbox.h"
#include "worker/QueueOutlook.h"

namespace drover {

/// Waits while a worker has no call to make: for the queue's marker, for outcomes of handlers, or until a point in time.
///
/// The outlook gets the report of each marker.
/// Threads: the claim loop's.
class IdleWait {
public:
    using Time = Clock::Monotonic;

    /// `blocking` is for the marker alone. All references must outlive this object.
    IdleWait(const QueueContext& queue,
             std::unique_ptr<RedisClient> blocking,
             OutcomeInbox& inbox,
             QueueOutlook& outlook,
             const Clock& clock);

    /// Opens the blocking connection, whose name dashboards list as the worker's. Does nothing while Redis is away.
    void connect() { marker_.connect(); }
    /// Returns true while the marker is waited for, also between two waits.
    [[nodiscard]] bool armed() const { return marker_.armed(); }

    /// How a wait ended.
    enum class Ended {
        Quietly,  ///< No reply came.
        ByReply,  ///< Redis answered; another worker may need the wake-up, see passOn().
        ByOutage  ///< The connection was lost, and maybe a wake-up with it.
    };
    /// Waits until `until` at the latest. `mayClaim`: the marker is waited for. A wait for the marker lasts `drainDelay`
    /// in Redis.
    [[nodiscard]] Ended wait(bool mayClaim, std::chrono::milliseconds drainDelay, Time until);
    /// Returns how long a wait for the marker, while armed(), lasts in Redis.
    [[nodiscard]] std::chrono::milliseconds blockTime() const { return marker_.blockTime(); }
    /// Gives the wake-up of the last wait to another worker: none may claim here. `commands` is another connection.
    void passOn(RedisClient& commands);
    /// Ends the wait in Redis. See MarkerWait::disarm().
    void disarm(RedisClient& commands) { marker_.disarm(commands); }

private:
    const QueueContext& queue_;
    MarkerWait marker_;
    OutcomeInbox& inbox_;
    QueueOutlook& outlook_;
    const Clock& clock_;
    bool delayedMarker_ = false;  ///< The last wake-up was the marker of a delayed job.
};

}  // namespace drover
