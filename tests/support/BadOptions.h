#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

namespace drover::test {

/// Options that no new job can have, and what the error must contain, in any case of letters. A value.
struct BadOption {
    std::string opts;    ///< JSON.
    std::string option;  ///< Its name.
    std::string value;   ///< As given.
    std::string right;   ///< The words of the error for the right values.
};

/// Returns mistakes of each option: another type, out of range, not finite, an unknown member.
inline std::vector<BadOption> badOptions() {
    const std::string keepShape = R"(true, false, a number or {"count", "age", "limit"})";
    const std::string deduplicationShape =
        R"({"id", "ttl", "extend", "replace", "reschedule", "keepLastIfActive"})";
    std::vector<BadOption> rows = {
        {R"({"attempts":"3"})", "attempts", "\"3\"", "a number"},
        {R"({"attempts":-1})", "attempts", "-1", "0 or more"},
        {R"({"attempts":1e400})", "attempts", "1e400", "a finite number"},
        {R"({"delay":"1"})", "delay", "\"1\"", "a number"},
        {R"({"delay":true})", "delay", "true", "a number"},
        {R"({"delay":1e999})", "delay", "1e999", "a finite number"},
        {R"({"priority":"1"})", "priority", "\"1\"", "a whole number"},
        {R"({"priority":1.5})", "priority", "1.5", "a whole number"},
        {R"({"priority":-1})", "priority", "-1", "between 0 and 2097151"},
        {R"({"priority":2097152})", "priority", "2097152", "between 0 and 2097151"},
        {R"({"priority":1e400})", "priority", "1e400", "a finite number"},
        {R"({"lifo":1})", "lifo", "1", "true or false"},
        {R"({"lifo":"true"})", "lifo", "\"true\"", "true or false"},
        {R"({"jobId":true})", "jobId", "true", "a string"},
        {R"({"jobId":{}})", "jobId", "{}", "a string"},
        {R"({"jobId":""})", "custom id", "empty", "leave jobId out"},
        {R"({"jobId":"0"})", "jobId", "0", "cannot be"},
        {R"({"jobId":"0:a"})", "jobId", "0:a", "cannot be"},
        {R"({"jobId":"17"})", "custom id", "17", "a letter in front"},
        {R"({"jobId":17})", "custom id", "17", "a letter in front"},
        {R"({"jobId":"a:b"})", "custom id", "a:b", "three parts"},
        {R"({"jobId":"wait"})", "custom id", "wait", "a key of that name"},
        {R"({"timestamp":"now"})", "timestamp", "\"now\"", "a number"},
        {R"({"timestamp":-1})", "timestamp", "-1", "0 or more"},
        {R"({"timestamp":1e400})", "timestamp", "1e400", "a finite number"},
        {R"({"backoff":"fixed"})", "backoff", "\"fixed\"", R"({"type", "delay", "jitter"})"},
        {R"({"backoff":-1})", "backoff.delay", "-1", "0 or more"},
        {R"({"backoff":1e400})", "backoff", "1e400", "a finite number"},
        {R"({"backoff":{"delay":1}})", "backoff.type", "{\"delay\":1}", "exponential"},
        {R"({"backoff":{"type":1}})", "backoff.type", "1", "a string"},
        {R"({"backoff":{"type":""}})", "backoff.type", "\"\"", "a name"},
        {R"({"backoff":{"type":"fixed","delay":"1"}})", "backoff.delay", "\"1\"", "a number"},
        {R"({"backoff":{"type":"fixed","delay":-5}})", "backoff.delay", "-5", "0 or more"},
        {R"({"backoff":{"type":"fixed","delay":1e400}})",
         "backoff.delay",
         "1e400",
         "a finite number"},
        {R"({"backoff":{"type":"fixed","jitter":2}})", "jitter", "2", "between 0 and 1"},
        {R"({"backoff":{"type":"fixed","jitter":-0.5}})", "jitter", "-0.5", "between 0 and 1"},
        {R"({"backoff":{"type":"fixed","jitter":"1"}})", "backoff.jitter", "\"1\"", "[0, 1]"},
        {R"({"backoff":{"type":"fixed","jitter":1e400}})",
         "backoff.jitter",
         "1e400",
         "a finite number"},
        {R"({"backoff":{"type":"exponential","dealy":1}})",
         "backoff",
         "dealy",
         R"({"type", "delay", "jitter"})"},
        {R"({"deduplication":"x"})", "deduplication", "\"x\"", deduplicationShape},
        {R"({"deduplication":{}})", "deduplication", "id", "must be provided"},
        {R"({"deduplication":{"id":""}})", "deduplication", "id", "must be provided"},
        {R"({"deduplication":{"id":true}})", "deduplication.id", "true", "a string"},
        {R"({"deduplication":{"id":"x","ttl":"1"}})", "deduplication.ttl", "\"1\"", "a number"},
        {R"({"deduplication":{"id":"x","ttl":-1}})", "deduplication.ttl", "-1", "0 or more"},
        {R"({"deduplication":{"id":"x","ttl":1e400}})",
         "deduplication.ttl",
         "1e400",
         "a finite number"},
        {R"({"deduplication":{"id":"x","extend":1}})",
         "deduplication.extend",
         "1",
         "true or false"},
        {R"({"deduplication":{"id":"x","replace":"no"}})",
         "deduplication.replace",
         "\"no\"",
         "true or false"},
        {R"({"deduplication":{"id":"x","reschedule":0}})",
         "deduplication.reschedule",
         "0",
         "true or false"},
        {R"({"deduplication":{"id":"x","keepLastIfActive":[]}})",
         "deduplication.keepLastIfActive",
         "[]",
         "true or false"},
        {R"({"deduplication":{"idd":"x"}})", "deduplication", "idd", deduplicationShape},
        {R"({"parent":"p"})", "parent", "\"p\"", R"({"id", "queue"})"},
        {R"({"parent":{"id":true,"queue":"a:b"}})", "parent.id", "true", "a string"},
        {R"({"telemetry":"x"})", "telemetry", "\"x\"", R"({"metadata", "omitContext"})"},
        {R"({"telemetry":{"metadata":1}})", "telemetry.metadata", "1", "a string"},
        {R"({"telemetry":{"omitContext":1}})", "telemetry.omitContext", "1", "true or false"},
        {R"({"telemetry":{"trace":"x"}})", "telemetry", "trace", R"({"metadata", "omitContext"})"},
        {R"({"failParentOnFailure":true,"removeDependencyOnFailure":true})",
         "failParentOnFailure",
         "removeDependencyOnFailure",
         "cannot be used together"},
        {R"({"debounce":{"id":"x"}})", "debounce", "debounce", "use deduplication"},
        {R"({"repeat":{"every":1}})", "repeat", "repeat", "scheduler"},
    };
    for (const std::string flag : {"failParentOnFailure",
                                   "continueParentOnFailure",
                                   "ignoreDependencyOnFailure",
                                   "removeDependencyOnFailure"}) {
        rows.push_back({"{\"" + flag + "\":\"yes\"}", flag, "\"yes\"", "true or false"});
    }
    for (const std::string keep : {"removeOnComplete", "removeOnFail"}) {
        const auto row = [&](const std::string& value,
                             const std::string& member,
                             const std::string& shown,
                             const std::string& right) {
            rows.push_back({"{\"" + keep + "\":" + value + "}", keep + member, shown, right});
        };
        row("\"yes\"", "", "\"yes\"", keepShape);
        row("[1]", "", "[1]", keepShape);
        row("-5", "", "-5", "a count of 0 or more");
        row("1e400", "", "1e400", "a finite number");
        row(R"({"count":"1"})", ".count", "\"1\"", "a number");
        row(R"({"count":-5})", "", "-5", "a count of 0 or more");
        row(R"({"age":true})", ".age", "true", "a number");
        row(R"({"age":-5})", ".age", "-5", "0 or more");
        row(R"({"age":1e400})", ".age", "1e400", "a finite number");
        row(R"({"limit":"x"})", ".limit", "\"x\"", "a number");
        row(R"({"limit":-1})", ".limit", "-1", "0 or more");
        row(R"({"cuont":1})", "", "cuont", R"({"count", "age", "limit"})");
    }
    for (const std::string limit : {"keepLogs", "stackTraceLimit", "sizeLimit", "expiresAt"}) {
        rows.push_back({"{\"" + limit + "\":\"1\"}", limit, "\"1\"", "a number"});
        rows.push_back({"{\"" + limit + "\":-1}", limit, "-1", "0 or more"});
        rows.push_back({"{\"" + limit + "\":1e400}", limit, "1e400", "a finite number"});
    }
    return rows;
}

/// Options that Queue::add() stores as they are, and that the configuration, the CLI and REST refuse.
inline std::vector<BadOption> unknownOptions() {
    return {
        {R"({"dleay":5})", "dleay", "should not exist", "attempts, backoff, delay, "},
        {R"({"delay":5,"expireAt":5})", "expireAt", "should not exist", "expiresAt"},
    };
}

/// Options that name a parent and cannot be of a new job. Where a parent comes from elsewhere, they are wrong for that.
inline std::vector<BadOption> badParents() {
    const std::string shape = R"({"id", "queue"})";
    const std::string queueName = "<prefix>:<queue>";
    return {
        {R"({"parent":{"id":"","queue":"bull:q"}})", "parent.id", "\"\"", "the id of a job"},
        {R"({"parent":{"id":"p","queue":"q"}})", "parent.queue", "\"q\"", queueName},
        {R"({"parent":{"id":"p","queue":":q"}})", "parent.queue", "\":q\"", queueName},
        {R"({"parent":{"id":"p","queu":"bull:q"}})", "parent", "queu", shape},
        {R"({"parent":{"id":"p","queue":"bull:q"},"deduplication":{"id":"x"}})",
         "deduplication",
         "parent",
         "cannot be used together"},
    };
}

/// Rules that no scheduler can have: `opts` is the member `repeat`.
inline std::vector<BadOption> badRepeats() {
    const std::string date = "epoch milliseconds or an ISO 8601 date with its zone";
    const std::string pattern = "\"pattern\":\"* * * * *\"";
    std::vector<BadOption> rows = {
        {"[]", "repeat", "[]", "a JSON object"},
        {"5", "repeat", "5", "a JSON object"},
        {R"({"evry":5})", "repeat.evry", "unknown", "did you mean every?"},
        {R"({"count":5})", "repeat.count", "unknown", "known are every, pattern"},
        {"{}", "repeat", "neither every nor pattern", R"({"every": 60000})"},
        {R"({"every":null})", "repeat", "neither every nor pattern", R"({"every": 60000})"},
        {R"({"every":5,)" + pattern + "}",
         "repeat.every and repeat.pattern",
         R"(5 and "* * * * *")",
         "one of them"},
        {R"({"every":0})", "repeat.every", "got 0", "at least 1 ms"},
        {R"({"every":-5})", "repeat.every", "-5", "at least 1 ms"},
        {R"({"every":8640000000000001})",
         "repeat.every",
         "got 8640000000000001",
         "at most 8640000000000000"},
        {R"({"every":5,"limit":0})", "repeat.limit", "got 0", "at least 1"},
        {R"({"every":5,"offset":5})", "repeat.offset", "5 with every 5", "[0, every)"},
        {R"({"every":5,"offset":-1})", "repeat.offset", "-1 with every 5", "[0, every)"},
        {R"({"every":5,"offset":1,"immediately":true})",
         "repeat.immediately",
         "repeat.offset",
         "either now or by the offset"},
        {"{" + pattern + R"(,"offset":1})", "repeat.offset", "got 1", "goes with every"},
        {R"({"every":5,"endDate":1000})", "repeat.endDate", "got 1000", "later than now"},
        {R"({"every":5,"startDate":4102444802000,"endDate":4102444801000})",
         "repeat.endDate",
         "4102444801000",
         "not be before repeat.startDate (4102444802000)"},
        {"{" + pattern + R"(,"startDate":4102444802000,"immediately":true})",
         "repeat.immediately",
         "repeat.startDate",
         "either now or not before that date"},
        {R"({"every":5,"immediately":1})", "repeat.immediately", "got 1", "true or false"},
        {R"({"pattern":5})", "repeat.pattern", "got 5", "a string"},
        {R"({"pattern":"61 * * * *"})", "repeat.pattern", "\"61\"", "0-59"},
        {"{" + pattern + R"(,"tz":5})", "repeat.tz", "got 5", "a string"},
        {"{" + pattern + R"(,"tz":"No/Where"})", "repeat.tz", "\"No/Where\"", "Area/City"},
        {R"({"every":5,"tz":"No/Where"})", "repeat.tz", "\"No/Where\"", "Area/City"},
    };
    for (const std::string number : {"every", "limit", "offset"}) {
        for (const std::string value : {"\"5\"", "1.5", "1e400", "true"}) {
            rows.push_back({"{\"" + number + "\":" + value + "}",
                            "repeat." + number,
                            value,
                            "a whole number"});
        }
    }
    for (const std::string name : {"startDate", "endDate"}) {
        for (const std::string value : {"true", "1.5", "\"soon\"", "\"2026-11-23T00:00:00\""}) {
            rows.push_back(
                {R"({"every":5,")" + name + "\":" + value + "}", "repeat." + name, value, date});
        }
        rows.push_back({R"({"every":5,")" + name + "\":-1}", "repeat." + name, "-1", "in [0, "});
    }
    return rows;
}

/// Returns what an error lacks; empty if it names option, value and what would be right.
inline std::string missingIn(std::string message, const BadOption& bad) {
    const auto lower = [](std::string text) {
        std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
            return static_cast<char>(std::tolower(c));
        });
        return text;
    };
    message = lower(std::move(message));
    for (const std::string& part : {bad.option, bad.value, bad.right}) {
        if (message.find(lower(part)) == std::string::npos) {
            return bad.opts + ": \"" + part + "\" is not in \"" + message + "\"";
        }
    }
    return "";
}

}  // namespace drover::test
