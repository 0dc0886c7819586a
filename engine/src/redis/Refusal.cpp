#include "redis/Refusal.h"

#include <Poco/Logger.h>

namespace drover {

namespace {

Poco::Logger& logger() {
    return Poco::Logger::get("redis");
}

}  // namespace

void Refusal::begin(const std::string& where,
                    const std::string& why,
                    const std::string& key,
                    Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (!active_) {
        active_ = true;
        logged_ = false;
        const bool again = ended_ && now - *ended_ < kSettled;
        began_ = again ? began_ : now;
        logFrom_ = again ? *ended_ + kSettled : now;
        backoff_.failed(now);
    }
    why_ = why;
    key_ = key.empty() ? key_ : key;
    if (!logged_ && now >= logFrom_) {
        logged_ = true;
        logger().warning(
            "Redis at %s refuses for now: %s; what it refuses waits, nothing is lost", where, why);
    }
}

bool Refusal::mayProbe(Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (!active_ || !backoff_.due(now)) {
        return false;
    }
    backoff_.failed(now);
    return true;
}

void Refusal::end(const std::string& where, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (!active_) {
        return;
    }
    active_ = false;
    ended_ = now;
    key_.clear();
    backoff_.succeeded(now);
    if (logged_) {
        logger().information(
            "Redis at %s accepts again after %Ld ms",
            where,
            static_cast<Poco::Int64>(
                std::chrono::duration_cast<std::chrono::milliseconds>(now - began_).count()));
    }
}

std::string Refusal::why() const {
    const std::lock_guard lock(mutex_);
    return why_;
}

std::string Refusal::key() const {
    const std::lock_guard lock(mutex_);
    return key_;
}

}  // namespace drover
