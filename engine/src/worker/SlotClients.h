#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "core/HashSlot.h"
#include "redis/ClientPool.h"
#include "redis/RedisOptions.h"

namespace drover {

/// The connections of one worker to other slots of a cluster, made when its handlers reach for them.
/// Threads: any.
class SlotClients {
public:
    SlotClients(RedisOptions redis, std::string label, std::size_t mostPerSlot)
        : redis_(std::move(redis)), label_(std::move(label)), most_(mostPerSlot) {}

    /// Returns those to the server of the queue "<prefix>:<name>"; they last as long as this object.
    [[nodiscard]] ClientPool& of(const std::string& queue) {
        const int slot = hashSlot(queue);
        const std::lock_guard lock(mutex_);
        std::unique_ptr<ClientPool>& pool = pools_[slot];
        if (!pool) {
            pool = std::make_unique<ClientPool>(
                [options = redis_.ofSlot(slot), label = label_ + " for " + queue] {
                    return std::make_unique<RedisClient>(options, label);
                },
                most_);
        }
        return *pool;
    }

private:
    const RedisOptions redis_;
    const std::string label_;
    const std::size_t most_;
    std::mutex mutex_;
    std::map<int, std::unique_ptr<ClientPool>> pools_;  ///< By slot; guarded by mutex_.
};

}  // namespace drover
