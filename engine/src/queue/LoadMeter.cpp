#include "queue/LoadMeter.h"

#include <algorithm>
#include <cmath>

namespace drover {

namespace {

/// After this time a rate that has changed counts by two thirds.
constexpr double kMemorySeconds = 5;
/// A longer wait is not worth a number.
constexpr double kLongestMs = 86'400'000;

}  // namespace

void LoadMeter::onSample(const LoadSample& sample, Time now) {
    const double seconds = std::chrono::duration<double>(now - lastTime_).count();
    // An obliterated queue begins anew.
    if (last_ && sample.lastId >= last_->lastId && last_->waiting > 0 && sample.waiting > 0 &&
        seconds > 0) {
        const std::int64_t left =
            (sample.lastId - last_->lastId) - (sample.unfinished - last_->unfinished);
        const double measured = static_cast<double>(std::max<std::int64_t>(left, 0)) / seconds;
        const double weight = 1 - std::exp(-seconds / kMemorySeconds);
        perSecond_ = perSecond_ ? *perSecond_ + weight * (measured - *perSecond_) : measured;
    }
    last_ = sample;
    lastTime_ = now;
    added_ = 0;
}

std::optional<QueueLoad> LoadMeter::load() const {
    if (!last_) {
        return std::nullopt;
    }
    QueueLoad load;
    load.waiting = last_->waiting + added_;
    load.drainPerSecond = perSecond_;
    if (load.waiting == 0) {
        load.wait = std::chrono::milliseconds(0);
    } else if (perSecond_) {
        const double ms = 1000 * static_cast<double>(load.waiting) / std::max(*perSecond_, 1e-9);
        load.wait = std::chrono::milliseconds(std::llround(std::min(ms, kLongestMs)));
    }
    return load;
}

}  // namespace drover
