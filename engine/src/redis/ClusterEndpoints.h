#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "redis/Endpoints.h"
#include "redis/RedisOptions.h"

namespace drover {

/// Learns from the nodes of a cluster which of them has a slot.
///
/// A refused or failed use asks for all slots anew, MOVED corrects one.
/// Threads: any.
class ClusterEndpoints final : public Endpoints {
public:
    explicit ClusterEndpoints(const Redis::Settings& settings);

    Address find(int slot) override;
    void suspect(int slot, const Address& address) override;
    void onMoved(int slot, const Address& address) override;
    std::vector<Address> masters() override;

private:
    using Clock = std::chrono::steady_clock;

    /// The slots [first, last] of a node.
    struct Range {
        int first;
        int last;
        Address node;
    };

    /// Asks until a node answers, if the slots are not known or in doubt; with the lock held.
    void refresh();
    [[nodiscard]] std::vector<Range> askOne(const Address& node) const;
    /// Returns the nodes of ranges_, each once.
    [[nodiscard]] std::vector<Address> nodes() const;

    const std::vector<Address> seeds_;
    const RedisOptions options_;  ///< Lack the address of the node to ask.

    std::mutex mutex_;
    std::vector<Range> ranges_;
    std::map<int, Address> moved_;     ///< Later than ranges_.
    std::optional<Address> answered_;  ///< The node that named the slots last; asked first.
    bool suspect_ = true;
    Clock::time_point asked_{};
};

/// Returns where MOVED or ASK lead: "MOVED <slot> <host>:<port>". `from`: the host of the server that answered, which an
/// empty host stands for. An unreadable error has port 0.
[[nodiscard]] Redis::Address redirection(std::string_view error, const std::string& from);

}  // namespace drover
