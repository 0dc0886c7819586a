#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/HandlerType.h"
#include "core/QueueSettings.h"
#include "drover/Metrics.h"
#include "queue/QueueContext.h"
#include "redis/ClientPool.h"
#include "redis/ServerTime.h"
#include "worker/ClaimLoop.h"
#include "worker/HandlerSet.h"
#include "worker/HeldJobs.h"
#include "worker/JobCalls.h"
#include "worker/OutcomeInbox.h"
#include "worker/SlotClients.h"
#include "worker/TargetQueues.h"

namespace drover {

/// Works one queue from start() to stop(): owns the thread of the claim loop, the handlers, and the jobs that are held.
///
/// Threads: every method may be called from any thread, prepare() and replaceHandlers() from one.
class Worker {
public:
    /// The counts since the worker started, and whether it makes progress.
    struct Stats {
        std::uint64_t claimed = 0, completed = 0, failed = 0, retried = 0, handedBack = 0, lost = 0,
                      unserved = 0, setAside = 0, putOff = 0;
        std::size_t held = 0;
        bool redisHealthy = false;
        bool progresses = true;  ///< See ClaimLoop::progresses().
        bool quiet = false;
        std::string trouble;  ///< The reasons of unavailable handlers; empty: all are available.
        std::string
            putOffReason;  ///< The reason of the job that was put off last; empty: none was.
        /// Since a reply of Redis, blocking ones included, or since none was needed.
        std::chrono::milliseconds sinceProgress{0};

        /// Returns true if the worker is ready to work, or quiet by request.
        [[nodiscard]] bool isFit() const { return redisHealthy && progresses && trouble.empty(); }
    };

    /// `handlers` is not empty. `targets` counts for queues that they add to. Throws Poco::InvalidArgumentException for a bad queue name.
    Worker(const QueueSettings& settings,
           const RedisOptions& redis,
           const Clock& clock,
           std::vector<std::shared_ptr<HandlerType>> handlers,
           TargetQueues::Known targets = {});
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Makes the handlers' instances, and the loop's thread, which waits for start(). Throws PluginException if a plugin
    /// refuses, std::system_error if the system has no thread left.
    void makeReady();
    /// Starts the loop. Cannot fail after makeReady(); else calls that first.
    void start();
    /// Returns once the worker has its connections, so that dashboards list it; or if Redis refused the first attempt. After
    /// start().
    void awaitListed() const { listed_.wait(false); }
    /// See ClaimLoop::onResumed(). Before start().
    void onResumed(std::function<void()> resumed) { loop_.onResumed(std::move(resumed)); }
    /// Claims no job any more (true) or again (false), and hands back jobs that have not begun; running jobs go on. Without
    /// `autorun` the worker begins quiet.
    void quiet(bool on) { loop_.quiet(on); }
    /// Hands back jobs that have not begun, lets the rest end. Returns at once; finished() turns true when Redis has every
    /// outcome.
    void drain() { loop_.drain(); }
    [[nodiscard]] bool finished() const { return loop_.finished(); }
    /// Ends the loop now: sets all cancel tokens. Jobs that still run stay active in Redis until their locks expire.
    void stop();

    using Change = HandlerSet::Change;
    /// Makes the instances of handlers that are to take the place of the present ones; handlers that stay have their
    /// instances. `handlers` may be empty. See reloaded() for the settings that count.
    /// Throws PluginException if a plugin refuses; then nothing has changed.
    [[nodiscard]] Change prepare(std::vector<std::shared_ptr<HandlerType>> handlers,
                                 const QueueSettings& settings) const;
    /// Replaces the handlers from the loop's next step on: jobs that have not begun go to the new ones, running jobs end where
    /// they are. Without any handler the queue is left to other workers.
    void replaceHandlers(Change change);

    /// Returns true if a handler is inside process() or outcomeOf() on one of the worker's threads.
    [[nodiscard]] bool handlersBusy() const { return handlers_.busy(); }

    [[nodiscard]] QueueSettings settings() const { return loop_.settings(); }
    [[nodiscard]] const QueueContext& queue() const { return queue_; }
    [[nodiscard]] HeldJobs& held() { return held_; }
    [[nodiscard]] Stats stats() const;
    /// Adds the figures of the worker, with its queue as a label.
    void measure(Metrics& metrics) const;

private:
    /// Runs the loop; the body of the thread.
    void work();
    void release();

    const RedisClock clock_;
    const QueueContext queue_;
    ClientPool hostClients_;   ///< For calls that handlers make while they run.
    SlotClients slotClients_;  ///< For those that reach another slot of a cluster.
    const JobCalls jobCalls_;
    OutcomeInbox inbox_;
    HeldJobs held_;
    HandlerSet handlers_;
    ClaimLoop loop_;

    std::atomic<bool> released_{false};  ///< Lets the thread begin.
    std::atomic<bool> listed_{false};
    std::thread thread_;
};

}  // namespace drover
