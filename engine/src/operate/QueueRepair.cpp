#include "operate/QueueRepair.h"

#include <algorithm>

#include "queue/ops/Doctor.h"
#include "queue/ops/Maintenance.h"
#include "queue/ops/Stalled.h"

namespace drover {

namespace {

constexpr std::size_t kOrphansPerCall = 100;
/// Stands for the kinds of faults of the queue, which share a script.
constexpr const char* kOfQueue = "";

}  // namespace

QueueRepair::QueueRepair(const QueueContext& queue, RedisClient& redis)
    : queue_(queue), redis_(redis), nowMs_(redis.nowMs()) {}

std::vector<QueueFinding> QueueRepair::run(const std::vector<QueueFinding>& findings) {
    const std::size_t perCall = ops::idsPerCall(listedIds() + 1);
    std::vector<QueueFinding> repaired;
    for (const auto& [kind, all] : byKind(findings)) {
        const std::size_t most =
            kind == "orphaned-keys" ? std::min(kOrphansPerCall, perCall) : perCall;
        for (auto at = all.begin(); at != all.end();) {
            std::vector<std::string> subjects;
            for (; at != all.end() && subjects.size() < most; ++at) {
                subjects.push_back(at->first);
            }
            for (const std::string& subject : repair(kind, subjects)) {
                repaired.push_back(*all.at(subject));
            }
        }
    }
    return repaired;
}

/// Returns those findings that a script of this queue may repair, by kind, since each has its script.
std::map<std::string, QueueRepair::Subjects> QueueRepair::byKind(
    const std::vector<QueueFinding>& findings) const {
    std::map<std::string, Subjects> all;
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
            all[finding.kind][finding.id] = &finding;
            continue;
        }
        const std::string name = ofKey ? finding.key.substr(prefix.size()) : finding.id;
        all[kOfQueue][finding.kind + (name.empty() ? "" : " " + name)] = &finding;
    }
    return all;
}

/// Returns how many ids the lists have, over which scripts walk.
std::size_t QueueRepair::listedIds() {
    std::size_t listed = 0;
    for (const std::string* list :
         {&queue_.keys().wait, &queue_.keys().paused, &queue_.keys().active}) {
        listed += static_cast<std::size_t>(redis_.call(Command{"LLEN", *list}).integer());
    }
    return listed;
}

/// Returns the repaired ones.
std::vector<std::string> QueueRepair::repair(const std::string& kind,
                                             const std::vector<std::string>& subjects) {
    std::vector<std::string> done;
    if (kind == kOfQueue) {
        done = ops::repairQueue(queue_, redis_, subjects);
    } else if (kind == "lost-job") {
        done = ops::placeLost(queue_, redis_, subjects, nowMs_, nowMs_);
    } else if (kind == "unlocked-job") {
        done = ops::returnUnlocked(queue_, redis_, subjects);
    } else if (kind == "orphaned-keys") {
        if (ops::removeOrphans(queue_, redis_, subjects, nowMs_).removed > 0) {
            done = subjects;
        }
    } else if (kind == "ownerless-deduplication") {
        ops::rescueLost(queue_, redis_, {}, subjects, nowMs_, nowMs_);
        for (const std::string& id : subjects) {
            if (redis_.call(Command{"EXISTS"}.own(queue_.keys().job("dn:" + id))).integer() == 0) {
                done.push_back(id);
            }
        }
    } else {
        done = ops::dropIds(queue_, redis_, kind, subjects);
    }
    return done;
}

}  // namespace drover
