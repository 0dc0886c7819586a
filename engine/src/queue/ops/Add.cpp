#include "queue/ops/Add.h"

#include "drover/Json.h"
#include "queue/ScriptCall.h"

namespace drover::ops {

namespace {

/// Arguments of a run before those of its jobs.
constexpr std::size_t kPerRun = 8;

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

AddedId addedId(const ReplyView& reply) {
    if (reply.isArray() && reply.size() != 2) {
        return earlierResult(reply);
    }
    if (reply.isError()) {
        return {"", 0, std::string(reply.text()), {}};
    }
    if (reply.isInteger()) {
        return {"", static_cast<int>(reply.integer()), "", {}};
    }
    if (reply.size() == 2) {
        return {std::string(reply.at(0).text()), 0, "", matchNamed(reply.at(1).text())};
    }
    return {std::string(reply.text()), 0, "", {}};
}

/// Returns true if the job needs more than its run and its data.
bool hasOwnValues(const JobRecord& job) {
    return !job.customId.empty() || !job.parentKey.empty() || job.deduplication ||
           !job.scheduler.empty();
}

/// Returns the options without the context of a span, and without their end if there is one.
std::string_view optsBeforeTrace(const JobRecord& job) {
    return std::string_view(job.opts).substr(0, job.traceAt);
}

bool shareRun(const JobRecord& one, const JobRecord& other) {
    return one.timestampMs == other.timestampMs && one.delayMs == other.delayMs &&
           one.priority == other.priority && one.lifo == other.lifo && one.name == other.name &&
           hasOwnValues(one) == hasOwnValues(other) &&
           (hasOwnValues(one) || optsBeforeTrace(one) == optsBeforeTrace(other));
}

/// Adds the jobs in [from, end) as one run.
void appendRun(Command& command,
               const std::vector<JobRecord>& jobs,
               std::size_t from,
               std::size_t end,
               std::int64_t nowMs) {
    const JobRecord& first = jobs[from];
    const bool own = hasOwnValues(first);
    const bool alike =
        own || std::all_of(jobs.begin() + static_cast<std::ptrdiff_t>(from),
                           jobs.begin() + static_cast<std::ptrdiff_t>(end),
                           [&first](const auto& job) { return job.opts == first.opts; });
    const std::string_view shared = own ? "" : alike ? first.opts : optsBeforeTrace(first);
    command.add(end - from).add(first.name).add(shared);
    command.add(first.timestampMs == JobRecord::kWhenAdded ? nowMs : first.timestampMs);
    command.add(first.delayMs).add(first.priority).add(first.lifo ? "1" : "");
    command.add(own ? "own" : alike ? "" : "ends");
    for (std::size_t i = from; i < end; ++i) {
        command.add(jobs[i].data);
        if (own) {
            command.add(jobs[i].opts).add(jobs[i].customId);
            jobs[i].appendFurtherTo(command);
        } else if (!alike) {
            command.add(std::string_view(jobs[i].opts).substr(shared.size()));
        }
    }
}

}  // namespace

Command addJobsCall(const QueueContext& queue,
                    const RedisClient& redis,
                    const std::vector<JobRecord>& jobs,
                    std::int64_t nowMs,
                    const std::vector<OnceGroup>& onces) {
    static const ScriptCall kScript("addJobs");
    Command command = kScript.begin(redis, queue, 4 + 6 * onces.size() + jobs.size() + kPerRun);
    command.add(queue.keys().jobPrefix()).add(queue.bullmq5Argument()).add(nowMs);
    command.add(onces.size());
    for (const OnceGroup& group : onces) {
        command.add(group.once->key).add(group.once->fingerprint).add(group.once->ttl.count());
        command.add(group.first + 1)
            .add(group.first + group.count)
            .add(group.recallOnly ? "1" : "");
    }
    for (std::size_t from = 0, end = 0; from < jobs.size(); from = end) {
        for (++end; end < jobs.size() && shareRun(jobs[from], jobs[end]);) {
            ++end;
        }
        appendRun(command, jobs, from, end, nowMs);
    }
    return command;
}

std::vector<AddedId> addedIds(const QueueContext& queue, const Reply& reply, std::size_t jobs) {
    const ReplyView answers = reply.at(1);
    const std::int64_t base = reply.at(0).integer();
    std::vector<AddedId> added;
    added.reserve(jobs);
    for (std::size_t i = 0, next = 0; i < jobs; ++i) {
        const std::int64_t number = static_cast<std::int64_t>(i) + 1;
        if (next < answers.size() && answers.at(next).integer() == number) {
            added.push_back(addedId(answers.at(next + 1)));
            next += 2;
        } else {
            added.push_back({std::to_string(base + number), 0, "", {}});
        }
    }
    if (reply.at(2).integer() == 1) {
        queue.noteBullmq5();
    }
    return added;
}

std::vector<AddedId> addJobs(const QueueContext& queue,
                             RedisClient& redis,
                             const std::vector<JobRecord>& jobs,
                             std::int64_t nowMs,
                             const std::vector<OnceGroup>& onces) {
    Command command = addJobsCall(queue, redis, jobs, nowMs, onces);
    return addedIds(queue, redis.run(command), jobs.size());
}

}  // namespace drover::ops
