#include <chrono>
#include <map>

#include "compat/model/Operations.h"
#include "core/JsonText.h"
#include "drover/Exceptions.h"

namespace drover::test {

namespace {

const std::map<std::string, JobState> kCleaned = {{"completed", JobState::Completed},
                                                  {"failed", JobState::Failed},
                                                  {"wait", JobState::Waiting},
                                                  {"active", JobState::Active},
                                                  {"delayed", JobState::Delayed},
                                                  {"prioritized", JobState::Prioritized}};

/// The scheduler's next job in `wait`: Node's drain loses it there.
bool hasRunInWait(const QueueModel& model, const std::string& queue) {
    for (const std::string& id : model.queue(queue).wait) {
        if (model.isNextRun(queue + ":" + id)) {
            return true;
        }
    }
    return false;
}

}  // namespace

Step ModelOperations::queueStep(const std::string& queue) {
    WholeQueue& control = *clients_.ours(queue).queue;
    QueueMaintenance& maintenance = *clients_.ours(queue).maintenance;
    const int dice = below(19);
    switch (dice) {
        case 0:
        case 1: {
            const bool completed = dice == 0;
            const std::string state = completed ? "completed" : "failed";
            return step(
                "retryJobs " + queue + " " + state,
                [=, this] {
                    clients_.nodeQueue(queue, "retryJobs", "{\"state\":\"" + state + "\"}");
                    return "";
                },
                [=, &maintenance] {
                    maintenance.retryJobs(completed ? JobState::Completed : JobState::Failed);
                    return "";
                },
                [=, this](std::int64_t now) {
                    return model_.retryJobs(queue, completed, now), "";
                });
        }
        case 2:
            return step(
                "promoteJobs " + queue,
                [=, this] { return clients_.nodeQueue(queue, "promoteJobs"), ""; },
                [&maintenance] { return maintenance.promoteJobs(), ""; },
                [=, this](std::int64_t) { return model_.promoteJobs(queue), ""; });
        case 3: {
            const bool delayed = chance(50);
            Step drain = step(
                "drain " + queue + (delayed ? " with delayed" : ""),
                [=, this] {
                    return clients_.nodeQueue(queue, "drain", delayed ? "true" : "false"), "";
                },
                [=, &maintenance] { return maintenance.drain(delayed), ""; },
                [=, this](std::int64_t) { return model_.drain(queue, delayed), ""; });
            const bool byNode = !drain.byDrover;
            return std::move(drain)
                .when([=, this] { return !(byNode && hasRunInWait(model_, queue)); })
                .inAnyOrder();
        }
        case 4:
        case 5:
            return step(
                "pause " + queue,
                [=, this] { return clients_.nodeQueue(queue, "pause"), ""; },
                [&control] { return control.pause(), ""; },
                [=, this](std::int64_t) { return model_.pause(queue), ""; });
        case 6:
        case 7:
        case 8:
        case 9:
            return step(
                "resume " + queue,
                [=, this] { return clients_.nodeQueue(queue, "resume"), ""; },
                [&control] { return control.resume(), ""; },
                [=, this](std::int64_t) { return model_.resume(queue), ""; });
        case 10: {
            const std::string own = "d" + std::to_string(below(4));
            return step(
                "removeDeduplicationKey " + queue + " " + own,
                [=, this] {
                    return std::to_string(
                        clients_.nodeQueue(queue, "removeDeduplicationKey", jsonString(own))
                            .GetInt());
                },
                [=, this] {
                    return clients_.ours(queue).control->removeDeduplicationKey(own) ? "1" : "0";
                },
                [=, this](std::int64_t) { return model_.removeOwner(queue, own); });
        }
        case 11:
            return chance(30) ? obliterateStep(queue) : queueStep(queue);
        default:
            return rateStep(queue, dice - 12);
    }
}

Step ModelOperations::rateStep(const std::string& queue, int dice) {
    WholeQueue& control = *clients_.ours(queue).queue;
    switch (dice) {
        case 0:
            return step(
                "rateLimit " + queue,
                [=, this] { return clients_.nodeQueue(queue, "rateLimit", "3600000"), ""; },
                [&control] { return control.rateLimit(std::chrono::hours(1)), ""; },
                [=, this](std::int64_t) { return model_.rateLimit(queue), ""; });
        case 1:
        case 2:
            return step(
                "removeRateLimitKey " + queue,
                [=, this] { return clients_.nodeQueue(queue, "removeRateLimitKey"), ""; },
                [&control] { return control.removeRateLimitKey(), ""; },
                [=, this](std::int64_t) { return model_.removeRateLimit(queue), ""; });
        case 3: {
            const std::string max = std::to_string(1 + below(5));
            return step(
                "setGlobalRateLimit " + queue + " " + max,
                [=, this] {
                    return clients_.nodeQueue(queue, "setGlobalRateLimit", max + ",3600000"), "";
                },
                [=, &control] {
                    return control.setGlobalRateLimit({std::stoi(max), std::chrono::hours(1)}), "";
                },
                [=, this](std::int64_t) {
                    model_.setMeta(queue, {{"max", max}, {"duration", "3600000"}});
                    return "";
                });
        }
        case 4:
            return step(
                "removeGlobalRateLimit " + queue,
                [=, this] { return clients_.nodeQueue(queue, "removeGlobalRateLimit"), ""; },
                [&control] { return control.removeGlobalRateLimit(), ""; },
                [=, this](std::int64_t) {
                    return model_.unsetMeta(queue, {"max", "duration"}), "";
                });
        case 5: {
            const std::string jobs = std::to_string(1 + below(5));
            return step(
                "setGlobalConcurrency " + queue + " " + jobs,
                [=, this] { return clients_.nodeQueue(queue, "setGlobalConcurrency", jobs), ""; },
                [=, &control] { return control.setGlobalConcurrency(std::stoi(jobs)), ""; },
                [=, this](std::int64_t) {
                    return model_.setMeta(queue, {{"concurrency", jobs}}), "";
                });
        }
        default:
            return step(
                "removeGlobalConcurrency " + queue,
                [=, this] { return clients_.nodeQueue(queue, "removeGlobalConcurrency"), ""; },
                [&control] { return control.removeGlobalConcurrency(), ""; },
                [=, this](std::int64_t) { return model_.unsetMeta(queue, {"concurrency"}), ""; });
    }
}

Step ModelOperations::cleanStep(const std::string& queue) {
    const std::string state = any(std::vector<std::string>{
        "completed", "completed", "failed", "failed", "wait", "active", "delayed", "prioritized"});
    const std::int64_t grace = chance(50) ? 0 : kHour;
    const int limit = chance(50) ? 0 : 1 + below(4);
    return step(
        "clean " + queue + " " + state + " grace " + std::to_string(grace) + " limit " +
            std::to_string(limit),
        [=, this] {
            std::vector<std::string> ids;
            const auto gone = clients_.nodeQueue(
                queue,
                "clean",
                std::to_string(grace) + "," + std::to_string(limit) + ",\"" + state + "\"");
            for (const auto& id : gone.GetArray()) {
                ids.emplace_back(id.GetString());
            }
            return joinedIds(ids);
        },
        [=, this] {
            return joinedIds(
                clients_.ours(queue).maintenance->clean({kCleaned.at(state),
                                                         std::chrono::milliseconds(grace),
                                                         static_cast<std::size_t>(limit)}));
        },
        [=, this](std::int64_t now) {
            return joinedIds(
                model_.clean(queue, state, static_cast<std::size_t>(limit), now - grace));
        });
}

Step ModelOperations::obliterateStep(const std::string& queue) {
    const bool force = chance(70);
    // Writes what the next client that makes a Queue object would write.
    const auto reopen = [=, this] {
        clients_.command({"HSET", queue + ":meta", "opts.maxLenEvents", "10000"});
    };
    return step(
               "obliterate " + queue + (force ? " force" : ""),
               [=, this] {
                   std::string result;
                   try {
                       clients_.nodeQueue(queue, "obliterate", force ? R"({"force":true})" : "");
                   } catch (const PeerError& e) {
                       if (std::string(e.what()).find("active jobs") == std::string::npos) {
                           throw;
                       }
                       result = "refused";
                   }
                   reopen();
                   return result;
               },
               [=, this] {
                   std::string result;
                   try {
                       clients_.ours(queue).maintenance->obliterate(force);
                   } catch (const JobStateException&) {
                       result = "refused";
                   }
                   reopen();
                   return result;
               },
               [=, this](std::int64_t) {
                   const std::string code = model_.obliterate(queue, force);
                   model_.setMeta(queue, {{"opts.maxLenEvents", "10000"}});
                   return code == "0" ? "" : "refused";
               })
        // The counter of ids begins anew: jobs that BullMQ leaves behind would be overwritten.
        .when([=, this] { return model_.queue(queue).children.empty(); })
        .inAnyOrder();
}

}  // namespace drover::test
