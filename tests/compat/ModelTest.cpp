#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include <cppunit/TestAssert.h>
#include <cppunit/extensions/HelperMacros.h>

#include "compat/CompatFixture.h"
#include "compat/Differential.h"
#include "compat/QueueModel.h"
#include "core/JsonText.h"
#include "drover/Exceptions.h"
#include "drover/FlowProducer.h"
#include "drover/JobControl.h"
#include "drover/QueueMaintenance.h"
#include "queue/ops/Advance.h"
#include "queue/ops/Settle.h"
#include "queue/ops/Stalled.h"

using namespace drover;
using namespace drover::test;

namespace {

constexpr std::int64_t kHour = 3600000;
/// The clocks of the two clients may differ by so much, in milliseconds.
constexpr std::int64_t kTolerance = 100;

constexpr const char* kDump = R"(
local all = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local type = redis.call('TYPE', key).ok
  local values = {}
  if type == 'string' then values = {redis.call('GET', key)}
  elseif type == 'list' then values = redis.call('LRANGE', key, 0, -1)
  elseif type == 'set' then values = redis.call('SMEMBERS', key)
  elseif type == 'zset' then values = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif type == 'hash' then values = redis.call('HGETALL', key) end
  all[#all + 1] = {key, type, redis.call('PTTL', key), values}
end
return all)";

std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string idOf(const std::string& key) {
    return key.substr(key.rfind(':') + 1);
}

std::string queueNameOf(const std::string& key) {
    return key.substr(0, key.rfind(':'));
}

/// The content of one key.
struct Stored {
    std::string type;
    bool expires = false;
    std::vector<std::string> values;

    [[nodiscard]] std::map<std::string, std::string> pairs() const {
        std::map<std::string, std::string> all;
        for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
            all[values[i]] = values[i + 1];
        }
        return all;
    }
};
using Dump = std::map<std::string, Stored>;

std::string scoreText(const std::string& score) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.17g", std::strtod(score.c_str(), nullptr));
    return text;
}

/// The same text as QueueModel::keys() has for the key.
std::string textOf(const std::string& key, const Stored& stored) {
    std::vector<std::string> lines;
    if (stored.type == "hash") {
        for (const auto& [field, value] : stored.pairs()) {
            if (key.ends_with(":meta") && field == "version") {
                continue;
            }
            lines.push_back(field + "=" +
                            (field == "opts" || field == "parent" ? canonicalJson(value) : value));
        }
    } else if (stored.type == "zset") {
        for (std::size_t i = 0; i + 1 < stored.values.size(); i += 2) {
            lines.push_back(stored.values[i] + " at " + scoreText(stored.values[i + 1]));
        }
    } else {
        lines = stored.values;
        if (stored.type == "set") {
            std::sort(lines.begin(), lines.end());
        }
    }
    std::string text;
    for (const std::string& line : lines) {
        text += (text.empty() ? "" : " | ") + line;
    }
    return text + (stored.expires ? " expires" : "");
}

/// One operation: the act on Redis, and the model's part. Both return the result as text.
struct Step {
    std::string text;
    std::function<std::string()> act;
    std::function<std::string(std::int64_t now)> follow;
    bool anyOrder =
        false;  ///< The order of the events, and of jobs that come to a list, is not compared.
};

}  // namespace

/// Random operations of BullMQ 6.7.0 and of Drover on the same two queues, one after the other. After each one every key, the
/// result and the events must be those of QueueModel.
///
/// DROVER_MODEL_OPERATIONS: how many (2000). DROVER_MODEL_SEED: which (21); printed.
class ModelTest : public CompatFixture {
    CPPUNIT_TEST_SUITE(ModelTest);
    CPPUNIT_TEST(everyOperationLeavesTheStateOfTheModel);
    CPPUNIT_TEST_SUITE_END();

public:
    ModelTest() : CompatFixture("6.7.0") {}

    void setUp() override {
        CompatFixture::setUp();
        for (const char* suffix : {"a", "b"}) {
            const std::string name = queueName() + "-" + suffix;
            const std::string qualified = "bull:" + name;
            names_.push_back(qualified);
            Ours& ours = ours_[qualified];
            ours.context = std::make_unique<QueueContext>(QueueKeys("bull", name));
            Queue::Settings settings;
            settings.name = name;
            settings.addTimeout = std::chrono::seconds(10);
            const Redis handle = handleOf(options());
            ours.queue = std::make_unique<WholeQueue>(handle, settings);
            ours.control = std::make_unique<JobControl>(handle, JobControl::Settings{"bull", name});
            ours.maintenance = std::make_unique<QueueMaintenance>(
                handle, QueueMaintenance::Settings{"bull", name});
            peer().call("queue.open", "\"queue\":\"" + name + "\"");
            peer().call("worker.start",
                        "\"worker\":\"" + qualified + "\",\"queue\":\"" + name +
                            R"(","opts":{"autorun":false,"lockDuration":3600000,)"
                            R"("stalledInterval":3600000,"maxStalledCount":1})");
            lastEvent_[qualified] = "0-0";
        }
        flows_ = std::make_unique<FlowProducer>(handleOf(options()), FlowProducer::Settings());
        model_ = std::make_unique<QueueModel>(names_);
        start_ = clock_.wallMs();
    }

    void tearDown() override {
        flows_.reset();
        ours_.clear();
        redis({"FLUSHALL"});
        CompatFixture::tearDown();
    }

    void everyOperationLeavesTheStateOfTheModel() {
        const auto count = fromEnvironment("DROVER_MODEL_OPERATIONS", 2000);
        // The same operations in every run of the tests; ./dev model draws a seed.
        const auto seed = fromEnvironment("DROVER_MODEL_SEED", 21);
        std::cerr << "\n" << count << " operations, DROVER_MODEL_SEED=" << seed << "\n";
        random_.seed(static_cast<std::uint32_t>(seed));
        Dump before = dump();
        CPPUNIT_ASSERT_EQUAL(std::string(), difference(before));
        std::vector<std::string> past;
        for (int n = 1; n <= count; ++n) {
            const Step step = next();
            past.push_back(std::to_string(n) + " " + step.text);
            const std::int64_t from = clock_.wallMs();
            const std::string result = trimmed(step.act());
            const std::int64_t to = clock_.wallMs();
            Dump after = dump();
            readEvents();
            model_->setDrover(step.text.starts_with("ours"));
            const std::string expected =
                trimmed(step.follow(momentOf(before, after, from, to).value_or(from)));
            if (step.anyOrder) {
                for (const std::string& name : names_) {
                    model_->acceptOrder(
                        name, before[name + ":wait"].values, after[name + ":wait"].values);
                }
            }
            std::string wrong;
            if (result != expected) {
                wrong += "  result\n    model   " + expected + "\n    Redis   " + result + "\n";
            }
            wrong += difference(after) + differentEvents(step.anyOrder);
            if (!wrong.empty()) {
                std::cerr << "Operation " << n << ":\n"
                          << wrong << "After:\n"
                          << related(past, wrong);
                CPPUNIT_FAIL("DROVER_MODEL_SEED=" + std::to_string(seed) + ", operation " +
                             std::to_string(n) + " differs; the text is above");
            }
            before = std::move(after);
            ++counts_[step.text.substr(0, step.text.find(' ', step.text.find(' ') + 1))];
        }
        if (std::getenv("DROVER_MODEL_COUNTS") != nullptr) {
            for (const auto& [name, times] : counts_) {
                std::cerr << "  " << times << " " << name << "\n";
            }
        }
    }

private:
    struct Ours {
        std::unique_ptr<QueueContext> context;
        std::unique_ptr<WholeQueue> queue;
        std::unique_ptr<JobControl> control;
        std::unique_ptr<QueueMaintenance> maintenance;
    };

