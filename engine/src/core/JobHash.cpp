#include "core/JobHash.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>

#include <Poco/Exception.h>

#include "core/JsonText.h"
#include "core/NodeNumber.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

/// The fields by name. An empty value counts as missing, as in JavaScript's `value || default`.
class Fields {
public:
    Fields(const std::string& job, const HashFields& fields) : job_(job), fields_(fields) {}

    [[nodiscard]] const std::string* find(std::string_view name) const {
        const auto found = std::find_if(fields_.begin(), fields_.end(), [name](const auto& field) {
            return field.first == name;
        });
        return found == fields_.end() ? nullptr : &found->second;
    }

    [[nodiscard]] std::optional<std::string> text(std::string_view name) const {
        const std::string* value = find(name);
        return value == nullptr || value->empty() ? std::nullopt : std::optional(*value);
    }

    [[nodiscard]] std::optional<std::int64_t> number(std::string_view name) const {
        const std::string* value = find(name);
        return value == nullptr || value->empty() ? std::nullopt
                                                  : std::optional(nodeLeadingInteger(*value));
    }

    /// For counters, which are int in a Job.
    [[nodiscard]] int count(std::string_view name) const {
        return static_cast<int>(std::clamp<std::int64_t>(number(name).value_or(0),
                                                         std::numeric_limits<int>::min(),
                                                         std::numeric_limits<int>::max()));
    }

    /// Throws JobFormatException unless the field is missing or JSON.
    [[nodiscard]] std::optional<std::string> json(const char* name) const {
        auto value = text(name);
        if (value.has_value() && !isJson(*value)) {
            refuse(name, "is not JSON");
        }
        return value;
    }

    [[noreturn]] void refuse(const char* name, const std::string& why) const {
        throw JobFormatException("job " + job_ + ": field " + name + " " + why);
    }

private:
    const std::string job_;
    const HashFields& fields_;
};

JobOptions optionsOf(const Fields& fields) {
    try {
        return JobOptions::parseStored(fields.text("opts").value_or("{}"));
    } catch (const Poco::InvalidArgumentException& error) {
        fields.refuse("opts", "is wrong: " + error.message());
    }
}

}  // namespace

Job parseJobHash(const std::string& id,
                 const std::string& queueQualifiedName,
                 const HashFields& hash) {
    const Fields fields(id + " of " + queueQualifiedName, hash);
    Job job;
    job.id = id;
    job.queueQualifiedName = queueQualifiedName;
    job.name = fields.text("name").value_or("");
    job.data = fields.json("data").value_or("{}");
    job.opts = optionsOf(fields);
    job.progress = fields.json("progress").value_or("0");
    job.delayMs = fields.number("delay").value_or(0);
    job.priority = fields.count("priority");
    job.attemptsStarted = fields.count("ats");
    job.attemptsMade = fields.count(fields.text("attemptsMade") ? "attemptsMade" : "atm");
    job.stalledCounter = std::max(fields.count("stc"), fields.count("stalledCounter"));
    job.timestampMs = fields.number("timestamp").value_or(0);
    job.repeatJobKey = fields.text("rjk");
    job.parentKey = fields.text("parentKey");
    job.parent = fields.json("parent");
    job.deduplicationId = fields.text("deid");
    job.finishedOnMs = fields.number("finishedOn");
    job.processedOnMs = fields.number("processedOn");
    job.processedBy = fields.text("pb");

    // An empty reason is a reason: the job did fail.
    if (const std::string* reason = fields.find("failedReason")) {
        job.failedReason = *reason;
    }
    if (const std::string* reason = fields.find("defa")) {
        job.deferredFailure = *reason;
    }

    const std::string* result = fields.find("returnvalue");
    if (result != nullptr && isJson(*result)) {
        job.returnValue = *result;
    }
    const std::string* trace = fields.find("stacktrace");
    job.stacktrace = trace != nullptr && isJsonArray(*trace) ? *trace : "[]";
    return job;
}

}  // namespace drover
