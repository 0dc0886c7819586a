#include "queue/QueueBackend.h"

#include <algorithm>
#include <limits>

#include <Poco/Format.h>

#include "core/JobHash.h"
#include "core/JsonText.h"
#include "core/NodeNumber.h"
#include "core/Version.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

/// A counter of a job's hash as Node reads it. One more must still fit.
int counterOf(std::string_view text) {
    constexpr std::int64_t kMost = std::numeric_limits<int>::max() - 1;
    return static_cast<int>(std::clamp(nodeLeadingInteger(text), -kMost, kMost));
}

/// How many elements of the reply tell about one claimed job.
constexpr std::size_t kClaimWidth = 6;

/// Fills in what a job has besides name, data, opts and timestamp.
void readRest(ClaimedJob& job, const ReplyView& pairs) {
    bool veryOldName = false;
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
        const std::string_view field = pairs.at(i).text();
        const std::string_view value = pairs.at(i + 1).text();
        const auto integer = [value] { return counterOf(value); };
        if (field == "delay") {
            job.delayMs = nodeLeadingInteger(value);
        } else if (field == "priority") {
            job.priority = integer();
        } else if (field == "ats") {
            // The reply shows what stood before the script's own increment.
            job.attemptsStarted = integer() + 1;
        } else if (field == "atm") {
            job.attemptsMade = veryOldName ? job.attemptsMade : integer();
        } else if (field == "attemptsMade") {
            // A very old field name, which readers prefer over `atm`.
            job.attemptsMade = integer();
            veryOldName = true;
        } else if (field == "stc" || field == "stalledCounter") {
            job.stalledCount = std::max(job.stalledCount, integer());
        } else if (field == "defa") {
            job.deferredFailure = std::string(value);
        } else if (field == "parentKey") {
            job.parentKey = value;
        } else if (field == "rjk") {
            job.scheduler = value;
        } else if (field == "deid") {
            job.deduplicationId = value;
        } else if (field == "stacktrace") {
            job.stacktrace = value;
        } else if (field == "progress") {
            job.progress = value;
        }
    }
}

/// The job at that place of the reply. A name and options that are left out are those of `before`.
ClaimedJob claimedJob(const ReplyView& jobs,
                      std::size_t at,
                      const ClaimedJob* before,
                      const std::string& token,
                      const std::string& queue,
                      std::string_view idCounter,
                      std::int64_t nowMs) {
    const auto textOr = [&jobs](std::size_t index, std::string_view absent) {
        const std::string_view text = jobs.at(index).text();
        return std::string(text.empty() ? absent : text);
    };
    ClaimedJob job;
    job.id = jobs.at(at).text();
    job.queue = queue;
    job.token = token;
    job.idCounter = idCounter;
    job.name = jobs.at(at + 1).isNil() && before != nullptr ? before->name
                                                            : std::string(jobs.at(at + 1).text());
    job.data = textOr(at + 2, "{}");
    job.opts = jobs.at(at + 3).isNil() && before != nullptr ? before->opts : textOr(at + 3, "{}");
    job.timestampMs = nodeLeadingInteger(jobs.at(at + 4).text());
    job.processedOnMs = nowMs;
    job.attemptsStarted = 1;
    readRest(job, jobs.at(at + 5));
    return job;
}

/// Whether the script can be told about both in one run.
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

/// Appends what the script has to know about the jobs to finish.
void addFinishItems(Command& command, const std::vector<FinishItem>& items) {
    std::vector<std::size_t> lengths;  // Of the runs.
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

/// One code per job that the script was told about.
std::vector<int> codesOf(const ReplyView& reply,
                         std::size_t expected,
                         const std::string& operation,
                         const std::string& queue) {
    if (reply.size() < expected) {
        throw ScriptException(
            Poco::format("%s %s: %z codes for %z jobs", operation, queue, reply.size(), expected));
    }
    std::vector<int> codes;
    codes.reserve(expected);
    for (std::size_t i = 0; i < expected; ++i) {
        codes.push_back(static_cast<int>(reply.at(i).integer()));
    }
    return codes;
}

/// id, text, id, text, …
std::vector<JobProblem> problemsOf(const ReplyView& reply) {
    std::vector<JobProblem> problems;
    for (std::size_t i = 0; i + 1 < reply.size(); i += 2) {
        problems.push_back({std::string(reply.at(i).text()), std::string(reply.at(i + 1).text())});
    }
    return problems;
}

/// Codes, and problems behind them if there are any.
SettleResult settleResult(const Reply& reply,
                          std::size_t expected,
                          const std::string& operation,
                          const std::string& queue) {
    SettleResult result;
    const bool problems = reply.size() == expected + 1;
    result.codes = codesOf(reply, expected, operation, queue);
    if (problems) {
        result.problems = problemsOf(reply.at(expected));
    }
    return result;
}

}  // namespace