    // ---- Redis and the model side by side.

    Dump dump() {
        const Reply reply = redis({"EVAL", kDump, "0", "bull:" + queueName() + "-*"});
        Dump all;
        for (std::size_t i = 0; i < reply.size(); ++i) {
            const ReplyView entry = reply.at(i);
            Stored stored;
            stored.type = entry.at(1).text();
            stored.expires = entry.at(2).integer() > 0;
            const ReplyView values = entry.at(3);
            for (std::size_t k = 0; k < values.size(); ++k) {
                stored.values.emplace_back(values.at(k).text());
            }
            if (stored.type != "stream") {
                all.emplace(entry.at(0).text(), std::move(stored));
            }
        }
        return all;
    }

    std::string difference(const Dump& dump) const {
        std::map<std::string, std::string> theirs;
        for (const auto& [key, stored] : dump) {
            if (std::string text = textOf(key, stored); !text.empty()) {
                theirs[key] = std::move(text);
            }
        }
        const auto mine = model_->keys();
        std::string text;
        const auto line =
            [&](const std::string& key, const std::string& model, const std::string& real) {
                text += "  " + key + "\n    model   " + model + "\n    Redis   " + real + "\n";
            };
        for (const auto& [key, model] : mine) {
            const auto real = theirs.find(key);
            if (real == theirs.end() || real->second != model) {
                line(key, model, real == theirs.end() ? "(none)" : real->second);
            }
        }
        for (const auto& [key, real] : theirs) {
            if (mine.count(key) == 0) {
                line(key, "(none)", real);
            }
        }
        return text;
    }

    void readEvents() {
        for (const std::string& name : names_) {
            const Reply reply = redis({"XRANGE", name + ":events", "(" + lastEvent_[name], "+"});
            std::vector<std::string>& lines = events_[name];
            lines.clear();
            for (std::size_t i = 0; i < reply.size(); ++i) {
                lastEvent_[name] = reply.at(i).at(0).text();
                const ReplyView fields = reply.at(i).at(1);
                std::string line;
                for (std::size_t k = 0; k + 1 < fields.size(); k += 2) {
                    const std::string field(fields.at(k).text());
                    line += field == "event" ? "" : field == "jobId" ? " " : " " + field + "=";
                    line += fields.at(k + 1).text();
                }
                // A clean of Drover's makes as many calls as it needs, with an event each.
                static const std::string kCleaned = "cleaned count=";
                if (line.starts_with(kCleaned) && !lines.empty() &&
                    lines.back().starts_with(kCleaned)) {
                    const int sum = std::stoi(lines.back().substr(kCleaned.size())) +
                                    std::stoi(line.substr(kCleaned.size()));
                    lines.back() = kCleaned + std::to_string(sum);
                    continue;
                }
                lines.push_back(line);
            }
        }
    }

    std::string differentEvents(bool anyOrder) {
        std::string text;
        for (const std::string& name : names_) {
            std::vector<std::string> mine = model_->popEvents(name);
            std::vector<std::string> theirs = events_[name];
            if (anyOrder) {
                std::sort(mine.begin(), mine.end());
                std::sort(theirs.begin(), theirs.end());
            }
            if (mine != theirs) {
                text += "  events of " + name + "\n";
                for (const std::string& line : mine) {
                    text += "    model   " + line + "\n";
                }
                for (const std::string& line : theirs) {
                    text += "    Redis   " + line + "\n";
                }
            }
        }
        return text;
    }

    /// Returns the moment at which the operation ran by the clock of its client, from what it has written.
    static std::optional<std::int64_t> momentOf(const Dump& before,
                                                const Dump& after,
                                                std::int64_t from,
                                                std::int64_t to) {
        std::optional<std::int64_t> found;
        const auto consider = [&](std::int64_t moment) {
            if (!found && moment >= from - kTolerance && moment <= to + kTolerance) {
                found = moment;
            }
        };
        const auto old = [&before](const std::string& key) {
            const auto at = before.find(key);
            return at == before.end() ? std::map<std::string, std::string>() : at->second.pairs();
        };
        for (const auto& [key, stored] : after) {
            if (key.ends_with(":stalled-check")) {
                const auto at = before.find(key);
                if (at == before.end() || at->second.values != stored.values) {
                    consider(std::stoll(stored.values.at(0)));
                }
            }
            const auto same = before.find(key);
            if ((stored.type != "hash" && stored.type != "zset") ||
                (same != before.end() && same->second.values == stored.values)) {
                continue;
            }
            const auto earlier = old(key);
            for (const auto& [name, value] : stored.pairs()) {
                const auto was = earlier.find(name);
                if (was != earlier.end() && was->second == value) {
                    continue;
                }
                if (stored.type == "hash") {
                    if (name == "processedOn" || name == "finishedOn" || name == "timestamp") {
                        consider(std::stoll(value));
                    }
                } else if (key.ends_with(":delayed")) {
                    const auto job = after.find(queueNameOf(key) + ":" + name);
                    if (job != after.end() && job->second.pairs().count("delay") > 0) {
                        consider(static_cast<std::int64_t>(std::stod(value)) / 4096 -
                                 std::stoll(job->second.pairs().at("delay")));
                    }
                } else if (!key.ends_with(":prioritized") && !key.ends_with(":marker")) {
                    consider(static_cast<std::int64_t>(std::stod(value)));
                }
            }
        }
        return found;
    }

    /// Returns the last operations, and before them those that name a job in which the sides differ.
    static std::string related(const std::vector<std::string>& past, const std::string& wrong) {
        std::set<std::string> ids;
        std::istringstream lines(wrong);
        for (std::string line; std::getline(lines, line);) {
            std::smatch found;
            static const std::regex kJob("^  bull:[^:]*:([a-z]*[0-9]+)(:.*)?$");
            if (std::regex_match(line, found, kJob)) {
                ids.insert(found[1]);
            }
        }
        constexpr std::size_t kLast = 5;
        std::string text;
        for (std::size_t i = 0; i < past.size(); ++i) {
            const bool named = std::any_of(ids.begin(), ids.end(), [&](const std::string& id) {
                return std::regex_search(past[i].substr(past[i].find(' ')),
                                         std::regex("\\b" + id + "\\b"));
            });
            if (named || i + kLast >= past.size()) {
                text += "  " + past[i] + "\n";
            }
        }
        return text;
    }

