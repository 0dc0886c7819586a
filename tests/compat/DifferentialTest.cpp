#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <rapidjson/document.h>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include <cppunit/TestAssert.h>
#include <cppunit/extensions/HelperMacros.h>

#include "compat/CompatFixture.h"
#include "compat/Differential.h"
#include "core/JsonText.h"
#include "queue/QueueContext.h"
#include "queue/ops/Read.h"
#include "support/NodePeer.h"

using namespace drover;
using namespace drover::test;

namespace {

/// The output of differential.cjs for one script.
struct Play {
    int seed = 0;
    bool ordered = false;
    QueueSettings settings;
};

KeepJobs keepOf(const rapidjson::Value& settings, const char* name) {
    KeepJobs keep;
    if (settings.HasMember(name)) {
        const auto& rule = settings[name];
        keep.count = rule.HasMember("count") ? rule["count"].GetInt64() : -1;
        keep.ageSeconds = rule.HasMember("age") ? rule["age"].GetInt64() : -1;
    }
    return keep;
}

Play playOf(const std::string& line) {
    rapidjson::Document json;
    json.Parse(line.c_str());
    Play script;
    script.seed = json["seed"].GetInt();
    script.ordered = json["ordered"].GetBool();
    const auto& settings = json["settings"];
    if (settings.HasMember("metrics")) {
        script.settings.metricsPoints = settings["metrics"].GetInt();
    }
    if (settings.HasMember("maxStartedAttempts")) {
        script.settings.maxStartedAttempts = settings["maxStartedAttempts"].GetInt();
    }
    if (settings.HasMember("limiter")) {
        script.settings.limiterMax = settings["limiter"]["max"].GetInt();
        script.settings.limiterDuration =
            std::chrono::milliseconds(settings["limiter"]["duration"].GetInt());
    }
    script.settings.keepCompleted = keepOf(settings, "removeOnComplete");
    script.settings.keepFailed = keepOf(settings, "removeOnFail");
    return script;
}

/// The behaviours of differential.cjs.
JobOutcome handle(RunningJob& job) {
    using Kind = JobOutcome::Kind;
    rapidjson::Document data;
    data.Parse(job.job().data.c_str());
    const std::string kind = data["kind"].GetString();
    const int times = data.HasMember("times") ? data["times"].GetInt() : 0;
    // Byte for byte, as a handler would pass it on.
    std::string value = "null";
    const auto members = splitJsonObject(job.job().data);
    for (const auto& [name, text] : *members) {
        value = name == "value" ? std::string(text) : value;
    }
    const bool first = job.job().attemptsStarted == 1;
    const std::string attempt = std::to_string(job.job().attemptsMade + 1);
    if (kind == "fail") {
        return {Kind::Failed, "failed attempt " + attempt, "", 0};
    }
    if (kind == "flaky" && job.job().attemptsMade < times) {
        return {Kind::Failed, "flaky attempt " + attempt, "", 0};
    }
    if (kind == "unrecoverable") {
        return {Kind::Unrecoverable, "no attempt helps", "", 0};
    }
    if (kind == "report") {
        job.updateProgress(value == "null" ? "0" : value);
        job.addLog("row one");
        job.addLog("row two");
    } else if (kind == "update") {
        std::string changed = job.job().data;
        changed.replace(changed.find("\"update\""), 8, "\"complete\"");
        job.updateData(changed);
    } else if (kind == "wait" && first) {
        return {Kind::Wait, "", "", 0};
    } else if (kind == "delay" && first) {
        return {Kind::Delayed, "", "", SystemClock().wallMs() + 20};
    } else if (kind == "limit" && first) {
        return {Kind::RateLimited, "", "", 20};
    } else if (kind == "children") {
        std::string values;
        job.childrenValues(values);
        const auto children = splitJsonObject(values);
        if (children->empty()) {
            std::string parent = job.job().id;
            std::replace(parent.begin(), parent.end(), ':', '.');
            std::string added = "[";
            for (int n = 0; n < times; ++n) {
                const std::string number = std::to_string(n);
                added += std::string(n > 0 ? "," : "") +
                         R"({"name":"child","data":{"kind":"complete","value":)" + number + "}";
                if (data.HasMember("named")) {
                    added += R"(,"opts":{"jobId":"child-)" + number + "-of-" + parent + "\"}";
                }
                added += "}";
            }
            std::string ids;
            CPPUNIT_ASSERT(job.addChildren(added + "]", ids) == HostStatus::Ok);
            return {Kind::WaitingChildren, "", "", 0};
        }
        value = std::to_string(children->size());
    }
    return {Kind::Completed, value, "", 0};
}

