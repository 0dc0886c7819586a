#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/ClaimedJob.h"
#include "drover/Job.h"
#include "drover/JobOptions.h"
#include "drover/Queue.h"
#include "queue/QueueKeys.h"
#include "redis/RedisClient.h"

namespace drover {

/// A job to add, checked and rendered: exactly what the script stores.
struct AddItem {
    std::string name;
    std::string data;
    std::string opts;  ///< Stored JSON.
    /// Redis's time when the job is added.
    static constexpr std::int64_t kWhenAdded = std::numeric_limits<std::int64_t>::min();
    std::int64_t timestampMs = 0;
    std::int64_t delayMs = 0;
    int priority = 0;
    std::string customId;  ///< Empty: from the counter.
    bool lifo = false;
    std::string parentKey;  ///< Empty: none.
    std::string parent;     ///< JSON {"id", "queueKey"[, "fpof" | "cpof" | "idof" | "rdof": true]}.
};

/// What addJobs() says of one job: its id, or a negative code (docs/wire-format.md#codes), or why nothing of it could be stored.
struct AddedId {
    std::string id;
    int code = 0;
    std::string error;
};

/// A job that could not go on, for something under its own keys: it is failed now, or its id is in `drover:set-aside`.
struct JobProblem {
    std::string id;  ///< Empty: something of the queue's own, such as its metrics.
    std::string text;
};

/// A job to end, with everything that the script needs to know.
struct FinishItem {
    std::string id;
    std::string token;
    bool completed = true;
    std::string value;  ///< Return value (JSON), or the reason.
    std::string stacktrace;
    KeepJobs keep;
    int attempts = 0;      ///< Allowed.
    int attemptsMade = 1;  ///< This one included.
    std::string deduplicationId;
    std::string
        idCounter;  ///< Of the claim, if the job had no parent then; empty: Redis is asked for its parent.
};

/// A failed attempt to repeat.
struct RetryItem {
    std::string id;
    std::string token;
    std::int64_t backoffMs = 0;  ///< 0: at once.
    bool lifo = false;
    std::string reason;
    std::string stacktrace;
    int attemptsMade = 1;  ///< This one included.
};

/// A job to give back without counting an attempt.
struct HandBackItem {
    std::string id;
    std::string token;
    std::int64_t untilMs = 0;  ///< Epoch; 0: to the front of the queue.
    bool uncountStart =
        true;  ///< Whether attemptsStarted goes back too: it was never begun, or only the outage ended it.
};

/// A job that waits for its children.
struct ChildrenWaitItem {
    std::string id;
    std::string token;
};

/// At most `max` jobs are started in `duration`; max 0: no limit. Counted in Redis, by all workers of the queue together.
struct WorkerLimiter {
    int max = 0;
    std::chrono::milliseconds duration{0};
};

struct AdvanceRequest {
    std::vector<FinishItem> finish;
    int claim = 0;
    std::string token;  ///< For what is claimed.
    std::chrono::milliseconds lockDuration{0};
    std::string workerName;
    WorkerLimiter limiter;
    int metricsPoints = 0;  ///< Minutes of metrics that are kept; 0: none are counted.
    /// Bytes of jobs that are enough: no further job is claimed then; 0: no such bound. One job is always claimed.
    std::int64_t enoughBytes = 0;
    /// Job names that are served: jobs of other names are delayed in place of claimed. Null: all are.
    std::shared_ptr<const std::vector<std::string>> served;
};

/// What `advance` answered. The jobs stay as they came until jobs() takes them apart, which can so wait until Redis has
/// its next call.
class AdvanceResult {
public:
    std::vector<int> codes;  ///< One per finish item; 0 done, else a script code (docs/wire-format.md#codes).
    std::chrono::milliseconds rateLimited{0};
    std::int64_t nextDelayedMs = 0;  ///< Epoch; 0: no delayed job, or something was claimed.

    /// `queue` and `nowMs` go into the jobs. Throws ScriptException for a reply of another shape.
    AdvanceResult(Reply reply,
                  const AdvanceRequest& request,
                  const std::string& queue,
                  std::int64_t nowMs);