AdvanceResult::AdvanceResult(Reply reply,
                             const AdvanceRequest& request,
                             const std::string& queue,
                             std::int64_t nowMs)
    : codes(reply.at(0).size() == 0
                ? std::vector<int>(request.finish.size(), 0)
                : codesOf(reply.at(0), request.finish.size(), "advance", queue)),
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
    return reply_.size() > 8 ? problemsOf(reply_.at(8)) : std::vector<JobProblem>();
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

QueueBackend::QueueBackend(QueueKeys keys, Bullmq5 bullmq5)
    : keys_(std::move(keys)),
      bullmq5_(bullmq5),
      sawBullmq5_(std::make_shared<std::atomic<bool>>(false)) {}

Command QueueBackend::callOf(
    RedisClient& redis,
    const std::string& script,
    std::initializer_list<std::reference_wrapper<const std::string>> keys) {
    Command command = redis.script(script);
    for (const std::string& key : keys) {
        command.add(key);
    }
    return command;
}

Command QueueBackend::stateCall(RedisClient& redis, const std::string& script) const {
    return callOf(redis,
                  script,
                  {keys_.completed,
                   keys_.failed,
                   keys_.delayed,
                   keys_.prioritized,
                   keys_.active,
                   keys_.wait,
                   keys_.paused,
                   keys_.waitingChildren});
}

const char* QueueBackend::bullmq5() const {
    if (bullmq5_ == Bullmq5::Off) {
        return "off";
    }
    if (bullmq5_ == Bullmq5::On) {
        return "on";
    }
    return *sawBullmq5_ ? "seen" : "auto";
}

std::vector<AddedId> QueueBackend::addJobs(RedisClient& redis,
                                           const std::vector<AddItem>& items,
                                           std::int64_t nowMs) const {
    Command command = callOf(redis,
                             "addJobs",
                             {keys_.meta,
                              keys_.idCounter,
                              keys_.wait,
                              keys_.delayed,
                              keys_.prioritized,
                              keys_.marker,
                              keys_.events,
                              keys_.pc,
                              keys_.active,
                              keys_.paused});
    command.reserve(16 + items.size() * 10);
    command.add(keys_.jobPrefix()).add(bullmq5()).add(nowMs);
    for (const AddItem& item : items) {
        command.add(item.name)
            .add(item.data)
            .add(item.opts)
            .add(item.timestampMs)
            .add(item.delayMs);
        command.add(item.priority).add(item.customId).add(item.lifo ? "1" : "");
        command.add(item.parentKey).add(item.parent);
    }
    const Reply reply = redis.run(command);
    if (reply.size() != items.size() + 1) {
        throw ScriptException(Poco::format(
            "addJobs %s: %z ids for %z jobs", keys_.qualifiedName(), reply.size(), items.size()));
    }
    std::vector<AddedId> added;
    added.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        const ReplyView one = reply.at(i);
        if (one.isError()) {
            added.push_back({"", 0, std::string(one.text())});
        } else if (one.isInteger()) {
            added.push_back({"", static_cast<int>(one.integer()), ""});
        } else {
            added.push_back({std::string(one.text()), 0, ""});
        }
    }
    if (reply.at(items.size()).integer() == 1) {
        *sawBullmq5_ = true;
    }
    return added;
}

AdvanceResult QueueBackend::advance(RedisClient& redis,
                                    const AdvanceRequest& request,
                                    std::int64_t nowMs) const {
    Command command = advanceCall(redis, request, nowMs);
    return advanceResult(redis.run(command), request, nowMs);
}