/// JSON with its members sorted: two clients agree on the values, not on the order.
std::string sorted(const rapidjson::Value& json) {
    if (json.IsObject()) {
        std::map<std::string, std::string> members;
        for (const auto& member : json.GetObject()) {
            members[member.name.GetString()] = sorted(member.value);
        }
        std::string text = "{";
        for (const auto& [name, value] : members) {
            text += jsonString(name) + ":" + value + ",";
        }
        return text + "}";
    }
    return textOf(json);
}

}  // namespace

/// Random scripts of adds by a Node client, worked once by BullMQ 6.7.0 and once by Drover: every key and every event
/// must be the same but for ids, times and tokens.
///
/// DROVER_DIFFERENTIAL_SCRIPTS: how many (60). DROVER_DIFFERENTIAL_SEED: the first one's seed; printed, so that a script
/// can be worked again.
class DifferentialTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(DifferentialTest);
    CPPUNIT_TEST(everyScriptEndsAsWithBullmq);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyScriptEndsAsWithBullmq() {
        const int count = fromEnvironment("DROVER_DIFFERENTIAL_SCRIPTS", 60);
        const int first = fromEnvironment("DROVER_DIFFERENTIAL_SEED",
                                          static_cast<int>(std::random_device{}() % 1000000));
        std::cerr << "\n" << count << " scripts, DROVER_DIFFERENTIAL_SEED=" << first << "\n";
        std::vector<std::string> differences;
        for (int at = 0; at < count; at += kAtOnce) {
            compare(first + at, std::min(kAtOnce, count - at), differences);
        }
        if (!differences.empty()) {
            CPPUNIT_FAIL(std::to_string(differences.size()) + " scripts differ, of them:\n" +
                         joined({differences.begin(),
                                 differences.begin() +
                                     std::min<std::ptrdiff_t>(5, std::ssize(differences))}));
        }
    }

