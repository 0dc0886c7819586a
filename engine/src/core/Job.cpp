#include "drover/Job.h"

#include <Poco/Exception.h>

#include "core/JsonText.h"

namespace drover {

namespace {

/// Writes the members of one object in the order of the calls.
class View {
public:
    void raw(const char* name, const std::string& json) {
        out_ += out_.empty() ? "{\"" : ",\"";
        out_ += name;
        out_ += "\":";
        out_ += json;
    }
    void string(const char* name, const std::string& text) { raw(name, jsonString(text)); }
    void number(const char* name, std::int64_t value) { raw(name, std::to_string(value)); }

    void string(const char* name, const std::optional<std::string>& text) {
        if (text.has_value()) {
            string(name, *text);
        }
    }
    void number(const char* name, const std::optional<std::int64_t>& value) {
        if (value.has_value()) {
            number(name, *value);
        }
    }

    std::string finish() { return std::move(out_) + "}"; }

private:
    std::string out_;
};

}  // namespace

const char* toString(JobState state) {
    switch (state) {
        case JobState::Waiting:
            return "waiting";
        case JobState::Active:
            return "active";
        case JobState::Delayed:
            return "delayed";
        case JobState::Prioritized:
            return "prioritized";
        case JobState::WaitingChildren:
            return "waiting-children";
        case JobState::Completed:
            return "completed";
        case JobState::Failed:
            return "failed";
        case JobState::Unknown:
            break;
    }
    return "unknown";
}

JobState parseJobState(std::string_view name) {
    for (const JobState state : {JobState::Waiting,
                                 JobState::Active,
                                 JobState::Delayed,
                                 JobState::Prioritized,
                                 JobState::WaitingChildren,
                                 JobState::Completed,
                                 JobState::Failed}) {
        if (name == toString(state)) {
            return state;
        }
    }
    if (name == "wait") {
        return JobState::Waiting;
    }
    throw Poco::InvalidArgumentException(
        "state \"" + std::string(name) +
        "\" must be waiting, active, delayed, prioritized, waiting-children, completed or failed");
}

std::string Job::toJson(JobView view) const {
    View out;
    out.string("name", name);
    out.raw("data", data);
    out.raw("opts", opts.toPublicJson());
    out.string("id", id);
    out.raw("progress", progress);
    out.raw("returnvalue", returnValue.value_or("null"));
    out.raw("stacktrace", stacktrace.value_or("null"));
    out.number("delay", delayMs);
    out.number("priority", priority);
    out.number("attemptsStarted", attemptsStarted);
    out.number("attemptsMade", attemptsMade);
    if (view != JobView::Bullmq548) {
        out.number("stalledCounter", stalledCounter);
    }
    out.string("repeatJobKey", repeatJobKey);
    out.number("timestamp", timestampMs);
    out.string("parentKey", parentKey);
    if (parent.has_value()) {
        out.raw("parent", *parent);
    }
    out.string("deduplicationId", deduplicationId);
    out.string("queueQualifiedName", queueQualifiedName);
    out.number("finishedOn", finishedOnMs);
    out.number("processedOn", processedOnMs);
    out.string("failedReason", failedReason);
    if (view != JobView::Bullmq548) {
        out.string("deferredFailure", deferredFailure);
    }
    out.string("processedBy", processedBy);
    return out.finish();
}

}  // namespace drover
