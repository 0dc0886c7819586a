#include "redis/ServerTime.h"

#include <chrono>
#include <cstdlib>
#include <utility>

#include <Poco/Logger.h>

namespace drover {

namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

/// How long a measurement is trusted: no clock drifts by more than a few ms in this time.
constexpr std::chrono::seconds kInterval{10};
/// The machine's two clocks part by more than this when a person sets the date, or the machine slept.
constexpr std::int64_t kStepMs = 500;
constexpr std::int64_t kApartUs = 1'000'000;

std::int64_t us(Clock::Monotonic::duration duration) {
    return duration_cast<microseconds>(duration).count();
}

Poco::Logger& logger() {
    return Poco::Logger::get("redis");
}

}  // namespace

ServerTime::ServerTime(std::shared_ptr<const Clock> machine) : machine_(std::move(machine)) {}

std::int64_t ServerTime::nowUs(Monotonic at) const {
    return serverUs_ + us(at - at_);
}

std::int64_t ServerTime::nowMs() const {
    const std::lock_guard lock(mutex_);
    return known_ ? nowUs(machine_->monotonic()) / 1000 : machine_->wallMs();
}

void ServerTime::measured(std::int64_t serverUs,
                          Monotonic asked,
                          Monotonic answered,
                          const std::string& where) {
    const std::lock_guard lock(mutex_);
    const std::int64_t roundTrip = us(answered - asked);
    // Redis read its clock somewhere between the two moments.
    const std::int64_t earliest = serverUs;
    const std::int64_t latest = serverUs + roundTrip;
    const std::int64_t estimate = known_ ? nowUs(answered) : 0;
    if (!known_ || estimate < earliest || estimate > latest) {
        serverUs_ = serverUs + roundTrip / 2;
        at_ = answered;
        known_ = true;
    }
    asked_ = answered;
    wallThenMs_ = machine_->wallMs();
    compare(nowUs(answered), roundTrip / 2, where);
}

void ServerTime::untold(const std::string& why) {
    const std::lock_guard lock(mutex_);
    known_ = false;
    asked_ = machine_->monotonic();
    wallThenMs_ = machine_->wallMs();
    if (!std::exchange(untoldLogged_, true)) {
        logger().warning("Redis does not tell its time (%s): the clock of this machine counts",
                         why);
    }
}

bool ServerTime::due() const {
    const std::lock_guard lock(mutex_);
    if (!asked_) {
        return true;
    }
    const auto passed = machine_->monotonic() - *asked_;
    const std::int64_t wall = machine_->wallMs() - wallThenMs_;
    return passed >= kInterval ||
           std::abs(wall - duration_cast<milliseconds>(passed).count()) > kStepMs;
}

void ServerTime::compare(std::int64_t serverUs,
                         std::int64_t uncertainUs,
                         const std::string& where) {
    const std::int64_t ahead = wallThenMs_ * 1000 - serverUs;
    const bool apart = std::abs(ahead) - uncertainUs >= kApartUs;
    if (std::exchange(apart_, apart) == apart) {
        return;
    }
    if (apart) {
        logger().warning(
            "the clock of this machine is %.1f s %s that of Redis at %s; Redis's counts for jobs",
            static_cast<double>(std::abs(ahead)) / 1e6,
            std::string(ahead > 0 ? "ahead of" : "behind"),
            where);
    } else {
        logger().information("the clock of this machine agrees with that of Redis at %s again",
                             where);
    }
}

}  // namespace drover