Command QueueBackend::advanceCall(RedisClient& redis,
                                  const AdvanceRequest& request,
                                  std::int64_t nowMs) const {
    Command command = callOf(redis,
                             "advance",
                             {keys_.wait,
                              keys_.active,
                              keys_.prioritized,
                              keys_.delayed,
                              keys_.completed,
                              keys_.failed,
                              keys_.events,
                              keys_.meta,
                              keys_.marker,
                              keys_.limiter,
                              keys_.pc,
                              keys_.stalled,
                              keys_.paused,
                              keys_.idCounter});
    command.reserve(48 + request.finish.size() * 2);
    command.add(keys_.jobPrefix()).add(nowMs).add(request.token);
    command.add(static_cast<std::int64_t>(request.lockDuration.count()));
    command.add(request.claim).add(request.workerName);
    if (request.limiter.max > 0) {
        command.add(request.limiter.max)
            .add(static_cast<std::int64_t>(request.limiter.duration.count()));
    } else {
        command.add("").add("");
    }
    command.add(bullmq5()).add(request.metricsPoints).add(request.enoughBytes);
    command.add(request.served ? request.served->size() : 0);
    if (request.served) {
        for (const std::string& name : *request.served) {
            command.add(name);
        }
    }
    addFinishItems(command, request.finish);
    return command;
}

AdvanceResult QueueBackend::advanceResult(Reply reply,
                                          const AdvanceRequest& request,
                                          std::int64_t nowMs) const {
    AdvanceResult result(std::move(reply), request, keys_.qualifiedName(), nowMs);
    if (result.sawBullmq5()) {
        *sawBullmq5_ = true;
    }
    return result;
}

SettleResult QueueBackend::retryJobs(RedisClient& redis,
                                     const std::vector<RetryItem>& items,
                                     std::int64_t nowMs) const {
    Command command = callOf(redis,
                             "retryJobs",
                             {keys_.active,
                              keys_.wait,
                              keys_.prioritized,
                              keys_.delayed,
                              keys_.events,
                              keys_.meta,
                              keys_.marker,
                              keys_.stalled,
                              keys_.pc,
                              keys_.paused});
    command.add(keys_.jobPrefix()).add(nowMs).add(bullmq5());
    for (const RetryItem& item : items) {
        command.add(item.id)
            .add(item.token)
            .add(item.backoffMs)
            .add(item.lifo ? "1" : "")
            .add(item.reason);
        command.add(item.stacktrace).add(item.attemptsMade);
    }
    return settleResult(redis.run(command), items.size(), "retryJobs", keys_.qualifiedName());
}

SettleResult QueueBackend::handBackJobs(RedisClient& redis,
                                        const std::vector<HandBackItem>& items,
                                        std::int64_t nowMs) const {
    Command command = callOf(redis,
                             "handBackJobs",
                             {keys_.active,
                              keys_.wait,
                              keys_.prioritized,
                              keys_.delayed,
                              keys_.events,
                              keys_.meta,
                              keys_.marker,
                              keys_.stalled,
                              keys_.paused});
    command.add(keys_.jobPrefix()).add(nowMs).add(bullmq5());
    for (const HandBackItem& item : items) {
        command.add(item.id).add(item.token).add(item.untilMs).add(item.uncountStart ? "1" : "");
    }
    return settleResult(redis.run(command), items.size(), "handBackJobs", keys_.qualifiedName());
}

SettleResult QueueBackend::moveToWaitingChildren(RedisClient& redis,
                                                 const std::vector<ChildrenWaitItem>& items,
                                                 std::int64_t nowMs) const {
    Command command =
        callOf(redis,
               "moveToWaitingChildren",
               {keys_.active, keys_.waitingChildren, keys_.events, keys_.stalled, keys_.meta});
    command.add(keys_.jobPrefix()).add(nowMs);
    for (const ChildrenWaitItem& item : items) {
        command.add(item.id).add(item.token);
    }
    return settleResult(
        redis.run(command), items.size(), "moveToWaitingChildren", keys_.qualifiedName());
}

void QueueBackend::rateLimit(RedisClient& redis, std::chrono::milliseconds duration) const {
    // As many as a JavaScript number counts exactly: more than any limit.
    redis.call(Command{"SET", keys_.limiter, "9007199254740991", "PX"}.add(
        static_cast<std::int64_t>(duration.count())));
}

std::vector<std::pair<std::string, std::string>> QueueBackend::childrenValues(
    RedisClient& redis, const std::string& id) const {
    const std::string key = keys_.job(id) + ":processed";
    const Reply reply = redis.call(Command{"HGETALL", key});
    std::vector<std::pair<std::string, std::string>> values;
    for (std::size_t i = 0; i + 1 < reply.size(); i += 2) {
        values.emplace_back(reply.at(i).text(), reply.at(i + 1).text());
    }
    return values;
}

