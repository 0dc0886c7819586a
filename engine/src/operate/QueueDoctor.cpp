#include "drover/operate/QueueDoctor.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <Poco/Exception.h>

#include "core/Clock.h"
#include "core/Names.h"
#include "queue/StateIds.h"
#include "queue/ops/Doctor.h"
#include "queue/ops/Maintenance.h"
#include "queue/ops/Replies.h"
#include "queue/ops/Stalled.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

/// How many ids of lists a call may walk over: Redis stands still meanwhile.
constexpr std::size_t kWalkedPerCall = 500000;
constexpr std::size_t kMostPerCall = 200;
constexpr std::size_t kOrphansPerCall = 100;
/// A clock that is further off than this delays or hurries jobs noticeably.
constexpr std::int64_t kClockOffMs = 1000;
/// Beyond it ids are not exact numbers in scripts, and no counter has drawn them.
constexpr std::int64_t kHighestId = std::int64_t{1} << 52;

/// A fault of a job: the kind, and what to tell of an id under a key.
struct JobFault {
    const char* kind;
    const char* sentence;  ///< Behind "job 7 ".
};

constexpr JobFault kJobFaults[] = {
    {"lost-job", "is in no state, so that no worker will ever run it"},
    {"missing-job", "is in a state and has no hash: it was deleted by hand, or evicted"},
    {"unlocked-job", "is active without a lock, so that no worker holds it"},
    {"two-states",
     "is in more than one state, and may run twice; remove one of its places by hand"},
    {"orphaned-keys", "is gone, and keys below it are left"},
    {"set-aside", "was set aside"},
    {"stale-stalled", "is watched for stalling and is not active"},
    {"legacy-id", "is a marker of an old version, which new ones drop"},
};

const char* sentenceOf(const std::string& kind) {
    for (const JobFault& fault : kJobFaults) {
        if (kind == fault.kind) {
            return fault.sentence;
        }
    }
    return "";
}

/// Returns the value behind "name:" in a reply of INFO; empty: there is none.
std::string infoValue(std::string_view info, const std::string& name) {
    const std::size_t at = info.find("\n" + name + ":");
    if (at == std::string_view::npos) {
        return "";
    }
    const std::string_view value = info.substr(at + name.size() + 2);
    return std::string(value.substr(0, value.find_first_of("\r\n")));
}

std::optional<std::int64_t> numericId(std::string_view id) {
    std::int64_t number = 0;
    const auto end = std::from_chars(id.data(), id.data() + id.size(), number);
    if (end.ec != std::errc() || end.ptr != id.data() + id.size() || number < 1 ||
        number > kHighestId || id[0] == '0') {
        return std::nullopt;
    }
    return number;
}

/// Returns how many ids a script may look for, each of which walks over the lists.
std::size_t idsPerCall(std::size_t listed) {
    return std::clamp<std::size_t>(kWalkedPerCall / listed, 1, kMostPerCall);
}

/// Returns the part of a key below a job ("logs"), and the job's id; empty: it is not such a key.
std::pair<std::string_view, std::string_view> partOf(std::string_view suffix) {
    const std::size_t colon = suffix.rfind(':');
    if (colon == std::string_view::npos || colon == 0) {
        return {};
    }
    constexpr std::string_view kParts[] = {
        "logs", "dependencies", "processed", "failed", "unsuccessful"};
    const std::string_view part = suffix.substr(colon + 1);
    const bool known = std::find(std::begin(kParts), std::end(kParts), part) != std::end(kParts);
    return known ? std::pair(part, suffix.substr(0, colon))
                 : std::pair<std::string_view, std::string_view>();
}

}  // namespace

// A class within an exported one is exported as well, unless it says otherwise.
class __attribute__((visibility("hidden"))) QueueDoctor::Impl {
public:
    Impl(const Redis& redis, const Settings& settings)
        : redis_(serverOf(redis, settings.prefix + ":" + settings.name)),
          queue_(QueueKeys(settings.prefix, settings.name), settings.bullmq5) {}

    Report examine(const Calls& calls);
    std::vector<QueueFinding> repair(const std::vector<QueueFinding>& findings);

private:
    using Suspect = std::pair<std::string, std::string>;  // Kind and id.

