#include "queue/AddSpans.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace drover {

namespace {

/// Returns why a result is not that of a job in Redis.
std::string_view failureOf(const AddResult& result) {
    switch (result.status) {
        case AddResult::Status::Added:
            return "";
        case AddResult::Status::Unknown:
            return "the reply was lost";
        case AddResult::Status::KeyTaken:
            return "the key belongs to another add";
        default:
            return result.message.empty() ? "not added" : std::string_view(result.message);
    }
}

AddsDone traceEach(std::shared_ptr<Tracer> tracer,
                   const std::string& queue,
                   std::vector<NewJob>& jobs,
                   AddsDone done) {
    std::vector<std::pair<std::size_t, Span>> spans;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const SpanStart start = tracer->start(jobs[i].cause);
        passOn(jobs[i].opts, tracer->metadataOf(start));
        if (start.context.sampled) {
            spans.emplace_back(i, addSpan(start, queue, jobs[i].name));
        }
    }
    if (spans.empty()) {
        return done;
    }
    return [tracer = std::move(tracer), spans = std::move(spans), done = std::move(done)](
               std::vector<AddResult> results) mutable {
        for (auto& [place, span] : spans) {
            end(span, results[place]);
            tracer->record(std::move(span));
        }
        done(std::move(results));
    };
}

}  // namespace

void passOn(JobOptions& options, const std::string& metadata) {
    if (metadata.empty() ||
        (options.telemetry && (options.telemetry->omitContext || options.telemetry->metadata))) {
        return;
    }
    if (!options.telemetry) {
        options.telemetry.emplace();
    }
    options.telemetry->metadata = metadata;
}

Span producerSpan(const SpanStart& start,
                  std::string_view operation,
                  const std::string& queue,
                  std::string_view destination) {
    Span span;
    span.name = operation;
    if (!destination.empty()) {
        span.name.append(" ").append(destination);
    }
    span.kind = Span::Kind::Producer;
    span.start = start;
    span.attributes.set("bullmq.queue.name", queue);
    span.attributes.set("bullmq.queue.operation", std::string(operation));
    return span;
}

Span addSpan(const SpanStart& start, const std::string& queue, const std::string& name) {
    Span span = producerSpan(start, "add", queue, queue + "." + name);
    span.attributes.set("bullmq.job.name", name);
    return span;
}

Span bulkSpan(const SpanStart& start, const std::string& queue, std::vector<std::string> names) {
    Span span = producerSpan(start, "addBulk", queue, queue);
    span.attributes.set("bullmq.job.bulk.count", static_cast<std::int64_t>(names.size()));
    span.attributes.set("bullmq.job.bulk.names", std::move(names));
    return span;
}

Span upsertSpan(const SpanStart& start,
                const std::string& queue,
                const std::string& scheduler,
                const std::string& name) {
    Span span = addSpan(start, queue, name.empty() ? scheduler : name);
    span.attributes.set("bullmq.job.scheduler.id", scheduler);
    return span;
}

void end(Span& span, const AddResult& result) {
    if (!result.id.empty()) {
        span.attributes.set("bullmq.job.id", result.id);
    }
    if (result.status != AddResult::Status::Added) {
        span.fail(failureOf(result));
    }
    span.endedNs = Tracer::nowNs();
}

AddsDone traceAdds(std::shared_ptr<Tracer> tracer,
                   const std::string& queue,
                   std::vector<NewJob>& jobs,
                   AddsDone done) {
    if (jobs.empty()) {
        return done;
    }
    if (jobs.front().cause.isSet()) {
        return traceEach(std::move(tracer), queue, jobs, std::move(done));
    }
    if (jobs.size() == 1) {
        jobs.front().cause = TraceScope::current();
        return traceEach(std::move(tracer), queue, jobs, std::move(done));
    }
    const SpanStart start = tracer->start(TraceScope::current());
    const std::string metadata = tracer->metadataOf(start);
    for (NewJob& job : jobs) {
        passOn(job.opts, metadata);
    }
    if (!start.context.sampled) {
        return done;
    }
    std::vector<std::string> names;
    names.reserve(jobs.size());
    for (const NewJob& job : jobs) {
        names.push_back(job.name);
    }
    return [tracer = std::move(tracer),
            span = bulkSpan(start, queue, std::move(names)),
            done = std::move(done)](std::vector<AddResult> results) mutable {
        const auto refused = std::find_if(results.begin(), results.end(), [](const auto& result) {
            return result.status != AddResult::Status::Added;
        });
        if (refused != results.end()) {
            span.fail(failureOf(*refused));
        }
        span.endedNs = Tracer::nowNs();
        tracer->record(std::move(span));
        done(std::move(results));
    };
}

}  // namespace drover
