#include "drover/JobOptions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

#include <Poco/Exception.h>

#include "core/JsonText.h"
#include "core/Strtod.h"

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
    const double number = jsonNumber(value);
    if (fraction == Fraction::Refuse && number != std::trunc(number)) {
        refuse(member, expected, value);
    }
    return saturatedInteger(fraction == Fraction::Up ? std::ceil(number) : std::trunc(number));
}

int intOf(const std::string& member, std::string_view value, Fraction fraction) {
    const std::int64_t integer = integerOf(member, value, fraction);
    return static_cast<int>(std::clamp<std::int64_t>(
        integer, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()));
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

KeepJobs keepJobsOf(const std::string& member, std::string_view value) {
    KeepJobs keep;
    if (value == "true" || value == "false") {
        keep.count = value == "true" ? 0 : -1;
        return keep;
    }
    if (isNumber(value)) {
        keep.count = integerOf(member, value, Fraction::Drop);
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
            keep.count = integerOf(member + ".count", rule, Fraction::Drop);
        } else if (name == "age") {
            keep.ageSeconds = integerOf(member + ".age", rule, Fraction::Drop);
        } else if (name == "limit") {
            keep.limit = integerOf(member + ".limit", rule, Fraction::Drop);
        }
    }
    return keep;
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
    // A type of the handler's own often has no delay at all; the built-in ones always show theirs.
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

/// Telemetry is one member publicly and two in the stored form.
void writeTelemetry(ObjectWriter& out, const std::string& json) {
    const auto members = splitJsonObject(json);
    if (!members.has_value()) {
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
    const auto optionalNumber = [&](std::string_view name, std::optional<std::int64_t> value) {
        if (value.has_value()) {
            out.number(named(name), *value);
        }
    };
    out.number("attempts", opts.attempts);
    if (opts.removeOnComplete.has_value()) {
        out.raw("removeOnComplete", keepJobsJson(*opts.removeOnComplete));
    }
    if (opts.removeOnFail.has_value()) {
        out.raw("removeOnFail", keepJobsJson(*opts.removeOnFail));
    }
    optionalNumber("delay", opts.delayMs);
    if (opts.priority != 0) {
        out.number("priority", opts.priority);
    }
    if (opts.jobId.has_value()) {
        out.string("jobId", *opts.jobId);
    }
    if (opts.backoff.has_value()) {
        out.raw("backoff", backoffJson(*opts.backoff));
    }
    if (opts.lifo) {
        out.raw("lifo", "true");
    }
    optionalNumber("timestamp", opts.timestampMs);
    optionalNumber("keepLogs", opts.keepLogs);
    optionalNumber("stackTraceLimit", opts.stackTraceLimit);
    optionalNumber("sizeLimit", opts.sizeLimit);
    for (const auto& [name, json] : opts.extra) {
        if (form == Form::Stored && name == "telemetry") {
            writeTelemetry(out, json);
        } else {
            out.raw(named(name), json);
        }
    }
    return out.finish();
}

/// Takes one member, by its public name. False: not one that this version knows.
bool take(JobOptions& opts, std::string_view name, std::string_view value) {
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
        opts.keepLogs = integerOf(member, value, Fraction::Drop);
    } else if (name == "stackTraceLimit") {
        opts.stackTraceLimit = integerOf(member, value, Fraction::Drop);
    } else if (name == "sizeLimit") {
        opts.sizeLimit = integerOf(member, value, Fraction::Drop);
    } else {
        return false;
    }
    return true;
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

}  // namespace

JobOptions JobOptions::parse(std::string_view json) {
    JobOptions opts;
    const auto members = splitJsonObject(json);
    if (!members.has_value()) {
        if (isJsonArray(json) && isEmpty(json.substr(json.find('[')))) {
            return opts;
        }
        refuse("", "a JSON object", json);
    }
    ObjectWriter telemetry;
    bool hasTelemetry = false;
    for (const auto& [name, value] : *members) {
        const std::string_view open = openName(name);
        if (name == "tm" || name == "omc") {
            telemetry.raw(name == "tm" ? "metadata" : "omitContext", value);
            hasTelemetry = true;
        } else if (value == "null" || take(opts, open, value)) {
            continue;
        } else {
            carry(opts.extra, open, value);
        }
    }
    if (hasTelemetry) {
        carry(opts.extra, "telemetry", telemetry.finish());
    }
    return opts;
}

std::string JobOptions::toStoredJson() const {
    return toJson(*this, Form::Stored);
}

std::string JobOptions::toPublicJson() const {
    return toJson(*this, Form::Open);
}

}  // namespace drover
