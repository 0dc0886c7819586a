#include "queue/ops/Load.h"

#include <charconv>
#include <string_view>

#include "queue/ScriptCall.h"

namespace drover::ops {

namespace {

/// Returns the number behind "name:" at the beginning of a line; 0 if there is none.
std::int64_t numberOf(std::string_view info, std::string_view name) {
    std::size_t at = 0;
    while (at < info.size()) {
        const std::string_view line = info.substr(at, info.find('\n', at) - at);
        if (line.size() > name.size() && line.substr(0, name.size()) == name &&
            line[name.size()] == ':') {
            std::int64_t value = 0;
            std::from_chars(line.data() + name.size() + 1, line.data() + line.size(), value);
            return value;
        }
        at += line.size() + 1;
    }
    return 0;
}

}  // namespace

LoadSample load(const QueueContext& queue, RedisClient& redis) {
    static const ScriptCall kScript("getLoad");
    Command command = kScript.begin(redis, queue, 0);
    const Reply reply = redis.run(command);
    return {reply.at(0).integer(), reply.at(1).integer(), reply.at(2).integer()};
}

RedisMemory memory(RedisClient& redis) {
    const Reply reply = redis.call(Command{"INFO", "memory"});
    const std::int64_t limit = numberOf(reply.text(), "maxmemory");
    return {numberOf(reply.text(), "used_memory"),
            limit > 0 ? limit : numberOf(reply.text(), "total_system_memory")};
}

}  // namespace drover::ops
