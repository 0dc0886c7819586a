#include "queue/StateIds.h"

namespace drover {

namespace {

constexpr std::int64_t kIdsPerRead = 10000;

}  // namespace

std::unordered_set<std::string> idsOfAllStates(const QueueKeys& keys, RedisClient& redis) {
    std::unordered_set<std::string> ids;
    const auto read = [&](const char* command, const std::string& key) {
        for (std::int64_t from = 0;; from += kIdsPerRead) {
            const std::string first = std::to_string(from);
            const std::string last = std::to_string(from + kIdsPerRead - 1);
            const Reply reply = redis.call(Command{command, key, first, last});
            for (std::size_t i = 0; i < reply.size(); ++i) {
                ids.emplace(reply.at(i).text());
            }
            if (static_cast<std::int64_t>(reply.size()) < kIdsPerRead) {
                return;
            }
        }
    };
    for (const std::string* list : {&keys.wait, &keys.paused, &keys.active}) {
        read("LRANGE", *list);
    }
    for (const std::string* set :
         {&keys.prioritized, &keys.delayed, &keys.waitingChildren, &keys.completed, &keys.failed}) {
        read("ZRANGE", *set);
    }
    return ids;
}

std::string patternOfKeys(const QueueKeys& keys) {
    std::string pattern;
    for (const char c : keys.jobPrefix()) {
        if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') {
            pattern += '\\';
        }
        pattern += c;
    }
    return pattern + "*";
}

}  // namespace drover
