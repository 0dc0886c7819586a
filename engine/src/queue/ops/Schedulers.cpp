#include "queue/ops/Schedulers.h"

#include <utility>

#include "core/JsonText.h"
#include "core/NodeNumber.h"
#include "queue/ScriptCall.h"
#include "queue/ops/Replies.h"

namespace drover::ops {

namespace {

std::string orEmpty(std::optional<std::int64_t> number) {
    return number ? std::to_string(*number) : std::string();
}

std::string positiveOrEmpty(std::int64_t number) {
    return number > 0 ? std::to_string(number) : std::string();
}

/// Returns the start of the ids of a scheduler's jobs, in JSON without the closing quote.
std::string idStartOf(const std::string& scheduler) {
    std::string start = jsonString("repeat:" + scheduler + ":");
    start.pop_back();
    return start;
}

std::vector<StoredScheduler> schedulersOf(const ReplyView& reply) {
    std::vector<StoredScheduler> found;
    found.reserve(reply.size());
    for (std::size_t i = 0; i < reply.size(); ++i) {
        const ReplyView one = reply.at(i);
        found.push_back({std::string(one.at(0).text()),
                         wholePart(nodeNumberOfText(one.at(1).text())),
                         pairsOf(one.at(2)),
                         std::string(one.at(3).text())});
    }
    return found;
}

}  // namespace

SchedulerResult iterateScheduler(const QueueContext& queue,
                                 RedisClient& redis,
                                 const SchedulerItem& item,
                                 std::int64_t nowMs) {
    static const ScriptCall kScript("iterateScheduler");
    Command command = kScript.begin(redis, queue, 12 + JobRecord::kArguments);
    command.add(queue.keys().jobPrefix()).add(queue.bullmq5Argument()).add(nowMs);
    command.add(item.scheduler).add(item.claimedId).add(item.pattern ? "pattern" : "every");
    command.own(positiveOrEmpty(item.everyMs)).own(orEmpty(item.offsetMs));
    command.own(positiveOrEmpty(item.prevMillis)).own(orEmpty(item.nextByPatternMs));
    command.add(item.repeat).own(idStartOf(item.scheduler));
    item.next.appendTo(command, nowMs);
    const Reply reply = redis.run(command);
    return {static_cast<SchedulerResult::Code>(reply.at(0).integer()),
            std::string(reply.at(1).text())};
}

UpsertResult upsertScheduler(const QueueContext& queue,
                             RedisClient& redis,
                             const SchedulerRecord& record,
                             std::int64_t nowMs) {
    static const ScriptCall kScript("upsertScheduler");
    const std::size_t fields = 2 * record.fields.size();
    Command command = kScript.begin(redis, queue, 11 + fields + JobRecord::kArguments);
    command.add(queue.keys().jobPrefix()).add(queue.bullmq5Argument()).add(nowMs);
    command.add(record.scheduler);
    command.own(orEmpty(record.everyMs)).own(orEmpty(record.nextByPatternMs));
    command.own(orEmpty(record.offsetMs)).own(orEmpty(record.startMs));
    command.add(record.repeat).own(idStartOf(record.scheduler));
    command.add(static_cast<std::int64_t>(fields));
    for (const auto& [name, value] : record.fields) {
        command.add(name).add(value);
    }
    record.job.appendTo(command, nowMs);
    const Reply reply = redis.run(command);
    return {static_cast<int>(reply.at(0).integer()),
            std::string(reply.at(1).text()),
            wholePart(nodeNumberOfText(reply.at(2).text()))};
}

bool removeScheduler(const QueueContext& queue, RedisClient& redis, const std::string& id) {
    static const ScriptCall kScript("removeScheduler");
    Command command = kScript.begin(redis, queue, 3);
    command.add(queue.keys().jobPrefix()).add(queue.bullmq5Argument()).add(id);
    return redis.run(command).integer() == 0;
}

std::optional<StoredScheduler> scheduler(const QueueContext& queue,
                                         RedisClient& redis,
                                         const std::string& id) {
    static const ScriptCall kScript("getSchedulers");
    Command command = kScript.begin(redis, queue, 3);
    command.add(queue.keys().jobPrefix()).add("id").add(id);
    std::vector<StoredScheduler> found = schedulersOf(redis.run(command));
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::vector<StoredScheduler> schedulers(const QueueContext& queue,
                                        RedisClient& redis,
                                        std::int64_t first,
                                        std::int64_t last,
                                        bool latestFirst) {
    static const ScriptCall kScript("getSchedulers");
    Command command = kScript.begin(redis, queue, 4);
    command.add(queue.keys().jobPrefix()).add(latestFirst ? "latest" : "soonest");
    command.add(first).add(last);
    return schedulersOf(redis.run(command));
}

std::int64_t countSchedulers(const QueueContext& queue, RedisClient& redis) {
    return redis.call(Command{"ZCARD", queue.keys().repeat}).integer();
}

}  // namespace drover::ops
