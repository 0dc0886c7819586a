#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "BoardFlow.h"
#include "BoardJson.h"
#include "drover/JobScheduler.h"
#include "drover/Json.h"
#include "drover/Queue.h"
#include "drover/QueueControl.h"
#include "drover/Routes.h"

/// The inputs of Bull Board's contract. Each function throws BoardError 400, with the text that the page shows, for an
/// input that is wrong. An empty query parameter counts as absent.
namespace drover::board {

/// The query of the list of queues.
struct QueuesQuery {
    std::string activeQueue;  ///< Its jobs are shown; empty: no queue's are.
    BoardPageOf page;         ///< The page of that queue.
};
[[nodiscard]] QueuesQuery parseQueuesQuery(const Request& request);

/// Parses "depth", "maxChildren" and "root". Numbers out of range become the nearest one, as the page expects.
[[nodiscard]] BoardFlow parseFlowQuery(const Request& request);

/// Returns a query parameter; empty if it is absent.
[[nodiscard]] std::string queryText(const Request& request, const std::string& name);

/// {"name"?: string, "data"?: any, "options"?: object}.
[[nodiscard]] NewJob parseNewJob(const JsonView& body);
/// {"jobData": any}. Returns its text.
[[nodiscard]] std::string parseJobData(const JsonView& body);
/// {"runAt": ms since the epoch}. Returns how long it is until then; 0 for a time that is past.
[[nodiscard]] std::chrono::milliseconds parseDelay(const JsonView& body, std::int64_t nowMs);
/// {"priority": [0, 2097151]}.
[[nodiscard]] int parsePriority(const JsonView& body);
/// {"concurrency": int}, 0 for no bound.
[[nodiscard]] int parseConcurrency(const JsonView& body);
/// {"max": int, "duration": ms}; std::nullopt without "max": no limit.
[[nodiscard]] std::optional<RateLimit> parseRateLimit(const JsonView& body);
/// {"force"?: bool}.
[[nodiscard]] bool parseForce(const JsonView& body);
/// {"pattern": string or "every": ms, "tz"?, "limit"?, "endDate"?}.
[[nodiscard]] RepeatOptions parseSchedule(const JsonView& body, std::int64_t nowMs);

}  // namespace drover::board
