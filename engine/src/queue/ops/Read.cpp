#include "queue/ops/Read.h"

#include "core/JobHash.h"
#include "queue/ScriptCall.h"
#include "queue/ops/Replies.h"

namespace drover::ops {

JobCounts counts(const QueueContext& queue, RedisClient& redis) {
    static const ScriptCall kScript("getCounts");
    Command command = kScript.begin(redis, queue, 0);
    const Reply reply = redis.run(command);
    JobCounts counts;
    counts.completed = reply.at(0).integer();
    counts.failed = reply.at(1).integer();
    counts.delayed = reply.at(2).integer();
    counts.prioritized = reply.at(3).integer();
    counts.active = reply.at(4).integer();
    counts.waiting = reply.at(5).integer();
    counts.paused = reply.at(6).integer();
    counts.waitingChildren = reply.at(7).integer();
    return counts;
}

std::optional<Job> job(const QueueContext& queue, RedisClient& redis, const std::string& id) {
    const std::string key = queue.keys().job(id);
    const Reply reply = redis.call(Command{"HGETALL", key});
    if (reply.size() == 0) {
        return std::nullopt;
    }
    JobHash hash;
    setFields(hash, reply);
    return parseJobHash(id, queue.keys().qualifiedName(), hash);
}

std::vector<std::optional<JobEnd>> ends(const QueueContext& queue,
                                        RedisClient& redis,
                                        const std::vector<std::string>& ids) {
    static const ScriptCall kScript("getEnds");
    Command command = kScript.begin(redis, queue, 1 + ids.size());
    command.add(queue.keys().jobPrefix());
    for (const std::string& id : ids) {
        command.add(id);
    }
    const Reply reply = redis.run(command);
    std::vector<std::optional<JobEnd>> found(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::string text(reply.at(2 * i + 1).text());
        switch (reply.at(2 * i).integer()) {
            case 1:
                found[i] = JobEnd{JobEnd::Status::Completed, text};
                break;
            case 2:
                found[i] = JobEnd{JobEnd::Status::Failed, text};
                break;
            case -1:
                found[i] = JobEnd{JobEnd::Status::NoSuchJob, ""};
                break;
            default:
                break;
        }
    }
    return found;
}

JobState state(const QueueContext& queue, RedisClient& redis, const std::string& id) {
    static const ScriptCall kScript("getState");
    static constexpr JobState kStates[] = {JobState::Unknown,
                                           JobState::Completed,
                                           JobState::Failed,
                                           JobState::Delayed,
                                           JobState::Prioritized,
                                           JobState::Active,
                                           JobState::Waiting,
                                           JobState::Waiting,
                                           JobState::WaitingChildren};
    Command command = kScript.begin(redis, queue, 1);
    command.add(id);
    const std::int64_t index = redis.run(command).integer();
    return index >= 0 && index <= 8 ? kStates[index] : JobState::Unknown;
}

bool isPaused(const QueueContext& queue, RedisClient& redis) {
    return redis.call(Command{"HEXISTS", queue.keys().meta, "paused"}).integer() == 1;
}

std::int64_t rateLimitTtl(const QueueContext& queue, RedisClient& redis, std::optional<int> max) {
    static const ScriptCall kScript("getRateLimitTtl");
    Command command = kScript.begin(redis, queue, 1);
    command.own(max ? std::to_string(*max) : "");
    return redis.run(command).integer();
}

}  // namespace drover::ops
