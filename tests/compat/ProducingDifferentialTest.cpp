#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <rapidjson/document.h>
#include <regex>

#include <Poco/Exception.h>
#include <cppunit/TestAssert.h>
#include <cppunit/extensions/HelperMacros.h>

#include "compat/CompatFixture.h"
#include "compat/Differential.h"
#include "drover/Exceptions.h"
#include "drover/FlowProducer.h"
#include "drover/JobControl.h"
#include "drover/JobSchedulers.h"
#include "drover/QueueMaintenance.h"

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;

namespace {

constexpr std::int64_t kHour = 3600000;

std::string code(int number) {
    return R"({"code":)" + std::to_string(number) + "}";
}

/// Does the steps of a script of producing.cjs with Drover's classes, as the Player there does with BullMQ's.
class OurPlayer {
public:
    /// `bullmq` does a step with the Player, `first` returns the first job of a key.
    OurPlayer(const Redis& redis,
              std::string base,
              std::function<std::string(const std::string&)> bullmq,
              std::function<std::string(const std::string&)> first)
        : base_(std::move(base)),
          bullmq_(std::move(bullmq)),
          first_(std::move(first)),
          flows_(redis, {"bull", Bullmq5::Off}),
          main_(redis, base_),
          other_(redis, base_ + "-b") {}

    void clear() { ids_.clear(); }
    [[nodiscard]] const std::map<std::string, std::string>& ids() const { return ids_; }

    /// Returns the result as JSON.
    std::string act(const rapidjson::Value& step) {
        try {
            if (step.HasMember("job")) {
                findFirst(textMember(step, "job"), textMember(step, "queue"));
            }
            return actOn(textMember(step, "queue").empty() ? main_ : other_, step);
        } catch (const JobStateException& e) {
            return code(e.code());
        } catch (const Poco::Exception& e) {
            return R"({"message":)" + jsonText(e.displayText()) + "}";
        }
    }

private:
    struct Classes {
        Classes(const Redis& redis, const std::string& name)
            : queue(redis, settingsOf(name)),
              jobs(redis, {"bull", name, Bullmq5::Off}),
              maintenance(redis, {"bull", name, Bullmq5::Off}),
              schedulers(redis, {"bull", name, Bullmq5::Off}) {}

        static Queue::Settings settingsOf(const std::string& name) {
            Queue::Settings settings;
            settings.name = name;
            settings.addTimeout = std::chrono::seconds(10);
            settings.bullmq5 = Bullmq5::Off;
            return settings;
        }

        WholeQueue queue;
        JobControl jobs;
        QueueMaintenance maintenance;
        JobSchedulers schedulers;
    };

    static std::string textMember(const rapidjson::Value& json, const char* name) {
        return json[name].GetString();
    }
    static std::string jsonText(const std::string& text) {
        return textOf(rapidjson::Value(rapidjson::StringRef(text.c_str(), text.size())));
    }
    static std::string bare(bool value) { return value ? "true" : "false"; }

    [[nodiscard]] std::string idOf(const std::string& name) const {
        const auto found = ids_.find(name);
        return found == ids_.end() ? name : found->second;
    }

    /// Gives the first job of a state its name.
    void findFirst(const std::string& name, const std::string& queue) {
        if (name.starts_with('@')) {
            ids_[name] = first_("bull:" + base_ + queue + ":" + name.substr(1));
        }
    }

    std::string remember(const rapidjson::Value& json, const std::string& id) {
        ids_[textMember(json, "as")] = id;
        return jsonText(id);
    }

    std::string resultOf(const rapidjson::Value& json, const AddResult& result) {
        return result.status == AddResult::Status::Added ? remember(json, result.id)
               : result.code != 0                        ? code(result.code)
                                  : R"({"message":)" + jsonText(result.message) + "}";
    }

    [[nodiscard]] NewJob jobOf(const rapidjson::Value& json) const {
        NewJob job{textMember(json, "name"),
                   textOf(json["data"]),
                   JobOptions::parse(textOf(json["opts"]))};
        if (json.HasMember("parent")) {
            job.opts.parent = ParentJob{idOf(textMember(json["parent"], "job")),
                                        "bull:" + base_ + textMember(json["parent"], "queue")};
        }
        return job;
    }

