#include "drover/JobScheduler.h"

#include <regex>
#include <utility>
#include <vector>

#include <Poco/DateTime.h>
#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeParser.h>
#include <Poco/Exception.h>

#include "core/Similar.h"
#include "drover/Json.h"
#include "drover/JsonWriter.h"

namespace drover {

namespace {

[[noreturn]] void refuse(const std::string& what) {
    throw Poco::InvalidArgumentException(what);
}

[[noreturn]] void refuseMember(const std::string& member,
                               const std::string& expected,
                               const JsonView& got) {
    constexpr std::size_t kShown = 60;
    refuse(member + ": " + expected + " expected, got " +
           std::string(got.text().substr(0, kShown)) + (got.text().size() > kShown ? "..." : ""));
}

JsonView objectOf(std::string_view json, const std::string& what) {
    const auto view = JsonView::tryParse(json);
    if (!view || !view->isObject()) {
        refuse(what + ": a JSON object expected, got " + std::string(json.substr(0, 60)));
    }
    return *view;
}

[[noreturn]] void refuseUnknown(const std::string& what,
                                const std::string& name,
                                const std::vector<std::string>& known) {
    const auto similar = mostSimilar(name, known);
    std::string all;
    for (const std::string& one : known) {
        all += (all.empty() ? "" : ", ") + one;
    }
    refuse(what + "." + name + " is unknown; " +
           (similar ? "did you mean " + *similar + "?" : "known are " + all));
}

std::int64_t integerIn(const std::string& member, const JsonView& value) {
    const auto integer = value.integer();
    if (!integer) {
        refuseMember(member, "a whole number", value);
    }
    return *integer;
}

/// A date with a time needs its zone: Node would read the time as one of the client's zone.
std::int64_t dateIn(const std::string& member, const JsonView& value) {
    static const std::regex kIso8601(
        "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-"
        "9]{2}))?");
    if (const auto integer = value.integer()) {
        return *integer;
    }
    const std::string text = value.string().value_or("");
    Poco::DateTime date;
    int zone = 0;
    if (!std::regex_match(text, kIso8601) ||
        !Poco::DateTimeParser::tryParse(
            Poco::DateTimeFormat::ISO8601_FRAC_FORMAT, text, date, zone)) {
        refuseMember(member, "epoch milliseconds or an ISO 8601 date with its zone", value);
    }
    date.makeUTC(zone);
    return date.timestamp().epochMicroseconds() / 1000;
}

std::string textIn(const std::string& member, const JsonView& value) {
    auto text = value.string();
    if (!text) {
        refuseMember(member, "a string", value);
    }
    return *std::move(text);
}

}  // namespace

RepeatOptions RepeatOptions::parse(std::string_view json) {
    RepeatOptions repeat;
    for (const auto& [name, value] : objectOf(json, "repeat").members()) {
        const std::string member = "repeat." + name;
        if (value.isNull()) {
            continue;
        }
        if (name == "every") {
            repeat.every = std::chrono::milliseconds(integerIn(member, value));
        } else if (name == "pattern") {
            repeat.pattern = textIn(member, value);
        } else if (name == "tz") {
            repeat.tz = textIn(member, value);
        } else if (name == "startDate") {
            repeat.startDateMs = dateIn(member, value);
        } else if (name == "endDate") {
            repeat.endDateMs = dateIn(member, value);
        } else if (name == "limit") {
            repeat.limit = integerIn(member, value);
        } else if (name == "offset") {
            repeat.offset = std::chrono::milliseconds(integerIn(member, value));
        } else if (name == "immediately") {
            if (!value.boolean()) {
                refuseMember(member, "true or false", value);
            }
            repeat.immediately = *value.boolean();
        } else {
            refuseUnknown("repeat",
                          name,
                          {"every",
                           "pattern",
                           "tz",
                           "startDate",
                           "endDate",
                           "limit",
                           "offset",
                           "immediately"});
        }
    }
    return repeat;
}

JobTemplate JobTemplate::parse(std::string_view json) {
    JobTemplate jobs;
    for (const auto& [name, value] : objectOf(json, "template").members()) {
        if (name == "name" && !value.isNull()) {
            jobs.name = textIn("template.name", value);
        } else if (name == "data") {
            jobs.data = value.text();
        } else if (name == "opts" && !value.isNull()) {
            jobs.opts = JobOptions::parse(value.text());
            jobs.backoffAsNumber = value["backoff"].isNumber();
        } else if (name != "name" && name != "opts") {
            refuseUnknown("template", name, {"name", "data", "opts"});
        }
    }
    return jobs;
}

std::string JobScheduler::toJson() const {
    JsonWriter out;
    out.beginObject().key("key").text(key).key("name").text(name).key("next").number(nextMs);
    const auto number = [&out](const char* member, std::optional<std::int64_t> value) {
        if (value) {
            out.key(member).number(*value);
        }
    };
    const auto duration = [&number](const char* member,
                                    std::optional<std::chrono::milliseconds> value) {
        if (value) {
            number(member, static_cast<std::int64_t>(value->count()));
        }
    };
    number("iterationCount", iterationCount);
    number("limit", repeat.limit);
    number("startDate", repeat.startDateMs);
    number("endDate", repeat.endDateMs);
    if (!repeat.tz.empty()) {
        out.key("tz").text(repeat.tz);
    }
    if (!repeat.pattern.empty()) {
        out.key("pattern").text(repeat.pattern);
    }
    duration("every", repeat.every);
    duration("offset", repeat.offset);
    if (data || opts) {
        out.key("template").beginObject();
        if (data) {
            out.key("data").raw(*data);
        }
        if (opts) {
            out.key("opts").raw(*opts);
        }
        out.endObject();
    }
    return std::move(out.endObject()).str();
}

}  // namespace drover
