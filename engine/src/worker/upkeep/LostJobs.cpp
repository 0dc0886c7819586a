#include "worker/upkeep/LostJobs.h"

#include <utility>

#include "drover/Exceptions.h"
#include "queue/QueueContext.h"
#include "queue/ops/Replies.h"
#include "queue/ops/Stalled.h"

namespace drover {

namespace {

constexpr std::size_t kPerCall = 500;
constexpr std::int64_t kIdsPerRead = 10000;

/// Returns a pattern of SCAN for keys that begin with the text.
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

LostJobsSearch::LostJobsSearch(const QueueContext& queue, std::int64_t nowMs)
    : queue_(queue), beganMs_(nowMs), pattern_(startingWith(queue.keys().jobPrefix())) {}

void LostJobsSearch::readStates(RedisClient& redis) {
    const QueueKeys& keys = queue_.keys();
    known_.clear();
    const auto read = [&](const char* command, const std::string& key) {
        for (std::int64_t from = 0;; from += kIdsPerRead) {
            const std::string first = std::to_string(from);
            const std::string last = std::to_string(from + kIdsPerRead - 1);
            const Reply reply = redis.call(Command{command, key, first, last});
            for (std::size_t i = 0; i < reply.size(); ++i) {
                known_.emplace(reply.at(i).text());
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
    statesRead_ = true;
}

bool LostJobsSearch::step(RedisClient& redis, int pages, std::int64_t nowMs) {
    if (!statesRead_) {
        readStates(redis);
    }
    const std::string& prefix = queue_.keys().jobPrefix();
    std::vector<std::string> jobs;
    std::vector<std::string> deduplications;
    const auto send = [&] {
        if (!jobs.empty() || !deduplications.empty()) {
            RescueResult result =
                ops::rescueLost(queue_, redis, jobs, deduplications, beganMs_, nowMs);
            rescued_ += result.rescued.size();
            problems_.insert(problems_.end(),
                             std::make_move_iterator(result.problems.begin()),
                             std::make_move_iterator(result.problems.end()));
        }
        jobs.clear();
        deduplications.clear();
    };
    for (int page = 0; page < pages; ++page) {
        const Reply found = redis.call(
            Command{"SCAN", cursor_, "MATCH", pattern_, "COUNT", "1000", "TYPE", "hash"});
        const ReplyView names = found.at(1);
        for (std::size_t i = 0; i < names.size(); ++i) {
            std::string id(names.at(i).text().substr(prefix.size()));
            if (id.rfind("dn:", 0) == 0) {
                deduplications.push_back(id.substr(3));
            } else if (known_.count(id) == 0) {
                jobs.push_back(std::move(id));
            }
            if (jobs.size() + deduplications.size() >= kPerCall) {
                send();
            }
        }
        send();
        cursor_ = found.at(0).text();
        if (cursor_ == "0") {
            return true;
        }
    }
    return false;
}

std::vector<JobProblem> LostJobsSearch::popProblems() {
    return std::exchange(problems_, {});
}

}  // namespace drover