    [[nodiscard]] FlowJob treeOf(const rapidjson::Value& json) const {
        FlowJob flow{base_ + textMember(json, "queue"), "", jobOf(json), {}};
        if (json.HasMember("children")) {
            for (const auto& child : json["children"].GetArray()) {
                flow.children.push_back(treeOf(child));
            }
        }
        return flow;
    }

    std::string rememberTree(const rapidjson::Value& json, const FlowNode& node) {
        std::string text = "[" + remember(json, node.job->id);
        for (std::size_t i = 0; i < node.children.size(); ++i) {
            text += "," + rememberTree(json["children"][static_cast<rapidjson::SizeType>(i)],
                                       node.children[i]);
        }
        return text + "]";
    }

    std::string addFlows(const rapidjson::Value& trees) {
        std::vector<FlowJob> flows;
        for (const auto& tree : trees.GetArray()) {
            flows.push_back(treeOf(tree));
        }
        std::vector<FlowResult> results;
        if (flows.size() == 1) {
            results.push_back(flows_.add(std::move(flows.front())));
        } else {
            results = flows_.addBulk(std::move(flows));
        }
        std::string text;
        for (std::size_t i = 0; i < results.size(); ++i) {
            text += (i > 0 ? "," : "");
            text += results[i].status == AddResult::Status::Added
                        ? rememberTree(trees[static_cast<rapidjson::SizeType>(i)], results[i].tree)
                        : code(results[i].code) + results[i].message;
        }
        return "[" + text + "]";
    }

    std::string addBulk(Queue& queue, const rapidjson::Value& jobs) {
        std::vector<NewJob> all;
        for (const auto& job : jobs.GetArray()) {
            all.push_back(jobOf(job));
        }
        const auto results =
            queue.addBulk(std::move(all), Queue::Clock::now() + std::chrono::seconds(10));
        std::string text;
        for (std::size_t i = 0; i < results.size(); ++i) {
            text += (i > 0 ? "," : "") +
                    resultOf(jobs[static_cast<rapidjson::SizeType>(i)], results[i]);
        }
        return "[" + text + "]";
    }

    static std::string listed(const std::vector<std::string>& ids) {
        std::string text;
        for (const std::string& id : ids) {
            text += (text.empty() ? "" : ",") + jsonText(id);
        }
        return "[" + text + "]";
    }

    static JobState stateOf(const rapidjson::Value& step) {
        const std::string name = textMember(step, "state");
        for (const JobState state : {JobState::Active,
                                     JobState::Delayed,
                                     JobState::Prioritized,
                                     JobState::Completed,
                                     JobState::Failed}) {
            if (name == toString(state)) {
                return state;
            }
        }
        return JobState::Waiting;
    }

    std::string actOn(Classes& on, const rapidjson::Value& step) {
        const std::string what = textMember(step, "do");
        if (what == "work" || what == "release") {
            return bullmq_(textOf(step));
        }
        if (what == "add") {
            return resultOf(step, on.queue.add(jobOf(step)));
        }
        if (what == "bulk") {
            return addBulk(on.queue, step["jobs"]);
        }
        if (what == "flow") {
            return addFlows(step["trees"]);
        }
        if (step.HasMember("job")) {
            return changeJob(on.jobs, what, idOf(textMember(step, "job")), step);
        }
        if (step.HasMember("id")) {
            return withId(on, what, textMember(step, "id"), step);
        }
        return changeQueue(on, what, step);
    }

