#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace drover {

/// A job as the claim returned it: the fields of its hash after the move to active, plus its lock token.
struct ClaimedJob {
    std::string id;
    std::string queue;  ///< Qualified name.
    std::string token;  ///< Unique per claim.
    std::string name;
    std::string data;  ///< JSON, byte for byte.
    std::string opts;  ///< JSON, stored form.
    std::int64_t timestampMs = 0;
    std::int64_t delayMs = 0;
    std::int64_t processedOnMs = 0;
    int priority = 0;
    int attemptsMade = 0;
    int attemptsStarted = 0;
    int stalledCount = 0;
    std::string progress;      ///< JSON; empty: never set.
    std::string stacktrace;    ///< JSON array of earlier attempts; empty: none.
    std::string failedReason;  ///< Reason of the attempt before; empty: none.
    std::string parentKey;     ///< Empty: none.
    std::string
        parent;  ///< JSON {"id", "queueKey"[, "fpof" | "cpof" | "idof" | "rdof": true]}; empty: none.
    std::string scheduler;        ///< Field rjk; empty: none.
    std::string deduplicationId;  ///< Field deid; empty: none.
    std::string idCounter;        ///< The queue's counter of adds at the claim; empty: unknown.
    std::optional<std::string>
        deferredFailure;  ///< Field defa: to be failed with this reason, unrun.
};

}  // namespace drover
