#include "worker/ClaimPolicy.h"

#include <algorithm>

namespace drover {

namespace {

constexpr std::chrono::milliseconds kFirstPause{500};
constexpr std::chrono::milliseconds kLongestPause{10000};
constexpr std::int64_t kLeastBytes = 64 << 10;

}  // namespace

void ClaimPolicy::change(const Limits& limits) {
    const bool bounded = bound_ < limits_.concurrency;
    limits_ = limits;
    bound_ = bounded ? std::min(bound_, limits_.concurrency) : limits_.concurrency;
}

bool ClaimPolicy::isFull(const Load& load) const {
    return load.held > 0 && load.bytes >= limits_.maxBytes;
}

int ClaimPolicy::jobs(const Load& load, Time now) {
    while (bound_ < limits_.concurrency && now >= boundUntil_) {
        bound_ = std::min(std::max(bound_, 1) * 2, limits_.concurrency);
        boundUntil_ += pause_;
    }
    if (bound_ >= limits_.concurrency) {
        pause_ = {};
    }
    // A batch of no time at all counts as a nanosecond.
    const std::int64_t rounds = std::chrono::nanoseconds(limits_.unstartedMax / 2).count() /
                                std::max<std::int64_t>(fullBatch_.count(), 1);
    const std::int64_t ahead = std::min<std::int64_t>(rounds, limits_.concurrency) * load.slots;
    const std::int64_t room =
        std::min<std::int64_t>(load.ready + ahead - load.unstarted, bound_ - load.held);
    return static_cast<int>(std::clamp<std::int64_t>(room, 0, callJobs_));
}

std::int64_t ClaimPolicy::bytes(const Load& load) const {
    return std::max<std::int64_t>(std::min(callBytes_, limits_.maxBytes - load.bytes), 1);
}

ClaimPolicy::Time ClaimPolicy::nextChange() const {
    return bound_ < limits_.concurrency ? boundUntil_ : Time::max();
}

void ClaimPolicy::onBatch(int jobs, int most, std::chrono::nanoseconds took) {
    // More jobs might make a batch that is not full longer, or not: assume that they do.
    const auto full =
        std::min<std::chrono::nanoseconds>(took, std::chrono::hours(1)) * most / std::max(jobs, 1);
    // Up at once and down slowly: a few long jobs among short ones count.
    fullBatch_ = !measured_ || full >= fullBatch_ ? full : fullBatch_ - (fullBatch_ - full) / 8;
    measured_ = true;
}

void ClaimPolicy::onHandedBack(int atWork, Time now) {
    fullBatch_ = std::max<std::chrono::nanoseconds>(fullBatch_, limits_.unstartedMax);
    bound_ = std::clamp(atWork, 1, limits_.concurrency);
    pause_ = pause_.count() == 0 ? kFirstPause : std::min(pause_ * 2, kLongestPause);
    boundUntil_ = now + pause_;
}

void ClaimPolicy::onAnswer(std::int64_t enoughBytes, std::chrono::nanoseconds took) {
    if (took > kSlow) {
        callBytes_ = std::max(std::min(callBytes_, enoughBytes) / 2, kLeastBytes);
        return;
    }
    callBytes_ = std::min(callBytes_ * 2, kMostBytes);
    callJobs_ = std::min(callJobs_ * 2, kMostJobs);
}

void ClaimPolicy::onLost(int jobs) {
    callJobs_ = std::max(std::min(jobs, callJobs_) / 2, 1);
    callBytes_ = std::max(callBytes_ / 2, kLeastBytes);
}

}  // namespace drover
