#include "operate/QueueExamination.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string_view>

#include "core/Names.h"
#include "queue/StateIds.h"
#include "queue/ops/Doctor.h"
#include "queue/ops/Replies.h"

namespace drover {

namespace {

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

std::optional<std::int64_t> numericId(std::string_view id) {
    std::int64_t number = 0;
    const auto end = std::from_chars(id.data(), id.data() + id.size(), number);
    if (end.ec != std::errc() || end.ptr != id.data() + id.size() || number < 1 ||
        number > kHighestId || id[0] == '0') {
        return std::nullopt;
    }
    return number;
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

QueueExamination::QueueExamination(const QueueContext& queue,
                                   RedisClient& client,
                                   const QueueDoctor::Calls& calls)
    : queue_(queue), client_(client), calls_(calls), beganMs_(client.nowMs()) {}

QueueDoctor::Report QueueExamination::run() {
    walkStates();
    walkStalled();
    walkKeys();
    walkSetAside();
    walkSchedulers();
    lookAtQueue();
    return std::move(report_);
}

void QueueExamination::walkStates() {
    const QueueKeys& keys = queue_.keys();
    for (const std::string* list : {&keys.wait, &keys.paused, &keys.active}) {
        walkList(*list, "LRANGE");
    }
    for (const std::string* set :
         {&keys.prioritized, &keys.delayed, &keys.waitingChildren, &keys.completed, &keys.failed}) {
        walkList(*set, "ZRANGE");
    }
}

void QueueExamination::walkList(const std::string& key, const char* command) {
    const bool active = key == queue_.keys().active;
    const bool isList = std::string_view(command) == "LRANGE";
    const auto page = static_cast<std::int64_t>(calls_.keys);
    for (std::int64_t from = 0; goesOn(); from += page) {
        const Reply reply = client_.call(Command{command, key}.add(from).add(from + page - 1));
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
        if (!pageDone() || ids.size() < calls_.keys) {
            return;
        }
    }
}

void QueueExamination::walkStalled() {
    std::string cursor = "0";
    while (goesOn()) {
        const Reply page =
            client_.call(Command{"SSCAN", queue_.keys().stalled, cursor, "COUNT"}.add(calls_.keys));
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

void QueueExamination::walkKeys() {
    const std::string pattern = patternOfKeys(queue_.keys());
    const std::string& prefix = queue_.keys().jobPrefix();
    std::string cursor = "0";
    while (goesOn()) {
        const Reply page =
            client_.call(Command{"SCAN", cursor, "MATCH", pattern, "COUNT"}.add(calls_.keys));
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
                client_.call(Command{"EXISTS"}.own(prefix + "dn:" + deduplications[i])).integer() ==
                    1) {
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
    const Reply counter = client_.call(Command{"GET", queue_.keys().idCounter});
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

void QueueExamination::walkSetAside() {
    const std::string key = queue_.keys().job("drover:set-aside");
    std::string cursor = "0";
    while (goesOn()) {
        const Reply page = client_.call(Command{"HSCAN", key, cursor, "COUNT"}.add(calls_.keys));
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

void QueueExamination::walkSchedulers() {
    const auto page = static_cast<std::int64_t>(calls_.keys);
    for (std::int64_t from = 0; goesOn(); from += page) {
        const std::vector<std::string> ids = ops::textsOf(
            client_.call(Command{"ZRANGE", queue_.keys().repeat}.add(from).add(from + page - 1)));
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
        if (!pageDone() || ids.size() < calls_.keys) {
            return;
        }
    }
}

void QueueExamination::lookAtQueue() {
    if (!goesOn()) {
        return;
    }
    for (const std::string& fault : ops::examineQueue(queue_, client_)) {
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

void QueueExamination::suspect(const std::string& kind, const std::string& id) {
    suspects_.emplace_back(kind, id);
}

/// Checks all suspects, and makes findings of those that are faults.
void QueueExamination::confirm() {
    std::sort(suspects_.begin(), suspects_.end());
    suspects_.erase(std::unique(suspects_.begin(), suspects_.end()), suspects_.end());
    const std::size_t perCall = ops::idsPerCall(listed_ + 1);
    for (std::size_t from = 0; from < suspects_.size() && goesOn(); from += perCall) {
        const std::size_t count = std::min(perCall, suspects_.size() - from);
        const auto first = suspects_.begin() + static_cast<std::ptrdiff_t>(from);
        const std::vector<Suspect> some(first, first + static_cast<std::ptrdiff_t>(count));
        const auto checks = ops::examineJobs(queue_, client_, some, beganMs_);
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

void QueueExamination::add(QueueFinding finding) {
    if (report_.findings.size() >= calls_.mostFindings) {
        report_.complete = false;
        return;
    }
    report_.findings.push_back(std::move(finding));
    report_.looked.findings = report_.findings.size();
}

/// Reports a page. Returns false once the examination is over.
bool QueueExamination::pageDone() {
    if (calls_.onProgress && !calls_.onProgress(report_.looked)) {
        report_.complete = false;
    }
    return report_.complete;
}

std::vector<Reply> QueueExamination::replies(std::vector<Command>& commands) {
    if (commands.empty()) {
        return {};
    }
    std::vector<Reply> all = client_.runAll(commands);
    for (std::size_t i = 0; i < all.size(); ++i) {
        client_.require(
            all[i], std::string(commands[i].args()[0]), std::string(commands[i].args()[1]));
    }
    return all;
}

}  // namespace drover
