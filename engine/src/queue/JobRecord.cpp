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

/// The modes of deduplication, by their names in BullMQ and in the script.
constexpr std::array<std::pair<const char*, bool Deduplication::*>, 4> kModes{
    {{"extend", &Deduplication::extend},
     {"replace", &Deduplication::replace},
     {"reschedule", &Deduplication::reschedule},
     {"keepLastIfActive", &Deduplication::keepLastIfActive}}};

/// Options of a single run of a scheduler.
constexpr std::array<std::string_view, 5> kOfOneRun = {
    "jobId", "delay", "timestamp", "prevMillis", "repeat"};

/// The lowest priority of 5.48.1.
constexpr int kLowestPriority = 2097152;

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
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
    command.add(customId).add(lifo ? "1" : "");
    appendFurtherTo(command);
}

void JobRecord::appendFurtherTo(Command& command) const {
    const bool isChild = !parentKey.empty();
    if (!isChild && !deduplication && scheduler.empty() && !hasChildren) {
        command.add("0");
        return;
    }
    std::int64_t further = (isChild ? 4 : 0) + (scheduler.empty() ? 0 : 2) + (hasChildren ? 2 : 0);
    if (deduplication) {
        further += deduplication->ttlMs > 0 ? 4 : 2;
        for (const auto& [mode, flag] : kModes) {
            further += (*deduplication).*flag ? 2 : 0;
        }
    }
    command.add(further);
    if (isChild) {
        command.add("parentKey").add(parentKey).add("parent").add(parent);
    }
    if (!scheduler.empty()) {
        command.add("scheduler").add(scheduler);
    }
    if (hasChildren) {
        command.add("children").add("1");
    }
    if (!deduplication) {
        return;
    }
    command.add("deduplication").add(deduplication->id);
    if (deduplication->ttlMs > 0) {
        command.add("ttl").add(deduplication->ttlMs);
    }
    for (const auto& [mode, flag] : kModes) {
        if ((*deduplication).*flag) {
            command.add(mode).add("1");
        }
    }
}

std::string parentField(const JobOptions& options) {
    JsonWriter out;
    out.beginObject().key("id").text(options.parent->id);
    out.key("queueKey").text(options.parent->queue);
    for (const ChildFailureName& name : kChildFailures) {
        if (options.childFailure == name.effect) {
            out.key(name.stored).boolean(true);
        }
    }
    return std::move(out.endObject()).str();
}

std::string newJobError(const NewJob& job) {
    if (!isJson(job.data)) {
        return "the data of job \"" + job.name + "\" is not valid JSON";
    }
    if (std::string error = optionsError(job.opts); !error.empty()) {
        return error;
    }
    if (job.opts.sizeLimit && static_cast<std::int64_t>(job.data.size()) > *job.opts.sizeLimit) {
        return "the data of job \"" + job.name + "\" has " + std::to_string(job.data.size()) +
               " bytes, sizeLimit allows " + std::to_string(*job.opts.sizeLimit);
    }
    return "";
}

std::string newChildError(const NewJob& job) {
    if (job.opts.parent) {
        return "opts.parent: the parent of a child is the job that it is added to, got \"" +
               job.opts.parent->id + "\"";
    }
    if (job.opts.deduplication && job.opts.deduplication->keepLastIfActive) {
        return "opts.deduplication.keepLastIfActive: false expected for a child, got true";
    }
    return newJobError(job);
}

JobRecord recordOf(NewJob job) {
    JobRecord record;
    record.timestampMs = job.opts.timestampMs.value_or(JobRecord::kWhenAdded);
    record.delayMs = job.opts.delayMs.value_or(0);
    record.priority = job.opts.priority;
    record.customId = job.opts.jobId.value_or("");
    record.lifo = job.opts.lifo;
    if (job.opts.parent) {
        record.parentKey = job.opts.parent->queue + ":" + job.opts.parent->id;
        record.parent = parentField(job.opts);
    }
    record.opts = job.opts.toStoredJson();
    if (job.opts.telemetry && job.opts.telemetry->metadata && !job.opts.telemetry->omitContext) {
        record.traceAt = record.opts.rfind(R"(,"tm":)");
    }
    record.deduplication = std::move(job.opts.deduplication);
    record.name = std::move(job.name);
    record.data = std::move(job.data);
    return record;
}

JobRecord recordOf(NewJob job, const ParentJob& parent) {
    job.opts.parent = parent;
    return recordOf(std::move(job));
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

std::string onceError(const AddOnce& once) {
    constexpr std::size_t kLongest = 128;
    const bool wellFormed = !once.key.empty() && once.key.size() <= kLongest &&
                            std::all_of(once.key.begin(), once.key.end(), [](char c) {
                                return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                                       (c >= 'a' && c <= 'z') || c == '_' || c == '-';
                            });
    if (!wellFormed) {
        return "the key " + jsonString(once.key) +
               " of an add that happens once is not 1 to 128 of "
               "[A-Za-z0-9_-]";
    }
    return once.ttl < std::chrono::milliseconds(1)
               ? "the key of an add that happens once must be remembered for 1 ms or more, not " +
                     std::to_string(once.ttl.count())
               : "";
}

}  // namespace drover