    void walkStates();
    void walkList(const std::string& key, const char* command);
    void walkStalled();
    void walkKeys();
    void walkSetAside();
    void walkSchedulers();
    void lookAtQueue();
    void suspect(const std::string& kind, const std::string& id);
    /// Checks all suspects, and makes findings of those that are faults.
    void confirm();
    void add(QueueFinding finding);
    /// Reports a page. Returns false once the examination is over.
    bool pageDone();
    [[nodiscard]] bool goesOn() const { return report_.complete; }
    std::vector<Reply> replies(std::vector<Command>& commands);

    const Redis redis_;
    const QueueContext queue_;

    // The state of one examination.
    RedisClient* client_ = nullptr;
    const Calls* calls_ = nullptr;
    Report report_;
    std::int64_t beganMs_ = 0;
    std::int64_t highestId_ = 0;
    std::size_t listed_ = 0;                               ///< Ids of lists, which scripts walk.
    std::unordered_map<std::string, const char*> states_;  ///< By id.
    std::vector<Suspect> suspects_;
    std::map<std::string, std::string> reasons_;  ///< Why ids were set aside.
};

QueueDoctor::Report QueueDoctor::Impl::examine(const Calls& calls) {
    const ClientPool::Lease lease = redis_.shared().lease();
    client_ = &*lease;
    calls_ = &calls;
    report_ = Report();
    beganMs_ = client_->nowMs();
    highestId_ = 0;
    listed_ = 0;
    states_.clear();
    suspects_.clear();
    reasons_.clear();
    walkStates();
    walkStalled();
    walkKeys();
    walkSetAside();
    walkSchedulers();
    lookAtQueue();
    return std::move(report_);
}

void QueueDoctor::Impl::walkStates() {
    const QueueKeys& keys = queue_.keys();
    for (const std::string* list : {&keys.wait, &keys.paused, &keys.active}) {
        walkList(*list, "LRANGE");
    }
    for (const std::string* set :
         {&keys.prioritized, &keys.delayed, &keys.waitingChildren, &keys.completed, &keys.failed}) {
        walkList(*set, "ZRANGE");
    }
}

void QueueDoctor::Impl::walkList(const std::string& key, const char* command) {
    const bool active = key == queue_.keys().active;
    const bool isList = std::string_view(command) == "LRANGE";
    const auto page = static_cast<std::int64_t>(calls_->keys);
    for (std::int64_t from = 0; goesOn(); from += page) {
        const Reply reply = client_->call(Command{command, key}.add(from).add(from + page - 1));
        std::vector<Command> commands;
        std::vector<std::string> ids = ops::textsOf(reply);
        for (const std::string& id : ids) {
            commands.emplace_back(Command{"EXISTS"}).own(queue_.keys().job(id));
            if (active) {
                commands.emplace_back(Command{"EXISTS"}).own(queue_.keys().job(id) + ":lock");
            }
        }
        const std::vector<Reply> exists = replies(commands);
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const std::string& id = ids[i];
            if (exists[active ? 2 * i : i].integer() == 0) {
                suspect(id.rfind("0:", 0) == 0 ? "legacy-id" : "missing-job", id);
            } else {
                highestId_ = std::max(highestId_, numericId(id).value_or(0));
                if (active && exists[2 * i + 1].integer() == 0) {
                    suspect("unlocked-job", id);
                }
            }
            if (!states_.emplace(id, key.c_str()).second) {
                suspect("two-states", id);
            }
        }
        report_.looked.members += ids.size();
        listed_ += isList ? ids.size() : 0;
        confirm();
        if (!pageDone() || ids.size() < calls_->keys) {
            return;
        }
    }
}

void QueueDoctor::Impl::walkStalled() {
    std::string cursor = "0";
    while (goesOn()) {
        const Reply page = client_->call(
            Command{"SSCAN", queue_.keys().stalled, cursor, "COUNT"}.add(calls_->keys));
        for (const std::string& id : ops::textsOf(page.at(1))) {
            const auto state = states_.find(id);
            if (state == states_.end() || queue_.keys().active != state->second) {
                suspect("stale-stalled", id);
            }
        }
        confirm();
        cursor = page.at(0).text();
        if (!pageDone() || cursor == "0") {
            return;
        }
    }
}