    static std::string changeJob(JobControl& jobs,
                                 const std::string& what,
                                 const std::string& id,
                                 const rapidjson::Value& step) {
        if (what == "promote") {
            jobs.promote(id);
        } else if (what == "changeDelay") {
            jobs.changeDelay(id, milliseconds(step["delay"].GetInt64()));
        } else if (what == "changePriority") {
            jobs.changePriority(id, step["priority"].GetInt(), step["lifo"].GetBool());
        } else if (what == "updateData") {
            jobs.updateData(id, textOf(step["data"]));
        } else if (what == "updateProgress") {
            jobs.updateProgress(id, textOf(step["progress"]));
        } else if (what == "addLog") {
            return std::to_string(jobs.addLog(id, textMember(step, "row"), step["keep"].GetInt()));
        } else if (what == "clearLogs") {
            jobs.clearLogs(id, step["keep"].GetInt());
        } else if (what == "retry") {
            jobs.retry(id,
                       {stateOf(step),
                        step["resetAttemptsMade"].GetBool(),
                        step["resetAttemptsStarted"].GetBool()});
        } else if (what == "remove") {
            return jobs.remove(id, step["withChildren"].GetBool()) ? "1" : "0";
        } else if (what == "removeUnprocessedChildren") {
            jobs.removeUnprocessedChildren(id);
        } else if (what == "removeChildDependency") {
            return bare(jobs.removeChildDependency(id));
        } else if (what == "removeDeduplicationKeyOf") {
            return bare(jobs.removeDeduplicationKeyOf(id));
        } else {
            CPPUNIT_FAIL("no act " + what);
        }
        return "null";
    }

    static std::string withId(Classes& on,
                              const std::string& what,
                              const std::string& id,
                              const rapidjson::Value& step) {
        if (what == "removeDeduplicationKey") {
            return bare(on.jobs.removeDeduplicationKey(id));
        }
        if (what == "deduplicationJobId") {
            const auto owner = on.jobs.deduplicationJobId(id);
            return owner ? jsonText(*owner) : "null";
        }
        if (what == "unschedule") {
            return bare(on.schedulers.remove(id));
        }
        CPPUNIT_ASSERT_EQUAL(std::string("upsert"), what);
        const auto run = on.schedulers.upsert(id,
                                              RepeatOptions::parse(textOf(step["repeat"])),
                                              JobTemplate::parse(textOf(step["template"])));
        return run ? jsonText(run->jobId) : "null";
    }

    static std::string changeQueue(Classes& on,
                                   const std::string& what,
                                   const rapidjson::Value& step) {
        QueueMaintenance::Calls calls;
        if (step.HasMember("count")) {
            calls.jobs = step["count"].GetUint();
        }
        if (what == "retryJobs") {
            std::optional<std::int64_t> until;
            if (step.HasMember("timestamp")) {
                until = step["timestamp"].GetInt64();
            }
            on.maintenance.retryJobs(stateOf(step), until, calls);
        } else if (what == "promoteJobs") {
            on.maintenance.promoteJobs(calls);
        } else if (what == "clean") {
            return listed(on.maintenance.clean(
                {stateOf(step), milliseconds(step["grace"].GetInt()), step["limit"].GetUint()}));
        } else if (what == "drain") {
            on.maintenance.drain(step["delayed"].GetBool());
        } else if (what == "pause") {
            on.queue.pause();
        } else if (what == "resume") {
            on.queue.resume();
        } else if (what == "obliterate") {
            on.maintenance.obliterate(step["force"].GetBool(), calls);
        } else if (what == "trimEvents") {
            return std::to_string(on.maintenance.trimEvents(step["length"].GetInt()));
        } else if (what == "setGlobalConcurrency") {
            on.queue.setGlobalConcurrency(step["jobs"].GetInt());
        } else if (what == "removeGlobalConcurrency") {
            on.queue.removeGlobalConcurrency();
        } else if (what == "setGlobalRateLimit") {
            on.queue.setGlobalRateLimit(
                {step["max"].GetInt(), milliseconds(step["duration"].GetInt())});
        } else if (what == "removeGlobalRateLimit") {
            on.queue.removeGlobalRateLimit();
        } else if (what == "rateLimit") {
            on.queue.rateLimit(milliseconds(step["duration"].GetInt()));
        } else if (what == "removeRateLimitKey") {
            on.queue.removeRateLimitKey();
        } else {
            CPPUNIT_FAIL("no act " + what);
        }
        return "null";
    }

