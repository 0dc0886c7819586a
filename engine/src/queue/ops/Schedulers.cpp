#include "queue/ops/Schedulers.h"

#include <utility>

#include "core/JsonText.h"
#include "queue/ScriptCall.h"

namespace drover::ops {

namespace {

std::string orEmpty(std::optional<std::int64_t> number) {
    return number ? std::to_string(*number) : std::string();
}

std::string positiveOrEmpty(std::int64_t number) {
    return number > 0 ? std::to_string(number) : std::string();
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
    std::string idStart = jsonString("repeat:" + item.scheduler + ":");
    idStart.pop_back();
    command.add(item.repeat).own(std::move(idStart));
    item.next.appendTo(command, nowMs);
    const Reply reply = redis.run(command);
    return {static_cast<SchedulerResult::Code>(reply.at(0).integer()),
            std::string(reply.at(1).text())};
}

}  // namespace drover::ops