    // ---- Chance.

    int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
    bool chance(int percent) { return below(100) < percent; }
    template <class T>
    const T& any(const std::vector<T>& all) {
        return all[static_cast<std::size_t>(below(static_cast<int>(all.size())))];
    }
    const std::string& anyQueue() { return names_[chance(70) ? 0 : 1]; }

    std::vector<std::string> jobsIn(const std::string& state) const {
        std::vector<std::string> keys;
        for (const auto& [key, job] : model_->jobs()) {
            if (state.empty() || model_->stateOf(key) == state) {
                keys.push_back(key);
            }
        }
        return keys;
    }
    /// A job, in this state if there is one; sometimes in any state. Empty: there is none at all.
    std::string anyJob(const std::string& state) {
        auto keys = jobsIn(chance(85) ? state : "");
        if (keys.empty()) {
            keys = jobsIn("");
        }
        return keys.empty() ? "" : any(keys);
    }

    /// True if `key` is `other`, or above it.
    bool isAbove(const std::string& key, std::string other) const {
        for (int i = 0; i < 20 && !other.empty(); ++i) {
            if (other == key) {
                return true;
            }
            const auto job = model_->jobs().find(other);
            if (job == model_->jobs().end() || job->second.fields.count("parentKey") == 0) {
                return false;
            }
            other = job->second.fields.at("parentKey");
        }
        return !other.empty();
    }

    ModelSpec::Keep anyKeep() {
        switch (below(4)) {
            case 0:
                return {0, -1};
            case 1:
                return {1 + below(3), -1};
            case 2:
                return {-1, 3600};
            default:
                return {2, 3600};
        }
    }

    /// A job of chance, without parent, deduplication and id.
    ModelSpec anySpec(const std::string& queue) {
        ModelSpec spec;
        spec.queue = queue;
        spec.name = any(std::vector<std::string>{"mail", "render", "book"});
        spec.data = "{\"n\":" + std::to_string(below(1000)) + "}";
        // Never of this moment: momentOf() would see it as that of the operation.
        spec.timestamp = chance(50) ? clock_.wallMs() - 1000 : start_ - 3 * kHour;
        if (chance(25)) {
            spec.delay =
                chance(50) ? kHour : 10 * kHour;  // With the old timestamp the first is due.
        } else if (chance(5)) {
            spec.delay = -5;
        }
        if (chance(25)) {
            spec.priority = chance(10) ? 2097151 : 1 + below(3);
        }
        spec.lifo = chance(15);
        if (chance(40)) {
            spec.attempts = 1 + below(3);
        }
        if (chance(30)) {
            spec.backoffType = chance(50) ? "fixed" : "exponential";
            spec.backoff = kHour;
        }
        if (chance(20)) {
            spec.onComplete = anyKeep();
        }
        if (chance(20)) {
            spec.onFail = anyKeep();
        }
        if (chance(10)) {
            spec.keepLogs = 1 + below(3);
        }
        if (chance(10)) {
            spec.stackTraceLimit = below(3);
        }
        return spec;
    }

    std::string customId() { return "c" + std::to_string(below(25)); }

    ModelSpec anyAdd(const std::string& queue) {
        ModelSpec spec = anySpec(queue);
        if (chance(35)) {
            spec.jobId = customId();
        }
        if (chance(20)) {
            ModelSpec::Deduplication own;
            own.id = "d" + std::to_string(below(4));
            own.ttl = chance(40) ? kHour : 0;
            own.extend = chance(30);
            own.replace = chance(30);
            own.reschedule = chance(25);
            own.keepLast = chance(30);
            spec.deduplication = own;
        } else if (chance(20)) {
            giveParent(spec);
        }
        return spec;
    }

    void giveParent(ModelSpec& spec) {
        const std::string parent = chance(5) ? names_[0] + ":missing" : anyJob("waiting-children");
        const std::string own = spec.queue + ":" + spec.jobId;
        if (parent.empty() || (!spec.jobId.empty() && isAbove(own, parent))) {
            return;
        }
        spec.parentQueue = queueNameOf(parent);
        spec.parentId = idOf(parent);
        if (chance(60)) {
            spec.flag = any(std::vector<std::string>{"fpof", "cpof", "idof", "rdof"});
        }
    }

    // ---- The two sides.

    Ours& ours(const std::string& key) {
        const auto found = ours_.find(key);
        return found != ours_.end() ? found->second : ours_.at(queueNameOf(key));
    }

    static std::string plainName(const std::string& qualified) { return qualified.substr(5); }

    rapidjson::Document callNode(const std::string& operation,
                                 const std::string& queue,
                                 const std::string& arguments) {
        return peer().call(operation,
                           "\"queue\":\"" + plainName(queue) + "\",\"worker\":\"" + queue + "\"" +
                               (arguments.empty() ? "" : "," + arguments));
    }
    rapidjson::Document nodeJob(const std::string& key,
                                const std::string& method,
                                const std::string& args) {
        return callNode("job." + method,
                        queueNameOf(key),
                        "\"job\":\"" + idOf(key) + "\",\"args\":[" + args + "]");
    }
    rapidjson::Document nodeWorkerJob(const std::string& key,
                                      const std::string& method,
                                      const std::string& args) {
        return callNode(
            "worker.job",
            queueNameOf(key),
            "\"job\":\"" + idOf(key) + "\",\"method\":\"" + method + "\",\"args\":[" + args + "]");
    }
    rapidjson::Document nodeQueue(const std::string& queue,
                                  const std::string& method,
                                  const std::string& args) {
        return callNode("queue." + method, queue, "\"args\":[" + args + "]");
    }

    /// The code in place of an exception that has one.
    static std::string coded(const std::function<std::string()>& act) {
        try {
            return act();
        } catch (const PeerError& e) {
            if (e.code == 0) {
                throw;
            }
            return std::to_string(e.code);
        } catch (const JobStateException& e) {
            return std::to_string(e.code());
        }
    }

    Step stepOf(Side side,
                const std::string& text,
                const std::function<std::string()>& node,
                const std::function<std::string()>& ours,
                std::function<std::string(std::int64_t)> follow,
                bool anyOrder = false) {
        return {std::string(side == Side::Node ? "Node " : "ours ") + text,
                [act = side == Side::Node ? node : ours] { return coded(act); },
                std::move(follow),
                anyOrder};
    }
    Side side() { return chance(50) ? Side::Node : Side::Ours; }

    // ---- Operations.

    Step next() {
        // More is added than finished: from some number of jobs on, rather what removes is done.
        const int jobs = static_cast<int>(model_->jobs().size());
        for (;;) {
            if (jobs > 60 && chance(30)) {
                const std::string queue = anyQueue();
                if (chance(50)) {
                    return cleanStep(queue);
                }
                if (auto step = removeStep()) {
                    return *step;
                }
            }
            if (auto step = anyStep(jobs)) {
                return *step;
            }
        }
    }

