#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "drover/Redis.h"
#include "redis/ClientPool.h"
#include "redis/RedisOptions.h"

namespace drover {

/// Everything that copies of a handle share.
// A class within an exported one is exported as well, unless it says otherwise.
class __attribute__((visibility("hidden"))) Redis::Shared
    : public std::enable_shared_from_this<Shared> {
public:
    explicit Shared(RedisOptions options)
        : Shared(std::move(options), std::make_shared<Slots>(), nullptr) {}

    [[nodiscard]] const RedisOptions& options() const { return options_; }
    /// Lends a connection for one call, from any thread.
    [[nodiscard]] ClientPool::Lease lease() { return pool_.lease(); }
    /// Returns what the clients of the queue "<prefix>:<name>" share: in a cluster the connections, the clock and the refusals
    /// of its slot alone. Throws Poco::InvalidArgumentException if the queue's keys do not share a slot. Any thread.
    [[nodiscard]] std::shared_ptr<Shared> of(const std::string& queue);

private:
    /// The slots of a cluster that were used.
    struct Slots {
        std::mutex mutex;
        std::map<int, std::shared_ptr<Shared>> shared{};
    };

    static constexpr std::size_t kClients = 4;

    /// `own`: the slots, of the whole cluster; else `whole` has them.
    Shared(RedisOptions options, std::shared_ptr<Slots> own, const std::shared_ptr<Slots>& whole)
        : options_(std::move(options)),
          pool_([this] { return std::make_unique<RedisClient>(options_, "queue"); }, kClients),
          own_(std::move(own)),
          slots_(own_ ? own_ : whole) {}

    const RedisOptions options_;
    ClientPool pool_;
    const std::shared_ptr<Slots> own_;
    const std::weak_ptr<Slots> slots_;  ///< Gone once no handle of the whole cluster is left.
};

/// Returns the handle of the server that has the queue's keys. Throws as Redis::Shared::of() does.
[[nodiscard]] inline Redis serverOf(const Redis& redis, const std::string& queue) {
    return Redis(redis.shared().of(queue));
}

}  // namespace drover
