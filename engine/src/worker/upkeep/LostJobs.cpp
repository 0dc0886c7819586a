#include "worker/upkeep/LostJobs.h"

#include <utility>

#include "drover/Exceptions.h"
#include "queue/QueueContext.h"
#include "queue/StateIds.h"
#include "queue/ops/Replies.h"
#include "queue/ops/Stalled.h"

namespace drover {

namespace {

constexpr std::size_t kPerCall = 500;

}  // namespace

LostJobsSearch::LostJobsSearch(const QueueContext& queue, std::int64_t nowMs)
    : queue_(queue), beganMs_(nowMs), pattern_(patternOfKeys(queue.keys())) {}

bool LostJobsSearch::step(RedisClient& redis, int pages, std::int64_t nowMs) {
    if (!statesRead_) {
        known_ = idsOfAllStates(queue_.keys(), redis);
        statesRead_ = true;
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