    std::optional<Step> anyStep(int jobs) {
        const std::string queue = anyQueue();
        const int dice = below(200);
        if (dice < 40) {
            return jobs > 60 ? std::nullopt : std::optional(addStep(queue));
        }
        if (dice < 45) {
            return jobs > 60 ? std::nullopt : std::optional(bulkStep(queue));
        }
        if (dice < 53) {
            return jobs > 60 ? std::nullopt : std::optional(flowStep(queue));
        }
        if (dice < 83) {
            return claimStep(queue);
        }
        if (dice < 125) {
            return workStep();
        }
        if (dice < 129) {
            return loseLockStep();
        }
        if (dice < 133) {
            return stalledStep(queue);
        }
        if (dice < 168) {
            return changeStep();
        }
        if (dice < 176) {
            return removeStep();
        }
        if (dice < 181) {
            return cleanStep(queue);
        }
        return queueStep(queue);
    }

    static std::string described(const ModelSpec& spec) {
        return spec.queue + " " + spec.name + (spec.parentId.empty() ? "" : " child") + " " +
               spec.publicOpts();
    }

    static NewJob newJob(const ModelSpec& spec) {
        return {spec.name, spec.data, JobOptions::parse(spec.publicOpts())};
    }
    static std::string idOrCode(const AddResult& result) {
        CPPUNIT_ASSERT_MESSAGE(
            result.message,
            result.status == AddResult::Status::Added ||
                (result.status == AddResult::Status::Rejected && result.code < 0));
        return result.status == AddResult::Status::Added ? result.id : std::to_string(result.code);
    }

    Step addStep(const std::string& queue) {
        const ModelSpec spec = anyAdd(queue);
        return stepOf(
            side(),
            "add " + described(spec),
            [=, this] {
                const auto job =
                    nodeQueue(queue,
                              "add",
                              jsonString(spec.name) + "," + spec.data + "," + spec.publicOpts());
                return std::string(job["id"].GetString());
            },
            [=, this] { return idOrCode(ours(queue).queue->add(newJob(spec))); },
            [=, this](std::int64_t now) { return model_->add(spec, now); });
    }

    Step bulkStep(const std::string& queue) {
        std::vector<ModelSpec> specs;
        std::string text;
        std::string json;
        for (int i = 2 + below(4); i > 0; --i) {
            const ModelSpec& spec = specs.emplace_back(anyAdd(queue));
            text += "\n      " + described(spec);
            json += (json.empty() ? "{\"name\":" : ",{\"name\":") + jsonString(spec.name) +
                    ",\"data\":" + spec.data + ",\"opts\":" + spec.publicOpts() + "}";
        }
        return stepOf(
            side(),
            "addBulk " + queue + text,
            [=, this] {
                std::string ids;
                const auto jobs = nodeQueue(queue, "addBulk", "[" + json + "]");
                for (const auto& job : jobs.GetArray()) {
                    ids += std::string(job["id"].IsString() ? job["id"].GetString()
                                                            : std::to_string(job["id"].GetInt())) +
                           " ";
                }
                return ids;
            },
            [=, this] {
                std::vector<NewJob> jobs;
                for (const ModelSpec& spec : specs) {
                    jobs.push_back(newJob(spec));
                }
                std::string ids;
                for (const AddResult& result : ours(queue).queue->addBulk(
                         jobs, std::chrono::steady_clock::now() + std::chrono::seconds(10))) {
                    ids += idOrCode(result) + " ";
                }
                return ids;
            },
            [=, this](std::int64_t now) {
                std::string ids;
                for (const std::string& id : model_->addBulk(specs, now)) {
                    ids += id + " ";
                }
                return ids;
            });
    }

    /// `levels` below this node.
    ModelSpec anyNode(int levels) {
        ModelSpec node = anySpec(anyQueue());
        node.jobId = "f" + std::to_string(++flowIds_);
        if (levels > 0) {
            for (int i = 1 + below(3); i > 0; --i) {
                ModelSpec child = anyNode(chance(40) ? levels - 1 : 0);
                if (child.children.empty() && chance(15)) {
                    // A job that may be there, but has no child itself: no cycle.
                    const std::string id = customId();
                    const auto job = model_->jobs().find(child.queue + ":" + id);
                    if (taken_.insert(child.queue + ":" + id).second &&
                        (job == model_->jobs().end() ||
                         (job->second.dependencies.empty() && job->second.processed.empty() &&
                          job->second.failed.empty() && job->second.unsuccessful.empty()))) {
                        child.jobId = id;
                    }
                }
                if (chance(60)) {
                    child.flag = any(std::vector<std::string>{"fpof", "cpof", "idof", "rdof"});
                }
                node.children.push_back(child);
            }
        }
        return node;
    }

    static std::string flowJson(const ModelSpec& node) {
        std::string children;
        for (const ModelSpec& child : node.children) {
            children += (children.empty() ? "" : ",") + flowJson(child);
        }
        return "{\"name\":" + jsonString(node.name) +
               ",\"queueName\":" + jsonString(plainName(node.queue)) + ",\"data\":" + node.data +
               ",\"opts\":" + node.publicOpts() +
               (children.empty() ? "" : ",\"children\":[" + children + "]") + "}";
    }
    static FlowJob flowJob(const ModelSpec& node) {
        FlowJob job{plainName(node.queue), "", newJob(node), {}};
        for (const ModelSpec& child : node.children) {
            job.children.push_back(flowJob(child));
        }
        return job;
    }

    Step flowStep(const std::string& queue) {
        taken_.clear();
        ModelSpec root = anyNode(2);
        root.queue = queue;
        return stepOf(
            side(),
            "flow " + flowJson(root),
            [=, this] {
                return std::string(
                    peer().call("flow.add", "\"args\":[" + flowJson(root) + "]").GetString());
            },
            [=, this] {
                const FlowResult result = flows_->add(flowJob(root));
                CPPUNIT_ASSERT_MESSAGE(result.message, result.status == AddResult::Status::Added);
                return idOf(result.tree.key);
            },
            [=, this](std::int64_t now) { return model_->addFlow(root, now); });
    }

    AdvanceRequest request(int claim, const std::string& token) {
        AdvanceRequest request;
        request.claim = claim;
        request.token = token;
        request.lockDuration = std::chrono::hours(1);
        return request;
    }
    std::string claimedIds(const std::string& queue, const AdvanceResult& result) {
        std::string ids;
        for (const ClaimedJob& job : result.jobs()) {
            ids += (ids.empty() ? "" : " | ") + job.id;
            claimed_[queue + ":" + job.id] = job;
        }
        return ids;
    }
    static std::string joinedIds(const std::vector<std::string>& ids) {
        std::string text;
        for (const std::string& id : ids) {
            text += (text.empty() ? "" : " | ") + id;
        }
        return text;
    }

