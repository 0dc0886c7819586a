#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "drover/QueueReader.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// The result of one look at a queue as a whole.
struct QueueLook {
    struct Ends {
        std::optional<std::int64_t> count;        ///< Absent: no worker of the queue counts them.
        std::optional<std::int64_t> previousMs;   ///< When the last point was made.
        std::int64_t previousCount = 0;           ///< `count` at that time.
        std::optional<std::int64_t> latestPoint;  ///< Ends in the minute before `previousMs`.
    };

    JobCounts counts;
    bool paused = false;
    std::optional<std::int64_t> concurrency;
    std::optional<std::string> version;
    std::int64_t lastId = 0;  ///< How many ids were drawn so far.
    Ends completed, failed;
    std::int64_t events = 0;
    std::optional<std::int64_t> eventBytes;
    std::optional<std::int64_t> oldestSinceMs;  ///< From when on the oldest waiting job could run.
    std::string oldestId;
    std::string problem;  ///< Not empty: the queue cannot be read, and nothing else is set.
};

namespace ops {

/// Returns a look at each of the queues, in order. The calls travel together.
/// Throws RedisIoException (or a child) when Redis is away.
[[nodiscard]] std::vector<QueueLook> looks(const std::vector<QueueContext>& queues,
                                           RedisClient& redis);

/// Returns how many connections of each name CLIENT LIST shows; std::nullopt if Redis does not allow it.
[[nodiscard]] std::optional<std::map<std::string, std::int64_t>> connectionsByName(
    RedisClient& redis);

}  // namespace ops

}  // namespace drover
