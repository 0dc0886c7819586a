#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <rapidjson/document.h>
#include <sstream>
#include <string>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/TestAssert.h>
#include <cppunit/extensions/HelperMacros.h>

#include "compat/CompatFixture.h"
#include "compat/Differential.h"
#include "queue/SchedulerRecord.h"
#include "queue/ops/Control.h"
#include "queue/ops/Schedulers.h"
#include "support/NodePeer.h"

using namespace drover;
using namespace drover::test;

/// Random scripts of scheduler upserts, done once by BullMQ 6.7.0 and once by Drover at the same moments: records, next runs,
/// pending jobs, events and results must be the same.
///
/// DROVER_DIFFERENTIAL_SCHEDULERS: how many (200). DROVER_DIFFERENTIAL_SEED: the first one's seed; printed, so that a script
/// can be done again.
class SchedulerDifferentialTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(SchedulerDifferentialTest);
    CPPUNIT_TEST(everyScriptEndsAsWithBullmq);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyScriptEndsAsWithBullmq() {
        const int count = fromEnvironment("DROVER_DIFFERENTIAL_SCHEDULERS", 200);
        const int first = fromEnvironment("DROVER_DIFFERENTIAL_SEED",
                                          static_cast<int>(std::random_device{}() % 1000000));
        std::cerr << "\n" << count << " scripts, DROVER_DIFFERENTIAL_SEED=" << first << "\n";
        redis({"FLUSHALL"});
        std::istringstream lines(
            runNodeScript("compat/scheduler-scripts.cjs",
                          *server_,
                          std::to_string(first) + " " + std::to_string(count)));
        int played = 0;
        int differing = 0;
        std::string differences;
        for (std::string line; std::getline(lines, line); ++played) {
            const std::string found = play(line);
            if (!found.empty() && ++differing <= 5) {
                differences += line + "\n" + found;
            }
        }
        CPPUNIT_ASSERT_EQUAL(count, played);
        CPPUNIT_ASSERT_MESSAGE(std::to_string(differing) + " scripts differ:\n" + differences,
                               differing == 0);
    }

private:
    /// Does a script; returns the differences.
    std::string play(const std::string& line) {
        rapidjson::Document script;
        script.Parse(line.c_str());
        const std::string name = queueTag() + "s" + std::to_string(script["seed"].GetInt());
        const QueueContext queue(QueueKeys("bull", name + "-ours"));
        if (script["paused"].GetBool()) {
            ops::pause(queue, client());
        }
        std::string text;
        for (const rapidjson::Value& step : script["steps"].GetArray()) {
            const std::string result = act(queue, step);
            const std::string wanted = step.HasMember("result") ? textOf(step["result"]) : "";
            if (result != wanted) {
                text += "  result  BullMQ " + wanted + ", ours " + result + "\n";
            }
        }
        const auto theirs = dump(name + "-node");
        const auto mine = dump(name + "-ours");
        for (const std::string& only : onlyIn(theirs, mine)) {
            text += "  BullMQ  " + only + "\n";
        }
        for (const std::string& only : onlyIn(mine, theirs)) {
            text += "  ours    " + only + "\n";
        }
        return text;
    }

    /// Returns the result of a step as JSON.
    std::string act(const QueueContext& queue, const rapidjson::Value& step) {
        if (step.HasMember("claim")) {
            claimPending(queue.keys());
            return "";
        }
        if (step.HasMember("remove")) {
            return ops::removeScheduler(queue, client(), "tick") ? "true" : "false";
        }
        const std::int64_t at = step["at"].GetInt64();
        try {
            const auto record = schedulerRecordOf("tick",
                                                  RepeatOptions::parse(textOf(step["repeat"])),
                                                  JobTemplate::parse(textOf(step["template"])),
                                                  at);
            if (!record) {
                return "\"none\"";
            }
            const UpsertResult result = ops::upsertScheduler(queue, client(), *record, at);
            return result.code < 0 ? std::to_string(result.code) : "\"" + result.jobId + "\"";
        } catch (const Poco::InvalidArgumentException&) {
            return "\"refused\"";
        }
    }

    void claimPending(const QueueKeys& keys) {
        const std::string id = "repeat:tick:" + text({"ZSCORE", keys.repeat, "tick"});
        if (number({"LREM", keys.wait, "0", id}) + number({"ZREM", keys.delayed, id}) +
                number({"ZREM", keys.prioritized, id}) >
            0) {
            redis({"LPUSH", keys.active, id});
        }
    }

    /// Everything of a queue, a line each, but its meta.
    std::vector<std::string> dump(const std::string& queue) {
        std::vector<std::string> lines;
        for (const std::string& key : textsOf({"KEYS", "bull:" + queue + ":*"})) {
            const std::string name = key.substr(queue.size() + 6);
            const std::string type = text({"TYPE", key});
            if (name == "meta") {
                continue;
            }
            if (type == "string") {
                lines.push_back(name + " " + text({"GET", key}));
            } else if (type == "list") {
                lines.push_back(name + " " + joined(textsOf({"LRANGE", key, "0", "-1"})));
            } else if (type == "zset") {
                lines.push_back(name + " " +
                                joined(textsOf({"ZRANGE", key, "0", "-1", "WITHSCORES"})));
            } else if (type == "hash") {
                const auto fields = textsOf({"HGETALL", key});
                // BullMQ leaves the offset of an earlier period in the record of a pattern, where it has no meaning.
                const bool pattern =
                    name == "repeat:tick" &&
                    std::find(fields.begin(), fields.end(), "pattern") != fields.end();
                for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
                    if (!pattern || fields[i] != "offset") {
                        lines.push_back(name + " " + fields[i] + "=" + plain(fields[i + 1]));
                    }
                }
            } else if (type == "stream") {
                const Reply entries = redis({"XRANGE", key, "-", "+"});
                for (std::size_t i = 0; i < entries.size(); ++i) {
                    std::string entry = "events " + std::to_string(1000 + i);
                    const ReplyView fields = entries.at(i).at(1);
                    for (std::size_t field = 0; field < fields.size(); ++field) {
                        entry += " " + std::string(fields.at(field).text());
                    }
                    lines.push_back(entry);
                }
            }
        }
        std::sort(lines.begin(), lines.end());
        return lines;
    }

    static std::string plain(const std::string& value) {
        rapidjson::Document json;
        json.Parse(value.c_str());
        return !json.HasParseError() && json.IsObject() ? sortedTextOf(json) : value;
    }

    std::vector<std::string> textsOf(const std::vector<std::string>& command) {
        const Reply reply = redis(command);
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < reply.size(); ++i) {
            texts.emplace_back(reply.at(i).text());
        }
        return texts;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SchedulerDifferentialTest);