    Step claimStep(const std::string& queue) {
        const Side by = side();
        const std::string token = "t" + std::to_string(++tokens_);
        const int count = by == Side::Ours && chance(40) ? 1 + below(3) : 1;
        return stepOf(
            by,
            "claim " + std::to_string(count) + " of " + queue,
            [=, this] {
                const auto id = callNode("worker.claim", queue, "\"token\":\"" + token + "\"");
                return id.IsNull() ? std::string() : id.GetString();
            },
            [=, this] {
                return claimedIds(
                    queue,
                    ops::advance(
                        *ours(queue).context, client(), request(count, token), clock_.wallMs()));
            },
            [=, this](std::int64_t now) {
                return joinedIds(model_->claim(queue, token, count, now));
            });
    }

    /// The stack trace after one more entry, as both clients write it.
    static std::string traced(const QueueModel::Job& job, const std::string& entry) {
        std::vector<std::string> entries;
        if (const auto found = job.fields.find("stacktrace"); found != job.fields.end()) {
            rapidjson::Document json;
            json.Parse(found->second.c_str());
            for (const auto& each : json.GetArray()) {
                entries.emplace_back(each.GetString());
            }
        }
        entries.push_back(entry);
        if (const int limit = job.spec.stackTraceLimit; limit >= 0 && std::ssize(entries) > limit) {
            entries.erase(entries.begin(), entries.end() - limit);
        }
        std::string text;
        for (const std::string& each : entries) {
            text += (text.empty() ? "" : ",") + jsonString(each);
        }
        return "[" + text + "]";
    }

    FinishItem finishItem(const std::string& key, const std::string& token, bool completed) {
        const QueueModel::Job& job = model_->jobs().at(key);
        FinishItem item;
        item.id = idOf(key);
        item.token = token;
        item.completed = completed;
        const auto& keep = completed ? job.spec.onComplete : job.spec.onFail;
        if (keep) {
            item.keep.count = keep->count;
            item.keep.ageSeconds = keep->ageSeconds;
        }
        item.attempts = job.spec.attempts;
        const auto made = job.fields.find("atm");
        item.attemptsMade = made == job.fields.end() ? 1 : std::stoi(made->second) + 1;
        const auto deduplication = job.fields.find("deid");
        item.deduplicationId = deduplication == job.fields.end() ? "" : deduplication->second;
        if (const auto mine = claimed_.find(key); mine != claimed_.end() &&
                                                  mine->second.token == token &&
                                                  mine->second.parentKey.empty()) {
            item.idCounter = mine->second.idCounter;
        }
        return item;
    }

    static std::string chained(const rapidjson::Document& result) {
        const bool any = result.IsArray() && result.Size() > 1 && result[1].IsString();
        return std::string("0 ") + (any ? result[1].GetString() : "");
    }

    std::optional<Step> workStep() {
        const auto active = jobsIn("active");
        if (active.empty()) {
            return std::nullopt;
        }
        const std::string key = any(active);
        const std::string queue = queueNameOf(key);
        const auto lock = model_->locks().find(key);
        const std::string token =
            lock == model_->locks().end() || chance(4) ? "wrong" : lock->second;
        const Side by = side();
        const std::string text =
            idOf(key) + " of " + queue + (token == "wrong" ? " without lock" : "");
        const int dice = below(100);
        if (dice < 40) {
            return completeStep(by, key, token, text);
        }
        if (dice < 75) {
            return failStep(by, key, token, text);
        }
        const std::string quoted = jsonString(token);
        if (dice < 82) {
            const std::int64_t due = chance(50) ? start_ + 10 * kHour : start_ - kHour;
            return stepOf(
                by,
                "moveToDelayed " + text + " " + std::to_string(due - start_),
                [=, this] {
                    nodeWorkerJob(key, "moveToDelayed", std::to_string(due) + "," + quoted);
                    return "0";
                },
                [=, this] {
                    ours(key).control->moveToDelayed(idOf(key), due, token);
                    return "0";
                },
                [=, this](std::int64_t now) {
                    return model_->moveToDelayed(key, token, due, now);
                });
        }
        if (dice < 90) {
            return stepOf(
                by,
                "moveToWait " + text,
                [=, this] {
                    nodeWorkerJob(key, "moveToWait", quoted);
                    return "0";
                },
                [=, this] {
                    return std::to_string(ops::handBackJobs(*ours(key).context,
                                                            client(),
                                                            {{idOf(key), token, 0, false}},
                                                            clock_.wallMs())
                                              .codes.at(0));
                },
                [=, this](std::int64_t) { return model_->moveToWait(key, token); });
        }
        return stepOf(
            by,
            "moveToWaitingChildren " + text,
            [=, this] {
                return nodeWorkerJob(key, "moveToWaitingChildren", quoted + ",{}").GetBool() ? "0"
                                                                                             : "1";
            },
            [=, this] {
                return std::to_string(
                    ops::moveToWaitingChildren(
                        *ours(key).context, client(), {{idOf(key), token}}, clock_.wallMs())
                        .codes.at(0));
            },
            [=, this](std::int64_t now) { return model_->moveToWaitingChildren(key, token, now); });
    }

    Step completeStep(Side by,
                      const std::string& key,
                      const std::string& token,
                      const std::string& text) {
        const std::string queue = queueNameOf(key);
        const std::string value =
            any(std::vector<std::string>{"null", "{\"done\":1}", "\"text\"", "7"});
        const int claim = chance(50) ? 1 : 0;
        // Node's chained claim has the token of the job that ends.
        const std::string nextToken = by == Side::Node ? token : "t" + std::to_string(++tokens_);
        return stepOf(
            by,
            "complete " + text + (claim > 0 ? " and claim" : ""),
            [=, this] {
                return chained(nodeWorkerJob(
                    key,
                    "moveToCompleted",
                    value + "," + jsonString(token) + "," + (claim > 0 ? "true" : "false")));
            },
            [=, this] {
                AdvanceRequest both = request(claim, nextToken);
                both.finish.push_back(finishItem(key, token, true));
                both.finish.back().value = value;
                return codeAndIds(queue, both);
            },
            [=, this](std::int64_t now) {
                return followFinish(by, queue, nextToken, claim, now, [&] {
                    return model_->complete(key, token, value, claim, nextToken, now);
                });
            });
    }

    std::string codeAndIds(const std::string& queue, const AdvanceRequest& both) {
        const AdvanceResult result =
            ops::advance(*ours(queue).context, client(), both, clock_.wallMs());
        return std::to_string(result.codes.at(0)) + " " + claimedIds(queue, result);
    }

    /// A finish that fails ends Node's script; Drover's goes on to claim.
    std::string followFinish(Side by,
                             const std::string& queue,
                             const std::string& nextToken,
                             int claim,
                             std::int64_t now,
                             const std::function<std::string()>& finish) {
        const std::string code = finish();
        // A job that cannot complete stays active, in the place that the claim would fill.
        const bool stays = code == "-4" || code == "-9";
        if (by == Side::Ours && claim > 0 && code.starts_with("-") && !stays) {
            return code + " " + joinedIds(model_->claim(queue, nextToken, claim, now));
        }
        return code;
    }

