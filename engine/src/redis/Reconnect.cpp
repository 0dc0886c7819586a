#include "redis/Reconnect.h"

#include <algorithm>

#include "core/Random.h"

namespace drover {

Reconnect::Reconnect(std::chrono::milliseconds first, std::chrono::milliseconds most)
    : first_(first), most_(most) {}

void Reconnect::failed(Clock::time_point now, bool slow) {
    if (attempts_ == 0) {
        outageBegan_ = now;
    }
    const int doublings = std::min(attempts_, 20);
    ++attempts_;
    const auto full = slow ? most_ : std::min(most_, first_ * (std::int64_t{1} << doublings));
    nextAttempt_ = now + jittered(full);
}

std::chrono::milliseconds Reconnect::succeeded(Clock::time_point now) {
    const bool wasOut = attempts_ > 0;
    attempts_ = 0;
    nextAttempt_ = {};
    return wasOut ? std::chrono::duration_cast<std::chrono::milliseconds>(now - outageBegan_)
                  : std::chrono::milliseconds(0);
}

}  // namespace drover