std::vector<std::string> QueueBackend::activeWithToken(RedisClient& redis,
                                                       const std::string& token) const {
    const Reply active = redis.call(Command{"LRANGE", keys_.active, "0", "-1"});
    std::vector<std::string> held;
    if (active.size() == 0) {
        return held;
    }
    Command locks{"MGET"};
    for (std::size_t i = 0; i < active.size(); ++i) {
        locks.own(keys_.job(active.at(i).text()) + ":lock");
    }
    const Reply tokens = redis.call(locks);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens.at(i).text() == token) {
            held.emplace_back(active.at(i).text());
        }
    }
    return held;
}

RenewResult QueueBackend::extendLocks(RedisClient& redis,
                                      const std::vector<std::pair<std::string, std::string>>& locks,
                                      std::chrono::milliseconds duration) const {
    Command command = redis.script("extendLocks");
    command.add(keys_.stalled)
        .add(keys_.cancel)
        .add(keys_.jobPrefix())
        .add(static_cast<std::int64_t>(duration.count()));
    for (const auto& [id, token] : locks) {
        command.add(id).add(token);
    }
    const Reply reply = redis.run(command);
    const auto positions = [&](const ReplyView& list) {
        std::vector<std::size_t> found;
        for (std::size_t i = 0; i < list.size(); ++i) {
            const std::int64_t position = list.at(i).integer();
            if (position < 0 || position >= static_cast<std::int64_t>(locks.size())) {
                throw ScriptException(Poco::format("extendLocks %s: it tells about lock %?d of %z",
                                                   keys_.qualifiedName(),
                                                   position,
                                                   locks.size()));
            }
            found.push_back(static_cast<std::size_t>(position));
        }
        return found;
    };
    RenewResult result{positions(reply.at(0)), positions(reply.at(1)), {}};
    for (std::size_t i = 0; i < result.cancelled.size(); ++i) {
        result.reasons.emplace_back(reply.at(2).at(i).text());
    }
    return result;
}

CancelRequest QueueBackend::cancelJob(RedisClient& redis,
                                      const std::string& id,
                                      const std::string& reason) const {
    Command command = redis.script("cancelJob");
    command.own(keys_.job(id)).own(keys_.job(id) + ":lock").add(keys_.cancel);
    command.own(cancelRequestsKey()).add(keys_.jobPrefix()).add(id).add(reason);
    switch (redis.run(command).integer()) {
        case 0:
            return CancelRequest::Requested;
        case -1:
            return CancelRequest::Unknown;
        default:
            return CancelRequest::NotHeld;
    }
}

StalledResult QueueBackend::checkStalled(RedisClient& redis,
                                         std::int64_t nowMs,
                                         std::chrono::milliseconds interval,
                                         int maxStalledCount,
                                         int chunk,
                                         bool continuing) const {
    Command command = callOf(redis,
                             "checkStalled",
                             {keys_.stalled,
                              keys_.wait,
                              keys_.active,
                              keys_.stalledCheck,
                              keys_.meta,
                              keys_.marker,
                              keys_.events,
                              keys_.repeat,
                              keys_.paused});
    command.add(keys_.jobPrefix())
        .add(nowMs)
        .add(static_cast<std::int64_t>(interval.count()))
        .add(maxStalledCount);
    command.add(chunk).add(continuing ? "1" : "").add(bullmq5());
    const Reply reply = redis.run(command);
    StalledResult result;
    switch (reply.at(0).integer()) {
        case 0:
            result.state = StalledResult::State::NotDue;
            break;
        case 1:
            result.state = StalledResult::State::More;
            break;
        default:
            result.state = StalledResult::State::Done;
            break;
    }
    const ReplyView ids = reply.at(1);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        result.recovered.emplace_back(ids.at(i).text());
    }
    result.bullmq5 = reply.at(2).integer() == 1;
    result.problems = problemsOf(reply.at(3));
    if (result.bullmq5) {
        *sawBullmq5_ = true;
    }
    return result;
}