    [[nodiscard]] std::size_t claimed() const;
    [[nodiscard]] std::vector<ClaimedJob> jobs() const;
    /// Jobs of the call, or due ones that it promoted, that could not go on. Mostly none.
    [[nodiscard]] std::vector<JobProblem> problems() const;
    /// Whether the claim saw that 5.x clients share the queue.
    [[nodiscard]] bool sawBullmq5() const;
    /// Whether the claim saw that, and the queue paused.
    [[nodiscard]] bool sawBullmq5Paused() const;
    /// Whether the claim stopped before it had as many jobs as it may, and others are there.
    [[nodiscard]] bool more() const;
    /// Names that are not served, and how many jobs of each were delayed in place of claimed.
    [[nodiscard]] std::vector<std::pair<std::string, std::size_t>> unserved() const;

private:
    Reply reply_;
    std::string token_;
    std::string queue_;
    std::int64_t nowMs_;
};

/// What a renewal of locks found out; both hold positions in what was asked.
struct RenewResult {
    std::vector<std::size_t> lost;
    std::vector<std::size_t>
        cancelled;  ///< Somebody asked for the job to be cancelled. Their locks are renewed.
    std::vector<std::string> reasons;  ///< One for each of `cancelled`; may be empty.
};

enum class CancelRequest {
    Requested,  ///< The holder hears of it at once, or when it renews the lock if it missed that.
    NotHeld,    ///< No worker has the job.
    Unknown     ///< There is no such job.
};

struct StalledResult {
    enum class State { NotDue, More, Done };
    State state = State::NotDue;
    std::vector<std::string> recovered;
    std::vector<JobProblem> problems;
    bool bullmq5 = false;  ///< 5.x clients share the queue. Known in every state.
};

/// The answer for jobs that leave active without an end: one code each, and what befell single ones.
struct SettleResult {
    std::vector<int> codes;
    std::vector<JobProblem> problems;
};

struct RescueResult {
    std::vector<std::string> rescued;
    std::vector<JobProblem> problems;
};

/// A scheduler's job that was taken, and what of it the next one gets.
struct SchedulerItem {
    std::string scheduler;  ///< Id.
    std::string takenId;
    bool pattern = false;  ///< Its kind by its own opts.
    std::int64_t everyMs = 0;
    std::optional<std::int64_t> offsetMs;
    std::int64_t prevMillis = 0;
    std::optional<std::int64_t> nextByPatternMs;
    int priority = 0;
    bool lifo = false;
    std::string optsMembers, repeatMembers;  ///< JSON members, each with a comma behind it.
    std::string data;  ///< JSON; the next job's, if the scheduler's record has none.
};

struct SchedulerResult {
    enum class Code { Legacy = -1, Nothing = 0, Made = 1, Exists = 2 };
    Code code = Code::Nothing;
    std::string nextId;
};

/// Every operation on one queue in Redis: the only caller of scripts. Times come in as arguments.
///
/// Stateless but for the keys and for what it saw of 5.x clients: the connection is the caller's, so that each thread brings its own.
/// Every method throws RedisIoException (or a child) when Redis is away and ScriptException when it answers nonsense.
/// Threads: const, from any thread, each with its own client.
class QueueBackend {
public:
    explicit QueueBackend(QueueKeys keys, Bullmq5 bullmq5 = Bullmq5::Auto);

    [[nodiscard]] const QueueKeys& keys() const { return keys_; }
    [[nodiscard]] Bullmq5 bullmq5Mode() const { return bullmq5_; }

