#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "redis/RedisClient.h"

namespace drover {

/// The keys in which the processes of Drover with one prefix publish their reports: docs/wire-format.md#own.
/// In a cluster all of them are in one slot, by the braces. No key belongs to a queue that BullMQ would find.
struct ProcessKeys {
    explicit ProcessKeys(std::string_view prefix)
        : base(std::string(prefix) + ":{drover}"),
          all(base + ":processes"),
          beforeId(base + ":process:") {}

    [[nodiscard]] std::string of(std::string_view id) const { return beforeId + std::string(id); }

    std::string base;  ///< Decides the slot, as the name of a queue does.
    std::string all;   ///< A sorted set: id of a process, and when its report ends.
    std::string beforeId;
};

namespace ops {

/// The most reports that processReports() returns.
inline constexpr int kMostProcesses = 1000;

/// Stores the report of a process for `timeToLive`, in place of the one before, and forgets processes whose report has ended.
/// Returns why Redis refuses that; empty: it is stored. Throws RedisIoException (or a child) when Redis is away.
[[nodiscard]] std::string publishProcess(RedisClient& redis,
                                         const ProcessKeys& keys,
                                         const std::string& id,
                                         std::string_view report,
                                         std::chrono::milliseconds timeToLive);
/// Removes the report of a process. Throws RedisIoException (or a child) when Redis is away.
void withdrawProcess(RedisClient& redis, const ProcessKeys& keys, const std::string& id);
/// Returns the reports that have not ended. Throws RedisIoException (or a child) when Redis is away, and ScriptException if it
/// refuses.
[[nodiscard]] std::vector<std::string> processReports(RedisClient& redis, const ProcessKeys& keys);

}  // namespace ops

}  // namespace drover
