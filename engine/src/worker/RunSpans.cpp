#include "worker/RunSpans.h"

#include <cstdint>

namespace drover {

namespace {

bool isRecorded(const JobRun& run) {
    return run.trace() != nullptr && run.trace()->start.context.sampled;
}

const char* outcomeOf(Ending ending) {
    switch (ending) {
        case Ending::Completed:
            return "completed";
        case Ending::Failed:
            return "failed";
        case Ending::Retried:
            return "retried";
        case Ending::HandedBack:
            return "handed back";
        case Ending::WaitingChildren:
            return "waiting-children";
    }
    return "";
}

/// Returns the name of BullMQ's span; empty: it has none.
const char* operationOf(const JobRun& run, Ending ending) {
    switch (ending) {
        case Ending::Completed:
            return "complete";
        case Ending::Failed:
            return "fail";
        case Ending::Retried:
            return run.trace()->isDelayed ? "delay" : "retry";
        case Ending::HandedBack:
        case Ending::WaitingChildren:
            break;
    }
    return "";
}

}  // namespace

Span RunSpans::spanOf(const JobRun& run, const char* outcome) const {
    const ClaimedJob& job = run.job();
    Span span;
    span.name = "process " + queue_;
    span.kind = Span::Kind::Consumer;
    span.start = run.trace()->start;
    span.endedNs = Tracer::nowNs();
    if (span.start.beganNs == 0) {
        span.start.beganNs = span.endedNs;  // The job ended unrun.
    }
    SpanAttributes& attributes = span.attributes;
    attributes.set("bullmq.queue.name", queue_);
    attributes.set("bullmq.queue.operation", std::string("process"));
    attributes.set("bullmq.worker.id", workerId_);
    if (!workerName_.empty()) {
        attributes.set("bullmq.worker.name", workerName_);
    }
    attributes.set("bullmq.job.id", job.id);
    attributes.set("bullmq.job.name", job.name);
    attributes.set("bullmq.job.processed.timestamp", job.processedOnMs);
    attributes.set("bullmq.job.attempt_finished_timestamp", span.endedNs / 1000000);
    attributes.set("drover.outcome", std::string(outcome));
    if (run.trace()->batchSize > 0) {
        attributes.set("drover.batch.size", static_cast<std::int64_t>(run.trace()->batchSize));
    }
    return span;
}

void RunSpans::record(const JobRun& run, Ending ending) const {
    if (!isRecorded(run) ||
        (run.trace()->start.beganNs == 0 && operationOf(run, ending)[0] == '\0')) {
        return;
    }
    Span span = spanOf(run, outcomeOf(ending));
    const std::string& text = run.outcome().text;
    if (ending == Ending::Completed || ending == Ending::Failed || ending == Ending::Retried) {
        const bool completed = ending == Ending::Completed;
        span.attributes.set("bullmq.job.attempts.made", std::int64_t{run.job().attemptsMade} + 1);
        Span::Event event{completed ? "job completed" : "job failed", span.endedNs};
        event.attributes.set(completed ? "bullmq.job.result" : "bullmq.job.failed.reason",
                             completed && text.empty() ? std::string("null") : text);
        span.events.push_back(std::move(event));
        if (!completed) {
            span.fail(text);
        }
        recordSettlement(span, run, ending);
    }
    tracer_->record(std::move(span));
}

void RunSpans::recordSettlement(const Span& whole, const JobRun& run, Ending ending) const {
    const std::string operation = operationOf(run, ending);
    Span span;
    span.name = operation + " " + queue_;
    const std::int64_t handledNs = run.trace()->handledNs;
    span.start = tracer_->start(whole.start.context, handledNs > 0 ? handledNs : whole.endedNs);
    span.endedNs = whole.endedNs;
    span.attributes.set("bullmq.queue.name", queue_);
    span.attributes.set("bullmq.queue.operation", operation);
    span.attributes.set("bullmq.job.name", run.job().name);
    span.attributes.set("bullmq.job.id", run.job().id);
    if (span.start.context.sampled) {
        tracer_->record(std::move(span));
    }
}

void RunSpans::recordLost(const JobRun& run) const {
    if (!isRecorded(run) || run.trace()->start.beganNs == 0) {
        return;
    }
    Span span = spanOf(run, "lost");
    span.fail("another worker has the job");
    tracer_->record(std::move(span));
}

}  // namespace drover
