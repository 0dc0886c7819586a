#pragma once

#include <map>
#include <string>
#include <vector>

#include "BoardQueues.h"
#include "drover/Job.h"
#include "drover/JobScheduler.h"
#include "drover/JsonWriter.h"
#include "drover/QueueReader.h"

/// The JSON of Bull Board's contract (@bull-board/api 9.10.2 with BullMQ 6.7.0).
namespace drover::board {

/// {"id", "timestamp", "processedOn"?, "processedBy"?, "finishedOn"?, "progress", "attempts", "delay"?, "failedReason"?,
/// "stacktrace": the latest first, "opts", "data", "name", "returnValue", "isFailed", and what is set of "groupId",
/// "priority", "attemptsStarted", "stalledCounter", "deduplicationId", "deferredFailure"}.
void writeJob(JsonWriter& out, const Job& job);

/// The states that have a page, in the order of the page.
[[nodiscard]] const std::vector<JobState>& shownStates();

/// The part of a queue's jobs that is on the screen.
struct BoardPageOf {
    std::vector<JobState> states;  ///< Several: the latest of each.
    bool withJobs = false;
    std::int64_t page = 1;
    std::int64_t jobsPerPage = 10;
};

/// Writes a queue with counts, settings and a page of jobs. `readOnly`: the page offers no action.
void writeQueue(JsonWriter& out, const BoardQueue& queue, const BoardPageOf& shown, bool readOnly);

/// Writes a scheduler with its next run and, where they can be named, its last one.
void writeScheduler(JsonWriter& out, const BoardQueue& queue, const JobScheduler& scheduler);

/// [{"id", "name": string or null, "addr", "age": s}]; null if Redis does not list its clients.
void writeWorkers(JsonWriter& out, const BoardQueue& queue);

/// {"meta": {"count", "prevTS", "prevCount"}, "data": [ends per minute], "count": points}.
void writeMetrics(JsonWriter& out, const QueueMetrics& metrics);

/// {"backend", "version", "mode", "port", "os", "uptime": s, "memory": {…}, "clients": {…}} of the fields of INFO.
void writeRedisStats(JsonWriter& out, const std::map<std::string, std::string>& info);

}  // namespace drover::board