    std::string base_;
    std::function<std::string(const std::string&)> bullmq_, first_;
    FlowProducer flows_;
    Classes main_;
    Classes other_;
    std::map<std::string, std::string> ids_;
};

/// Writes what Redis holds of one run of a script, and its results, without what differs between two equal runs.
class Plain {
public:
    /// `ids`: the names of the script's jobs with their ids. `startMs`: when the run began.
    Plain(const std::map<std::string, std::string>& ids, std::int64_t startMs) : startMs_(startMs) {
        static const std::regex kUuid("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
        for (const auto& [name, id] : ids) {
            if (std::regex_match(id, kUuid)) {
                names_[id] = "<" + name + ">";
            }
        }
    }

    /// Returns a text with the script's names in place of random ids, and without the exact moments of this run.
    [[nodiscard]] std::string text(std::string text) const {
        for (const auto& [id, name] : names_) {
            for (std::size_t at = 0; (at = text.find(id, at)) != std::string::npos;) {
                text.replace(at, id.size(), name);
            }
        }
        static const std::regex kMoment("1[789][0-9]{11}(\\.[0-9]+)?");
        std::string result;
        auto begin = text.cbegin();
        for (std::sregex_iterator it(text.cbegin(), text.cend(), kMoment), end; it != end; ++it) {
            result.append(begin, text.cbegin() + it->position());
            result += moment(std::stod(it->str()));
            begin = text.cbegin() + it->position() + it->length();
        }
        return result.append(begin, text.cend());
    }

    /// Returns a moment after the start as whole hours since then, one that is past or far away as it is.
    [[nodiscard]] std::string moment(double ms) const {
        const double since = ms - static_cast<double>(startMs_);
        if (since < 0 || since > 40000.0 * kHour) {
            return std::to_string(static_cast<std::int64_t>(ms));
        }
        return "NOW+" + std::to_string(static_cast<int>(since / kHour)) + "h";
    }

    /// Returns a distance from now in whole hours, if it is almost that. To a time that is fixed it differs from run to run.
    static std::string delay(std::int64_t ms) {
        const std::int64_t hours = (ms + 10000) / kHour;
        if (ms <= 0 || ms > hours * kHour) {
            return ms > 10 * kHour ? "some" : std::to_string(ms);
        }
        return hours < 40000 ? std::to_string(hours) + "h" : "some";
    }

    static bool isZero(const rapidjson::Value& value) {
        return value.IsInt() && value.GetInt() == 0;
    }

    /// Returns a keep rule as JobOptions writes it.
    static std::string rule(const rapidjson::Value& value) {
        if (value.IsObject() && value.MemberCount() == 1 && value.HasMember("count")) {
            return rule(value["count"]);
        }
        return isZero(value) ? "true" : json(value);
    }

    /// Returns JSON with its members sorted, of options each rule in one form. In Redis's JSON an empty array is {}.
    static std::string json(const rapidjson::Value& value) {
        if (value.IsObject() || (value.IsArray() && value.Empty())) {
            std::map<std::string, std::string> members;
            if (value.IsObject()) {
                for (const auto& member : value.GetObject()) {
                    const std::string name = member.name.GetString();
                    // Ours does not store a jitter of 0.
                    if (name == "jitter" && isZero(member.value)) {
                        continue;
                    }
                    if (name == "delay" && member.value.IsInt64()) {
                        members[name] = delay(member.value.GetInt64());
                        continue;
                    }
                    members[name] =
                        name.starts_with("removeOn") ? rule(member.value) : json(member.value);
                }
            }
            std::string text = "{";
            for (const auto& [name, member] : members) {
                text += name + ":" + member + ",";
            }
            return text + "}";
        }
        if (value.IsArray()) {
            std::string text = "[";
            for (const auto& element : value.GetArray()) {
                text += json(element) + ",";
            }
            return text + "]";
        }
        return textOf(value);
    }

private:
    std::int64_t startMs_;
    std::map<std::string, std::string> names_;
};

}  // namespace

/// Random scripts of adds, flows, schedulers, changes and maintenance, done once by BullMQ 6.7.0 and once by Drover, while BullMQ
/// ends jobs in both: every result, every key and every event must be the same but for ids, times and tokens.
///
/// DROVER_DIFFERENTIAL_SCRIPTS: how many (200). DROVER_DIFFERENTIAL_SEED: the first one's seed; printed, so that a script
/// can be done again.
class ProducingDifferentialTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(ProducingDifferentialTest);
    CPPUNIT_TEST(everyScriptEndsAsWithBullmq);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        RedisFixture::setUp();
        useOwnServer();
        peer_ = std::make_unique<NodePeer>("6.7.0", *server_);
    }
    void tearDown() override {
        peer_.reset();
        RedisFixture::tearDown();
    }

    void everyScriptEndsAsWithBullmq() {
        const int count = fromEnvironment("DROVER_DIFFERENTIAL_SCRIPTS", 200);
        const int first = fromEnvironment("DROVER_DIFFERENTIAL_SEED",
                                          static_cast<int>(std::random_device{}() % 1000000));
        std::cerr << "\n" << count << " scripts, DROVER_DIFFERENTIAL_SEED=" << first << "\n";
        // Whole nodes of a stream are trimmed: with nodes of bytes, different times would leave different entries.
        redis({"CONFIG", "SET", "stream-node-max-bytes", "0"});
        redis({"CONFIG", "SET", "stream-node-max-entries", "5"});
        OurPlayer ours(
            handleOf(options()),
            base_,
            [this](const std::string& step) {
                return textOf(peer_->call("producing.act", base() + ",\"step\":" + step));
            },
            [this](const std::string& key) {
                const auto found = key.ends_with(":wait") ? textsOf({"LRANGE", key, "-1", "-1"})
                                                          : textsOf({"ZRANGE", key, "0", "0"});
                return found.empty() ? "@none" : found.front();
            });
        std::string differences;
        int differing = 0;
        for (int seed = first; seed < first + count; ++seed) {
            const auto script =
                peer_->call("producing.script", R"("seed":)" + std::to_string(seed));
            const std::string found = compare(script["steps"], ours);
            if (!found.empty() && ++differing <= 3) {
                differences += "script " + std::to_string(seed) + ", " +
                               script["kind"].GetString() + ":\n" + found;
            }
        }
        CPPUNIT_ASSERT_MESSAGE(std::to_string(differing) + " scripts differ:\n" + differences,
                               differing == 0);
    }

