#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/Clock.h"
#include "core/HandlerType.h"
#include "queue/QueueBackend.h"
#include "redis/ClientPool.h"
#include "redis/ServerTime.h"
#include "worker/AdvanceCalls.h"
#include "worker/ClaimPolicy.h"
#include "worker/FailureLog.h"
#include "worker/HandlerRouter.h"
#include "worker/HeldJobs.h"
#include "worker/MarkerWait.h"
#include "worker/OutcomeInbox.h"
#include "worker/ProblemLog.h"
#include "worker/SchedulerIterator.h"
#include "worker/Settlement.h"
#include "worker/UnservedNames.h"
#include "worker/WorkerSettings.h"

namespace drover {

/// Works one queue: claims batches, hands them to the pools of its handlers, and tells Redis what became of each job.
///
/// One thread, the claim loop: while nothing is to do it waits at once for the queue's marker and for outcomes of its
/// handlers. One call of `advance` then finishes, promotes and claims; under load the next one is on its way before the last
/// is answered. An outage of Redis costs nothing but time: outcomes are kept and sent again.
/// Threads: the public methods from any thread, prepare() and switchTo() from one; everything else belongs to the loop.
class Worker {
public:
    using Time = Clock::Monotonic;

    /// What a worker has done since it started, and whether it makes progress.
    struct Stats {
        std::uint64_t claimed = 0, completed = 0, failed = 0, retried = 0, handedBack = 0, lost = 0,
                      unserved = 0, setAside = 0;
        std::size_t held = 0;
        bool redisHealthy = false;
        std::string trouble;  ///< Why handlers are unavailable; empty: none is.
        std::chrono::milliseconds sinceProgress{
            0};  ///< Since a reply of Redis, blocking ones included, or since none was needed.
    };

    /// `handlers` is not empty. Throws Poco::InvalidArgumentException for a bad queue name.
    Worker(WorkerSettings settings,
           const RedisOptions& redis,
           const std::shared_ptr<const ScriptRegistry>& scripts,
           const Clock& clock,
           std::vector<std::shared_ptr<HandlerType>> handlers);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Makes the handlers' instances, and the loop's thread, which waits for start(). Throws PluginException if a plugin
    /// refuses, std::system_error if no thread can be had.
    void makeReady();
    /// Starts the loop. After makeReady() it cannot fail; without, it does the same first.
    void start();
    /// Returns once the worker has its connections, so that dashboards list it; or if Redis refused the first attempt. After
    /// start().
    void awaitListed() const { listed_.wait(false); }
    /// Called from the loop when a claim finds that a queue shared with 5.x clients is not paused any more. Before start().
    void onResumed(std::function<void()> resumed) { resumed_ = std::move(resumed); }
    /// Claims nothing any more (true) or again (false); what runs goes on.
    void quiet(bool on);
    /// Hands back what has not begun, lets the rest end. Returns at once; finished() tells when all is told to Redis.
    void drain();
    [[nodiscard]] bool finished() const { return finished_; }
    /// Ends the loop now: cancel tokens are set, what still runs stays active in Redis until its lock expires.
    void stop();

    /// Other handlers, ready to run, and the settings that go with them.
    struct Change {
        std::shared_ptr<HandlerRouter> router;
        WorkerSettings settings;
    };
    /// Makes the instances of handlers that are to take the place of the present ones; those that stay keep theirs. May
    /// be empty. Of `settings` those count that apply without a restart, see reloaded().
    /// Throws PluginException if a plugin refuses; then nothing has changed.
    [[nodiscard]] Change prepare(std::vector<std::shared_ptr<HandlerType>> handlers,
                                 const WorkerSettings& settings) const;
    /// From the loop's next step on the handlers are those of `next`: what has not begun goes to them, what runs ends
    /// where it is. Without any the queue is left to others.
    void switchTo(Change next);

    /// Whether a handler is inside process() or outcomeOf() on one of the worker's threads.
    [[nodiscard]] bool handlersBusy() const;

