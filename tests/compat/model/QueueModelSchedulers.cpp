#include <algorithm>
#include <cstdlib>
#include <rapidjson/document.h>
#include <string>

#include "compat/model/QueueModel.h"
#include "core/JsonText.h"

namespace drover::test {

namespace {

/// Slots of an `every` scheduler that are tried after the first.
constexpr int kSlots = 32;

std::string runId(const std::string& scheduler, std::int64_t due) {
    return "repeat:" + scheduler + ":" + std::to_string(due);
}

/// The first run after now that is `offset` behind a multiple of the period.
std::int64_t alignedAfter(std::int64_t now, std::int64_t every, std::int64_t offset) {
    const std::int64_t due = now - now % every + offset;
    return due > now ? due : due + every;
}

std::int64_t runAfter(std::int64_t previous,
                      std::int64_t every,
                      std::int64_t offset,
                      std::int64_t now) {
    return previous + every >= now ? previous + every : alignedAfter(now, every, offset);
}

std::int64_t numberIn(const std::map<std::string, std::string>& fields, const std::string& name) {
    const auto found = fields.find(name);
    return found == fields.end() ? 0 : std::stoll(found->second);
}

/// The options of a run, behind those of the template.
std::string optionsOfRun(const ModelScheduler& rule,
                         std::int64_t due,
                         std::int64_t now,
                         std::int64_t count) {
    const std::string repeat = rule.repeatJson();
    return ",\"jobId\":" + jsonString(runId(rule.id, due)) +
           ",\"delay\":" + std::to_string(std::max<std::int64_t>(due - now, 0)) +
           ",\"timestamp\":" + std::to_string(now) + ",\"repeatJobKey\":" + jsonString(rule.id) +
           (rule.every > 0 ? "" : ",\"prevMillis\":" + std::to_string(due)) +
           ",\"repeat\":" + repeat.substr(0, repeat.size() - 1) +
           ",\"count\":" + std::to_string(count) + "}";
}

}  // namespace

bool QueueModel::isNextRun(const std::string& key) const {
    const auto job = jobs_.find(key);
    if (job == jobs_.end() || job->second.fields.count("rjk") == 0) {
        return false;
    }
    const std::string& id = job->second.fields.at("rjk");
    const auto& schedulers = queueOf(key).schedulers;
    const auto found = schedulers.find(id);
    return found != schedulers.end() && idOf(key) == runId(id, found->second.next);
}

std::string QueueModel::storeRun(const std::string& name,
                                 const ModelScheduler& rule,
                                 std::int64_t due,
                                 int count,
                                 ModelSpec spec,
                                 std::int64_t now) {
    Queue& queue = queues_.at(name);
    queue.id = queue.id.value_or(0) + 1;
    const std::string id = runId(rule.id, due);
    spec.queue = name;
    spec.delay = std::max<std::int64_t>(due - now, 0);
    spec.ofRun = optionsOfRun(rule, due, now, count);
    store(spec, id, now, Origin::Add);
    Job& job = jobs_.at(name + ":" + id);
    job.fields["rjk"] = rule.id;
    job.rule = rule;
    job.count = count;
    return id;
}

std::string QueueModel::upsertScheduler(const std::string& name,
                                        const ModelScheduler& rule,
                                        std::int64_t now) {
    Queue& queue = queues_.at(name);
    const auto found = queue.schedulers.find(rule.id);
    const bool present = found != queue.schedulers.end();
    const bool unchanged =
        present && rule.every > 0 && numberIn(found->second.fields, "every") == rule.every;
    const std::string pending =
        present ? name + ":" + runId(rule.id, found->second.next) : std::string();
    const std::string state = jobs_.count(pending) > 0 ? stateOf(pending) : "unknown";
    const bool replaced = state == "delayed" || state == "prioritized" || state == "wait";
    std::int64_t due = now;
    if (rule.every == 0) {
        due = rule.dailyAfter(now);
    } else if (unchanged) {
        due = replaced ? found->second.next
                       : runAfter(found->second.next, rule.every, rule.offset, now);
    } else if (rule.offset > 0) {
        due = alignedAfter(now, rule.every, rule.offset);
    }
    const auto isTaken = [&](std::int64_t run) {
        const std::string key = name + ":" + runId(rule.id, run);
        return jobs_.count(key) > 0 && !(replaced && key == pending);
    };
    for (int slot = 0; isTaken(due); ++slot, due += rule.every) {
        if (rule.every == 0 || slot == kSlots) {
            return rule.every == 0 ? "-10" : "-11";
        }
    }
    std::int64_t offset = rule.offset;
    if (rule.every > 0 && offset == 0) {
        offset = replaced ? numberIn(found->second.fields, "offset") : due % rule.every;
    }
    std::map<std::string, std::string> fields = {{"name", rule.jobs.name},
                                                 {"data", rule.jobs.data},
                                                 {"offset", std::to_string(offset)},
                                                 {"ic", "1"}};
    if (present) {
        fields["ic"] = found->second.fields.at("ic");
    }
    if (rule.every > 0) {
        fields["every"] = std::to_string(rule.every);
    } else {
        fields["pattern"] = rule.pattern();
        fields["tz"] = "UTC";
    }
    if (rule.limit > 0) {
        fields["limit"] = std::to_string(rule.limit);
    }
    if (const std::string opts = rule.jobs.storedOpts(); opts != "{}") {
        fields["opts"] = opts;
    }
    if (replaced) {
        removeHard(pending);
    }
    queue.schedulers[rule.id] = {due, fields};
    return storeRun(name, rule, due, 1, rule.jobs, now);
}

std::string QueueModel::removeScheduler(const std::string& name, const std::string& id) {
    Queue& queue = queues_.at(name);
    const auto found = queue.schedulers.find(id);
    if (found == queue.schedulers.end()) {
        return "none";
    }
    const std::string pending = runId(id, found->second.next);
    if (queue.delayed.count(pending) > 0) {
        removeHard(name + ":" + pending);
        queue.events.push_back("removed " + pending + " prev=delayed");
    }
    queue.schedulers.erase(found);
    return "removed";
}

void QueueModel::iterate(const std::string& key, std::int64_t now) {
    if (!isNextRun(key)) {
        return;
    }
    const std::string name = queueNameOf(key);
    const Job& job = jobs_.at(key);
    const ModelScheduler rule = job.rule;
    const int count = job.count + 1;
    if (rule.limit > 0 && count > rule.limit) {
        return;
    }
    Queue& queue = queues_.at(name);
    Scheduler& scheduler = queue.schedulers.at(rule.id);
    const std::int64_t due =
        rule.every > 0
            ? runAfter(scheduler.next, rule.every, numberIn(scheduler.fields, "offset"), now)
            : rule.dailyAfter(std::max(now, scheduler.next));
    if (jobs_.count(name + ":" + runId(rule.id, due)) > 0) {
        queue.events.push_back("duplicated " + runId(rule.id, due));
        return;
    }
    scheduler.next = due;
    scheduler.fields["ic"] = std::to_string(numberIn(scheduler.fields, "ic") + 1);
    ModelSpec spec = job.spec;
    spec.name = scheduler.fields.at("name");
    spec.data = scheduler.fields.at("data");
    spec.isTemplate = false;
    storeRun(name, rule, due, count, spec, now);
}

}  // namespace drover::test