    /// In order. `nowMs` counts for parents that an add releases.
    std::vector<AddedId> addJobs(RedisClient& redis,
                                 const std::vector<AddItem>& items,
                                 std::int64_t nowMs) const;
    /// Sends and waits; the worker takes the two halves below.
    AdvanceResult advance(RedisClient& redis,
                          const AdvanceRequest& request,
                          std::int64_t nowMs) const;
    /// The command refers to the request.
    [[nodiscard]] Command advanceCall(RedisClient& redis,
                                      const AdvanceRequest& request,
                                      std::int64_t nowMs) const;
    [[nodiscard]] AdvanceResult advanceResult(Reply reply,
                                              const AdvanceRequest& request,
                                              std::int64_t nowMs) const;
    SettleResult retryJobs(RedisClient& redis,
                           const std::vector<RetryItem>& items,
                           std::int64_t nowMs) const;
    /// Items newest first, so that the oldest ends up in front.
    SettleResult handBackJobs(RedisClient& redis,
                              const std::vector<HandBackItem>& items,
                              std::int64_t nowMs) const;
    /// Codes as for a finish, and 1: no child is pending, nothing moved.
    SettleResult moveToWaitingChildren(RedisClient& redis,
                                       const std::vector<ChildrenWaitItem>& items,
                                       std::int64_t nowMs) const;
    /// Closes the queue's limiter for all workers that have one.
    void rateLimit(RedisClient& redis, std::chrono::milliseconds duration) const;
    /// Child job key to result (JSON), of the children that completed.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> childrenValues(
        RedisClient& redis, const std::string& id) const;
    /// The active jobs that are locked with this token, the newest first. Reads the whole active list: for recovery only.
    [[nodiscard]] std::vector<std::string> activeWithToken(RedisClient& redis,
                                                           const std::string& token) const;
    /// `locks`: id and token.
    RenewResult extendLocks(RedisClient& redis,
                            const std::vector<std::pair<std::string, std::string>>& locks,
                            std::chrono::milliseconds duration) const;
    /// Asks the worker that holds the job to set its cancel token. A worker of BullMQ does not listen.
    CancelRequest cancelJob(RedisClient& redis,
                            const std::string& id,
                            const std::string& reason = "") const;
    /// The stream of requests to cancel: fields id, token, reason. It expires with the locks that it is about.
    [[nodiscard]] std::string cancelRequestsKey() const { return keys_.cancel + "s"; }
    StalledResult checkStalled(RedisClient& redis,
                               std::int64_t nowMs,
                               std::chrono::milliseconds interval,
                               int maxStalledCount,
                               int chunk,
                               bool continuing) const;
    /// Puts those jobs back that are in no state and not younger than `latestMs`, and adds what a deduplication id without
    /// owner kept. Each id is checked and moved in one step.
    RescueResult rescueLost(RedisClient& redis,
                            const std::vector<std::string>& jobs,
                            const std::vector<std::string>& deduplications,
                            std::int64_t latestMs,
                            std::int64_t nowMs) const;
    /// Returns true if the caller may look for lost jobs now: no other process will until the interval is over. One that
    /// was begun with a longer interval does not count.
    [[nodiscard]] bool beginRescue(RedisClient& redis, std::chrono::milliseconds interval) const;
    /// How long the last check, anybody's, keeps the next one from being made.
    [[nodiscard]] std::chrono::milliseconds stalledCheckExpiresIn(RedisClient& redis) const;
    [[nodiscard]] std::chrono::milliseconds rescueExpiresIn(RedisClient& redis) const;

    [[nodiscard]] JobCounts counts(RedisClient& redis) const;
    [[nodiscard]] std::optional<Job> job(RedisClient& redis, const std::string& id) const;
    [[nodiscard]] JobState state(RedisClient& redis, const std::string& id) const;

    /// 0, or -1: no such job.
    int updateProgress(RedisClient& redis, const std::string& id, std::string_view json) const;
    int updateData(RedisClient& redis, const std::string& id, std::string_view json) const;
    /// The number of rows, or -1: no such job. `keep` 0: all rows.
    std::int64_t addLog(RedisClient& redis,
                        const std::string& id,
                        std::string_view row,
                        std::int64_t keep) const;

    /// Writes what BullMQ's Queue constructor writes: the event stream's length if absent and, unless a 5.x client's is
    /// there, the version.
    void writeMeta(RedisClient& redis) const;
    /// Puts a marker back that was popped and not used.
    void restoreMarker(RedisClient& redis, std::string_view member, std::string_view score) const;
    /// BZPOPMIN on the marker, for a connection of its own.
    [[nodiscard]] Command blockOnMarker(std::chrono::milliseconds timeout) const;

    void pause(RedisClient& redis) const;
    void resume(RedisClient& redis) const;
    [[nodiscard]] bool isPaused(RedisClient& redis) const;
    /// std::nullopt: without limit.
    void setConcurrency(RedisClient& redis, std::optional<int> jobs) const;
    void setRateLimit(RedisClient& redis, const std::optional<RateLimit>& limit) const;
    [[nodiscard]] std::int64_t rateLimitTtl(RedisClient& redis, std::optional<int> max) const;
    void removeRateLimitKey(RedisClient& redis) const;
    /// Makes the next job of a scheduler, once for each job taken.
    SchedulerResult iterateScheduler(RedisClient& redis,
                                     const SchedulerItem& item,
                                     std::int64_t nowMs) const;

private:
    /// A call of a script with its keys; the arguments follow.
    static Command callOf(RedisClient& redis,
                          const std::string& script,
                          std::initializer_list<std::reference_wrapper<const std::string>> keys);
    [[nodiscard]] Command stateCall(RedisClient& redis, const std::string& script) const;
    [[nodiscard]] const char* bullmq5() const;

    QueueKeys keys_;
    Bullmq5 bullmq5_;
    std::shared_ptr<std::atomic<bool>>
        sawBullmq5_;  ///< Evidence, once seen, counts for this process.
};

}  // namespace drover
