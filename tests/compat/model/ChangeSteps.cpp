#include <algorithm>
#include <chrono>

#include "compat/model/Operations.h"
#include "core/JsonText.h"

namespace drover::test {

namespace {

std::string trueOrFalse(bool value) {
    return value ? "true" : "false";
}

}  // namespace

std::optional<Step> ModelOperations::changeStep() {
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
    const int dice = below(10);
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
    JobControl& control = *clients_.ours(key).control;
    switch (dice) {
        case 0:
            return step(
                       "promote " + text,
                       [=, this] { return clients_.nodeJob(key, "promote"), "0"; },
                       [&control, id] { return control.promote(id), "0"; },
                       [=, this](std::int64_t) { return model_.promote(key); })
                .when(exists(key));
        case 1: {
            const std::int64_t delay = (1 + below(3)) * kHour;
            return step(
                       "changeDelay " + text + " " + std::to_string(delay),
                       [=, this] {
                           return clients_.nodeJob(key, "changeDelay", std::to_string(delay)), "0";
                       },
                       [=, &control] {
                           return control.changeDelay(id, std::chrono::milliseconds(delay)), "0";
                       },
                       [=, this](std::int64_t now) { return model_.changeDelay(key, delay, now); })
                .when(exists(key));
        }
        case 2: {
            const int priority = below(4);
            const bool lifo = chance(40);
            return step(
                       "changePriority " + text + " " + std::to_string(priority) +
                           (lifo ? " lifo" : ""),
                       [=, this] {
                           clients_.nodeJob(key,
                                            "changePriority",
                                            "{\"priority\":" + std::to_string(priority) +
                                                ",\"lifo\":" + trueOrFalse(lifo) + "}");
                           return "0";
                       },
                       [=, &control] { return control.changePriority(id, priority, lifo), "0"; },
                       [=, this](std::int64_t) {
                           return model_.changePriority(key, priority, lifo);
                       })
                .when(exists(key));
        }
        case 3: {
            const std::string json = "{\"changed\":" + std::to_string(below(100)) + "}";
            return step(
                       "updateData " + text,
                       [=, this] { return clients_.nodeJob(key, "updateData", json), "0"; },
                       [=, &control] { return control.updateData(id, json), "0"; },
                       [=, this](std::int64_t) { return model_.updateData(key, json); })
                .when(exists(key));
        }
        case 4: {
            const std::string json =
                chance(50) ? "{\"done\":\"half\"}" : std::to_string(below(100));
            return step(
                       "updateProgress " + text,
                       [=, this] { return clients_.nodeJob(key, "updateProgress", json), "0"; },
                       [=, &control] { return control.updateProgress(id, json), "0"; },
                       [=, this](std::int64_t) { return model_.updateProgress(key, json); })
                .when(exists(key));
        }
        case 5: {
            const std::string row = "row " + std::to_string(below(100));
            const auto keep = [key, this] { return model_.jobs().at(key).spec.keepLogs; };
            return step(
                       "addLog " + text,
                       [=, this] {
                           return std::to_string(
                               clients_.nodeJob(key, "log", jsonString(row)).GetInt());
                       },
                       [=, &control] {
                           return std::to_string(control.addLog(id, row, std::max(keep(), 0)));
                       },
                       [=, this](std::int64_t) { return model_.addLog(key, row, keep()); })
                .when(exists(key));
        }
        case 6: {
            const int keep = below(3);
            return step(
                       "clearLogs " + text + " " + std::to_string(keep),
                       [=, this] {
                           return clients_.nodeJob(key, "clearLogs", std::to_string(keep)), "0";
                       },
                       [=, &control] { return control.clearLogs(id, keep), "0"; },
                       [=, this](std::int64_t) { return model_.clearLogs(key, keep); })
                .when(exists(key));
        }
        case 7:
        case 8:
            return retryStep(key, text, dice == 8);
        default:
            return childStep(key, text);
    }
}

Step ModelOperations::retryStep(const std::string& key, const std::string& text, bool completed) {
    const bool made = chance(30);
    const bool started = chance(30);
    const std::string state = completed ? "completed" : "failed";
    return step(
               "retry " + text + " from " + state + (made ? " resetMade" : "") +
                   (started ? " resetStarted" : ""),
               [=, this] {
                   clients_.nodeJob(key,
                                    "retry",
                                    "\"" + state +
                                        "\",{\"resetAttemptsMade\":" + trueOrFalse(made) +
                                        ",\"resetAttemptsStarted\":" + trueOrFalse(started) + "}");
                   return "0";
               },
               [=, this] {
                   clients_.ours(key).control->retry(
                       idOf(key),
                       {completed ? JobState::Completed : JobState::Failed, made, started});
                   return "0";
               },
               [=, this](std::int64_t) { return model_.retry(key, completed, made, started); })
        .when(exists(key));
}

Step ModelOperations::childStep(const std::string& key, const std::string& text) {
    if (chance(50)) {
        return step(
                   "removeUnprocessedChildren " + text,
                   [=, this] { return clients_.nodeJob(key, "removeUnprocessedChildren"), "0"; },
                   [=, this] {
                       return clients_.ours(key).control->removeUnprocessedChildren(idOf(key)), "0";
                   },
                   [=, this](std::int64_t) { return model_.removeUnprocessedChildren(key); })
            .when(exists(key))
            .inAnyOrder();
    }
    const auto& dependencies = model_.jobs().at(key).dependencies;
    const std::string child =
        dependencies.empty() ? key : any(std::vector(dependencies.begin(), dependencies.end()));
    const std::string of = model_.jobs().count(child) > 0 ? child : key;
    return step(
               "removeChildDependency " + of,
               [=, this] {
                   return clients_.nodeJob(of, "removeChildDependency").GetBool() ? "0" : "1";
               },
               [=, this] {
                   return clients_.ours(of).control->removeChildDependency(idOf(of)) ? "0" : "1";
               },
               [=, this](std::int64_t) { return model_.removeChildDependency(of); })
        // The contract does not cover a job without parent: Node throws -5, Drover returns false.
        .when([=, this] {
            const auto job = model_.jobs().find(of);
            return job != model_.jobs().end() && job->second.fields.count("parentKey") > 0;
        });
}

/// True if a child below the job belongs to another parent by now.
bool ModelOperations::hasStrayBelow(const std::string& key, int depth) const {
    const auto found = model_.jobs().find(key);
    if (found == model_.jobs().end() || depth > 20) {
        return false;
    }
    const auto children = model_.childrenOf(key, false);
    return std::any_of(children.begin(), children.end(), [&](const std::string& child) {
        const auto below = model_.jobs().find(child);
        if (below == model_.jobs().end()) {
            return false;
        }
        const auto parent = below->second.fields.find("parentKey");
        return parent == below->second.fields.end() || parent->second != key ||
               hasStrayBelow(child, depth + 1);
    });
}

std::optional<Step> ModelOperations::removeStep() {
    const std::string key = anyJob(any(std::vector<std::string>{
        "wait", "active", "completed", "failed", "waiting-children", "delayed", "prioritized"}));
    if (key.empty()) {
        return std::nullopt;
    }
    const bool children = chance(70);
    Step remove = step(
        "remove " + idOf(key) + " of " + queueNameOf(key) + (children ? "" : " alone"),
        [=, this] {
            try {
                clients_.nodeJob(key, "remove", children ? "" : R"({"removeChildren":false})");
            } catch (const PeerError& e) {
                if (std::string(e.what()).find("locked by another worker") == std::string::npos) {
                    throw;
                }
                return "0";
            }
            return "1";
        },
        [=, this] { return clients_.ours(key).control->remove(idOf(key), children) ? "1" : "0"; },
        [=, this](std::int64_t) { return model_.remove(key, children); });
    return std::move(remove)
        // A child of an earlier parent may have a new one, or a cycle may come of it. Node removes it without an event for its
        // new parent, which then waits for it for good.
        .when([=, this] {
            return model_.jobs().count(key) > 0 && !(children && hasStrayBelow(key, 0));
        })
        .inAnyOrder();
}

}  // namespace drover::test
