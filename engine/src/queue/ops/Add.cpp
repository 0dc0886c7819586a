#include "queue/ops/Add.h"

#include <Poco/Format.h>

#include "drover/Exceptions.h"
#include "queue/ScriptCall.h"

namespace drover::ops {

std::vector<AddedId> addJobs(const QueueContext& queue,
                             RedisClient& redis,
                             const std::vector<JobRecord>& jobs,
                             std::int64_t nowMs) {
    static const ScriptCall kScript("addJobs");
    Command command = kScript.begin(redis, queue, 3 + jobs.size() * JobRecord::kArguments);
    command.add(queue.keys().jobPrefix()).add(queue.bullmq5Argument()).add(nowMs);
    for (const JobRecord& job : jobs) {
        job.appendTo(command, nowMs);
    }
    const Reply reply = redis.run(command);
    if (reply.size() != jobs.size() + 1) {
        throw ScriptException(Poco::format("addJobs %s: %z ids for %z jobs",
                                           queue.keys().qualifiedName(),
                                           reply.size(),
                                           jobs.size()));
    }
    std::vector<AddedId> added;
    added.reserve(jobs.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const ReplyView one = reply.at(i);
        if (one.isError()) {
            added.push_back({"", 0, std::string(one.text()), {}});
        } else if (one.isInteger()) {
            added.push_back({"", static_cast<int>(one.integer()), "", {}});
        } else if (one.size() == 2) {
            added.push_back({std::string(one.at(0).text()),
                             0,
                             "",
                             one.at(1).text() == "duplicated" ? AddResult::Match::Id
                                                              : AddResult::Match::Deduplication});
        } else {
            added.push_back({std::string(one.text()), 0, "", {}});
        }
    }
    if (reply.at(jobs.size()).integer() == 1) {
        queue.noteBullmq5();
    }
    return added;
}

}  // namespace drover::ops
