#include "core/JobHash.h"

#include <algorithm>
#include <limits>

#include <Poco/Exception.h>

#include "core/JsonText.h"
#include "core/NodeNumber.h"
#include "drover/Exceptions.h"

namespace drover {

/// A field that the engine reads, and its place: one of the two.
struct JobHash::Field {
    std::string_view name;
    std::string_view JobHash::*text = nullptr;
    std::optional<std::string_view> JobHash::*reason = nullptr;
};

constexpr JobHash::Field JobHash::kFields[] = {
    {"name", &JobHash::name},
    {"data", &JobHash::data},
    {"opts", &JobHash::opts},
    {"timestamp", &JobHash::timestamp},
    {"delay", &JobHash::delay},
    {"priority", &JobHash::priority},
    {"ats", &JobHash::ats_},
    {"atm", &JobHash::atm_},
    {"attemptsMade", &JobHash::attemptsMade_},
    {"stc", &JobHash::stc_},
    {"stalledCounter", &JobHash::stalledCounter_},
    {"progress", &JobHash::progress},
    {"stacktrace", &JobHash::stacktrace},
    {"returnvalue", &JobHash::returnValue},
    {"parentKey", &JobHash::parentKey},
    {"parent", &JobHash::parent},
    {"rjk", &JobHash::scheduler},
    {"deid", &JobHash::deduplicationId},
    {"pb", &JobHash::processedBy},
    {"finishedOn", &JobHash::finishedOn},
    {"processedOn", &JobHash::processedOn},
    {"failedReason", nullptr, &JobHash::failedReason},
    {"defa", nullptr, &JobHash::deferredFailure},
};

namespace {

int countOf(std::string_view text) {
    return static_cast<int>(std::clamp<std::int64_t>(nodeLeadingInteger(text),
                                                     std::numeric_limits<int>::min(),
                                                     std::numeric_limits<int>::max()));
}

std::optional<std::string> given(std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(std::string(text));
}

std::optional<std::int64_t> givenNumber(std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(nodeLeadingInteger(text));
}

/// Refuses texts of one job that are not what their fields must hold.
class FieldCheck {
public:
    explicit FieldCheck(std::string job) : job_(std::move(job)) {}

    /// Throws JobFormatException unless the text is missing or JSON.
    [[nodiscard]] std::optional<std::string> json(const char* name, std::string_view text) const {
        if (!text.empty() && !isJson(text)) {
            refuse(name, "is not JSON");
        }
        return given(text);
    }

    [[nodiscard]] JobOptions options(std::string_view text) const {
        try {
            return JobOptions::parseStored(text.empty() ? "{}" : text);
        } catch (const Poco::InvalidArgumentException& error) {
            refuse("opts", "is wrong: " + error.message());
        }
    }

private:
    [[noreturn]] void refuse(const char* name, const std::string& why) const {
        throw JobFormatException("job " + job_ + ": field " + name + " " + why);
    }

    const std::string job_;
};

}  // namespace

JobHash::JobHash(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
    for (const auto& [field, value] : fields) {
        set(field, value);
    }
}

void JobHash::set(std::string_view field, std::string_view value) {
    for (const Field& known : kFields) {
        if (known.name != field) {
            continue;
        }
        if (known.text != nullptr) {
            this->*known.text = value;
        } else {
            this->*known.reason = value;
        }
        return;
    }
}

std::int64_t JobHash::timestampMs() const {
    return nodeLeadingInteger(timestamp);
}
std::int64_t JobHash::delayMs() const {
    return nodeLeadingInteger(delay);
}
int JobHash::priorityCount() const {
    return countOf(priority);
}
int JobHash::attemptsStarted() const {
    return countOf(ats_);
}
int JobHash::attemptsMade() const {
    return countOf(attemptsMade_.empty() ? atm_ : attemptsMade_);
}
int JobHash::stalledCount() const {
    return std::max(countOf(stc_), countOf(stalledCounter_));
}

Job parseJobHash(const std::string& id,
                 const std::string& queueQualifiedName,
                 const JobHash& hash) {
    const FieldCheck check(id + " of " + queueQualifiedName);
    Job job;
    job.id = id;
    job.queueQualifiedName = queueQualifiedName;
    job.name = hash.name;
    job.data = check.json("data", hash.data).value_or("{}");
    job.opts = check.options(hash.opts);
    // BullMQ moves it from the options to the job.
    std::erase_if(job.opts.extra,
                  [](const auto& option) { return option.first == "repeatJobKey"; });
    job.progress = check.json("progress", hash.progress).value_or("0");
    job.delayMs = hash.delayMs();
    job.priority = hash.priorityCount();
    job.attemptsStarted = hash.attemptsStarted();
    job.attemptsMade = hash.attemptsMade();
    job.stalledCounter = hash.stalledCount();
    job.timestampMs = hash.timestampMs();
    job.repeatJobKey = given(hash.scheduler);
    job.parentKey = given(hash.parentKey);
    job.parent = check.json("parent", hash.parent);
    job.deduplicationId = given(hash.deduplicationId);
    job.finishedOnMs = givenNumber(hash.finishedOn);
    job.processedOnMs = givenNumber(hash.processedOn);
    job.processedBy = given(hash.processedBy);
    job.failedReason = hash.failedReason;
    job.deferredFailure = hash.deferredFailure;
    if (isJson(hash.returnValue)) {
        job.returnValue = hash.returnValue;
    }
    job.stacktrace = isJsonArray(hash.stacktrace) ? hash.stacktrace : "[]";
    return job;
}

}  // namespace drover
