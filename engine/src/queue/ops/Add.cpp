#include "queue/ops/Add.h"

#include <Poco/Format.h>

#include "drover/Exceptions.h"
#include "drover/Json.h"
#include "queue/ScriptCall.h"

namespace drover::ops {

namespace {

AddResult::Match matchNamed(std::string_view how) {
    if (how.empty()) {
        return AddResult::Match::None;
    }
    return how == "duplicated" ? AddResult::Match::Id : AddResult::Match::Deduplication;
}

/// Reads {id or code, how, timestamp} of a job that was added before, or {} for a key that belongs to another request.
AddedId earlierResult(const ReplyView& reply) {
    AddedId added;
    if (reply.size() == 0) {
        added.keyTaken = true;
        return added;
    }
    if (reply.at(0).isInteger()) {
        added.code = static_cast<int>(reply.at(0).integer());
    } else {
        added.id = reply.at(0).text();
        added.match = matchNamed(reply.at(1).text());
    }
    added.timestampMs = jsonInteger(reply.at(2).text()).value_or(0);
    return added;
}

}  // namespace

std::vector<AddedId> addJobs(const QueueContext& queue,
                             RedisClient& redis,
                             const std::vector<JobRecord>& jobs,
                             std::int64_t nowMs,
                             const std::vector<OnceGroup>& onces) {
    static const ScriptCall kScript("addJobs");
    Command command =
        kScript.begin(redis, queue, 4 + 5 * onces.size() + jobs.size() * JobRecord::kArguments);
    command.add(queue.keys().jobPrefix()).add(queue.bullmq5Argument()).add(nowMs);
    command.add(onces.size());
    for (const OnceGroup& group : onces) {
        command.add(group.once->key).add(group.once->fingerprint).add(group.once->ttl.count());
        command.add(group.first + 1).add(group.first + group.count);
    }
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
        if (one.isArray() && one.size() != 2) {
            added.push_back(earlierResult(one));
        } else if (one.isError()) {
            added.push_back({"", 0, std::string(one.text()), {}});
        } else if (one.isInteger()) {
            added.push_back({"", static_cast<int>(one.integer()), "", {}});
        } else if (one.size() == 2) {
            added.push_back({std::string(one.at(0).text()), 0, "", matchNamed(one.at(1).text())});
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