    [[nodiscard]] WorkerSettings settings() const;
    [[nodiscard]] const QueueBackend& backend() const { return backend_; }
    [[nodiscard]] HeldJobs& held() { return held_; }
    [[nodiscard]] Stats stats() const;

private:
    void begin();
    void loop();
    void step();
    /// Changes over to what switchTo() brought.
    void changeHandlers();
    void gather();
    void settle(const std::shared_ptr<JobRun>& run, Time now);
    void sendSettlements();
    void sendCall(int claim, const ClaimPolicy::Load& load);
    /// Takes the next answer, or waits until it comes; with `orOutcomes` not longer than until there is enough for another
    /// call.
    void awaitAnswer(bool orOutcomes);
    void answered(AdvanceCalls::Answer answer);
    /// Works through the last answer. Not done before Redis has its next call, if there is one.
    void takeIn();
    /// Waits until Redis owes us no answer, which other calls need; false if the worker is to stop.
    [[nodiscard]] bool allAnswered();
    /// Gives back what a claim took whose reply was lost.
    void recoverClaims();
    void accept(std::vector<ClaimedJob> jobs);
    void handBackUnstarted();
    void handBackUnstarted(HandlerPool& pool);
    void wait();
    void waitForRedis(Time until);

    /// How many jobs this process has, or will have when Redis has answered.
    [[nodiscard]] int holding() const;
    /// What counts for a claim by a call that finishes `freed` of the jobs held.
    [[nodiscard]] ClaimPolicy::Load load(int freed) const;
    /// How many jobs may be claimed now.
    [[nodiscard]] int capacity(const ClaimPolicy::Load& load, Time now);
    /// Of the handler that had the job; nullptr: none had.
    [[nodiscard]] HandlerRouter::Route* routeOf(const JobRun& run) const;
    /// What the handler's breaker makes of an outcome.
    void tellBreaker(HandlerRouter::Route& route, const JobOutcome& outcome, Time now);
    /// Tells the log of a job that failed for good.
    void logFailure(const JobRun& run);
    /// Makes the next job of the scheduler that this one belongs to; false if that must be tried again.
    [[nodiscard]] bool iterate(const ClaimedJob& job);
    /// Counts and logs what a claim delayed since no handler here serves it.
    void tellUnserved(const AdvanceResult& result);
    void release(const std::shared_ptr<JobRun>& run,
                 int code,
                 const char* operation,
                 bool sentBefore);
    std::shared_ptr<const JobOptions> optionsOf(const ClaimedJob& job);
    [[nodiscard]] std::string nextToken();
    void report(const std::vector<JobProblem>& problems);
    void progressed() { lastProgress_ = clock_.monotonic(); }

    WorkerSettings settings_;  ///< Changed by the loop, under routing_.
    const RedisClock clock_;
    const QueueBackend backend_;
    RedisClient redis_;
    ClientPool hostClients_;  ///< For calls that handlers make while they run.
    MarkerWait marker_;
    OutcomeInbox inbox_;
    HeldJobs held_;
    SchedulerIterator scheduler_;
    ProblemLog problems_;

    mutable std::mutex routing_;  ///< Held by the loop to change what other threads may look at.
    std::shared_ptr<HandlerRouter> router_;
    std::vector<std::shared_ptr<HandlerRouter::Route>>
        retired_;                 ///< Until their threads have ended.
    std::optional<Change> next_;  ///< What comes after router_ and settings_.

    std::string trouble_;  ///< What the handlers of open breakers said last; under routing_.
    FailureLog failures_;
    Settlement settlement_;  ///< Outcomes that Redis does not know yet.
    AdvanceCalls calls_;
    /// Until its jobs are held and the ones that it finished are let go.
    std::optional<AdvanceCalls::Answer> answer_;
    std::shared_ptr<const std::vector<std::string>> servedNames_;  ///< Of router_.
    UnservedNames unserved_;
    std::string cachedOptionsText_;
    std::shared_ptr<const JobOptions> cachedOptions_;
    std::string tokenPrefix_;
    std::uint64_t claims_ = 0;
    ClaimPolicy policy_;
    bool toldFull_ = false;  ///< That no more bytes may be held, in this episode.
    bool lookAgain_ = true;  ///< Whether a claim may find something.
    std::function<void()> resumed_ = [] {};
    bool sharedPaused_ = false;  ///< The last claim found the queue shared and paused.
    std::int64_t nextDelayedMs_ = 0;
    Time claimNotBefore_{};

    std::atomic<bool> begun_{false};
    std::atomic<bool> listed_{false};
    std::atomic<bool> changeAsked_{false};
    std::atomic<bool> quiet_{false};
    std::atomic<bool> draining_{false};
    std::atomic<bool> stopping_{false};
    std::atomic<bool> finished_{false};
    std::atomic<Time> lastProgress_;
    struct Counters {
        std::atomic<std::uint64_t> claimed{0}, completed{0}, failed{0}, retried{0}, handedBack{0},
            lost{0}, unserved{0}, setAside{0};
    } counters_;
    std::thread thread_;
};

}  // namespace drover