    Step failStep(Side by,
                  const std::string& key,
                  const std::string& token,
                  const std::string& text) {
        const std::string queue = queueNameOf(key);
        const std::string reason = "broken " + std::to_string(below(100));
        const bool unrecoverable = chance(15);
        const QueueModel::Job& job = model_->jobs().at(key);
        const std::string trace = traced(job, "Error: " + reason);
        const FinishItem item = finishItem(key, token, false);
        const bool retried = !unrecoverable && item.attemptsMade < item.attempts;
        const int claim = chance(50) && (by == Side::Node || !retried) ? 1 : 0;
        const std::string nextToken = by == Side::Node ? token : "t" + std::to_string(++tokens_);
        const std::int64_t backoff = job.spec.backoffType == "exponential"
                                         ? job.spec.backoff << (item.attemptsMade - 1)
                                         : job.spec.backoff;
        const bool lifo = job.spec.lifo;
        return stepOf(
            by,
            std::string(unrecoverable ? "failForGood "
                        : retried     ? "failAndRetry "
                                      : "fail ") +
                text + (claim > 0 ? " and claim" : ""),
            [=, this] {
                return chained(nodeWorkerJob(
                    key,
                    "moveToFailed",
                    "{\"message\":" + jsonString(reason) +
                        ",\"stack\":" + jsonString("Error: " + reason) + ",\"name\":\"" +
                        (unrecoverable ? "UnrecoverableError" : "Error") + "\"}," +
                        jsonString(token) + "," + (claim > 0 ? "true" : "false")));
            },
            [=, this] {
                if (retried) {
                    return std::to_string(
                        ops::retryJobs(
                            *ours(key).context,
                            client(),
                            {{idOf(key), token, backoff, lifo, reason, trace, item.attemptsMade}},
                            clock_.wallMs())
                            .codes.at(0));
                }
                AdvanceRequest both = request(claim, nextToken);
                both.finish.push_back(item);
                both.finish.back().value = reason;
                both.finish.back().stacktrace = trace;
                return codeAndIds(queue, both);
            },
            [=, this](std::int64_t now) {
                return followFinish(by, queue, nextToken, claim, now, [&] {
                    return model_->fail(
                        key, token, reason, trace, unrecoverable, claim, nextToken, now);
                });
            });
    }

    std::optional<Step> loseLockStep() {
        if (model_->locks().empty()) {
            return std::nullopt;
        }
        auto lock = model_->locks().begin();
        std::advance(lock, below(static_cast<int>(model_->locks().size())));
        const std::string key = lock->first;
        return Step{"time loses the lock of " + key,
                    [=, this] {
                        redis({"DEL", key + ":lock"});
                        return "";
                    },
                    [=, this](std::int64_t) {
                        model_->loseLock(key);
                        return "";
                    }};
    }

    Step stalledStep(const std::string& queue) {
        return stepOf(
            side(),
            "checkStalled " + queue,
            [=, this] {
                redis({"DEL", queue + ":stalled-check"});
                callNode("worker.moveStalledJobsToWait", queue, "\"args\":[]");
                return "";
            },
            [=, this] {
                redis({"DEL", queue + ":stalled-check"});
                ops::checkStalled(*ours(queue).context,
                                  client(),
                                  clock_.wallMs(),
                                  std::chrono::hours(1),
                                  1,
                                  1000,
                                  false);
                return "";
            },
            [=, this](std::int64_t now) {
                // The order of a set is Redis's own.
                std::vector<std::string> order;
                for (const std::string& line : events_[queue]) {
                    if (line.starts_with("stalled ")) {
                        order.push_back(line.substr(8));
                    }
                }
                model_->checkStalled(queue, 1, order, now);
                return "";
            });
    }

    std::optional<Step> changeStep() {
        const int dice = below(10);
        static const std::vector<std::string> kLikely = {"delayed",
                                                         "delayed",
                                                         "wait",
                                                         "active",
                                                         "active",
                                                         "active",
                                                         "",
                                                         "failed",
                                                         "completed",
                                                         "waiting-children"};
        std::string state = kLikely[static_cast<std::size_t>(dice)];
        if (dice == 2 && chance(50)) {
            state = "prioritized";
        }
        const std::string key = anyJob(state);
        if (key.empty()) {
            return std::nullopt;
        }
        const std::string text = idOf(key) + " of " + queueNameOf(key);
        const std::string id = idOf(key);
        JobControl& control = *ours(key).control;
        switch (dice) {
            case 0:
                return stepOf(
                    side(),
                    "promote " + text,
                    [=, this] { return nodeJob(key, "promote", ""), "0"; },
                    [&control, id] { return control.promote(id), "0"; },
                    [=, this](std::int64_t) { return model_->promote(key); });
            case 1: {
                const std::int64_t delay = (1 + below(3)) * kHour;
                return stepOf(
                    side(),
                    "changeDelay " + text,
                    [=, this] { return nodeJob(key, "changeDelay", std::to_string(delay)), "0"; },
                    [=, &control] {
                        return control.changeDelay(id, std::chrono::milliseconds(delay)), "0";
                    },
                    [=, this](std::int64_t now) { return model_->changeDelay(key, delay, now); });
            }
            case 2: {
                const int priority = below(4);
                const bool lifo = chance(40);
                return stepOf(
                    side(),
                    "changePriority " + text + " " + std::to_string(priority) +
                        (lifo ? " lifo" : ""),
                    [=, this] {
                        nodeJob(key,
                                "changePriority",
                                "{\"priority\":" + std::to_string(priority) +
                                    ",\"lifo\":" + (lifo ? "true" : "false") + "}");
                        return "0";
                    },
                    [=, &control] { return control.changePriority(id, priority, lifo), "0"; },
                    [=, this](std::int64_t) {
                        return model_->changePriority(key, priority, lifo);
                    });
            }
            case 3: {
                const std::string json = "{\"changed\":" + std::to_string(below(100)) + "}";
                return stepOf(
                    side(),
                    "updateData " + text,
                    [=, this] { return nodeJob(key, "updateData", json), "0"; },
                    [=, &control] { return control.updateData(id, json), "0"; },
                    [=, this](std::int64_t) { return model_->updateData(key, json); });
            }
            case 4: {
                const std::string json =
                    chance(50) ? "{\"done\":\"half\"}" : std::to_string(below(100));
                return stepOf(
                    side(),
                    "updateProgress " + text,
                    [=, this] { return nodeJob(key, "updateProgress", json), "0"; },
                    [=, &control] { return control.updateProgress(id, json), "0"; },
                    [=, this](std::int64_t) { return model_->updateProgress(key, json); });
            }
            case 5: {
                const std::string row = "row " + std::to_string(below(100));
                const int keep = model_->jobs().at(key).spec.keepLogs;
                return stepOf(
                    side(),
                    "addLog " + text,
                    [=, this] {
                        return std::to_string(nodeJob(key, "log", jsonString(row)).GetInt());
                    },
                    [=, &control] {
                        return std::to_string(control.addLog(id, row, std::max(keep, 0)));
                    },
                    [=, this](std::int64_t) { return model_->addLog(key, row, keep); });
            }
            case 6: {
                const int keep = below(3);
                return stepOf(
                    side(),
                    "clearLogs " + text + " " + std::to_string(keep),
                    [=, this] { return nodeJob(key, "clearLogs", std::to_string(keep)), "0"; },
                    [=, &control] { return control.clearLogs(id, keep), "0"; },
                    [=, this](std::int64_t) { return model_->clearLogs(key, keep); });
            }
            case 7:
            case 8: {
                const bool completed = dice == 8;
                const bool made = chance(30);
                const bool started = chance(30);
                return stepOf(
                    side(),
                    "retry " + text + (completed ? " from completed" : " from failed") +
                        (made ? " resetMade" : "") + (started ? " resetStarted" : ""),
                    [=, this] {
                        nodeJob(key,
                                "retry",
                                std::string(completed ? "\"completed\"" : "\"failed\"") +
                                    ",{\"resetAttemptsMade\":" + (made ? "true" : "false") +
                                    ",\"resetAttemptsStarted\":" + (started ? "true" : "false") +
                                    "}");
                        return "0";
                    },
                    [=, &control] {
                        control.retry(
                            id,
                            {completed ? JobState::Completed : JobState::Failed, made, started});
                        return "0";
                    },
                    [=, this](std::int64_t) {
                        return model_->retry(key, completed, made, started);
                    });
            }
            default:
                return childStep(key, text);
        }
    }

