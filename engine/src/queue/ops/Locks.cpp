#include "queue/ops/Locks.h"

#include <Poco/Format.h>

#include "drover/Exceptions.h"
#include "queue/ScriptCall.h"
#include "queue/ops/Replies.h"

namespace drover::ops {

RenewResult extendLocks(const QueueContext& queue,
                        RedisClient& redis,
                        const std::vector<std::pair<std::string, std::string>>& locks,
                        std::chrono::milliseconds duration) {
    static const ScriptCall kScript("extendLocks");
    Command command = kScript.begin(redis, queue, 2 + locks.size() * 2);
    command.add(queue.keys().jobPrefix()).add(static_cast<std::int64_t>(duration.count()));
    for (const auto& [id, token] : locks) {
        command.add(id).add(token);
    }
    const Reply reply = redis.run(command);
    const auto positions = [&](const ReplyView& list) {
        std::vector<std::size_t> found;
        for (std::size_t i = 0; i < list.size(); ++i) {
            const std::int64_t position = list.at(i).integer();
            if (position < 0 || position >= static_cast<std::int64_t>(locks.size())) {
                throw ScriptException(Poco::format("extendLocks %s: an answer for lock %?d of %z",
                                                   queue.keys().qualifiedName(),
                                                   position,
                                                   locks.size()));
            }
            found.push_back(static_cast<std::size_t>(position));
        }
        return found;
    };
    RenewResult result{positions(reply.at(0)), positions(reply.at(1)), {}};
    for (std::size_t i = 0; i < result.cancelled.size(); ++i) {
        result.reasons.emplace_back(reply.at(2).at(i).text());
    }
    return result;
}

std::vector<std::string> activeWithToken(const QueueContext& queue,
                                         RedisClient& redis,
                                         const std::string& token) {
    const Reply active = redis.call(Command{"LRANGE", queue.keys().active, "0", "-1"});
    std::vector<std::string> held;
    if (active.size() == 0) {
        return held;
    }
    Command locks{"MGET"};
    for (std::size_t i = 0; i < active.size(); ++i) {
        locks.own(queue.keys().job(active.at(i).text()) + ":lock");
    }
    const Reply tokens = redis.call(locks);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens.at(i).text() == token) {
            held.emplace_back(active.at(i).text());
        }
    }
    return held;
}

CancelRequest cancelJob(const QueueContext& queue,
                        RedisClient& redis,
                        const std::string& id,
                        const std::string& reason) {
    static const ScriptCall kScript("cancelJob");
    Command command = kScript.begin(redis, queue, 3, id);
    command.add(queue.keys().jobPrefix()).add(id).add(reason);
    switch (redis.run(command).integer()) {
        case 0:
            return CancelRequest::Requested;
        case -1:
            return CancelRequest::Unknown;
        default:
            return CancelRequest::NotHeld;
    }
}

}  // namespace drover::ops
