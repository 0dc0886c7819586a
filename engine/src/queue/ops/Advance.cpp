#include "queue/ops/Advance.h"

#include <algorithm>
#include <limits>

#include "core/JobHash.h"
#include "drover/Exceptions.h"
#include "queue/ScriptCall.h"

namespace drover {

namespace {

/// Bounds a counter so that one more fits.
int countable(int count) {
    return std::min(count, std::numeric_limits<int>::max() - 1);
}

/// Elements of the reply per claimed job.
constexpr std::size_t kClaimWidth = 6;

/// Reads the job at that place of the reply. A name and options that are left out are those of `before`.
ClaimedJob claimedJob(const ReplyView& jobs,
                      std::size_t at,
                      const ClaimedJob* before,
                      const std::string& token,
                      const std::string& queue,
                      std::string_view idCounter,
                      std::int64_t nowMs) {
    JobHash hash;
    ops::setFields(hash, jobs.at(at + 5));
    const auto isAsBefore = [&](std::size_t index) {
        return before != nullptr && jobs.at(index).isNil();
    };
    const auto textOr = [](std::string_view text, std::string_view absent) {
        return std::string(text.empty() ? absent : text);
    };
    ClaimedJob job;
    job.id = jobs.at(at).text();
    job.queue = queue;
    job.token = token;
    job.idCounter = idCounter;
    job.name = isAsBefore(at + 1) ? before->name : std::string(jobs.at(at + 1).text());
    job.data = textOr(jobs.at(at + 2).text(), "{}");
    job.opts = isAsBefore(at + 3) ? before->opts : textOr(jobs.at(at + 3).text(), "{}");
    hash.timestamp = jobs.at(at + 4).text();
    job.timestampMs = hash.timestampMs();
    job.processedOnMs = nowMs;
    job.delayMs = hash.delayMs();
    job.priority = hash.priorityCount();
    // The reply shows what stood before the script's own increment.
    job.attemptsStarted = countable(hash.attemptsStarted()) + 1;
    job.attemptsMade = countable(hash.attemptsMade());
    job.stalledCount = hash.stalledCount();
    job.progress = hash.progress;
    job.stacktrace = hash.stacktrace;
    job.failedReason = hash.failedReason.value_or("");
    job.parentKey = hash.parentKey;
    job.parent = hash.parent;
    job.scheduler = hash.scheduler;
    job.deduplicationId = hash.deduplicationId;
    job.deferredFailure = hash.deferredFailure;
    return job;
}

/// Returns true if both can be in one run of the script's arguments.
bool sameRun(const FinishItem& a, const FinishItem& b) {
    return a.token == b.token && a.completed == b.completed && a.keep == b.keep &&
           a.attempts == b.attempts && a.attemptsMade == b.attemptsMade &&
           a.deduplicationId == b.deduplicationId && a.idCounter == b.idCounter;
}

/// Bounded to the integers that Lua and JavaScript have. No set holds more, and beyond them Lua writes numbers that Redis refuses.
std::int64_t exact(std::int64_t number) {
    constexpr std::int64_t kMost = 9007199254740991;
    return std::clamp(number, -kMost, kMost);
}

/// Appends the arguments about jobs to finish.
void addFinishItems(Command& command, const std::vector<FinishItem>& items) {
    std::vector<std::size_t> lengths;  // The lengths of the runs.
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i == 0 || !sameRun(items[i - 1], items[i])) {
            lengths.push_back(0);
        }
        ++lengths.back();
    }
    command.add(lengths.size());
    auto item = items.begin();
    for (const std::size_t length : lengths) {
        command.add(item->token).add(item->completed ? "completed" : "failed");
        command.add(exact(item->keep.count))
            .add(exact(item->keep.ageSeconds))
            .add(exact(item->keep.limit));
        command.add(item->attempts).add(item->attemptsMade).add(item->deduplicationId);
        command.add(item->idCounter).add(length);
        for (const auto end = item + static_cast<std::ptrdiff_t>(length); item != end; ++item) {
            command.add(item->id).add(item->value);
            if (!item->completed) {
                command.add(item->stacktrace);
            }
        }
    }
}

}  // namespace

