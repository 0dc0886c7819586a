#include "auth/Throttle.h"

#include <algorithm>

namespace drover::api {

std::optional<std::chrono::seconds> Throttle::onWrongToken(const Address& address, Time now) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Address client = address.client();
    const auto known = byAddress_.find(client);
    if (known != byAddress_.end()) {
        byAge_.splice(byAge_.begin(), byAge_, known->second);
    } else {
        if (byAge_.size() >= limits_.clients) {
            byAddress_.erase(byAge_.back().address);
            byAge_.pop_back();
        }
        byAge_.push_front({client, now});
        byAddress_[client] = byAge_.begin();
    }
    Time& full = byAge_.front().full;
    full = std::max(full, now);
    const auto wait = full - now - (limits_.burst - 1) * limits_.interval;
    if (wait > Time::duration::zero()) {
        return std::chrono::ceil<std::chrono::seconds>(wait);
    }
    full += limits_.interval;
    return std::nullopt;
}

std::size_t Throttle::clients() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return byAge_.size();
}

}  // namespace drover::api
