#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "auth/Address.h"

namespace drover::api {

/// Counts the requests under way of each client behind proxies, which share the proxies' connections.
/// Threads: any.
class ClientLimit {
public:
    explicit ClientLimit(std::size_t most) : state_(std::make_shared<State>()), most_(most) {}

    /// Returns a guard that counts one request until it is destroyed, also after this; nullptr: the client has the most
    /// already. An IPv6 /64 is one client.
    [[nodiscard]] std::shared_ptr<void> admit(const Address& client) {
        const Address key = client.client();
        const std::lock_guard lock(state_->mutex);
        std::size_t& count = state_->counts[key];
        if (count >= most_) {
            return nullptr;
        }
        ++count;
        return std::make_shared<Guard>(state_, key);
    }

private:
    struct State {
        std::mutex mutex;
        std::unordered_map<Address, std::size_t> counts;
    };
    class Guard {
    public:
        Guard(std::shared_ptr<State> state, const Address& key)
            : state_(std::move(state)), key_(key) {}
        ~Guard() {
            const std::lock_guard lock(state_->mutex);
            const auto found = state_->counts.find(key_);
            if (--found->second == 0) {
                state_->counts.erase(found);
            }
        }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;

    private:
        const std::shared_ptr<State> state_;
        const Address key_;
    };

    const std::shared_ptr<State> state_;
    const std::size_t most_;
};

}  // namespace drover::api