private:
    static constexpr int kAtOnce = 10;

    void compare(int seed, int count, std::vector<std::string>& differences) {
        redis({"FLUSHALL"});
        const std::string range = std::to_string(seed) + " " + std::to_string(count);
        node("add " + range + " node");
        node("work " + range + " node");
        std::vector<Play> plays;
        std::istringstream lines(node("add " + range + " ours"));
        for (std::string line; std::getline(lines, line);) {
            plays.push_back(playOf(line));
        }
        CPPUNIT_ASSERT_EQUAL(static_cast<std::size_t>(count), plays.size());
        work(plays, range);
        for (const Play& script : plays) {
            const std::string name = queueOf(script);
            const auto theirs = dump(name + "-node", script.ordered);
            const auto mine = dump(name + "-ours", script.ordered);
            std::string text;
            for (const std::string& line : onlyIn(theirs, mine)) {
                text += "  BullMQ  " + line + "\n";
            }
            for (const std::string& line : onlyIn(mine, theirs)) {
                text += "  ours    " + line + "\n";
            }
            if (!text.empty()) {
                differences.push_back("script " + std::to_string(script.seed) +
                                      (script.ordered ? " (ordered):\n" : " (timed):\n") + text);
            }
        }
    }

    /// As differential.cjs names them, but for the side.
    static std::string queueOf(const Play& script) {
        return queueTag() + "d" + std::to_string(script.seed);
    }

    /// Returns the output of differential.cjs.
    std::string node(const std::string& arguments) {
        return runNodeScript("compat/differential.cjs", *server_, arguments);
    }

    /// As often as differential.cjs does.
    void work(const std::vector<Play>& all, const std::string& range) {
        std::vector<std::unique_ptr<Worker>> workers;
        for (const Play& script : all) {
            for (const char* suffix : {"-ours", "-ours-b"}) {
                auto handler = std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
                    for (RunningJob* job : jobs) {
                        // No two end in one millisecond: their order would be undecided.
                        std::this_thread::sleep_for(std::chrono::milliseconds(2));
                        job->setOutcome(handle(*job));
                    }
                });
                handler->backoff = [](int attemptsMade) -> std::optional<std::int64_t> {
                    return attemptsMade > 2 ? -1 : attemptsMade * 4;
                };
                QueueSettings settings = script.settings;
                settings.concurrency = 1;
                workers.push_back(
                    startWorker(settings, queueOf(script) + suffix, std::move(handler)));
            }
        }
        for (int round = 0; round < 3; ++round) {
            if (round > 0) {
                node("promote " + range + " ours");
            }
            int idle = 0;
            std::string left;
            const auto deadline = clock_.monotonic() + std::chrono::seconds(60);
            while (idle <= 5) {
                left.clear();
                for (const auto& worker : workers) {
                    left += isWorked(worker->queue()) ? "" : remains(worker->queue().keys());
                }
                idle = left.empty() ? idle + 1 : 0;
                CPPUNIT_ASSERT_MESSAGE("not worked in time:\n" + left,
                                       clock_.monotonic() < deadline);
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
            }
        }
    }

    /// The unfinished jobs, for the message of a failure.
    std::string remains(const QueueKeys& keys) {
        std::string found;
        for (const std::string* list : {&keys.wait, &keys.active}) {
            for (const std::string& id : textsOf({"LRANGE", *list, "0", "-1"})) {
                found += "  " + *list + " " + id + "\n";
            }
        }
        for (const std::string* set : {&keys.prioritized, &keys.delayed, &keys.marker}) {
            found += "  " + *set + " " +
                     joined(textsOf({"ZRANGE", *set, "0", "-1", "WITHSCORES"})) + "\n";
        }
        return found + "  " + keys.limiter + " for " +
               std::to_string(number({"PTTL", keys.limiter})) + " ms\n";
    }

    /// A scheduler's job for a time that is far away stays.
    bool isWorked(const QueueContext& context) {
        const JobCounts left = ops::counts(context, client());
        const std::int64_t tomorrow = clock_.wallMs() + 24 * 3600000LL;
        return left.waiting + left.active + left.prioritized == 0 &&
               (left.delayed == 0 ||
                number(
                    {"ZCOUNT", context.keys().delayed, "-inf", std::to_string(tomorrow * 4096)}) ==
                    0);
    }

    std::vector<std::string> textsOf(const std::vector<std::string>& command) {
        const Reply reply = redis(command);
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < reply.size(); ++i) {
            texts.emplace_back(reply.at(i).text());
        }
        return texts;
    }

    /// Everything under a script's queues, a line each, without the parts that may differ.
    std::vector<std::string> dump(const std::string& queue, bool ordered) {
        std::vector<std::string> lines;
        for (const std::string& key : textsOf({"KEYS", "bull:" + queue + "*"})) {
            const std::string name = plain(key, queue);
            const std::string type = text({"TYPE", key});
            const auto line = [&](const std::string& what) {
                lines.push_back(name + " " + plain(what, queue));
            };
            // The last act of a worker, the order of workers, and whether a minute or a window had just ended.
            static const std::regex kSkipped(
                ".*:(stalled|stalled-check|marker|meta|limiter|metrics:[a-z]+:data)");
            if (std::regex_match(name, kSkipped) || (!ordered && name.ends_with(":pc"))) {
                continue;
            }
            if (type == "string") {
                line(text({"GET", key}) + (number({"PTTL", key}) > 0 ? " expires" : ""));
            } else if (type == "list") {
                for (const std::string& element : textsOf({"LRANGE", key, "0", "-1"})) {
                    line(element);
                }
            } else if (type == "set") {
                for (const std::string& member : textsOf({"SMEMBERS", key})) {
                    line(member);
                }
            } else if (type == "zset") {
                for (const std::string& member : textsOf({"ZRANGE", key, "0", "-1"})) {
                    line(member + (name == "bull:Q:repeat" ? " at " + text({"ZSCORE", key, member})
                                                           : std::string()));
                }
            } else if (type == "hash") {
                const auto fields = textsOf({"HGETALL", key});
                for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
                    line(schedulerText(name, fieldText(fields[i], fields[i + 1])));
                }
            } else if (type == "stream") {
                streamLines(key, queue, ordered, lines);
            }
        }
        std::sort(lines.begin(), lines.end());
        return lines;
    }

    static std::string fieldText(const std::string& field, const std::string& value) {
        if (field == "prevTS" || field == "prevCount") {
            return field;
        }
        rapidjson::Document json;
        json.Parse<rapidjson::kParseFullPrecisionFlag>(value.c_str());
        if (field == "stacktrace" && json.IsArray()) {
            return field + " of " + std::to_string(json.Size());
        }
        if (field == "delay" && value != "0") {
            return field + " some";  // With jitter.
        }
        return field + "=" +
               (json.HasParseError() || !(json.IsObject() || json.IsArray()) ? value
                                                                             : sorted(json));
    }

    /// Without the time of day at which a scheduler was made, and the distance of its next run.
    static std::string schedulerText(const std::string& key, const std::string& text) {
        if (key.find(":repeat:") == std::string::npos) {
            return text;
        }
        static const std::regex kDelay("\"delay\":[0-9]{8,}");
        static const std::regex kPhase("(^offset=|\"offset\":)[0-9]+");
        const std::string plain = std::regex_replace(text, kDelay, "\"delay\":some");
        return key.find(":repeat:now") == std::string::npos
                   ? plain
                   : std::regex_replace(plain, kPhase, "$1some");
    }

    /// In the order of the stream if the script is ordered, else in the order of each job's own events.
    void streamLines(const std::string& key,
                     const std::string& queue,
                     bool ordered,
                     std::vector<std::string>& lines) {
        const Reply entries = redis({"XRANGE", key, "-", "+"});
        std::map<std::string, int> positions;
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const ReplyView fields = entries.at(i).at(1);
            std::string entry;
            std::string id;
            for (std::size_t k = 0; k + 1 < fields.size(); k += 2) {
                const std::string field(fields.at(k).text());
                const std::string value(fields.at(k + 1).text());
                id = field == "jobId" ? value : id;
                entry += " " + field + "=" + (field == "delay" ? "some" : value);
            }
            if (!ordered && id.empty()) {
                continue;  // When everything was done for a moment depends on time.
            }
            char position[16];
            std::snprintf(position, sizeof(position), "%04d", ++positions[ordered ? "" : id]);
            lines.push_back(plain(key, queue) + " " + (ordered ? "" : plain(id, queue) + " ") +
                            position + plain(entry, queue));
        }
    }

    static std::string plain(std::string text, const std::string& queue) {
        for (std::size_t at = 0; (at = text.find(queue, at)) != std::string::npos;) {
            text.replace(at, queue.size(), "Q");
        }
        static const std::regex kMoment("1[789][0-9]{11}");
        return std::regex_replace(text, kMoment, "TIME");
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DifferentialTest);