AdvanceResult::AdvanceResult(Reply reply,
                             const AdvanceRequest& request,
                             const std::string& queue,
                             std::int64_t nowMs)
    : codes(reply.at(0).size() == 0
                ? std::vector<int>(request.finish.size(), 0)
                : ops::codesOf(reply.at(0), request.finish.size(), "advance", queue)),
      rateLimited(reply.at(2).integer()),
      nextDelayedMs(reply.at(3).integer()),
      reply_(std::move(reply)),
      token_(request.token),
      queue_(queue),
      nowMs_(nowMs) {}

std::size_t AdvanceResult::claimed() const {
    return reply_.at(1).size() / kClaimWidth;
}

std::vector<ClaimedJob> AdvanceResult::jobs() const {
    const ReplyView elements = reply_.at(1);
    const ReplyView counter = reply_.at(5);
    const std::string_view idCounter = counter.isNil() ? std::string_view() : counter.text();
    std::vector<ClaimedJob> jobs;
    jobs.reserve(claimed());
    for (std::size_t at = 0; at + kClaimWidth <= elements.size(); at += kClaimWidth) {
        const ClaimedJob* const before = jobs.empty() ? nullptr : &jobs.back();
        jobs.push_back(claimedJob(elements, at, before, token_, queue_, idCounter, nowMs_));
    }
    return jobs;
}

std::vector<JobProblem> AdvanceResult::problems() const {
    return reply_.size() > 8 ? ops::problemsOf(reply_.at(8)) : std::vector<JobProblem>();
}

bool AdvanceResult::sawBullmq5() const {
    return reply_.at(4).integer() != 0;
}

bool AdvanceResult::sawBullmq5Paused() const {
    return reply_.at(4).integer() == 2;
}

bool AdvanceResult::more() const {
    return reply_.at(7).integer() != 0;
}

std::vector<std::pair<std::string, std::size_t>> AdvanceResult::unserved() const {
    const ReplyView pairs = reply_.at(6);
    std::vector<std::pair<std::string, std::size_t>> unserved;
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
        unserved.emplace_back(pairs.at(i).text(),
                              static_cast<std::size_t>(pairs.at(i + 1).integer()));
    }
    return unserved;
}

namespace ops {

AdvanceResult advance(const QueueContext& queue,
                      RedisClient& redis,
                      const AdvanceRequest& request,
                      std::int64_t nowMs) {
    Command command = advanceCall(queue, redis, request, nowMs);
    return advanceResult(queue, redis.run(command), request, nowMs);
}

Command advanceCall(const QueueContext& queue,
                    const RedisClient& redis,
                    const AdvanceRequest& request,
                    std::int64_t nowMs) {
    static const ScriptCall kScript("advance");
    // Each run of jobs has ten arguments more; mostly there are few runs.
    Command command = kScript.begin(redis, queue, 32 + request.finish.size() * 2);
    command.add(queue.keys().jobPrefix()).add(nowMs).add(request.token);
    command.add(static_cast<std::int64_t>(request.lockDuration.count()));
    command.add(request.claim).add(request.workerName);
    if (request.limiter.max > 0) {
        command.add(request.limiter.max)
            .add(static_cast<std::int64_t>(request.limiter.duration.count()));
    } else {
        command.add("").add("");
    }
    command.add(queue.bullmq5Argument()).add(request.metricsPoints).add(request.enoughBytes);
    command.add(request.served ? request.served->size() : 0);
    if (request.served) {
        for (const std::string& name : *request.served) {
            command.add(name);
        }
    }
    addFinishItems(command, request.finish);
    return command;
}

AdvanceResult advanceResult(const QueueContext& queue,
                            Reply reply,
                            const AdvanceRequest& request,
                            std::int64_t nowMs) {
    AdvanceResult result(std::move(reply), request, queue.keys().qualifiedName(), nowMs);
    if (result.sawBullmq5()) {
        queue.noteBullmq5();
    }
    return result;
}

}  // namespace ops

}  // namespace drover
