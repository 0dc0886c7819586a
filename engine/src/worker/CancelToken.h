#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "core/Clock.h"
#include "core/HandlerType.h"

namespace drover {

/// Signals to a handler that it should give up on its job, with the reason.
///
/// No thread watches the time limit: each read compares it with the present.
/// No I/O, no clock of its own. Threads: every method may be called from any thread.
class CancelToken {
public:
    using Time = Clock::Monotonic;

    /// Sets the token; returns whether it changed. The first reason stands, but a lost lock overrides it, since the outcome
    /// is discarded then. `why` is for people: the text of the request.
    bool set(CancelReason reason, const std::string& why = "");
    /// Returns the text of the request that set the token; mostly empty.
    [[nodiscard]] std::string why() const;
    /// From `limit` on the token counts as set by CancelReason::Timeout, unless it was set before.
    void limitTo(Time limit) { limit_ = limit; }

    [[nodiscard]] CancelReason reason(Time now) const;
    [[nodiscard]] bool isLost() const { return reason_ == CancelReason::Lost; }
    /// Sleeps until the token is set or `timeout` is over. `now` is the present.
    CancelReason wait(std::chrono::milliseconds timeout, Time now);

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::string why_;
    std::atomic<CancelReason> reason_{CancelReason::None};
    std::atomic<Time> limit_{Time::max()};
};

}  // namespace drover
