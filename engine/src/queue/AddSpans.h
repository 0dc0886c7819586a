#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drover/Queue.h"
#include "drover/Trace.h"

namespace drover {

/// The spans of adds, with the names and attributes of BullMQ's telemetry.

/// Puts a context into a job's options, unless they have one or want none. `metadata`: that of Tracer::metadataOf().
void passOn(JobOptions& options, const std::string& metadata);

/// Returns the span of an operation of a producer, "<operation> <destination>".
[[nodiscard]] Span producerSpan(const SpanStart& start,
                                std::string_view operation,
                                const std::string& queue,
                                std::string_view destination);
/// Returns the span "add <queue>.<name>".
[[nodiscard]] Span addSpan(const SpanStart& start,
                           const std::string& queue,
                           const std::string& name);
/// Returns the span "addBulk <queue>"; `queue` empty: the jobs are for several.
[[nodiscard]] Span bulkSpan(const SpanStart& start,
                            const std::string& queue,
                            std::vector<std::string> names);
/// Returns the span of an upsert, which adds the next job of a scheduler.
[[nodiscard]] Span upsertSpan(const SpanStart& start,
                              const std::string& queue,
                              const std::string& scheduler,
                              const std::string& name);
/// Ends a span by the result of its add.
void end(Span& span, const AddResult& result);

using AddsDone = std::function<void(std::vector<AddResult>)>;

/// Begins the spans of an add and puts their contexts into the jobs: one span for each job if they have causes of their own,
/// else one for all. Returns a function that records them and calls `done`; `done` itself if none is recorded.
[[nodiscard]] AddsDone traceAdds(std::shared_ptr<Tracer> tracer,
                                 const std::string& queue,
                                 std::vector<NewJob>& jobs,
                                 AddsDone done);

}  // namespace drover