void QueueDoctor::Impl::walkKeys() {
    const std::string pattern = patternOfKeys(queue_.keys());
    const std::string& prefix = queue_.keys().jobPrefix();
    std::string cursor = "0";
    while (goesOn()) {
        const Reply page =
            client_->call(Command{"SCAN", cursor, "MATCH", pattern, "COUNT"}.add(calls_->keys));
        std::vector<std::string> unknown;
        std::vector<std::string> deduplications;
        for (const std::string& key : ops::textsOf(page.at(1))) {
            ++report_.looked.keys;
            std::string suffix = key.substr(prefix.size());
            if (states_.count(suffix) != 0) {
                continue;
            }
            if (suffix.rfind("dn:", 0) == 0) {
                deduplications.push_back(suffix.substr(3));
            } else if (const auto [part, id] = partOf(suffix);
                       !part.empty() && states_.count(std::string(id)) == 0 &&
                       storedJobIdError(id).empty()) {
                suspect("orphaned-keys", std::string(id));
            } else if (part.empty() && storedJobIdError(suffix).empty()) {
                unknown.push_back(std::move(suffix));
            }
        }
        std::vector<Command> commands;
        for (const std::string& id : unknown) {
            commands.emplace_back(Command{"TYPE"}).own(prefix + id);
        }
        for (const std::string& id : deduplications) {
            commands.emplace_back(Command{"EXISTS"}).own(prefix + "de:" + id);
        }
        const std::vector<Reply> found = replies(commands);
        for (std::size_t i = 0; i < unknown.size(); ++i) {
            if (found[i].text() == "hash") {
                suspect("lost-job", unknown[i]);
                highestId_ = std::max(highestId_, numericId(unknown[i]).value_or(0));
            }
        }
        for (std::size_t i = 0; i < deduplications.size(); ++i) {
            // One call decides: a script that ends the owner adds the job that was kept back.
            if (found[unknown.size() + i].integer() == 0 &&
                client_->call(Command{"EXISTS"}.own(prefix + "dn:" + deduplications[i]))
                        .integer() == 1) {
                add({"ownerless-deduplication",
                     prefix + "dn:" + deduplications[i],
                     deduplications[i],
                     "the job that deduplication " + deduplications[i] +
                         " keeps back has no owner to wait for, and will never be added",
                     true});
            }
        }
        confirm();
        cursor = page.at(0).text();
        if (!pageDone() || cursor == "0") {
            break;
        }
    }
    // The counter is read behind the ids: an add raises it first.
    const Reply counter = client_->call(Command{"GET", queue_.keys().idCounter});
    const std::int64_t last = numericId(counter.text()).value_or(0);
    if (highestId_ > last) {
        add({"counter-behind",
             queue_.keys().idCounter,
             std::to_string(highestId_),
             "the counter of ids is " + std::to_string(last) + " and job " +
                 std::to_string(highestId_) +
                 " exists: an add that draws a used id is taken for a duplicate and is lost",
             true});
    }
}

void QueueDoctor::Impl::walkSetAside() {
    const std::string key = queue_.keys().job("drover:set-aside");
    std::string cursor = "0";
    while (goesOn()) {
        const Reply page = client_->call(Command{"HSCAN", key, cursor, "COUNT"}.add(calls_->keys));
        for (auto& [id, why] : ops::pairsOf(page.at(1))) {
            reasons_[id] = why;
            suspect("set-aside", id);
        }
        confirm();
        cursor = page.at(0).text();
        if (!pageDone() || cursor == "0") {
            return;
        }
    }
}