RescueResult QueueBackend::rescueLost(RedisClient& redis,
                                      const std::vector<std::string>& jobs,
                                      const std::vector<std::string>& deduplications,
                                      std::int64_t latestMs,
                                      std::int64_t nowMs) const {
    Command command = callOf(redis,
                             "rescueLost",
                             {keys_.wait,
                              keys_.paused,
                              keys_.active,
                              keys_.prioritized,
                              keys_.delayed,
                              keys_.completed,
                              keys_.failed,
                              keys_.waitingChildren,
                              keys_.events,
                              keys_.meta,
                              keys_.marker,
                              keys_.pc,
                              keys_.idCounter});
    command.add(keys_.jobPrefix()).add(nowMs).add(bullmq5()).add(latestMs).add(jobs.size());
    for (const std::string& id : jobs) {
        command.add(id);
    }
    for (const std::string& id : deduplications) {
        command.add(id);
    }
    const Reply reply = redis.run(command);
    RescueResult result;
    const ReplyView ids = reply.at(0);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        result.rescued.emplace_back(ids.at(i).text());
    }
    result.problems = problemsOf(reply.at(1));
    return result;
}

bool QueueBackend::beginRescue(RedisClient& redis, std::chrono::milliseconds interval) const {
    const std::string px = std::to_string(interval.count());
    if (!redis.call(Command{"SET", keys_.rescue, "1", "PX", px, "NX"}).isNil()) {
        return true;
    }
    // Begun with a longer interval, before 5.x clients had shown themselves: that one does not count any more.
    if (rescueExpiresIn(redis) <= interval) {
        return false;
    }
    redis.call(Command{"PEXPIRE", keys_.rescue, px});
    return true;
}

std::chrono::milliseconds QueueBackend::rescueExpiresIn(RedisClient& redis) const {
    const std::int64_t left = redis.call(Command{"PTTL", keys_.rescue}).integer();
    return std::chrono::milliseconds(std::max<std::int64_t>(left, 0));
}

std::chrono::milliseconds QueueBackend::stalledCheckExpiresIn(RedisClient& redis) const {
    const std::int64_t left = redis.call(Command{"PTTL", keys_.stalledCheck}).integer();
    return std::chrono::milliseconds(std::max<std::int64_t>(left, 0));
}

JobCounts QueueBackend::counts(RedisClient& redis) const {
    Command command = stateCall(redis, "getCounts");
    const Reply reply = redis.run(command);
    JobCounts counts;
    counts.completed = reply.at(0).integer();
    counts.failed = reply.at(1).integer();
    counts.delayed = reply.at(2).integer();
    counts.prioritized = reply.at(3).integer();
    counts.active = reply.at(4).integer();
    counts.waiting = reply.at(5).integer();
    counts.paused = reply.at(6).integer();
    counts.waitingChildren = reply.at(7).integer();
    return counts;
}

JobState QueueBackend::state(RedisClient& redis, const std::string& id) const {
    Command command = stateCall(redis, "getState");
    command.add(id);
    static constexpr JobState kStates[] = {JobState::Unknown,
                                           JobState::Completed,
                                           JobState::Failed,
                                           JobState::Delayed,
                                           JobState::Prioritized,
                                           JobState::Active,
                                           JobState::Waiting,
                                           JobState::Waiting,
                                           JobState::WaitingChildren};
    const std::int64_t index = redis.run(command).integer();
    return index >= 0 && index <= 8 ? kStates[index] : JobState::Unknown;
}

std::optional<Job> QueueBackend::job(RedisClient& redis, const std::string& id) const {
    const std::string key = keys_.job(id);
    const Reply reply = redis.call(Command{"HGETALL", key});
    if (reply.size() == 0) {
        return std::nullopt;
    }
    std::vector<std::pair<std::string, std::string>> fields;
    for (std::size_t i = 0; i + 1 < reply.size(); i += 2) {
        fields.emplace_back(reply.at(i).text(), reply.at(i + 1).text());
    }
    return parseJobHash(id, keys_.qualifiedName(), fields);
}

int QueueBackend::updateProgress(RedisClient& redis,
                                 const std::string& id,
                                 std::string_view json) const {
    Command command = redis.script("updateProgress");
    command.own(keys_.job(id)).add(keys_.events).add(keys_.meta).add(id).add(json);
    return static_cast<int>(redis.run(command).integer());
}

int QueueBackend::updateData(RedisClient& redis,
                             const std::string& id,
                             std::string_view json) const {
    Command command = redis.script("updateData");
    command.own(keys_.job(id)).add(json);
    return static_cast<int>(redis.run(command).integer());
}

std::int64_t QueueBackend::addLog(RedisClient& redis,
                                  const std::string& id,
                                  std::string_view row,
                                  std::int64_t keep) const {
    Command command = redis.script("addLog");
    command.own(keys_.job(id)).own(keys_.job(id) + ":logs").add(row);
    if (keep > 0) {
        command.add(keep);
    } else {
        command.add("");
    }
    return redis.run(command).integer();
}

