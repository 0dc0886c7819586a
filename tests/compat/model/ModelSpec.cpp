#include "compat/model/ModelSpec.h"

#include <cstdio>
#include <map>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "core/JsonText.h"

namespace drover::test {

namespace {

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.17g", value);
    return text;
}

std::string canonical(const rapidjson::Value& json) {
    if (json.IsObject()) {
        std::map<std::string, std::string> members;
        for (const auto& member : json.GetObject()) {
            members[member.name.GetString()] = canonical(member.value);
        }
        std::string text;
        for (const auto& [name, value] : members) {
            text += (text.empty() ? "" : ",") + jsonString(name) + ":" + value;
        }
        return "{" + text + "}";
    }
    if (json.IsNumber()) {
        return number(json.GetDouble());
    }
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    json.Accept(writer);
    return buffer.GetString();
}

std::string keepJson(const ModelSpec::Keep& keep) {
    if (keep.ageSeconds >= 0) {
        return "{\"age\":" + std::to_string(keep.ageSeconds) +
               (keep.count >= 0 ? ",\"count\":" + std::to_string(keep.count) : "") + "}";
    }
    return keep.count == 0 ? "true" : keep.count < 0 ? "false" : std::to_string(keep.count);
}

/// The options as one text; `stored` has the short names.
std::string optsJson(const ModelSpec& spec, bool stored) {
    std::string text;
    const auto member = [&text](const std::string& name, const std::string& value) {
        text += (text.empty() ? "\"" : ",\"") + name + "\":" + value;
    };
    if (spec.attempts != 0 || (stored && !spec.isTemplate)) {
        member("attempts", std::to_string(spec.attempts));
    }
    if (spec.timestamp != 0) {
        member("timestamp", std::to_string(spec.timestamp));
    }
    if (spec.delay != 0) {
        member("delay", std::to_string(spec.delay));
    }
    if (spec.priority != 0) {
        member("priority", std::to_string(spec.priority));
    }
    if (spec.lifo) {
        member("lifo", "true");
    }
    if (!spec.jobId.empty()) {
        member("jobId", jsonString(spec.jobId));
    }
    if (!spec.backoffType.empty()) {
        member("backoff",
               "{\"type\":\"" + spec.backoffType + "\",\"delay\":" + std::to_string(spec.backoff) +
                   "}");
    }
    if (spec.onComplete) {
        member("removeOnComplete", keepJson(*spec.onComplete));
    }
    if (spec.onFail) {
        member("removeOnFail", keepJson(*spec.onFail));
    }
    if (spec.keepLogs >= 0) {
        member(stored ? "kl" : "keepLogs", std::to_string(spec.keepLogs));
    }
    if (spec.stackTraceLimit >= 0) {
        member("stackTraceLimit", std::to_string(spec.stackTraceLimit));
    }
    if (spec.deduplication) {
        const auto& own = *spec.deduplication;
        member(stored ? "de" : "deduplication",
               "{\"id\":" + jsonString(own.id) +
                   (own.ttl > 0 ? ",\"ttl\":" + std::to_string(own.ttl) : "") +
                   (own.extend ? ",\"extend\":true" : "") +
                   (own.replace ? ",\"replace\":true" : "") +
                   (own.reschedule ? ",\"reschedule\":true" : "") +
                   (own.keepLast ? ",\"keepLastIfActive\":true" : "") + "}");
    }
    if (!spec.parentId.empty()) {
        member("parent",
               "{\"id\":" + jsonString(spec.parentId) +
                   ",\"queue\":" + jsonString(spec.parentQueue) + "}");
    }
    if (!spec.flag.empty()) {
        static const std::map<std::string, std::string> kNames = {
            {"fpof", "failParentOnFailure"},
            {"cpof", "continueParentOnFailure"},
            {"idof", "ignoreDependencyOnFailure"},
            {"rdof", "removeDependencyOnFailure"}};
        member(stored ? spec.flag : kNames.at(spec.flag), "true");
    }
    text += text.empty() && !spec.ofRun.empty() ? spec.ofRun.substr(1) : spec.ofRun;
    return "{" + text + "}";
}

std::size_t endOfQueue(const std::string& key) {
    return key.find(':', key.find(':') + 1);
}

}  // namespace

std::string idOf(const std::string& key) {
    return key.substr(endOfQueue(key) + 1);
}

std::string queueNameOf(const std::string& key) {
    return key.substr(0, endOfQueue(key));
}

std::string canonicalJson(const std::string& json) {
    // The same options are read after every operation.
    static std::map<std::string, std::string> known;
    const auto found = known.find(json);
    if (found != known.end()) {
        return found->second;
    }
    if (known.size() > 10000) {
        known.clear();
    }
    rapidjson::Document parsed;
    parsed.Parse(json.c_str());
    return known[json] = parsed.HasParseError() ? "not JSON: " + json : canonical(parsed);
}

std::string ModelSpec::publicOpts() const {
    return optsJson(*this, false);
}

std::string ModelSpec::storedOpts() const {
    return canonicalJson(optsJson(*this, true));
}

std::string ModelSpec::parentField() const {
    return canonicalJson("{\"id\":" + jsonString(parentId) +
                         ",\"queueKey\":" + jsonString(parentQueue) +
                         (flag.empty() ? "" : ",\"" + flag + "\":true") + "}");
}

std::string ModelScheduler::pattern() const {
    return every > 0 ? ""
                     : std::to_string(minute % 60) + " " + std::to_string(minute / 60) + " * * *";
}

std::string ModelScheduler::repeatJson() const {
    const std::string when = every > 0 ? "{\"every\":" + std::to_string(every)
                                       : "{\"pattern\":\"" + pattern() + "\",\"tz\":\"UTC\"";
    return when + (offset > 0 ? ",\"offset\":" + std::to_string(offset) : "") +
           (limit > 0 ? ",\"limit\":" + std::to_string(limit) : "") + "}";
}

std::string ModelScheduler::templateJson() const {
    return "{\"name\":" + jsonString(jobs.name) + ",\"data\":" + jobs.data +
           ",\"opts\":" + jobs.publicOpts() + "}";
}

std::int64_t ModelScheduler::dailyAfter(std::int64_t base) const {
    constexpr std::int64_t kMinute = 60000;
    constexpr std::int64_t kDay = 1440 * kMinute;
    const std::int64_t due = base - base % kDay + minute * kMinute;
    return due > base ? due : due + kDay;
}

}  // namespace drover::test
