#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "auth/Address.h"

namespace drover::api {

/// Counts the wrong tokens of each client, by a token bucket for each.
///
/// It limits answers, not checks: a token is always looked up first, so a right one passes from whatever address, also
/// when a wrong one floods the same proxy. That leaves guessing as hopeless as it is: a token has 128 bits of chance or
/// more, and a million guesses a second for a hundred years find one with a chance of 1 in 10^23. The limit makes a client
/// with an old token slow down (429 with Retry-After).
/// Memory is bounded: the client whose last wrong token is oldest is forgotten first.
/// No clock of its own. Threads: any.
class Throttle {
public:
    using Time = std::chrono::steady_clock::time_point;

    struct Limits {
        int burst = 10;                            ///< Wrong tokens at once.
        std::chrono::milliseconds interval{1000};  ///< One more is allowed after each.
        std::size_t clients = 4096;
    };

    Throttle() = default;
    explicit Throttle(const Limits& limits) : limits_(limits) {}

    /// A wrong token came from `address`; of IPv6 a /64 is one client. Returns the time, at least a second and in whole
    /// seconds, after which the client may try again; std::nullopt if it is within the limits.
    [[nodiscard]] std::optional<std::chrono::seconds> onWrongToken(const Address& address,
                                                                   Time now);

    /// Returns how many clients are remembered.
    [[nodiscard]] std::size_t clients() const;

private:
    struct Client {
        Address address;
        Time full;  ///< When the bucket is full again.
    };

    const Limits limits_{};
    mutable std::mutex mutex_;
    std::list<Client> byAge_;  ///< Guarded by mutex_; the latest wrong token first.
    std::unordered_map<Address, std::list<Client>::iterator> byAddress_;  ///< Guarded by mutex_.
};

}  // namespace drover::api
