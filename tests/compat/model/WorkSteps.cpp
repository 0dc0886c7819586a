#include <algorithm>
#include <chrono>
#include <iterator>
#include <rapidjson/document.h>

#include "compat/model/Operations.h"
#include "core/JsonText.h"
#include "queue/ops/Settle.h"
#include "queue/ops/Stalled.h"

namespace drover::test {

namespace {

/// The stack trace after one more entry, as both clients write it.
std::string traced(const QueueModel::Job& job, const std::string& entry) {
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

/// The code and the chained claim of a Node job that ended.
std::string chained(const rapidjson::Document& result) {
    const bool any = result.IsArray() && result.Size() > 1 && result[1].IsString();
    return std::string("0 ") + (any ? result[1].GetString() : "");
}

std::string trueOrFalse(bool value) {
    return value ? "true" : "false";
}

}  // namespace

Step ModelOperations::claimStep(const std::string& queue) {
    const Side by = side();
    const std::string token = nextToken();
    const int count = by == Side::Ours && chance(40) ? 1 + below(3) : 1;
    return stepOf(
        by,
        "claim " + std::to_string(count) + " of " + queue,
        [=, this] {
            const auto id = clients_.node("worker.claim", queue, "\"token\":\"" + token + "\"");
            return id.IsNull() ? std::string() : id.GetString();
        },
        [=, this] { return clients_.claim(queue, count, token); },
        [=, this](std::int64_t now) {
            const auto ids = model_.claim(queue, token, count, now);
            for (const std::string& id : ids) {
                model_.iterate(queue + ":" + id, now);
            }
            return joinedIds(ids);
        });
}

FinishItem ModelOperations::finishItem(const std::string& key,
                                       const std::string& token,
                                       bool completed) const {
    const QueueModel::Job& job = model_.jobs().at(key);
    FinishItem item;
    item.id = idOf(key);
    item.token = token;
    item.completed = completed;
    if (const auto& keep = completed ? job.spec.onComplete : job.spec.onFail) {
        item.keep.count = keep->count;
        item.keep.ageSeconds = keep->ageSeconds;
    }
    item.attempts = job.spec.attempts;
    const auto made = job.fields.find("atm");
    item.attemptsMade = made == job.fields.end() ? 1 : std::stoi(made->second) + 1;
    const auto deduplication = job.fields.find("deid");
    item.deduplicationId = deduplication == job.fields.end() ? "" : deduplication->second;
    const ClaimedJob* mine = clients_.claimed(key);
    if (mine != nullptr && mine->token == token && mine->parentKey.empty()) {
        item.idCounter = mine->idCounter;
    }
    return item;
}

bool ModelOperations::isRetried(const std::string& key, bool unrecoverable) const {
    const FinishItem item = finishItem(key, "", false);
    return !unrecoverable && item.attemptsMade < item.attempts;
}

std::optional<Step> ModelOperations::workStep() {
    const auto active = jobsIn("active");
    if (active.empty()) {
        return std::nullopt;
    }
    const std::string key = any(active);
    const auto lock = model_.locks().find(key);
    const std::string token = lock == model_.locks().end() || chance(4) ? "wrong" : lock->second;
    const Side by = side();
    const std::string text =
        idOf(key) + " of " + queueNameOf(key) + (token == "wrong" ? " without lock" : "");
    const int dice = below(100);
    if (dice < 40) {
        return completeStep(by, key, token, text).when(exists(key));
    }
    if (dice < 75) {
        return failStep(by, key, token, text).when(exists(key));
    }
    const std::string quoted = jsonString(token);
    if (dice < 82) {
        const std::int64_t due = chance(50) ? kStart + 10 * kHour : kStart - kHour;
        return stepOf(
                   by,
                   "moveToDelayed " + text + " " + std::to_string(due - kStart),
                   [=, this] {
                       clients_.nodeWorkerJob(
                           key, "moveToDelayed", std::to_string(due) + "," + quoted);
                       return "0";
                   },
                   [=, this] {
                       clients_.ours(key).control->moveToDelayed(idOf(key), due, token);
                       return "0";
                   },
                   [=, this](std::int64_t now) {
                       return model_.moveToDelayed(key, token, due, now);
                   })
            .when(exists(key));
    }
    if (dice < 90) {
        return stepOf(
                   by,
                   "moveToWait " + text,
                   [=, this] {
                       clients_.nodeWorkerJob(key, "moveToWait", quoted);
                       return "0";
                   },
                   [=, this] {
                       return std::to_string(ops::handBackJobs(*clients_.ours(key).context,
                                                               clients_.redis(),
                                                               {{idOf(key), token, 0, false}},
                                                               clients_.now())
                                                 .codes.at(0));
                   },
                   [=, this](std::int64_t) { return model_.moveToWait(key, token); })
            .when(exists(key));
    }
    return stepOf(
               by,
               "moveToWaitingChildren " + text,
               [=, this] {
                   const auto moved =
                       clients_.nodeWorkerJob(key, "moveToWaitingChildren", quoted + ",{}");
                   return moved.GetBool() ? "0" : "1";
               },
               [=, this] {
                   return std::to_string(ops::moveToWaitingChildren(*clients_.ours(key).context,
                                                                    clients_.redis(),
                                                                    {{idOf(key), token}},
                                                                    clients_.now())
                                             .codes.at(0));
               },
               [=, this](std::int64_t now) {
                   return model_.moveToWaitingChildren(key, token, now);
               })
        .when(exists(key));
}

Step ModelOperations::completeStep(Side by,
                                   const std::string& key,
                                   const std::string& token,
                                   const std::string& text) {
    const std::string queue = queueNameOf(key);
    const std::string value =
        any(std::vector<std::string>{"null", "{\"done\":1}", "\"text\"", "7"});
    const int claim = chance(50) ? 1 : 0;
    // Node's chained claim has the token of the job that ends.
    const std::string next = by == Side::Node ? token : nextToken();
    return stepOf(
        by,
        "complete " + text + (claim > 0 ? " and claim" : ""),
        [=, this] {
            return chained(clients_.nodeWorkerJob(
                key,
                "moveToCompleted",
                value + "," + jsonString(token) + "," + trueOrFalse(claim > 0)));
        },
        [=, this] {
            FinishItem item = finishItem(key, token, true);
            item.value = value;
            return clients_.finish(queue, item, claim, next);
        },
        [=, this](std::int64_t now) {
            return followFinish(
                by, queue, next, claim, now, model_.complete(key, token, value, claim, next, now));
        });
}

/// A finish that fails ends Node's script; Drover's goes on to claim.
std::string ModelOperations::followFinish(Side by,
                                          const std::string& queue,
                                          const std::string& nextToken,
                                          int claim,
                                          std::int64_t now,
                                          const std::string& code) {
    // A job that cannot complete stays active, in the place that the claim would fill.
    const bool stays = code == "-4" || code == "-9";
    if (by == Side::Ours && claim > 0 && code.starts_with("-") && !stays) {
        return code + " " + joinedIds(model_.claim(queue, nextToken, claim, now));
    }
    return code;
}

Step ModelOperations::failStep(Side by,
                               const std::string& key,
                               const std::string& token,
                               const std::string& text) {
    const std::string queue = queueNameOf(key);
    const std::string reason = "broken " + std::to_string(below(100));
    const bool unrecoverable = chance(15);
    const bool claims = chance(50);
    const std::string next = by == Side::Node ? token : nextToken();
    const std::string entry = "Error: " + reason;
    // Drover's retries do not claim.
    const auto claim = [=, this] {
        return claims && (by == Side::Node || !isRetried(key, unrecoverable)) ? 1 : 0;
    };
    return stepOf(
        by,
        std::string(unrecoverable ? "failForGood " : "fail ") + text + (claims ? " and claim" : ""),
        [=, this] {
            return chained(clients_.nodeWorkerJob(
                key,
                "moveToFailed",
                "{\"message\":" + jsonString(reason) + ",\"stack\":" + jsonString(entry) +
                    ",\"name\":\"" + (unrecoverable ? "UnrecoverableError" : "Error") + "\"}," +
                    jsonString(token) + "," + trueOrFalse(claims)));
        },
        [=, this] {
            const QueueModel::Job& job = model_.jobs().at(key);
            FinishItem item = finishItem(key, token, false);
            item.value = reason;
            item.stacktrace = traced(job, entry);
            if (!isRetried(key, unrecoverable)) {
                return clients_.finish(queue, item, claim(), next);
            }
            const std::int64_t backoff = job.spec.backoffType == "exponential"
                                             ? job.spec.backoff << (item.attemptsMade - 1)
                                             : job.spec.backoff;
            return std::to_string(ops::retryJobs(*clients_.ours(key).context,
                                                 clients_.redis(),
                                                 {{item.id,
                                                   token,
                                                   backoff,
                                                   job.spec.lifo,
                                                   reason,
                                                   item.stacktrace,
                                                   item.attemptsMade}},
                                                 clients_.now())
                                      .codes.at(0));
        },
        [=, this](std::int64_t now) {
            const std::string trace = traced(model_.jobs().at(key), entry);
            const int count = claim();
            return followFinish(
                by,
                queue,
                next,
                count,
                now,
                model_.fail(key, token, reason, trace, unrecoverable, count, next, now));
        });
}

std::optional<Step> ModelOperations::loseLockStep() {
    if (model_.locks().empty()) {
        return std::nullopt;
    }
    const auto lock =
        std::next(model_.locks().begin(), below(static_cast<int>(model_.locks().size())));
    const std::string key = lock->first;
    Step step;
    step.text = "time loses the lock of " + key;
    step.act = [=, this] {
        clients_.command({"DEL", key + ":lock"});
        return "";
    };
    step.follow = [=, this](std::int64_t) {
        model_.loseLock(key);
        return "";
    };
    return step;
}

Step ModelOperations::stalledStep(const std::string& queue) {
    return step(
               "checkStalled " + queue,
               [=, this] {
                   clients_.command({"DEL", queue + ":stalled-check"});
                   clients_.node("worker.moveStalledJobsToWait", queue, "\"args\":[]");
                   return "";
               },
               [=, this] {
                   clients_.command({"DEL", queue + ":stalled-check"});
                   ops::checkStalled(*clients_.ours(queue).context,
                                     clients_.redis(),
                                     clients_.now(),
                                     std::chrono::hours(1),
                                     1,
                                     1000,
                                     false);
                   return "";
               },
               [=, this](std::int64_t now) {
                   model_.checkStalled(queue, 1, now);
                   return "";
               })
        .inAnyOrder();
}

}  // namespace drover::test