void QueueDoctor::Impl::walkSchedulers() {
    const auto page = static_cast<std::int64_t>(calls_->keys);
    for (std::int64_t from = 0; goesOn(); from += page) {
        const std::vector<std::string> ids = ops::textsOf(
            client_->call(Command{"ZRANGE", queue_.keys().repeat}.add(from).add(from + page - 1)));
        std::vector<Command> commands;
        for (const std::string& id : ids) {
            commands.emplace_back(Command{"HMGET"})
                .own(queue_.keys().job("repeat:" + id))
                .add("ic");
            commands.emplace_back(Command{"EXISTS"}).own(queue_.keys().job("repeat:" + id));
            // The member may have gone with its record.
            commands.emplace_back(Command{"ZSCORE", queue_.keys().repeat}).own(id);
        }
        const std::vector<Reply> found = replies(commands);
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const std::string key = queue_.keys().job("repeat:" + ids[i]);
            if (found[3 * i + 2].isNil()) {
                continue;
            }
            if (found[3 * i + 1].integer() == 0) {
                add({"scheduler-without-record",
                     key,
                     ids[i],
                     "scheduler " + ids[i] +
                         " has no record and makes no jobs; `drover scheduler remove` removes it, "
                         "unless a 5.x client repeats jobs by it",
                     false});
            } else if (found[3 * i].at(0).isNil()) {
                add({"legacy-scheduler",
                     key,
                     ids[i],
                     "scheduler " + ids[i] +
                         " is a repeatable of 5.x, whose jobs run and are not repeated by newer "
                         "workers; `drover scheduler upsert` replaces it",
                     false});
            }
        }
        if (!pageDone() || ids.size() < calls_->keys) {
            return;
        }
    }
}

void QueueDoctor::Impl::lookAtQueue() {
    if (!goesOn()) {
        return;
    }
    for (const std::string& fault : ops::examineQueue(queue_, *client_)) {
        const std::size_t space = std::min(fault.find(' '), fault.size());
        const std::string kind = fault.substr(0, space);
        const std::string name = fault.substr(std::min(space + 1, fault.size()));
        if (kind == "legacy-list") {
            add({kind,
                 queue_.keys().paused,
                 "",
                 "jobs stand in the list of paused jobs of 5.x, and the queue is not paused: no "
                 "worker looks there",
                 true});
        } else if (kind == "stale-marker") {
            const char* const why = name == "0"   ? " in a paused queue wakes workers in vain"
                                    : name == "1" ? " lets workers sleep past the next delayed job"
                                                  : " is none that clients know";
            add({kind, queue_.keys().marker, name, "the marker " + name + why, true});
        } else if (kind == "endless-key") {
            add({kind,
                 queue_.keys().job(name),
                 "",
                 "the key " + name + " has no end, and stops for good what it should delay",
                 true});
        } else {
            add({kind,
                 queue_.keys().job(name),
                 "",
                 "the key " + name + " belongs to a version that no client has any more",
                 true});
        }
    }
}

void QueueDoctor::Impl::suspect(const std::string& kind, const std::string& id) {
    suspects_.emplace_back(kind, id);
}

void QueueDoctor::Impl::confirm() {
    std::sort(suspects_.begin(), suspects_.end());
    suspects_.erase(std::unique(suspects_.begin(), suspects_.end()), suspects_.end());
    const std::size_t perCall = idsPerCall(listed_ + 1);
    for (std::size_t from = 0; from < suspects_.size() && goesOn(); from += perCall) {
        const std::size_t count = std::min(perCall, suspects_.size() - from);
        const auto first = suspects_.begin() + static_cast<std::ptrdiff_t>(from);
        const std::vector<Suspect> some(first, first + static_cast<std::ptrdiff_t>(count));
        const auto checks = ops::examineJobs(queue_, *client_, some, beganMs_);
        for (std::size_t i = 0; i < count && goesOn(); ++i) {
            if (checks[i] == ops::FaultCheck::None) {
                continue;
            }
            const auto& [kind, id] = some[i];
            std::string sentence = "job " + id + " " + sentenceOf(kind);
            if (const auto reason = reasons_.find(id);
                kind == "set-aside" && reason != reasons_.end()) {
                sentence += ": " + reason->second;
            }
            add({kind,
                 kind == "stale-stalled" ? queue_.keys().stalled
                 : kind == "set-aside"   ? queue_.keys().job("drover:set-aside")
                                         : queue_.keys().job(id),
                 id,
                 std::move(sentence),
                 checks[i] == ops::FaultCheck::Fixable});
        }
    }
    suspects_.clear();
}

void QueueDoctor::Impl::add(QueueFinding finding) {
    if (report_.findings.size() >= calls_->mostFindings) {
        report_.complete = false;
        return;
    }
    report_.findings.push_back(std::move(finding));
    report_.looked.findings = report_.findings.size();
}

bool QueueDoctor::Impl::pageDone() {
    if (calls_->onProgress && !calls_->onProgress(report_.looked)) {
        report_.complete = false;
    }
    return report_.complete;
}

