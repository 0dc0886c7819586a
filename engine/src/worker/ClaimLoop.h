#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/Clock.h"
#include "core/Log.h"
#include "core/QueueSettings.h"
#include "queue/QueueContext.h"
#include "queue/ops/Replies.h"
#include "redis/ClientPool.h"
#include "worker/AdvanceCalls.h"
#include "worker/ClaimPolicy.h"
#include "worker/FailureLog.h"
#include "worker/HandlerSet.h"
#include "worker/HeldJobs.h"
#include "worker/IdleWait.h"
#include "worker/Intake.h"
#include "worker/JobCalls.h"
#include "worker/LostClaims.h"
#include "worker/OutcomeInbox.h"
#include "worker/ProblemLog.h"
#include "worker/QueueOutlook.h"
#include "worker/RunSpans.h"
#include "worker/SchedulerIterator.h"
#include "worker/SettledRun.h"
#include "worker/Settlement.h"
#include "worker/SettlementSender.h"
#include "worker/UnservedNames.h"
#include "worker/WorkerCounters.h"

namespace drover {

/// Passes the jobs of one queue from Redis to the handlers and their outcomes back, until stop() or drain().
///
/// An idle loop waits for the queue's marker and for outcomes of its handlers at the same time. One call of `advance`
/// then finishes, promotes and claims; under load the next call is on its way before the loop goes through the last
/// reply. Every step moves values one way:
///
///     HandlerPool -> OutcomeInbox -> Settlement -> AdvanceCalls, SettlementSender -> Redis
///     Redis -> AdvanceCalls::Answer -> Intake -> HandlerSet -> HandlerPool
///     replies -> SettledRun -> Verdict: let go, or once more into the Settlement
///
/// An outage of Redis costs nothing but time: the settlement holds outcomes until Redis is back.
/// Threads: connect(), run() and close() on the worker's thread; the rest from any, onResumed() before run().
class ClaimLoop {
public:
    using Time = Clock::Monotonic;

    /// The parts of a worker that other threads use, too. All of them must outlive the loop.
    struct Shared {
        const Clock& clock;  ///< Redis's time.
        const QueueContext& queue;
        ClientPool& hostClients;
        const JobCalls& jobCalls;
        OutcomeInbox& inbox;
        HandlerSet& handlers;
        HeldJobs& held;
    };

    ClaimLoop(QueueSettings settings, const RedisOptions& redis, const Shared& shared);

    /// Connects the blocking connection, whose name dashboards list as the worker's. Does nothing while Redis is away.
    void connect() { idle_.connect(); }
    /// Runs until stop(), or until a drained worker holds no job. Throws std::exception for a defect; may be called again.
    void run();
    /// Ends the connections as run() has left them. Does not throw.
    void close();

    /// Calls `resumed` from the loop when a claim finds that a queue shared with 5.x clients is not paused any more.
    void onResumed(std::function<void()> resumed) { resumed_ = std::move(resumed); }
    /// Claims no job any more (true) or again (false), and hands back jobs that have not begun. Without `autorun` the
    /// loop begins quiet.
    void quiet(bool on);
    [[nodiscard]] bool isQuiet() const { return quiet_; }
    /// Hands back jobs that have not begun, lets the rest end, then finishes.
    void drain();
    /// Ends run() at its next step.
    void stop();
    [[nodiscard]] bool stopping() const { return stopping_; }
    /// Returns true once Redis has every outcome, or close() was called.
    [[nodiscard]] bool finished() const { return finished_; }