void QueueBackend::writeMeta(RedisClient& redis) const {
    const std::string ours = std::string("drover:") + version();
    Command command = redis.script("writeMeta");
    command.add(keys_.meta).add(ours);
    redis.run(command);
}

void QueueBackend::restoreMarker(RedisClient& redis,
                                 std::string_view member,
                                 std::string_view score) const {
    redis.call(Command{"ZADD", keys_.marker, score, member});
}

Command QueueBackend::blockOnMarker(std::chrono::milliseconds timeout) const {
    Command command{"BZPOPMIN", keys_.marker};
    command.own(Poco::format("%.3f", static_cast<double>(timeout.count()) / 1000.0));
    return command;
}

void QueueBackend::pause(RedisClient& redis) const {
    Command command = redis.script("pause");
    command.add(keys_.wait).add(keys_.paused).add(keys_.meta).add(keys_.marker).add(keys_.events);
    command.add(bullmq5());
    if (redis.run(command).integer() == 1) {
        *sawBullmq5_ = true;
    }
}

void QueueBackend::resume(RedisClient& redis) const {
    Command command = redis.script("resume");
    command.add(keys_.wait).add(keys_.paused).add(keys_.meta).add(keys_.marker).add(keys_.events);
    command.add(keys_.prioritized).add(keys_.delayed);
    if (redis.run(command).integer() == 1) {
        *sawBullmq5_ = true;
    }
}

bool QueueBackend::isPaused(RedisClient& redis) const {
    return redis.call(Command{"HEXISTS", keys_.meta, "paused"}).integer() == 1;
}

void QueueBackend::setConcurrency(RedisClient& redis, std::optional<int> jobs) const {
    if (jobs) {
        redis.call(Command{"HSET", keys_.meta, "concurrency"}.add(*jobs));
    } else {
        redis.call(Command{"HDEL", keys_.meta, "concurrency"});
    }
}

void QueueBackend::setRateLimit(RedisClient& redis, const std::optional<RateLimit>& limit) const {
    if (limit) {
        const auto duration = static_cast<std::int64_t>(limit->duration.count());
        redis.call(
            Command{"HSET", keys_.meta, "max"}.add(limit->max).add("duration").add(duration));
    } else {
        redis.call(Command{"HDEL", keys_.meta, "max", "duration"});
    }
}

std::int64_t QueueBackend::rateLimitTtl(RedisClient& redis, std::optional<int> max) const {
    Command command = redis.script("getRateLimitTtl");
    command.add(keys_.meta).add(keys_.limiter).own(max ? std::to_string(*max) : "");
    return redis.run(command).integer();
}

void QueueBackend::removeRateLimitKey(RedisClient& redis) const {
    redis.call(Command{"DEL", keys_.limiter});
}

SchedulerResult QueueBackend::iterateScheduler(RedisClient& redis,
                                               const SchedulerItem& item,
                                               std::int64_t nowMs) const {
    Command command = callOf(redis,
                             "iterateScheduler",
                             {keys_.wait,
                              keys_.paused,
                              keys_.active,
                              keys_.prioritized,
                              keys_.delayed,
                              keys_.events,
                              keys_.meta,
                              keys_.marker,
                              keys_.pc,
                              keys_.idCounter,
                              keys_.repeat});
    const auto orNothing = [](std::optional<std::int64_t> number) {
        return number ? std::to_string(*number) : std::string();
    };
    const auto orNone = [](std::int64_t number) {
        return number > 0 ? std::to_string(number) : std::string();
    };
    command.add(keys_.jobPrefix()).add(bullmq5()).add(nowMs);
    command.add(item.scheduler).add(item.takenId).add(item.pattern ? "pattern" : "every");
    command.own(orNone(item.everyMs)).own(orNothing(item.offsetMs)).own(orNone(item.prevMillis));
    command.own(orNothing(item.nextByPatternMs)).add(item.priority).add(item.lifo ? "1" : "");
    command.add(item.optsMembers).add(item.repeatMembers);
    std::string idStart = jsonString("repeat:" + item.scheduler + ":");
    idStart.pop_back();
    command.own(std::move(idStart)).add(item.data);
    const Reply reply = redis.run(command);
    return {static_cast<SchedulerResult::Code>(reply.at(0).integer()),
            std::string(reply.at(1).text())};
}

}  // namespace drover
