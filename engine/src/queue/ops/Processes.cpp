#include "queue/ops/Processes.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "drover/Exceptions.h"

namespace drover::ops {

namespace {

/// Not through call(): a user without the right to these keys may still use everything else.
Reply readOne(RedisClient& redis, Command command) {
    std::vector<Command> commands;
    commands.push_back(std::move(command));
    Reply reply = std::move(redis.runAll(commands).front());
    if (reply.isError()) {
        throw ScriptException("the reports of processes cannot be read: " +
                              std::string(reply.text()));
    }
    return reply;
}

}  // namespace

std::string publishProcess(RedisClient& redis,
                           const ProcessKeys& keys,
                           const std::string& id,
                           std::string_view report,
                           std::chrono::milliseconds timeToLive) {
    const std::int64_t now = redis.nowMs();
    const std::string key = keys.of(id);
    const std::string life = std::to_string(timeToLive.count());
    const std::string ended = "(" + std::to_string(now);
    const std::string end = std::to_string(now + timeToLive.count());
    std::vector<Command> commands;
    commands.push_back(Command{"SET", key, report, "PX", life});
    commands.push_back(Command{"ZADD", keys.all, end, id});
    commands.push_back(Command{"ZREMRANGEBYSCORE", keys.all, "-inf", ended});
    commands.push_back(Command{"PEXPIRE", keys.all, life});
    for (const Reply& reply : redis.runAll(commands)) {
        if (reply.isError()) {
            return std::string(reply.text());
        }
    }
    return "";
}

void withdrawProcess(RedisClient& redis, const ProcessKeys& keys, const std::string& id) {
    const std::string key = keys.of(id);
    std::vector<Command> commands;
    commands.push_back(Command{"ZREM", keys.all, id});
    commands.push_back(Command{"DEL", key});
    // A report that Redis does not remove now ends by itself.
    (void)redis.runAll(commands);
}

std::vector<std::string> processReports(RedisClient& redis, const ProcessKeys& keys) {
    const std::string now = std::to_string(redis.nowMs());
    const std::string most = std::to_string(kMostProcesses);
    const Reply ids =
        readOne(redis, Command{"ZRANGEBYSCORE", keys.all, now, "+inf", "LIMIT", "0", most});
    std::vector<std::string> found;
    if (ids.size() == 0) {
        return found;
    }
    Command command{"MGET"};
    for (std::size_t i = 0; i < ids.size(); ++i) {
        command.own(keys.of(ids.at(i).text()));
    }
    const Reply reports = readOne(redis, std::move(command));
    for (std::size_t i = 0; i < reports.size(); ++i) {
        if (!reports.at(i).isNil()) {
            found.emplace_back(reports.at(i).text());
        }
    }
    return found;
}

}  // namespace drover::ops
