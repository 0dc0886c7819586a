#include "queue/SchedulerRecord.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include <Poco/Exception.h>

#include "core/JsonText.h"
#include "core/Names.h"
#include "core/NodeNumber.h"
#include "core/OptionNames.h"
#include "core/SchedulerSlots.h"
#include "core/TimeZone.h"
#include "drover/Json.h"
#include "drover/JsonWriter.h"

namespace drover {

namespace {

/// The last moment of a JavaScript date.
constexpr std::int64_t kLatestMs = 8640000000000000;
/// Options without a member of their own that each run of a scheduler has for itself.
constexpr std::array<const char*, 3> kNotOfTemplates = {"repeat", "repeatJobKey", "prevMillis"};

[[noreturn]] void refuse(const std::string& what) {
    throw Poco::InvalidArgumentException(what);
}

std::string quoted(std::string_view text) {
    return jsonString(text.substr(0, 140));
}

void checkDate(const char* name, std::optional<std::int64_t> date) {
    if (date && (*date < 0 || *date > kLatestMs)) {
        refuse("repeat." + std::string(name) + " must be epoch milliseconds in [0, " +
               std::to_string(kLatestMs) + "], got " + std::to_string(*date));
    }
}

void checkEvery(const RepeatOptions& repeat) {
    const std::int64_t every = repeat.every->count();
    if (every < 1 || every > kLatestMs) {
        refuse("repeat.every must be at least 1 ms and at most " + std::to_string(kLatestMs) +
               ", got " + std::to_string(every));
    }
    if (!repeat.offset) {
        return;
    }
    const std::int64_t offset = repeat.offset->count();
    if (offset < 0 || offset >= every) {
        refuse("repeat.offset must be in [0, every), got " + std::to_string(offset) +
               " with every " + std::to_string(every));
    }
    if (repeat.immediately && offset > 0) {
        refuse(
            "repeat.immediately and repeat.offset cannot be given together: the first run is "
            "either now or by the offset");
    }
}

/// Throws unless the rule is one. The pattern is checked where its next run is computed.
void check(const RepeatOptions& repeat, std::int64_t nowMs) {
    if (repeat.every && !repeat.pattern.empty()) {
        refuse("repeat.every and repeat.pattern cannot be given together, got " +
               std::to_string(repeat.every->count()) + " and " + quoted(repeat.pattern) +
               "; a scheduler has one of them");
    }
    if (repeat.every) {
        checkEvery(repeat);
    } else if (repeat.pattern.empty()) {
        refuse(
            "repeat has neither every nor pattern; one of them must be given, as "
            "{\"every\": 60000} or {\"pattern\": \"0 9 * * 1-5\"}");
    } else if (repeat.offset) {
        refuse("repeat.offset goes with every, got " + std::to_string(repeat.offset->count()) +
               "; a pattern names its moments by itself");
    }
    if (repeat.limit && *repeat.limit < 1) {
        refuse("repeat.limit must be at least 1, got " + std::to_string(*repeat.limit) +
               "; leave it out for a scheduler without limit");
    }
    checkDate("startDate", repeat.startDateMs);
    checkDate("endDate", repeat.endDateMs);
    if (repeat.immediately && repeat.startDateMs) {
        refuse(
            "repeat.immediately and repeat.startDate cannot be given together: the first run is "
            "either now or not before that date");
    }
    if (repeat.endDateMs && *repeat.endDateMs <= nowMs) {
        refuse("repeat.endDate must be later than now (" + std::to_string(nowMs) + "), got " +
               std::to_string(*repeat.endDateMs));
    }
    if (repeat.endDateMs && repeat.startDateMs && *repeat.endDateMs < *repeat.startDateMs) {
        refuse("repeat.endDate must not be before repeat.startDate (" +
               std::to_string(*repeat.startDateMs) + "), got " + std::to_string(*repeat.endDateMs));
    }
    if (!repeat.tz.empty()) {
        try {
            (void)TimeZone::named(repeat.tz);
        } catch (const Poco::InvalidArgumentException& error) {
            refuse("repeat.tz: " + error.message());
        }
    }
}

void check(const JobTemplate& jobs) {
    const JobOptions& opts = jobs.opts;
    std::string name = opts.jobId           ? "jobId"
                       : opts.delayMs       ? "delay"
                       : opts.timestampMs   ? "timestamp"
                       : opts.parent        ? "parent"
                       : opts.deduplication ? "deduplication"
                                            : "";
    for (const auto& [member, value] : opts.extra) {
        if (std::find(kNotOfTemplates.begin(), kNotOfTemplates.end(), member) !=
            kNotOfTemplates.end()) {
            name = member;
        }
    }
    if (!name.empty()) {
        refuse("opts." + name +
               " does not go into the template of a scheduler: each of its jobs has an id and a "
               "time of its own, and neither a parent nor a deduplication id; leave it out");
    }
    if (std::string error = newJobError({jobs.name, jobs.data, opts}); !error.empty()) {
        refuse(error);
    }
}

/// Returns the template's options as they are stored; "{}" without any.
std::string storedOptions(const JobTemplate& jobs) {
    const std::string json = jobs.opts.toStoredJson();
    const auto members = splitJsonObject(json);
    JsonWriter out;
    out.beginObject();
    for (const auto& [name, value] : *members) {
        if (name == "backoff" && jobs.backoffAsNumber) {
            out.key(name).number(std::int64_t{jobs.opts.backoff->delay.count()});
        } else if (name != "attempts" || value != "0") {
            out.key(name).raw(value);
        }
    }
    return std::move(out.endObject()).str();
}

bool isEmptyObject(std::string_view json) {
    const auto view = JsonView::tryParse(json);
    return view && view->isObject() && view->members().empty();
}

/// Calls add(name, value) for each member of the rule that is stored, but offset.
template <typename Add>
void eachMember(const RepeatOptions& repeat, Add add) {
    const auto number = [&add](const char* name, std::optional<std::int64_t> value) {
        if (value) {
            add(name, std::to_string(*value), false);
        }
    };
    if (repeat.every) {
        number("every", repeat.every->count());
    } else {
        add("pattern", repeat.pattern, true);
    }
    if (!repeat.tz.empty()) {
        add("tz", repeat.tz, true);
    }
    number("limit", repeat.limit);
    number("startDate", repeat.startDateMs);
    number("endDate", repeat.endDateMs);
}

SchedulerRecord renderedOf(const std::string& id,
                           const RepeatOptions& repeat,
                           const JobTemplate& jobs) {
    SchedulerRecord record;
    record.scheduler = id;
    record.startMs = repeat.startDateMs;
    if (repeat.every) {
        record.everyMs = repeat.every->count();
    }
    if (repeat.offset && repeat.offset->count() > 0) {
        record.offsetMs = repeat.offset->count();
    }
    record.job.name = jobs.name.empty() ? id : jobs.name;
    record.fields.emplace_back("name", record.job.name);
    JsonWriter out;
    out.beginObject();
    eachMember(repeat, [&](const char* name, const std::string& value, bool isText) {
        record.fields.emplace_back(name, value);
        out.key(name).raw(isText ? jsonString(value) : value);
    });
    record.repeat = std::move(out.key("count").number(1).endObject()).str();

    const std::string opts = storedOptions(jobs);
    if (!isEmptyObject(jobs.data)) {
        record.fields.emplace_back("data", jobs.data);
    }
    if (!isEmptyObject(opts)) {
        record.fields.emplace_back("opts", opts);
    }
    record.job.data = jobs.data;
    record.job.opts = opts.substr(0, opts.size() - 1) + (isEmptyObject(opts) ? "" : ",") +
                      "\"repeatJobKey\":" + jsonString(id) + "}";
    record.job.priority = jobs.opts.priority;
    record.job.lifo = jobs.opts.lifo;
    return record;
}

/// Returns the first run of a pattern; std::nullopt: none before the end.
std::optional<std::int64_t> firstCron(const std::string& id,
                                      const RepeatOptions& repeat,
                                      std::int64_t nowMs) {
    Schedule schedule;
    schedule.pattern = repeat.pattern;
    schedule.tz = repeat.tz;
    schedule.startMs = repeat.startDateMs.value_or(0);
    schedule.endMs = repeat.endDateMs.value_or(0);
    schedule.immediately = repeat.immediately;
    try {
        return nextCron(schedule, id, 0, nowMs);
    } catch (const Poco::InvalidArgumentException& error) {
        refuse("repeat.pattern: " + error.message());
    }
}

/// Returns a number that any version has stored; std::nullopt for text that is none.
std::optional<std::int64_t> storedNumber(const std::string& text) {
    const double number = nodeNumberOfText(text);
    return text.empty() || std::isnan(number) ? std::nullopt : std::optional(wholePart(number));
}

}  // namespace

std::optional<SchedulerRecord> schedulerRecordOf(const std::string& id,
                                                 const RepeatOptions& repeat,
                                                 const JobTemplate& jobs,
                                                 std::int64_t nowMs,
                                                 const std::string& metadata) {
    if (const std::string error = schedulerIdError(id); !error.empty()) {
        refuse(error);
    }
    check(jobs);
    check(repeat, nowMs);
    SchedulerRecord record = renderedOf(id, repeat, jobs);
    // The template stays as it was given. The jobs inherit the context from each other, as in BullMQ.
    const auto& own = jobs.opts.telemetry;
    if (!metadata.empty() && !(own && (own->omitContext || own->metadata))) {
        record.job.opts.pop_back();
        record.job.opts += ",\"tm\":" + jsonString(metadata) + "}";
    }
    if (!repeat.every) {
        record.nextByPatternMs = firstCron(id, repeat, nowMs);
        if (!record.nextByPatternMs) {
            return std::nullopt;
        }
    }
    return record;
}

JobScheduler schedulerOf(StoredScheduler stored) {
    JobScheduler scheduler;
    scheduler.key = std::move(stored.id);
    scheduler.nextMs = stored.nextMs;
    RepeatOptions& repeat = scheduler.repeat;
    const auto duration = [](const std::string& text) {
        const auto number = storedNumber(text);
        return number ? std::optional(std::chrono::milliseconds(*number)) : std::nullopt;
    };
    for (auto& [name, value] : stored.fields) {
        if (name == "name") {
            scheduler.name = value;
        } else if (name == "ic") {
            scheduler.iterationCount = storedNumber(value);
        } else if (name == "every") {
            repeat.every = duration(value);
        } else if (name == "pattern") {
            repeat.pattern = value;
        } else if (name == "tz") {
            repeat.tz = value;
        } else if (name == "limit") {
            repeat.limit = storedNumber(value);
        } else if (name == "startDate") {
            repeat.startDateMs = storedNumber(value);
        } else if (name == "endDate") {
            repeat.endDateMs = storedNumber(value);
        } else if (name == "offset") {
            repeat.offset = duration(value);
        } else if (name == "data") {
            scheduler.data = isJson(value) ? std::move(value) : jsonString(value);
        } else if (name == "opts") {
            scheduler.opts = withPublicNames(value);
        }
    }
    // 5.48 leaves the kind of an earlier upsert in the record: the pending job decides.
    const JsonView opts = JsonView::tryParse(stored.jobOpts).value_or(JsonView());
    if (opts["repeat"].member("every")) {
        repeat.pattern.clear();
    } else if (opts["repeat"].member("pattern")) {
        repeat.every.reset();
    }
    return scheduler;
}

}  // namespace drover
