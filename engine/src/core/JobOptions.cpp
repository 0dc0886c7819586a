#include "drover/JobOptions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

#include <Poco/Exception.h>

#include "core/JsonText.h"
#include "core/NodeNumber.h"
#include "core/OptionNames.h"
#include "core/OptionsCheck.h"

namespace drover {

namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

struct ShortName {
    std::string_view stored;
    std::string_view open;
};

/// The only names that the stored form abbreviates, besides `tm` and `omc`, which are two members of `telemetry`.
constexpr std::array<ShortName, 6> kShortNames = {{{"de", "deduplication"},
                                                   {"fpof", "failParentOnFailure"},
                                                   {"cpof", "continueParentOnFailure"},
                                                   {"idof", "ignoreDependencyOnFailure"},
                                                   {"rdof", "removeDependencyOnFailure"},
                                                   {"kl", "keepLogs"}}};

std::string_view openName(std::string_view name) {
    for (const ShortName& entry : kShortNames) {
        if (entry.stored == name) {
            return entry.open;
        }
    }
    return name;
}

std::string_view storedName(std::string_view name) {
    for (const ShortName& entry : kShortNames) {
        if (entry.open == name) {
            return entry.stored;
        }
    }
    return name;
}

[[noreturn]] void refuse(const std::string& member,
                         const std::string& expected,
                         std::string_view got) {
    constexpr std::size_t kShown = 60;
    throw Poco::InvalidArgumentException("opts" + member + ": " + expected + " expected, got " +
                                         std::string(got.substr(0, kShown)) +
                                         (got.size() > kShown ? "..." : ""));
}

bool isNumber(std::string_view value) {
    return value.front() == '-' || (value.front() >= '0' && value.front() <= '9');
}

/// An empty object, or the empty array that some encoders make of one.
bool isEmpty(std::string_view value) {
    const auto next = value.find_first_not_of(" \t\r\n", 1);
    return (value.front() == '{' && value[next] == '}') ||
           (value.front() == '[' && value[next] == ']');
}

enum class Fraction { Drop, Up, Refuse };

/// A JSON number as integer, exactly where it fits: cjson prints large ones with an exponent. Saturates.
std::int64_t integerOf(const std::string& member, std::string_view value, Fraction fraction) {
    const char* const expected = fraction == Fraction::Refuse ? "a whole number" : "a number";
    if (!isNumber(value)) {
        refuse(member, expected, value);
    }
    std::int64_t integer = 0;
    const auto whole = std::from_chars(value.data(), value.data() + value.size(), integer);
    if (whole.ec == std::errc() && whole.ptr == value.data() + value.size()) {
        return integer;
    }
    const double number = nodeNumber(value);
    if (fraction == Fraction::Refuse && number != std::trunc(number)) {
        refuse(member, expected, value);
    }
    return fraction == Fraction::Up ? roundedUp(number) : wholePart(number);
}

int clampedToInt(std::int64_t integer) {
    return static_cast<int>(std::clamp<std::int64_t>(
        integer, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()));
}

int intOf(const std::string& member, std::string_view value, Fraction fraction) {
    return clampedToInt(integerOf(member, value, fraction));
}

std::string stringOf(const std::string& member, std::string_view value) {
    // A number where an id belongs: JavaScript would use its text.
    if (isNumber(value)) {
        return std::string(value);
    }
    const auto text = parseJsonString(value);
    if (!text.has_value()) {
        refuse(member, "a string", value);
    }
    return *text;
}

bool boolOf(const std::string& member, std::string_view value) {
    if (value != "true" && value != "false") {
        refuse(member, "true or false", value);
    }
    return value == "true";
}

std::optional<Backoff> backoffOf(std::string_view value) {
    if (isNumber(value)) {
        const std::int64_t delay = integerOf(".backoff", value, Fraction::Drop);
        return Backoff{"fixed", std::chrono::milliseconds{delay}, 0.0, {}};
    }
    if (value == "false" || isEmpty(value)) {
        return std::nullopt;
    }
    const auto members = splitJsonObject(value);
    if (!members.has_value()) {
        refuse(".backoff", R"(a number or {"type", "delay", "jitter"})", value);
    }
    Backoff backoff;
    bool hasType = false;
    for (const auto& [name, member] : *members) {
        if (member == "null") {
            continue;
        }
        if (name == "type") {
            const auto type = parseJsonString(member);
            if (!type.has_value()) {
                refuse(".backoff.type", "a string", member);
            }
            backoff.type = *type;
            hasType = true;
        } else if (name == "delay") {
            backoff.delay =
                std::chrono::milliseconds{integerOf(".backoff.delay", member, Fraction::Drop)};
        } else if (name == "jitter") {
            if (!isNumber(member)) {
                refuse(".backoff.jitter", "a number in [0, 1]", member);
            }
            // Finite, so that it has a text when it is written again.
            constexpr double kMost = std::numeric_limits<double>::max();
            backoff.jitter = std::clamp(jsonNumber(member), -kMost, kMost);
        } else {
            backoff.extra.emplace_back(name, member);
        }
    }
    if (!hasType) {
        refuse(".backoff.type", R"("fixed", "exponential" or a handler's own type)", value);
    }
    return backoff;
}

/// Returns 0 for a negative age: before its end no job is too old, after its end each job is.
std::int64_t ageOf(std::int64_t seconds) {
    return std::max<std::int64_t>(seconds, 0);
}

KeepJobs keepJobsOf(const std::string& member, std::string_view value) {
    KeepJobs keep;
    if (value == "true" || value == "false") {
        keep.count = value == "true" ? 0 : -1;
        return keep;
    }
    if (isNumber(value)) {
        keep.count = integerOf(member, value, Fraction::Up);
        return keep;
    }
    if (isEmpty(value)) {
        return keep;
    }
    const auto rules = splitJsonObject(value);
    if (!rules.has_value()) {
        refuse(member, R"(true, false, a number or {"count", "age", "limit"})", value);
    }
    for (const auto& [name, rule] : *rules) {
        if (rule == "null") {
            continue;
        }
        if (name == "count") {
            keep.count = integerOf(member + ".count", rule, Fraction::Up);
        } else if (name == "age") {
            keep.ageSeconds = ageOf(integerOf(member + ".age", rule, Fraction::Up));
        } else if (name == "limit") {
            keep.limit = integerOf(member + ".limit", rule, Fraction::Up);
        }
    }
    return keep;
}

constexpr std::array<std::pair<std::string_view, bool Deduplication::*>, 4> kDeduplicationFlags{
    {{"extend", &Deduplication::extend},
     {"replace", &Deduplication::replace},
     {"reschedule", &Deduplication::reschedule},
     {"keepLastIfActive", &Deduplication::keepLastIfActive}}};

bool Deduplication::*deduplicationFlag(std::string_view name) {
    for (const auto& [flag, member] : kDeduplicationFlags) {
        if (flag == name) {
            return member;
        }
    }
    return nullptr;
}

/// Calls `read` with each member of the object `value` that is not null. Throws unless it is an object.
template <typename Read>
void forMembers(const std::string& member, const char* shape, std::string_view value, Read read) {
    const auto members = splitJsonObject(value);
    if (!members.has_value()) {
        refuse(member, shape, value);
    }
    for (const auto& [name, json] : *members) {
        if (json != "null") {
            read(name, json);
        }
    }
}

Deduplication deduplicationOf(std::string_view value) {
    const char* const shape =
        R"({"id", "ttl", "extend", "replace", "reschedule", "keepLastIfActive"})";
    Deduplication result;
    forMembers(".deduplication", shape, value, [&](const std::string& name, std::string_view json) {
        const std::string member = ".deduplication." + name;
        if (name == "id") {
            result.id = stringOf(member, json);
        } else if (name == "ttl") {
            result.ttlMs = integerOf(member, json, Fraction::Up);
        } else if (const auto flag = deduplicationFlag(name)) {
            result.*flag = boolOf(member, json);
        } else {
            refuse(".deduplication", shape, name);
        }
    });
    return result;
}

ParentJob parentOf(std::string_view value) {
    const char* const shape = R"({"id", "queue"})";
    ParentJob result;
    forMembers(".parent", shape, value, [&](const std::string& name, std::string_view json) {
        if (name != "id" && name != "queue") {
            refuse(".parent", shape, name);
        }
        (name == "id" ? result.id : result.queue) = stringOf(".parent." + name, json);
    });
    return result;
}

Telemetry telemetryOf(std::string_view value) {
    const char* const shape = R"({"metadata", "omitContext"})";
    Telemetry result;
    forMembers(".telemetry", shape, value, [&](const std::string& name, std::string_view json) {
        if (name == "metadata") {
            const auto text = parseJsonString(json);
            if (!text.has_value()) {
                refuse(".telemetry.metadata", "a string", json);
            }
            result.metadata = *text;
        } else if (name == "omitContext") {
            result.omitContext = boolOf(".telemetry.omitContext", json);
        } else {
            refuse(".telemetry", shape, name);
        }
    });
    return result;
}

/// Reads the effect of a failure, which shares its member with others. Returns false for one to be carried along: false, or
/// a second one.
bool parseChildFailure(JobOptions& opts, const ChildFailureName& name, std::string_view value) {
    if (!boolOf("." + std::string(name.option), value) ||
        opts.childFailure.value_or(name.effect) != name.effect) {
        return false;
    }
    opts.childFailure = name.effect;
    return true;
}

/// Writes one object, member by member.
class ObjectWriter {
public:
    void raw(std::string_view name, std::string_view json) {
        out_ += out_.empty() ? '{' : ',';
        appendJsonString(out_, name);
        out_ += ':';
        out_ += json;
    }
    void number(std::string_view name, std::int64_t value) { raw(name, std::to_string(value)); }
    void string(std::string_view name, std::string_view text) { raw(name, jsonString(text)); }
    std::string finish() { return (out_.empty() ? "{" : std::move(out_)) + "}"; }

private:
    std::string out_;
};

std::string numberText(double value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
    return std::string(text.data(), end.ptr);
}

std::string backoffJson(const Backoff& backoff) {
    ObjectWriter out;
    out.string("type", backoff.type);
    // A type of the handler's own often has no delay at all; the built-in types always show their delay.
    if (backoff.delay.count() != 0 || backoff.isBuiltIn()) {
        out.number("delay", backoff.delay.count());
    }
    if (backoff.jitter != 0.0) {
        out.raw("jitter", numberText(backoff.jitter));
    }
    for (const auto& [name, json] : backoff.extra) {
        out.raw(name, json);
    }
    return out.finish();
}

std::string keepJobsJson(const KeepJobs& keep) {
    const KeepJobs defaults;
    if (keep.ageSeconds >= 0 || keep.limit != defaults.limit) {
        ObjectWriter out;
        if (keep.ageSeconds >= 0) {
            out.number("age", keep.ageSeconds);
        }
        if (keep.count >= 0) {
            out.number("count", keep.count);
        }
        if (keep.limit != defaults.limit) {
            out.number("limit", keep.limit);
        }
        return out.finish();
    }
    if (keep.count <= 0) {
        return keep.count == 0 ? "true" : "false";
    }
    return std::to_string(keep.count);
}

enum class Form { Stored, Open };

const std::string* memberOf(const Members& members, std::string_view name) {
    const auto found = std::find_if(members.begin(), members.end(), [name](const auto& member) {
        return member.first == name;
    });
    return found == members.end() ? nullptr : &found->second;
}

std::string deduplicationJson(const Deduplication& deduplication) {
    ObjectWriter out;
    out.string("id", deduplication.id);
    if (deduplication.ttlMs != 0) {
        out.number("ttl", deduplication.ttlMs);
    }
    for (const auto& [name, member] : kDeduplicationFlags) {
        if (deduplication.*member) {
            out.raw(name, "true");
        }
    }
    return out.finish();
}

std::string parentJson(const ParentJob& parent) {
    ObjectWriter out;
    out.string("id", parent.id);
    out.string("queue", parent.queue);
    return out.finish();
}

std::string telemetryJson(const Telemetry& telemetry) {
    ObjectWriter out;
    if (telemetry.metadata) {
        out.string("metadata", *telemetry.metadata);
    }
    if (telemetry.omitContext) {
        out.raw("omitContext", "true");
    }
    return out.finish();
}

/// Telemetry is one member publicly and two in the stored form.
void writeTelemetry(ObjectWriter& out, const std::string& json, Form form) {
    const auto members = splitJsonObject(json);
    if (form == Form::Open || !members.has_value()) {
        out.raw("telemetry", json);
        return;
    }
    for (const auto& [name, value] : *members) {
        if (name == "metadata") {
            out.raw("tm", value);
        } else if (name == "omitContext") {
            out.raw("omc", value);
        }
    }
}

std::string toJson(const JobOptions& opts, Form form) {
    const auto named = [form](std::string_view name) {
        return form == Form::Stored ? storedName(name) : name;
    };
    ObjectWriter out;
    // A member that was stored in another type is shown as it was stored.
    const auto write = [&](std::string_view name, const std::optional<std::string>& json) {
        const std::string* const odd = memberOf(opts.extra, name);
        if (odd != nullptr || json.has_value()) {
            out.raw(named(name), odd != nullptr ? *odd : *json);
        }
    };
    const auto number = [](std::optional<std::int64_t> value) {
        return value ? std::optional(std::to_string(*value)) : std::nullopt;
    };
    const auto keepRule = [](const std::optional<KeepJobs>& keep) {
        return keep ? std::optional(keepJobsJson(*keep)) : std::nullopt;
    };
    write("attempts", std::to_string(opts.attempts));
    write("removeOnComplete", keepRule(opts.removeOnComplete));
    write("removeOnFail", keepRule(opts.removeOnFail));
    write("delay", number(opts.delayMs));
    write("priority",
          opts.priority != 0 ? std::optional(std::to_string(opts.priority)) : std::nullopt);
    write("jobId", opts.jobId ? std::optional(jsonString(*opts.jobId)) : std::nullopt);
    write("backoff", opts.backoff ? std::optional(backoffJson(*opts.backoff)) : std::nullopt);
    write("lifo", opts.lifo ? std::optional<std::string>("true") : std::nullopt);
    write("timestamp", number(opts.timestampMs));
    write("keepLogs", number(opts.keepLogs));
    write("stackTraceLimit", number(opts.stackTraceLimit));
    write("sizeLimit", number(opts.sizeLimit));
    write("expiresAt", number(opts.expiresAtMs));
    write(
        "deduplication",
        opts.deduplication ? std::optional(deduplicationJson(*opts.deduplication)) : std::nullopt);
    write("parent", opts.parent ? std::optional(parentJson(*opts.parent)) : std::nullopt);
    for (const ChildFailureName& name : kChildFailures) {
        write(name.option,
              opts.childFailure == name.effect ? std::optional<std::string>("true") : std::nullopt);
    }
    for (const auto& [name, json] : opts.extra) {
        if (!isTypedOption(name)) {
            out.raw(named(name), json);
        }
    }
    if (const std::string* const odd = memberOf(opts.extra, "telemetry")) {
        writeTelemetry(out, *odd, form);
    } else if (opts.telemetry && form == Form::Stored) {
        // Last: neighbours in a call share what stands before it (JobRecord::traceAt).
        if (opts.telemetry->metadata) {
            out.string("tm", *opts.telemetry->metadata);
        }
        if (opts.telemetry->omitContext) {
            out.raw("omc", "true");
        }
    } else if (opts.telemetry) {
        out.raw("telemetry", telemetryJson(*opts.telemetry));
    }
    return out.finish();
}

/// Reads one member, by its public name. Returns false for a member that this version does not have.
bool parseMember(JobOptions& opts, std::string_view name, std::string_view value) {
    const std::string member = "." + std::string(name);
    if (name == "attempts") {
        // BullMQ tries again while attemptsMade + 1 < attempts, which is what rounding up gives.
        opts.attempts = intOf(member, value, Fraction::Up);
    } else if (name == "backoff") {
        opts.backoff = backoffOf(value);
    } else if (name == "delay") {
        opts.delayMs = integerOf(member, value, Fraction::Drop);
    } else if (name == "priority") {
        opts.priority = intOf(member, value, Fraction::Refuse);
    } else if (name == "lifo") {
        opts.lifo = boolOf(member, value);
    } else if (name == "jobId") {
        opts.jobId = stringOf(member, value);
    } else if (name == "timestamp") {
        opts.timestampMs = integerOf(member, value, Fraction::Drop);
    } else if (name == "removeOnComplete") {
        opts.removeOnComplete = keepJobsOf(member, value);
    } else if (name == "removeOnFail") {
        opts.removeOnFail = keepJobsOf(member, value);
    } else if (name == "keepLogs") {
        opts.keepLogs = integerOf(member, value, Fraction::Up);
    } else if (name == "stackTraceLimit") {
        const std::int64_t limit = integerOf(member, value, Fraction::Drop);
        // A part of an entry limits nothing in BullMQ.
        opts.stackTraceLimit =
            limit != 0 || nodeNumber(value) == 0 ? std::optional(limit) : std::nullopt;
    } else if (name == "sizeLimit") {
        opts.sizeLimit = integerOf(member, value, Fraction::Drop);
    } else if (name == "expiresAt") {
        opts.expiresAtMs = integerOf(member, value, Fraction::Drop);
    } else if (name == "deduplication") {
        opts.deduplication = deduplicationOf(value);
    } else if (name == "parent") {
        opts.parent = parentOf(value);
    } else if (name == "telemetry") {
        opts.telemetry = telemetryOf(value);
    } else if (const ChildFailureName* const failure = childFailureNamed(name)) {
        return parseChildFailure(opts, *failure, value);
    } else {
        return false;
    }
    return true;
}

void requireFinite(const std::string& member, std::string_view value) {
    if (isNumber(value) && !std::isfinite(nodeNumber(value))) {
        refuse(member, "a finite number", value);
    }
}

/// Refuses what parseMember() would pass over in the options of a new job: numbers beyond all bounds, and mistakes within rules.
void refuseMistakes(std::string_view name, std::string_view value) {
    const std::string member = "." + std::string(name);
    requireFinite(member, value);
    const bool isKeepRule = name == "removeOnComplete" || name == "removeOnFail";
    if (!isKeepRule && name != "backoff" && name != "deduplication") {
        return;
    }
    const auto members = splitJsonObject(value);
    for (const auto& [inner, json] : members.value_or(std::vector<JsonMember>())) {
        requireFinite(member + "." + inner, json);
        if (isKeepRule && inner != "count" && inner != "age" && inner != "limit") {
            refuse(member, R"({"count", "age", "limit"})", inner);
        }
        if (isKeepRule && inner == "age" && isNumber(json) && nodeNumber(json) < 0) {
            refuse(member + ".age", "0 or more", json);
        }
    }
}

std::optional<std::int64_t> numberAsNode(std::string_view value) {
    const double number = nodeNumber(value);
    return std::isnan(number) ? std::nullopt : std::optional(wholePart(number));
}

/// BullMQ has no strategy for most of these, and leaves the job in active until it counts as stalled. Here a text that is a
/// number is a delay, and any other text a type; an object without a type is a fixed backoff.
std::optional<Backoff> backoffAsNode(std::string_view value) {
    Backoff backoff;
    if (value.front() == '"') {
        const std::string text = parseJsonString(value).value_or("");
        const double delay = nodeNumberOfText(text);
        if (std::isnan(delay)) {
            backoff.type = text;
        } else {
            backoff.delay = std::chrono::milliseconds{wholePart(delay)};
        }
        return text.empty() ? std::nullopt : std::optional(backoff);
    }
    const auto members = splitJsonObject(value);
    if (!members.has_value()) {
        return std::nullopt;
    }
    for (const auto& [name, member] : *members) {
        const double number = nodeNumber(member);
        if (name == "type") {
            backoff.type = parseJsonString(member).value_or(std::string(member));
        } else if (name == "delay") {
            backoff.delay = std::chrono::milliseconds{wholePart(number)};
        } else if (name == "jitter") {
            backoff.jitter = std::isnan(number) ? 0 : number;
        } else {
            backoff.extra.emplace_back(name, member);
        }
    }
    return backoff;
}

/// A member of a keep rule: a number, or a text that is one. BullMQ's script ends in an error for everything else.
std::optional<std::int64_t> ruleAsNode(std::string_view value) {
    const bool isText = value.front() == '"' && value != "\"\"";
    const double number = isText || isNumber(value) ? nodeNumber(value) : std::nan("");
    return std::isnan(number) ? std::nullopt : std::optional(roundedUp(number));
}

KeepJobs keepJobsAsNode(std::string_view value) {
    KeepJobs keep;
    const auto rules = splitJsonObject(value);
    if (!rules.has_value()) {
        // Any text but an empty one removes at once, "false" and "100" as well. An array is a rule without members.
        keep.count = value.front() == '"' && value != "\"\"" ? 0 : -1;
        return keep;
    }
    for (const auto& [name, member] : *rules) {
        const auto rule = ruleAsNode(member);
        if (rule && name == "count") {
            keep.count = *rule;
        } else if (rule && name == "age") {
            keep.ageSeconds = ageOf(*rule);
        } else if (rule && name == "limit") {
            keep.limit = *rule;
        }
    }
    return keep;
}

/// Reads one member, by its public name, that is of another type than parseMember() accepts.
void parseMemberAsNode(JobOptions& opts, std::string_view name, std::string_view value) {
    if (name == "attempts") {
        opts.attempts = clampedToInt(roundedUp(nodeNumber(value)));
    } else if (name == "backoff") {
        opts.backoff = backoffAsNode(value);
    } else if (name == "delay") {
        opts.delayMs = numberAsNode(value);
    } else if (name == "priority") {
        opts.priority = clampedToInt(wholePart(nodeNumber(value)));
    } else if (name == "lifo") {
        opts.lifo = nodeTruth(value);
    } else if (name == "jobId") {
        opts.jobId = std::nullopt;
    } else if (name == "timestamp") {
        opts.timestampMs = numberAsNode(value);
    } else if (name == "removeOnComplete") {
        opts.removeOnComplete = keepJobsAsNode(value);
    } else if (name == "removeOnFail") {
        opts.removeOnFail = keepJobsAsNode(value);
    } else if (name == "keepLogs") {
        const double number = nodeNumber(value);
        opts.keepLogs = std::isnan(number) ? std::nullopt : std::optional(roundedUp(number));
    } else if (name == "stackTraceLimit") {
        // A text of "0" limits nothing: only the number 0 keeps no entry.
        const auto limit = numberAsNode(value);
        opts.stackTraceLimit = limit && *limit != 0 ? limit : std::nullopt;
    } else if (name == "sizeLimit") {
        opts.sizeLimit = numberAsNode(value);
    } else if (name == "expiresAt") {
        opts.expiresAtMs = numberAsNode(value);
    } else if (name == "deduplication") {
        opts.deduplication = std::nullopt;
    } else if (name == "parent") {
        opts.parent = std::nullopt;
    } else if (name == "telemetry") {
        opts.telemetry = std::nullopt;
    }
}

/// As JSON.parse: the last of several members with one name counts, at the place of the first.
void carry(Members& extra, std::string_view name, std::string_view value) {
    const auto same = std::find_if(
        extra.begin(), extra.end(), [name](const auto& entry) { return entry.first == name; });
    if (same != extra.end()) {
        same->second = value;
    } else {
        extra.emplace_back(name, value);
    }
}

/// `parse` reads a member by its public name. A member for which it returns false is carried along.
template <typename Parse>
JobOptions optionsOf(const std::vector<JsonMember>& members, Parse parse) {
    JobOptions opts;
    ObjectWriter telemetry;
    bool hasTelemetry = false;
    for (const auto& [name, value] : members) {
        const std::string_view open = openName(name);
        if (name == "tm" || name == "omc") {
            telemetry.raw(name == "tm" ? "metadata" : "omitContext", value);
            hasTelemetry = true;
        } else if (value != "null" && !parse(opts, open, value)) {
            carry(opts.extra, open, value);
        }
    }
    if (hasTelemetry) {
        const std::string json = telemetry.finish();
        if (!parse(opts, "telemetry", json)) {
            carry(opts.extra, "telemetry", json);
        }
    }
    return opts;
}

}  // namespace