    std::optional<Step> childStep(const std::string& key, const std::string& text) {
        const std::string id = idOf(key);
        JobControl& control = *ours(key).control;
        if (chance(50)) {
            return stepOf(
                side(),
                "removeUnprocessedChildren " + text,
                [=, this] { return nodeJob(key, "removeUnprocessedChildren", ""), "0"; },
                [=, &control] { return control.removeUnprocessedChildren(id), "0"; },
                [=, this](std::int64_t) { return model_->removeUnprocessedChildren(key); },
                true);
        }
        const auto& dependencies = model_->jobs().at(key).dependencies;
        const std::string child =
            dependencies.empty() ? key : any(std::vector(dependencies.begin(), dependencies.end()));
        const std::string of = model_->jobs().count(child) > 0 ? child : key;
        if (model_->jobs().at(of).fields.count("parentKey") == 0) {
            return std::
                nullopt;  // The contract has no word on it: Node throws -5, Drover returns false.
        }
        return stepOf(
            side(),
            "removeChildDependency " + of,
            [=, this] { return nodeJob(of, "removeChildDependency", "").GetBool() ? "0" : "1"; },
            [=, this] { return ours(of).control->removeChildDependency(idOf(of)) ? "0" : "1"; },
            [=, this](std::int64_t) { return model_->removeChildDependency(of); });
    }

    [[nodiscard]] bool hasStrayBelow(const std::string& key, int depth) const {
        const auto found = model_->jobs().find(key);
        if (found == model_->jobs().end() || depth > 20) {
            return false;
        }
        const auto children = model_->childrenOf(key, false);
        return std::any_of(children.begin(), children.end(), [&](const std::string& child) {
            const auto below = model_->jobs().find(child);
            if (below == model_->jobs().end()) {
                return false;
            }
            const auto parent = below->second.fields.find("parentKey");
            return parent == below->second.fields.end() || parent->second != key ||
                   hasStrayBelow(child, depth + 1);
        });
    }

    std::optional<Step> removeStep() {
        const std::string key = anyJob(any(std::vector<std::string>{"wait",
                                                                    "active",
                                                                    "completed",
                                                                    "failed",
                                                                    "waiting-children",
                                                                    "delayed",
                                                                    "prioritized"}));
        if (key.empty()) {
            return std::nullopt;
        }
        // A child of an earlier parent may have a new one, or a cycle may come of it. Node removes it without a word to its new
        // parent, which then waits for it for good.
        const bool children = chance(70) && !hasStrayBelow(key, 0);
        return stepOf(
            side(),
            "remove " + idOf(key) + " of " + queueNameOf(key) + (children ? "" : " alone"),
            [=, this] {
                try {
                    nodeJob(key, "remove", children ? "" : R"({"removeChildren":false})");
                } catch (const PeerError& e) {
                    if (std::string(e.what()).find("locked by another worker") ==
                        std::string::npos) {
                        throw;
                    }
                    return "0";
                }
                return "1";
            },
            [=, this] { return ours(key).control->remove(idOf(key), children) ? "1" : "0"; },
            [=, this](std::int64_t) { return model_->remove(key, children); },
            true);
    }

    Step cleanStep(const std::string& queue) {
        static const std::map<std::string, JobState> kStates = {
            {"completed", JobState::Completed},
            {"failed", JobState::Failed},
            {"wait", JobState::Waiting},
            {"active", JobState::Active},
            {"delayed", JobState::Delayed},
            {"prioritized", JobState::Prioritized}};
        const std::string state = any(std::vector<std::string>{"completed",
                                                               "completed",
                                                               "failed",
                                                               "failed",
                                                               "wait",
                                                               "active",
                                                               "delayed",
                                                               "prioritized"});
        const std::int64_t grace = chance(50) ? 0 : kHour;
        const int limit = chance(50) ? 0 : 1 + below(4);
        return stepOf(
            side(),
            "clean " + queue + " " + state + " grace " + std::to_string(grace) + " limit " +
                std::to_string(limit),
            [=, this] {
                letTimePass();
                std::string ids;
                const auto gone = nodeQueue(
                    queue,
                    "clean",
                    std::to_string(grace) + "," + std::to_string(limit) + ",\"" + state + "\"");
                for (const auto& id : gone.GetArray()) {
                    ids += (ids.empty() ? "" : " | ") + std::string(id.GetString());
                }
                return ids;
            },
            [=, this] {
                letTimePass();
                return joinedIds(ours(queue).maintenance->clean({kStates.at(state),
                                                                 std::chrono::milliseconds(grace),
                                                                 static_cast<std::size_t>(limit)}));
            },
            [=, this](std::int64_t now) {
                return joinedIds(model_->clean(
                    queue, state, static_cast<std::size_t>(limit), now + kTolerance - grace));
            });
    }

    /// Makes everything that has ended older than the next moment, by each client's clock.
    void letTimePass() { std::this_thread::sleep_for(std::chrono::milliseconds(3)); }