std::vector<Reply> QueueDoctor::Impl::replies(std::vector<Command>& commands) {
    if (commands.empty()) {
        return {};
    }
    std::vector<Reply> all = client_->runAll(commands);
    for (std::size_t i = 0; i < all.size(); ++i) {
        client_->require(
            all[i], std::string(commands[i].args()[0]), std::string(commands[i].args()[1]));
    }
    return all;
}

std::vector<QueueFinding> QueueDoctor::Impl::repair(const std::vector<QueueFinding>& findings) {
    const ClientPool::Lease lease = redis_.shared().lease();
    RedisClient& redis = *lease;
    const std::int64_t nowMs = redis.nowMs();
    // By kind, since each has its script: the ids as the script accepts them, and the findings.
    std::map<std::string, std::map<std::string, const QueueFinding*>> byKind;
    for (const QueueFinding& finding : findings) {
        if (!finding.fixable) {
            continue;
        }
        const std::string& prefix = queue_.keys().jobPrefix();
        const bool ofKey = finding.kind == "legacy-key" || finding.kind == "endless-key";
        const bool ofQueue = ofKey || finding.kind == "stale-marker" ||
                             finding.kind == "counter-behind" || finding.kind == "legacy-list";
        if (finding.key.compare(0, prefix.size(), prefix) != 0) {
            continue;  // It concerns another queue, or the server.
        }
        if (!ofQueue) {
            byKind[finding.kind][finding.id] = &finding;
            continue;
        }
        const std::string name = ofKey ? finding.key.substr(prefix.size()) : finding.id;
        byKind[""][finding.kind + (name.empty() ? "" : " " + name)] = &finding;
    }
    std::size_t listed = 1;
    for (const std::string* list :
         {&queue_.keys().wait, &queue_.keys().paused, &queue_.keys().active}) {
        listed += static_cast<std::size_t>(redis.call(Command{"LLEN", *list}).integer());
    }
    const std::size_t bounded = idsPerCall(listed);
    std::vector<QueueFinding> repaired;
    for (const auto& [kind, all] : byKind) {
        const std::size_t perCall =
            std::min(kind == "orphaned-keys" ? kOrphansPerCall : kMostPerCall, bounded);
        for (auto at = all.begin(); at != all.end();) {
            std::vector<std::string> ids;
            for (; at != all.end() && ids.size() < perCall; ++at) {
                ids.push_back(at->first);
            }
            std::vector<std::string> done;
            if (kind.empty()) {
                done = ops::repairQueue(queue_, redis, ids);
            } else if (kind == "lost-job") {
                done = ops::placeLost(queue_, redis, ids, nowMs, nowMs);
            } else if (kind == "unlocked-job") {
                done = ops::returnUnlocked(queue_, redis, ids);
            } else if (kind == "orphaned-keys") {
                if (ops::removeOrphans(queue_, redis, ids, nowMs).removed > 0) {
                    done = ids;
                }
            } else if (kind == "ownerless-deduplication") {
                ops::rescueLost(queue_, redis, {}, ids, nowMs, nowMs);
                for (const std::string& id : ids) {
                    if (redis.call(Command{"EXISTS"}.own(queue_.keys().job("dn:" + id)))
                            .integer() == 0) {
                        done.push_back(id);
                    }
                }
            } else {
                done = ops::dropIds(queue_, redis, kind, ids);
            }
            for (const std::string& id : done) {
                repaired.push_back(*all.at(id));
            }
        }
    }
    return repaired;
}

namespace {

constexpr int kOldestMajor = 6;
constexpr int kOldestMinor = 2;

/// Returns true if a version, as "7.0.15", is older than `major`.`minor`. A text that is not a version is not.
bool isOlder(const std::string& version, int major, int minor) {
    int parts[2] = {0, 0};
    return std::sscanf(version.c_str(), "%d.%d", &parts[0], &parts[1]) == 2 &&
           std::pair(parts[0], parts[1]) < std::pair(major, minor);
}

/// Adds a finding for each command that the user of the access list may not send. `read`: sends a command.
template <typename Read>
void addMissingRights(const Read& read, std::vector<QueueFinding>& findings) {
    struct Right {
        std::vector<std::string_view> command;
        const char* without;
    };
    static const Right kRights[] = {
        {{"EVAL", "return 1", "0"}, "no job can be added or worked"},
        {{"ECHO", "drover"}, "a proxy that shifts replies is noticed too late"},
        {{"TIME"}, "the clock of this machine counts in place of Redis's"},
        {{"ROLE"}, "a replica counts as a master until it refuses a write"},
        {{"INFO", "server"}, "neither version, eviction nor persistence can be examined"},
    };
    for (const Right& right : kRights) {
        Command command;
        for (const std::string_view word : right.command) {
            command.add(word);
        }
        const Reply reply = read(command);
        if (reply.isError() && reply.text().rfind("NOPERM", 0) == 0) {
            const std::string name(right.command.front());
            findings.push_back({"no-right",
                                name,
                                "",
                                "the user may not send " + name + ": " + right.without +
                                    "; docs/redis.md has the rights that suffice",
                                false});
        }
    }
}

}  // namespace