private:
    /// The lines of a run: results of the steps, the marker after each, events, keys.
    struct Run {
        std::vector<std::string> results, markers, events, keys;
    };

    /// Returns the script with BullMQ's results, and what differs; empty if nothing does.
    std::string compare(const rapidjson::Value& steps, OurPlayer& ours) {
        const Run theirs = runOfBullmq(steps);
        const Run mine = runOfOurs(steps, ours);
        std::string found = firstDifference("result", theirs.results, mine.results) +
                            firstDifference("marker", theirs.markers, mine.markers) +
                            firstDifference("event", theirs.events, mine.events);
        for (const std::string& line : onlyIn(theirs.keys, mine.keys)) {
            found += "  BullMQ  " + line + "\n";
        }
        for (const std::string& line : onlyIn(mine.keys, theirs.keys)) {
            found += "  ours    " + line + "\n";
        }
        if (found.empty()) {
            return found;
        }
        std::string script;
        for (rapidjson::SizeType i = 0; i < steps.Size(); ++i) {
            script += "  " + std::to_string(i) + " " + textOf(steps[i]) + "\n";
            if (i < theirs.results.size()) {
                script += "      " + theirs.results[i] + "\n";
            }
        }
        return script + found;
    }

    Run runOfBullmq(const rapidjson::Value& steps) {
        redis({"FLUSHALL"});
        peer_->call("producing.clear", base());
        const std::int64_t start = clock_.wallMs();
        const auto played = peer_->call("producing.play",
                                        base() + ",\"steps\":" + textOf(steps),
                                        NodePeer::Milliseconds(60000));
        std::map<std::string, std::string> ids;
        for (const auto& [name, id] : played["ids"].GetObject()) {
            ids[name.GetString()] = id.GetString();
        }
        std::vector<std::string> results;
        for (const auto& result : played["results"].GetArray()) {
            results.push_back(textOf(result));
        }
        std::vector<std::string> markers;
        for (const auto& marker : played["markers"].GetArray()) {
            std::vector<std::string> parts;
            for (const auto& part : marker.GetArray()) {
                parts.emplace_back(part.GetString());
            }
            markers.push_back(joined(parts));
        }
        return runOf(steps, Plain(ids, start), results, markers);
    }

    Run runOfOurs(const rapidjson::Value& steps, OurPlayer& ours) {
        redis({"FLUSHALL"});
        peer_->call("producing.clear", base());
        ours.clear();
        const std::int64_t start = clock_.wallMs();
        std::vector<std::string> results, markers;
        for (const auto& step : steps.GetArray()) {
            results.push_back(ours.act(step));
            const std::string marker = "bull:" + base_ + step["queue"].GetString() + ":marker";
            markers.push_back(joined(textsOf({"ZRANGE", marker, "0", "-1", "WITHSCORES"})));
        }
        return runOf(steps, Plain(ours.ids(), start), results, markers);
    }

    /// The result of a step as both engines have it.
    static std::string comparable(const rapidjson::Value& step,
                                  const std::string& result,
                                  const Plain& plain) {
        rapidjson::Document json;
        json.Parse(result.c_str());
        if (step["do"] == "clean" && json.IsArray()) {
            // The engines return the ids of a list in opposite orders.
            std::vector<std::string> ids;
            for (const auto& id : json.GetArray()) {
                ids.push_back(plain.text(textOf(id)));
            }
            std::sort(ids.begin(), ids.end());
            return joined(ids);
        }
        if (json.IsObject()) {
            // Errors agree by their code: the words are each engine's own.
            return "code " + (json.HasMember("code") ? textOf(json["code"]) : "0");
        }
        return plain.text(Plain::json(json));
    }

    Run runOf(const rapidjson::Value& steps,
              const Plain& plain,
              const std::vector<std::string>& results,
              const std::vector<std::string>& markers) {
        Run run;
        for (rapidjson::SizeType i = 0; i < steps.Size(); ++i) {
            run.markers.push_back(plain.text(markers.at(i)));
            run.results.push_back(comparable(steps[i], results.at(i), plain));
        }
        std::vector<std::string> keys = textsOf({"KEYS", "*"});
        std::sort(keys.begin(), keys.end());
        for (const std::string& key : keys) {
            dump(key, plain, run);
        }
        std::sort(run.keys.begin(), run.keys.end());
        return run;
    }

    std::vector<std::string> textsOf(const std::vector<std::string>& command) {
        const Reply reply = redis(command);
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < reply.size(); ++i) {
            texts.emplace_back(reply.at(i).text());
        }
        return texts;
    }

    void dump(const std::string& key, const Plain& plain, Run& run) {
        const std::string name = plain.text(key);
        const std::string type = text({"TYPE", key});
        const std::int64_t ttl = number({"PTTL", key});
        const auto line = [&](const std::string& what) {
            run.keys.push_back(name + " " + plain.text(what));
        };
        // Ours trims the stream with every event, so that the default length is there after the first one.
        if (!key.ends_with(":meta")) {
            line(type + (ttl < 0 ? "" : " for " + std::to_string((ttl + kHour - 1) / kHour) + "h"));
        }
        if (type == "string") {
            line(text({"GET", key}));
        } else if (type == "list") {
            ordered(textsOf({"LRANGE", key, "0", "-1"}), line);
        } else if (type == "set") {
            for (const std::string& member : textsOf({"SMEMBERS", key})) {
                line(member);
            }
        } else if (type == "zset") {
            sortedSet(key, plain, line);
        } else if (type == "hash") {
            const auto fields = textsOf({"HGETALL", key});
            for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
                // The version is the client's. The offset of a scheduler without a start is the time of day at which it was made.
                if (fields[i] == "version" || fields[i] == "opts.maxLenEvents" ||
                    (fields[i] == "offset" && key.ends_with(":repeat:now"))) {
                    continue;
                }
                line(fields[i] + "=" +
                     (fields[i] == "delay" ? Plain::delay(std::atoll(fields[i + 1].c_str()))
                                           : fieldText(fields[i + 1])));
            }
        } else if (type == "stream") {
            const Reply entries = redis({"XRANGE", key, "-", "+"});
            const auto first = std::ssize(run.events);
            for (std::size_t i = 0; i < entries.size(); ++i) {
                const ReplyView fields = entries.at(i).at(1);
                std::string entry = name;
                for (std::size_t k = 0; k + 1 < fields.size(); k += 2) {
                    entry += " " + std::string(fields.at(k).text()) + "=" +
                             fieldText(std::string(fields.at(k + 1).text()));
                }
                run.events.push_back(plain.text(entry));
            }
            sortRemovals(run.events.begin() + first, run.events.end());
        }
    }

    /// Sorts the events of removals that follow each other: the children of a job have no order.
    static void sortRemovals(std::vector<std::string>::iterator at,
                             std::vector<std::string>::iterator end) {
        const auto isPart = [](const std::string& entry) {
            return contains(entry, " event=removed ") || entry.ends_with(" prev=waiting-children");
        };
        while ((at = std::find_if(at, end, isPart)) != end) {
            const auto last = std::find_if_not(at, end, isPart);
            std::sort(at, last);
            at = last;
        }
    }

    template <typename Line>
    static void ordered(const std::vector<std::string>& members, const Line& line) {
        for (std::size_t i = 0; i < members.size(); ++i) {
            line(std::to_string(i) + " " + members[i]);
        }
    }

    /// With the order of members, where an order is meant: two parents of a tree have one time, or two.
    template <typename Line>
    void sortedSet(const std::string& key, const Plain& plain, const Line& line) {
        const auto members = textsOf({"ZRANGE", key, "0", "-1", "WITHSCORES"});
        const bool packed = key.ends_with(":delayed");
        const bool unordered = key.ends_with(":waiting-children") ||
                               key.ends_with(":unsuccessful") || key.ends_with(":marker");
        for (std::size_t i = 0; i + 1 < members.size(); i += 2) {
            const double score = std::stod(members[i + 1]);
            line((unordered ? "" : std::to_string(i / 2) + " ") + members[i] + " at " +
                 (key.ends_with(":prioritized")
                      ? members[i + 1]
                      : plain.moment(packed ? std::floor(score / 4096) : score)));
        }
    }

    static std::string fieldText(const std::string& value) {
        rapidjson::Document json;
        json.Parse(value.c_str());
        const std::string plain =
            json.HasParseError() || !(json.IsObject() || json.IsArray() || json.IsDouble())
                ? value
                : Plain::json(json);
        return plain;
    }

    /// Returns the first place where two sequences differ.
    static std::string firstDifference(const std::string& what,
                                       const std::vector<std::string>& theirs,
                                       const std::vector<std::string>& mine) {
        for (std::size_t i = 0; i < std::max(theirs.size(), mine.size()); ++i) {
            const std::string one = i < theirs.size() ? theirs[i] : "none";
            const std::string other = i < mine.size() ? mine[i] : "none";
            if (one != other) {
                return "  " + what + " " + std::to_string(i) + ": BullMQ " + one + ", ours " +
                       other + "\n";
            }
        }
        return "";
    }

    /// Returns the member `base` of the peer's operations.
    [[nodiscard]] std::string base() const { return "\"base\":\"" + base_ + "\""; }

    const std::string base_ = queueTag() + "p";
    std::unique_ptr<NodePeer> peer_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ProducingDifferentialTest);
