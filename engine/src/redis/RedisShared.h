#pragma once

#include <memory>
#include <utility>

#include "drover/Redis.h"
#include "redis/ClientPool.h"
#include "redis/RedisOptions.h"

namespace drover {

/// Everything that copies of a handle share.
class Redis::Shared {
public:
    explicit Shared(RedisOptions options)
        : options_(std::move(options)),
          pool_([this] { return std::make_unique<RedisClient>(options_, "queue"); }, kClients) {}

    [[nodiscard]] const RedisOptions& options() const { return options_; }
    /// Lends a connection for one call, from any thread.
    [[nodiscard]] ClientPool::Lease lease() { return pool_.lease(); }

private:
    static constexpr std::size_t kClients = 4;

    const RedisOptions options_;
    ClientPool pool_;
};

}  // namespace drover
