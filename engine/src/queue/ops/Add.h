#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// A job to add, checked and rendered: exactly what the script stores.
struct AddItem {
    std::string name;
    std::string data;
    std::string opts;  ///< Stored JSON.
    /// Redis's time when the job is added.
    static constexpr std::int64_t kWhenAdded = std::numeric_limits<std::int64_t>::min();
    std::int64_t timestampMs = 0;
    std::int64_t delayMs = 0;
    int priority = 0;
    std::string customId;  ///< Empty: from the counter.
    bool lifo = false;
    std::string parentKey;  ///< Empty: none.
    std::string parent;     ///< JSON {"id", "queueKey"[, "fpof" | "cpof" | "idof" | "rdof": true]}.
};

/// The answer for one job: its id, or a negative code (docs/wire-format.md#codes), or why nothing of it could be stored.
struct AddedId {
    std::string id;
    int code = 0;
    std::string error;
};

namespace ops {

/// Adds jobs, in order. `nowMs` counts for parents that an add releases.
/// Throws RedisIoException (or a child) when Redis is away and ScriptException for a reply of another shape.
std::vector<AddedId> addJobs(const QueueContext& queue,
                             RedisClient& redis,
                             const std::vector<AddItem>& items,
                             std::int64_t nowMs);

}  // namespace ops

}  // namespace drover
