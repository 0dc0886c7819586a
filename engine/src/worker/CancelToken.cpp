#include "worker/CancelToken.h"

#include <algorithm>

namespace drover {

namespace {

/// "For ever" must not overflow the clock.
constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(24 * 365);

}  // namespace

bool CancelToken::set(CancelReason reason, const std::string& why) {
    {
        const std::lock_guard lock(mutex_);
        const CancelReason before = reason_;
        if (before == reason || (before != CancelReason::None && reason != CancelReason::Lost)) {
            return false;
        }
        reason_ = reason;
        why_ = why;
    }
    changed_.notify_all();
    return true;
}

std::string CancelToken::why() const {
    const std::lock_guard lock(mutex_);
    return why_;
}

CancelReason CancelToken::reason(Time now) const {
    const CancelReason reason = reason_;
    if (reason != CancelReason::None) {
        return reason;
    }
    return now >= limit_.load() ? CancelReason::Timeout : CancelReason::None;
}

CancelReason CancelToken::wait(std::chrono::milliseconds timeout, Time now) {
    const Time until = std::min(now + std::min(timeout, kLongestWait), limit_.load());
    {
        std::unique_lock lock(mutex_);
        changed_.wait_until(lock, until, [this] { return reason_ != CancelReason::None; });
    }
    // The wait ended at `until` at the earliest, or since the token is set.
    return reason(std::max(now, until));
}

}  // namespace drover