    std::optional<Step> queueStep(const std::string& queue) {
        WholeQueue& control = *ours(queue).queue;
        QueueMaintenance& maintenance = *ours(queue).maintenance;
        const int dice = below(19);
        if (dice < 2) {
            const bool completed = dice == 0;
            return stepOf(
                side(),
                "retryJobs " + queue + (completed ? " completed" : " failed"),
                [=, this] {
                    letTimePass();
                    nodeQueue(queue,
                              "retryJobs",
                              std::string("{\"state\":\"") + (completed ? "completed" : "failed") +
                                  "\"}");
                    return "";
                },
                [=, this, &maintenance] {
                    letTimePass();
                    maintenance.retryJobs(completed ? JobState::Completed : JobState::Failed);
                    return "";
                },
                [=, this](std::int64_t now) {
                    return model_->retryJobs(queue, completed, now + kTolerance), "";
                });
        }
        switch (dice) {
            case 2:
                return stepOf(
                    side(),
                    "promoteJobs " + queue,
                    [=, this] { return nodeQueue(queue, "promoteJobs", ""), ""; },
                    [&maintenance] { return maintenance.promoteJobs(), ""; },
                    [=, this](std::int64_t) { return model_->promoteJobs(queue), ""; });
            case 3: {
                const bool delayed = chance(50);
                return stepOf(
                    side(),
                    "drain " + queue + (delayed ? " with delayed" : ""),
                    [=, this] { return nodeQueue(queue, "drain", delayed ? "true" : "false"), ""; },
                    [=, &maintenance] { return maintenance.drain(delayed), ""; },
                    [=, this](std::int64_t) { return model_->drain(queue, delayed), ""; },
                    true);
            }
            case 4:
            case 5:
                return stepOf(
                    side(),
                    "pause " + queue,
                    [=, this] { return nodeQueue(queue, "pause", ""), ""; },
                    [&control] { return control.pause(), ""; },
                    [=, this](std::int64_t) { return model_->pause(queue), ""; });
            case 6:
            case 7:
            case 8:
            case 9:
                return stepOf(
                    side(),
                    "resume " + queue,
                    [=, this] { return nodeQueue(queue, "resume", ""), ""; },
                    [&control] { return control.resume(), ""; },
                    [=, this](std::int64_t) { return model_->resume(queue), ""; });
            case 10:
                return stepOf(
                    side(),
                    "rateLimit " + queue,
                    [=, this] { return nodeQueue(queue, "rateLimit", "3600000"), ""; },
                    [&control] { return control.rateLimit(std::chrono::hours(1)), ""; },
                    [=, this](std::int64_t) { return model_->rateLimit(queue), ""; });
            case 11:
            case 12:
                return stepOf(
                    side(),
                    "removeRateLimitKey " + queue,
                    [=, this] { return nodeQueue(queue, "removeRateLimitKey", ""), ""; },
                    [&control] { return control.removeRateLimitKey(), ""; },
                    [=, this](std::int64_t) { return model_->removeRateLimit(queue), ""; });
            case 13: {
                const int max = 1 + below(5);
                return stepOf(
                    side(),
                    "setGlobalRateLimit " + queue + " " + std::to_string(max),
                    [=, this] {
                        return nodeQueue(
                                   queue, "setGlobalRateLimit", std::to_string(max) + ",3600000"),
                               "";
                    },
                    [=, &control] {
                        return control.setGlobalRateLimit({max, std::chrono::hours(1)}), "";
                    },
                    [=, this](std::int64_t) {
                        model_->setMeta(queue,
                                        {{"max", std::to_string(max)}, {"duration", "3600000"}});
                        return "";
                    });
            }
            case 14:
                return stepOf(
                    side(),
                    "removeGlobalRateLimit " + queue,
                    [=, this] { return nodeQueue(queue, "removeGlobalRateLimit", ""), ""; },
                    [&control] { return control.removeGlobalRateLimit(), ""; },
                    [=, this](std::int64_t) {
                        return model_->unsetMeta(queue, {"max", "duration"}), "";
                    });
            case 15: {
                const int jobs = 1 + below(5);
                return stepOf(
                    side(),
                    "setGlobalConcurrency " + queue + " " + std::to_string(jobs),
                    [=, this] {
                        return nodeQueue(queue, "setGlobalConcurrency", std::to_string(jobs)), "";
                    },
                    [=, &control] { return control.setGlobalConcurrency(jobs), ""; },
                    [=, this](std::int64_t) {
                        return model_->setMeta(queue, {{"concurrency", std::to_string(jobs)}}), "";
                    });
            }
            case 16:
                return stepOf(
                    side(),
                    "removeGlobalConcurrency " + queue,
                    [=, this] { return nodeQueue(queue, "removeGlobalConcurrency", ""), ""; },
                    [&control] { return control.removeGlobalConcurrency(), ""; },
                    [=, this](std::int64_t) {
                        return model_->unsetMeta(queue, {"concurrency"}), "";
                    });
            case 17: {
                const std::string own = "d" + std::to_string(below(4));
                return stepOf(
                    side(),
                    "removeDeduplicationKey " + queue + " " + own,
                    [=, this] {
                        return std::to_string(
                            nodeQueue(queue, "removeDeduplicationKey", jsonString(own)).GetInt());
                    },
                    [=, this] {
                        return ours(queue).control->removeDeduplicationKey(own) ? "1" : "0";
                    },
                    [=, this](std::int64_t) { return model_->removeOwner(queue, own); });
            }
            default:
                return chance(30) ? obliterateStep(queue) : std::nullopt;
        }
    }

    /// Writes what the next client that makes a Queue object would write.
    std::string reopened(const std::string& queue) {
        redis({"HSET", queue + ":meta", "opts.maxLenEvents", "10000"});
        return "";
    }

    std::optional<Step> obliterateStep(const std::string& queue) {
        // The counter of ids begins anew: jobs that obliterate leaves behind would be overwritten.
        if (!model_->queue(queue).children.empty()) {
            return std::nullopt;
        }
        const bool force = chance(70);
        return stepOf(
            side(),
            "obliterate " + queue + (force ? " force" : ""),
            [=, this] {
                try {
                    nodeQueue(queue, "obliterate", force ? R"({"force":true})" : "");
                } catch (const PeerError& e) {
                    if (std::string(e.what()).find("active jobs") == std::string::npos) {
                        throw;
                    }
                    return std::string("refused");
                }
                return reopened(queue);
            },
            [=, this] {
                try {
                    ours(queue).maintenance->obliterate(force);
                } catch (const JobStateException&) {
                    return std::string("refused");
                }
                return reopened(queue);
            },
            [=, this](std::int64_t) {
                const std::string code = model_->obliterate(queue, force);
                model_->setMeta(queue, {{"opts.maxLenEvents", "10000"}});
                return code == "0" ? "" : "refused";
            },
            true);
    }

    std::vector<std::string> names_;  ///< Qualified.
    std::map<std::string, Ours> ours_;
    std::unique_ptr<FlowProducer> flows_;
    std::unique_ptr<QueueModel> model_;
    std::map<std::string, std::string> lastEvent_;
    std::map<std::string, std::vector<std::string>> events_;
    std::map<std::string, ClaimedJob> claimed_;  ///< The last claim of each job by us.
    std::map<std::string, int> counts_;
    std::set<std::string> taken_;
    std::mt19937 random_;
    std::int64_t start_ = 0;
    int tokens_ = 0;
    int flowIds_ = 0;
};
CPPUNIT_TEST_SUITE_REGISTRATION(ModelTest);
