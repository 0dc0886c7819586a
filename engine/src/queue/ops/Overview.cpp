#include "queue/ops/Overview.h"

#include <algorithm>
#include <string_view>

#include "core/NodeNumber.h"
#include "queue/ScriptCall.h"

namespace drover::ops {

namespace {

std::optional<std::int64_t> optionalNumber(const ReplyView& reply) {
    return reply.isNil() ? std::nullopt : std::optional(nodeLeadingInteger(reply.text()));
}

QueueLook::Ends endsOf(const ReplyView& reply) {
    QueueLook::Ends ends;
    ends.count = optionalNumber(reply.at(0));
    ends.previousMs = optionalNumber(reply.at(1));
    ends.previousCount = optionalNumber(reply.at(2)).value_or(0);
    ends.latestPoint = optionalNumber(reply.at(3));
    return ends;
}

QueueLook lookOf(const ReplyView& reply) {
    QueueLook look;
    const ReplyView counts = reply.at(0);
    std::int64_t* const places[] = {&look.counts.waiting,
                                    &look.counts.paused,
                                    &look.counts.active,
                                    &look.counts.prioritized,
                                    &look.counts.delayed,
                                    &look.counts.waitingChildren,
                                    &look.counts.completed,
                                    &look.counts.failed};
    for (std::size_t i = 0; i < std::size(places); ++i) {
        *places[i] = counts.at(i).integer();
    }
    look.paused = reply.at(1).integer() == 1;
    look.concurrency = optionalNumber(reply.at(2));
    if (!reply.at(3).isNil()) {
        look.version = reply.at(3).text();
    }
    look.lastId = optionalNumber(reply.at(4)).value_or(0);
    look.completed = endsOf(reply.at(5));
    look.failed = endsOf(reply.at(6));
    look.events = reply.at(7).at(0).integer();
    if (const std::int64_t bytes = reply.at(7).at(1).integer(); bytes >= 0) {
        look.eventBytes = bytes;
    }
    // A Lua table ends at its first nil.
    if (reply.size() > 9) {
        look.oldestSinceMs = optionalNumber(reply.at(8));
        look.oldestId = reply.at(9).text();
    }
    return look;
}

}  // namespace

std::vector<QueueLook> looks(const std::vector<QueueContext>& queues, RedisClient& redis) {
    static const ScriptCall kScript("getOverview");
    std::vector<Command> commands;
    commands.reserve(queues.size());
    for (const QueueContext& queue : queues) {
        commands.push_back(kScript.begin(redis, queue, 1));
        commands.back().add(queue.keys().jobPrefix());
    }
    std::vector<QueueLook> found;
    for (const Reply& reply : redis.runAll(commands)) {
        if (reply.isError() && classifyError(reply.text()) == ReplyClass::WrongType) {
            found.emplace_back().problem = reply.text();
            continue;
        }
        redis.require(reply, "getOverview");
        found.push_back(lookOf(reply));
    }
    return found;
}

std::optional<std::map<std::string, std::int64_t>> connectionsByName(RedisClient& redis) {
    // Not through call(): a user without the right to CLIENT may still read everything else.
    const Reply reply = redis.connection().call(Command{"CLIENT", "LIST"});
    if (reply.isError()) {
        return std::nullopt;
    }
    std::map<std::string, std::int64_t> connections;
    std::string_view lines = reply.text();
    while (!lines.empty()) {
        const std::string_view line = lines.substr(0, std::min(lines.find('\n'), lines.size()));
        lines.remove_prefix(std::min(line.size() + 1, lines.size()));
        constexpr std::string_view kName = " name=";
        const std::size_t at = line.find(kName);
        if (at != std::string_view::npos) {
            const std::string_view name = line.substr(at + kName.size());
            ++connections[std::string(name.substr(0, name.find(' ')))];
        }
    }
    return connections;
}

}  // namespace drover::ops
