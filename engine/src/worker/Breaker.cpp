#include "worker/Breaker.h"

#include <algorithm>

#include "core/Random.h"

namespace drover {

Breaker::Breaker(std::chrono::milliseconds first, std::chrono::milliseconds most)
    : first_(first), most_(most) {}

int Breaker::allowed(int wanted, Time now) const {
    if (closed()) {
        return wanted;
    }
    return !probing_ && now >= until_ ? std::min(wanted, 1) : 0;
}

void Breaker::onClaim(int count) {
    if (!closed() && count > 0) {
        probing_ = true;
    }
}

Breaker::Time Breaker::nextChange() const {
    return closed() || probing_ ? Time::max() : until_;
}

bool Breaker::onUnavailable(std::chrono::milliseconds retryAfter, Time now) {
    const bool begins = closed();
    // Jobs that ran beside the first failure belong to the same outage: they do not make the wait longer.
    if (!begins && !probing_) {
        return false;
    }
    if (begins) {
        began_ = now;
    }
    const auto full = std::min(most_, first_ * (1 << std::min(openings_, 16)));
    until_ = now + std::max(retryAfter, jittered(full));
    ++openings_;
    probing_ = false;
    return begins;
}

std::chrono::milliseconds Breaker::onSuccess(Time now) {
    if (closed()) {
        return std::chrono::milliseconds(0);
    }
    openings_ = 0;
    probing_ = false;
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - began_);
}

void Breaker::onProbeReturned() {
    probing_ = false;
}

}  // namespace drover