JobOptions JobOptions::parse(std::string_view json) {
    const auto members = splitJsonObject(json);
    if (!members.has_value()) {
        if (isJsonArray(json) && isEmpty(json.substr(json.find('[')))) {
            return {};
        }
        refuse("", "a JSON object", json);
    }
    return optionsOf(*members, [](JobOptions& opts, std::string_view name, std::string_view value) {
        refuseMistakes(name, value);
        return parseMember(opts, name, value);
    });
}

JobOptions JobOptions::parseStored(std::string_view json) {
    const auto members = splitJsonObject(json);
    if (!members.has_value()) {
        if (isJson(json)) {
            return {};  // As in JavaScript, where a number or an array has no such members.
        }
        refuse("", "JSON", json);
    }
    return optionsOf(*members, [](JobOptions& opts, std::string_view name, std::string_view value) {
        // The last of several members with one name counts.
        opts.extra.erase(std::remove_if(opts.extra.begin(),
                                        opts.extra.end(),
                                        [name](const auto& member) {
                                            return isTypedOption(name) && member.first == name;
                                        }),
                         opts.extra.end());
        try {
            return parseMember(opts, name, value);
        } catch (const Poco::InvalidArgumentException&) {
            parseMemberAsNode(opts, name, value);  // Not the type that the engine writes itself.
            return false;
        }
    });
}

std::string JobOptions::problem() const {
    return optionsError(*this);
}

std::string JobOptions::toStoredJson() const {
    return toJson(*this, Form::Stored);
}

std::string JobOptions::toPublicJson() const {
    return toJson(*this, Form::Open);
}

std::string withPublicNames(std::string_view json) {
    const auto members = splitJsonObject(json);
    ObjectWriter out;
    ObjectWriter telemetry;
    bool hasTelemetry = false;
    for (const auto& [name, value] : members.value_or(std::vector<JsonMember>())) {
        if (name == "tm" || name == "omc") {
            telemetry.raw(name == "tm" ? "metadata" : "omitContext", value);
            hasTelemetry = true;
        } else {
            out.raw(openName(name), value);
        }
    }
    if (hasTelemetry) {
        out.raw("telemetry", telemetry.finish());
    }
    return out.finish();
}

}  // namespace drover
