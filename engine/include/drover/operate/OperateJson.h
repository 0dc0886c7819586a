#pragma once

#include <string>
#include <vector>

#include "drover/Export.h"
#include "drover/FlowProducer.h"
#include "drover/Job.h"
#include "drover/JobScheduler.h"
#include "drover/JsonWriter.h"
#include "drover/QueueReader.h"
#include "drover/operate/QueueDoctor.h"
#include "drover/operate/QueueOverview.h"

/// Writes what operators read as JSON. Commands and routes have the same writers, so that they show the same.
/// Times are ms since the epoch, durations ms; an absent member is one that does not apply.
namespace drover::operate {

/// {"waiting", "active", "delayed", "prioritized", "waiting-children", "completed", "failed", "paused"}: numbers.
DROVER_API void write(JsonWriter& json, const JobCounts& counts);
/// {"name", "paused", "counts", "concurrency"?, "version"?, "oldestWaitMs"?, "oldestId"?, "perMinute": {"added"?, "ended"?,
/// "failed"?}, "workers"?}, or {"name", "problem"}.
DROVER_API void write(JsonWriter& json, const QueueSummary& queue);
/// The members of Job::toJson(), and "state" behind them.
DROVER_API void write(JsonWriter& json, const Job& job, JobState state);
/// {"jobs": [job …], "unreadable": [{"id", "why"} …], "count"}; `count`: all jobs of the state.
DROVER_API void write(JsonWriter& json, const JobPage& page, JobState state, std::int64_t count);
/// {"rows": [string …], "count"}; `count`: all rows of the job.
DROVER_API void write(JsonWriter& json, const JobLogs& logs);
/// The members of JobScheduler::toJson().
DROVER_API void write(JsonWriter& json, const JobScheduler& scheduler);
/// {"queue", "name", "address", "ageSeconds"}.
DROVER_API void write(JsonWriter& json, const WorkerInfo& worker, const std::string& queue);
/// The tree of FlowNode::toJson().
DROVER_API void write(JsonWriter& json, const FlowNode& node);
/// {"count", "previousMs"?, "previousCount", "endsPerMinute": [number …], "points"}.
DROVER_API void write(JsonWriter& json, const QueueMetrics& metrics);
/// {"processed": [{"key", "value"} …], "unprocessed": [key …], "ignored": [{"key", "reason"} …], "failed": [key …]}.
DROVER_API void write(JsonWriter& json, const JobChildren& children);
/// {"processed", "unprocessed", "ignored", "failed"}: numbers.
DROVER_API void write(JsonWriter& json, const ChildCounts& counts);
/// {"kind", "key", "id"?, "sentence", "fixable"}.
DROVER_API void write(JsonWriter& json, const QueueFinding& finding);
/// {"queue", "complete", "findings": [finding …], "repaired": [finding …]}; `findings`: those that are left.
DROVER_API void write(JsonWriter& json,
                      const std::string& queue,
                      const QueueDoctor::Report& report,
                      const std::vector<QueueFinding>& repaired);

}  // namespace drover::operate
