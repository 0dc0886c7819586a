#include "compat/model/Operations.h"
#include "core/JsonText.h"

namespace drover::test {

/// False where Drover differs from BullMQ on purpose (docs/wire-format.md#schedulers).
bool ModelOperations::isSameInBoth(const std::string& queue,
                                   const ModelScheduler& rule,
                                   bool byNode,
                                   std::int64_t now) const {
    const auto& all = model_.queue(queue).schedulers;
    const auto found = all.find(rule.id);
    if (found == all.end()) {
        return true;
    }
    const std::string pending =
        queue + ":repeat:" + rule.id + ":" + std::to_string(found->second.next);
    const std::string state = model_.jobs().count(pending) > 0 ? model_.stateOf(pending) : "";
    // A changed period retains the earlier offset in BullMQ.
    if (rule.every > 0 && rule.offset == 0 &&
        found->second.fields.at("every") != std::to_string(rule.every)) {
        return false;
    }
    // BullMQ does not find the pending job in `wait` while the queue is paused.
    if (byNode && state == "wait" && model_.queue(queue).meta.count("paused") > 0) {
        return false;
    }
    // The run of the pattern may have a job that is not pending, over which BullMQ stores.
    return rule.every > 0 || !(state == "delayed" || state == "wait" || state == "prioritized") ||
           rule.dailyAfter(now) == found->second.next;
}

Step ModelOperations::upsertStep(const std::string& queue) {
    ModelScheduler rule;
    const bool daily = chance(30);
    rule.id = daily ? "p" : "e" + std::to_string(below(2));
    if (daily) {
        rule.minute = (kStart + kHour * 3 / 2) / 60000 % 1440;
    } else {
        rule.every = chance(70) ? kHour : 4 * kHour;
        if (chance(40)) {
            rule.offset = (kStart + kHour / 2) % rule.every;
        }
    }
    rule.limit = chance(30) ? 1 + below(4) : 0;
    rule.jobs = anySpec(queue);
    rule.jobs.isTemplate = true;
    rule.jobs.timestamp = 0;
    rule.jobs.delay = 0;
    Step upsert = step(
        "upsertScheduler " + queue + " " + rule.id + " " + rule.repeatJson() + " " +
            rule.templateJson(),
        [=, this] {
            const auto job = clients_.nodeQueue(
                queue,
                "upsertJobScheduler",
                jsonString(rule.id) + "," + rule.repeatJson() + "," + rule.templateJson());
            return std::string(job["id"].GetString());
        },
        [=, this] {
            const auto run =
                clients_.ours(queue).schedulers->upsert(rule.id,
                                                        RepeatOptions::parse(rule.repeatJson()),
                                                        JobTemplate::parse(rule.templateJson()));
            return run ? run->jobId : "none";
        },
        [=, this](std::int64_t now) { return model_.upsertScheduler(queue, rule, now); });
    const bool byNode = !upsert.byDrover;
    return std::move(upsert).when(
        [=, this, now = now_] { return isSameInBoth(queue, rule, byNode, now); });
}

Step ModelOperations::removeSchedulerStep(const std::string& queue) {
    const std::string id = any(std::vector<std::string>{"p", "e0", "e1"});
    return step(
        "removeScheduler " + queue + " " + id,
        [=, this] {
            const auto removed = clients_.nodeQueue(queue, "removeJobScheduler", jsonString(id));
            return removed.GetBool() ? "removed" : "none";
        },
        [=, this] { return clients_.ours(queue).schedulers->remove(id) ? "removed" : "none"; },
        [=, this](std::int64_t) { return model_.removeScheduler(queue, id); });
}

}  // namespace drover::test
