#include "worker/LostJobs.h"

#include <string>
#include <unordered_set>
#include <vector>

namespace drover {

namespace {

constexpr std::size_t kPerCall = 500;

/// Ids that are certainly somewhere: lists and sets of jobs that have not ended. Those that ended say so themselves.
std::unordered_set<std::string> idsInStates(RedisClient& redis, const QueueKeys& keys) {
    std::unordered_set<std::string> ids;
    const auto take = [&](const char* command, const std::string& key) {
        const Reply reply = redis.call(Command{command, key, "0", "-1"});
        for (std::size_t i = 0; i < reply.size(); ++i) {
            ids.emplace(reply.at(i).text());
        }
    };
    for (const std::string* list : {&keys.wait, &keys.paused, &keys.active}) {
        take("LRANGE", *list);
    }
    for (const std::string* set :
         {&keys.prioritized, &keys.delayed, &keys.waitingChildren, &keys.completed, &keys.failed}) {
        take("ZRANGE", *set);
    }
    return ids;
}

/// A pattern of SCAN that matches the text and what follows it.
std::string startingWith(const std::string& text) {
    std::string pattern;
    for (const char c : text) {
        if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') {
            pattern += '\\';
        }
        pattern += c;
    }
    return pattern + "*";
}

}  // namespace

std::size_t rescueLostJobs(RedisClient& redis, const QueueBackend& backend, std::int64_t nowMs) {
    const QueueKeys& keys = backend.keys();
    const std::string& prefix = keys.jobPrefix();
    const std::string pattern = startingWith(prefix);
    const std::unordered_set<std::string> known = idsInStates(redis, keys);
    std::size_t rescued = 0;
    std::vector<std::string> jobs;
    std::vector<std::string> deduplications;
    const auto send = [&] {
        if (!jobs.empty() || !deduplications.empty()) {
            rescued += backend.rescueLost(redis, jobs, deduplications, nowMs).size();
        }
        jobs.clear();
        deduplications.clear();
    };
    std::string cursor = "0";
    do {
        const Reply page =
            redis.call(Command{"SCAN", cursor, "MATCH", pattern, "COUNT", "1000", "TYPE", "hash"});
        const ReplyView names = page.at(1);
        for (std::size_t i = 0; i < names.size(); ++i) {
            std::string id(names.at(i).text().substr(prefix.size()));
            if (id.rfind("dn:", 0) == 0) {
                deduplications.push_back(id.substr(3));
            } else if (known.count(id) == 0) {
                jobs.push_back(std::move(id));
            }
            if (jobs.size() + deduplications.size() >= kPerCall) {
                send();
            }
        }
        cursor = page.at(0).text();
    } while (cursor != "0");
    send();
    return rescued;
}

}  // namespace drover