QueueDoctor::QueueDoctor(const Redis& redis, const Settings& settings)
    : impl_(std::make_unique<Impl>(redis, settings)) {}
QueueDoctor::~QueueDoctor() = default;

QueueDoctor::Report QueueDoctor::examine(const Calls& calls) {
    if (calls.keys < 10 || calls.keys > 10000) {
        throw Poco::InvalidArgumentException("the keys of a page must be in [10, 10000], got " +
                                             std::to_string(calls.keys));
    }
    return impl_->examine(calls);
}

std::vector<QueueFinding> QueueDoctor::repair(const std::vector<QueueFinding>& findings) {
    return impl_->repair(findings);
}

std::vector<QueueFinding> QueueDoctor::examineServer(const Redis& redis) {
    const ClientPool::Lease lease = redis.shared().lease();
    RedisClient& client = *lease;
    std::vector<QueueFinding> findings;
    // Not through call(): a user without these rights may still examine queues.
    const auto read = [&client](const Command& command) {
        return client.connection().call(command);
    };

    addMissingRights(read, findings);
    const Reply server = read(Command{"INFO", "server"});
    const std::string version = infoValue(server.text(), "redis_version");
    if (!server.isError() && isOlder(version, kOldestMajor, kOldestMinor)) {
        findings.push_back({"version",
                            "redis_version",
                            "",
                            "Redis " + version + " is older than " + std::to_string(kOldestMajor) +
                                "." + std::to_string(kOldestMinor) +
                                ", for which Drover and BullMQ are made: scripts may fail",
                            false});
    }
    const Reply memory = read(Command{"INFO", "memory"});
    const std::string policy = infoValue(memory.text(), "maxmemory_policy");
    if (!memory.isError() && !policy.empty() && policy != "noeviction") {
        findings.push_back({"eviction",
                            "maxmemory-policy",
                            "",
                            "Redis deletes keys of queues when its memory is full (" + policy +
                                "); set maxmemory-policy to noeviction",
                            false});
    }
    const Reply persistence = read(Command{"INFO", "persistence"});
    const Reply save = read(Command{"CONFIG", "GET", "save"});
    if (!persistence.isError() && infoValue(persistence.text(), "aof_enabled") == "0" &&
        !save.isError() && save.size() == 2 && save.at(1).text().empty()) {
        findings.push_back({"no-persistence",
                            "appendonly",
                            "",
                            "Redis stores nothing on disk: a restart loses every job; set "
                            "appendonly to yes",
                            false});
    }
    const SystemClock clock;
    const std::int64_t beforeMs = clock.wallMs();
    const Reply time = read(Command{"TIME"});
    const std::int64_t afterMs = clock.wallMs();
    if (!time.isError() && time.size() == 2) {
        const std::int64_t serverMs = time.at(0).integer() * 1000 + time.at(1).integer() / 1000;
        const std::int64_t offMs = serverMs - (beforeMs + afterMs) / 2;
        const std::int64_t uncertainMs = (afterMs - beforeMs) / 2;
        if (offMs - uncertainMs > kClockOffMs || offMs + uncertainMs < -kClockOffMs) {
            findings.push_back({"clock",
                                "TIME",
                                "",
                                "the clock of Redis is " + std::to_string(std::abs(offMs)) +
                                    " ms " + (offMs > 0 ? "ahead of" : "behind") +
                                    " that of this machine: clients of other engines store times "
                                    "of their own",
                                false});
        }
    }
    return findings;
}

}  // namespace drover
