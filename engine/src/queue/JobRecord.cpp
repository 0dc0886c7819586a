#include "queue/JobRecord.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include <Poco/Exception.h>

#include "core/JsonText.h"
#include "core/OptionsCheck.h"
#include "drover/JsonWriter.h"

namespace drover {

namespace {

/// Options without effect in an add. Stored they would mislead every other client of the queue.
constexpr std::array<std::string_view, 1> kUnsupported = {"repeat"};

/// Options of a single run of a scheduler.
constexpr std::array<std::string_view, 5> kOfOneRun = {
    "jobId", "delay", "timestamp", "prevMillis", "repeat"};

/// The lowest priority of 5.48.1.
constexpr int kLowestPriority = 2097152;

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string parentField(const ParentJob& parent, const JobOptions& options) {
    JsonWriter out;
    out.beginObject().key("id").text(parent.id).key("queueKey").text(parent.queue);
    for (const ChildFailureName& name : kChildFailures) {
        if (options.childFailure == name.effect) {
            out.key(name.stored).boolean(true);
        }
    }
    return std::move(out.endObject()).str();
}

/// Returns the options that the next job of a scheduler inherits, as BullMQ writes them.
std::string inheritedOptions(std::string_view opts) {
    const auto members = splitJsonObject(opts);
    if (!members) {
        throw Poco::InvalidArgumentException("the opts of a scheduler's job are not an object");
    }
    JsonWriter out;
    out.beginObject();
    bool hasAttempts = false;
    for (const auto& [name, value] : *members) {
        if (contains(kOfOneRun, name)) {
            continue;
        }
        const bool isNumber = value[0] == '-' || std::isdigit(value[0]) != 0;
        out.key(name);
        if (name == "backoff" && isNumber) {
            out.beginObject().key("type").text("fixed").key("delay").raw(value).endObject();
        } else {
            out.raw(value);
        }
        hasAttempts = hasAttempts || name == "attempts";
    }
    if (!hasAttempts) {
        out.key("attempts").number(0);
    }
    return std::move(out.endObject()).str();
}

}  // namespace

void JobRecord::appendTo(Command& command, std::int64_t nowMs) const {
    command.add(name).add(data).add(opts);
    command.add(timestampMs == kWhenAdded ? nowMs : timestampMs).add(delayMs).add(priority);
    command.add(customId).add(lifo ? "1" : "").add(parentKey).add(parent);
}

std::string newJobError(const NewJob& job) {
    if (!isJson(job.data)) {
        return "the data of job \"" + job.name + "\" is not valid JSON";
    }
    if (job.opts.sizeLimit && static_cast<std::int64_t>(job.data.size()) > *job.opts.sizeLimit) {
        return "the data of job \"" + job.name + "\" has " + std::to_string(job.data.size()) +
               " bytes, sizeLimit allows " + std::to_string(*job.opts.sizeLimit);
    }
    for (const auto& [name, value] : job.opts.extra) {
        if (contains(kUnsupported, name)) {
            return "the option \"" + name + "\" is not supported by this version";
        }
    }
    if (job.opts.parent || job.opts.deduplication) {
        return std::string("the option \"") + (job.opts.parent ? "parent" : "deduplication") +
               "\" is not supported by this version";
    }
    return optionsError(job.opts);
}

JobRecord recordOf(NewJob job) {
    JobRecord record;
    record.timestampMs = job.opts.timestampMs.value_or(JobRecord::kWhenAdded);
    record.delayMs = job.opts.delayMs.value_or(0);
    record.priority = job.opts.priority;
    record.customId = job.opts.jobId.value_or("");
    record.lifo = job.opts.lifo;
    record.opts = job.opts.toStoredJson();
    record.name = std::move(job.name);
    record.data = std::move(job.data);
    return record;
}

JobRecord recordOf(NewJob job, const ParentJob& parent) {
    std::string field = parentField(parent, job.opts);
    job.opts.parent = parent;
    JobRecord record = recordOf(std::move(job));
    record.parentKey = parent.queue + ":" + parent.id;
    record.parent = std::move(field);
    return record;
}

JobRecord nextRecordOf(const ClaimedJob& job) {
    const JobOptions options = JobOptions::parseStored(job.opts);
    JobRecord record;
    record.data = job.data;
    record.opts = inheritedOptions(job.opts);
    record.priority = std::clamp(options.priority, 0, kLowestPriority);
    record.lifo = options.lifo;
    return record;
}

}  // namespace drover