    [[nodiscard]] QueueSettings settings() const;
    [[nodiscard]] const WorkerCounters& counters() const { return counters_; }
    [[nodiscard]] bool redisHealthy() const { return redis_.healthy(); }
    /// Returns the time since a reply of Redis, blocking ones included, or since none was needed.
    [[nodiscard]] std::chrono::milliseconds sinceProgress() const;
    /// Returns false if Redis has answered nothing for twice as long as the present wait for jobs lasts, and for 5 s.
    [[nodiscard]] bool progresses() const;
    /// Returns the time since a claim brought a job, or since the loop was made.
    [[nodiscard]] std::chrono::milliseconds sinceJob() const;

private:
    void step();
    void adoptHandlers();
    /// Settles the jobs that handlers have finished.
    void gather();
    void measure(const FinishedBatch& batch);
    void handBackUnstarted();
    /// Gives back the jobs of claims whose reply was lost.
    void recoverClaims();
    void sendSettlements();
    /// Sends a call of `advance` if it has something to do; returns whether it was sent.
    bool sendCall();
    /// Accepts the next answer, or waits until it comes; with `orOutcomes` not longer than until another call is worth it.
    void awaitAnswer(bool orOutcomes);
    /// Waits until no call is under way, which other calls need; false: the loop is to end.
    [[nodiscard]] bool allAnswered();
    /// Applies an answer to the policy of the next claim; goes through the rest of it once Redis has its next call.
    void onAnswer(AdvanceCalls::Answer answer);
    /// Goes through the last answer: lets finished jobs go, and passes claimed ones to their handlers.
    void processAnswer();
    void accept(std::vector<ClaimedJob> jobs);
    /// Waits for a marker, outcomes, or the next time at which a claim may succeed.
    void wait();
    /// Waits until `until`, and for `pause`, which a worker that drains does not wait for. Gathers outcomes meanwhile.
    void waitForRedis(Time until, std::chrono::milliseconds pause = {});

    /// Passes a run with an outcome to the settlement.
    void settle(const std::shared_ptr<JobRun>& run, Time now);
    /// Acts on the reply to a settled run.
    void conclude(const SettledRun& settled);
    void giveBack(const HandlerSet::Runs& runs, std::int64_t delayMs);

    /// Returns how many jobs this process has, or will have after the calls under way.
    [[nodiscard]] int holding() const;
    /// Returns the load that counts for a claim by a call that finishes `freed` of the jobs held.
    [[nodiscard]] ClaimPolicy::Load load(int freed) const;
    /// Returns how many jobs may be claimed now.
    [[nodiscard]] int capacity(const ClaimPolicy::Load& load, Time now);
    void report(const std::vector<JobProblem>& problems);
    void markProgress() { lastProgress_ = clock_.monotonic(); }

    mutable std::mutex settingsMutex_;  ///< The loop holds it to change settings_.
    QueueSettings settings_;
    const Clock& clock_;
    const QueueContext& queue_;
    OutcomeInbox& inbox_;
    HandlerSet& handlers_;
    HeldJobs& held_;

    RedisClient redis_;
    SchedulerIterator scheduler_;
    Intake intake_;
    Settlement settlement_;
    LostClaims lostClaims_;
    AdvanceCalls calls_;
    SettlementSender sender_;
    ClaimPolicy policy_;
    QueueOutlook outlook_;
    IdleWait idle_;
    /// The last answer, until processAnswer(): its jobs are not held yet, and the jobs that it finished still are.
    std::optional<AdvanceCalls::Answer> answer_;
    std::shared_ptr<const std::vector<std::string>> servedNames_;
    const std::string tokenPrefix_;
    std::uint64_t tokens_ = 0;
    const RunSpans spans_;

    const Log log_;
    ProblemLog problems_;
    FailureLog failures_;
    UnservedNames unserved_;
    bool fullLogged_ = false;  ///< In this episode of too many bytes.

    std::function<void()> resumed_ = [] {};
    std::atomic<bool> quiet_;
    std::atomic<bool> draining_{false};
    std::atomic<bool> stopping_{false};
    std::atomic<bool> finished_{false};
    std::atomic<Time> lastProgress_;
    std::atomic<std::chrono::milliseconds> fetchTime_;  ///< How long the present wait may last.
    std::atomic<Time> lastJob_;
    WorkerCounters counters_;
};

}  // namespace drover
