#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/Clock.h"
#include "core/Log.h"
#include "core/QueueSettings.h"
#include "worker/HandlerRouter.h"
#include "worker/OutcomeInbox.h"

namespace drover {

/// Holds the handlers of one queue, and exchanges them while they run.
///
/// A replaced handler is retired: its threads end after their present batch, and its last outcomes still come.
/// Threads: prepare() and replace() from one, busy(), trouble(), putOff() and those of breakers from any, the rest from the claim loop.
class HandlerSet {
public:
    using Time = Clock::Monotonic;
    using Runs = std::vector<std::shared_ptr<JobRun>>;

    /// Handlers that are ready to run, and the settings that go with them.
    struct Change {
        std::shared_ptr<HandlerRouter> router;
        QueueSettings settings;
    };

    /// `inbox` must outlive this object. `log` names the queue.
    HandlerSet(std::vector<std::shared_ptr<HandlerType>> handlers,
               const HandlerLimits& limits,
               OutcomeInbox& inbox,
               Log log);

    /// Makes the handlers' instances. Before the claim loop runs. Throws PluginException if a plugin refuses.
    void start() { router_->start(); }
    /// Makes the instances of handlers that are to take the place of the present ones; handlers that stay have their
    /// instances already. Throws PluginException if a plugin refuses; then nothing has changed.
    [[nodiscard]] std::shared_ptr<HandlerRouter> prepare(
        std::vector<std::shared_ptr<HandlerType>> handlers, const HandlerLimits& limits) const;
    /// Leaves a change for adopt(); a change that is not adopted yet is dropped.
    void replace(Change change);
    /// Returns true if a handler is inside process() or outcomeOf() on one of the threads, retired ones included.
    [[nodiscard]] bool busy() const;
    /// Returns the reasons of unavailable handlers in one line; empty: all are available.
    [[nodiscard]] std::string trouble() const;
    /// Jobs that a handler delayed, since infrastructure refused them through no fault of the jobs.
    struct PutOff {
        std::uint64_t jobs = 0;  ///< Since the start.
        std::string reason;      ///< The reason of the last one.
    };
    [[nodiscard]] PutOff putOff() const;
    /// The breaker of a present handler.
    struct BreakerState {
        std::string handler;
        bool open = false;
    };
    [[nodiscard]] std::vector<BreakerState> breakers() const;
    /// Returns how often a breaker opened, of all handlers since the start.
    [[nodiscard]] std::uint64_t breakerOpenings() const;

    /// The result of a change.
    struct Adopted {
        QueueSettings settings;
        Runs homeless;  ///< Jobs that had not begun and that no present handler can run now.
    };
    /// Changes over to what replace() left, if anything. Jobs that have not begun go to the new handlers.
    [[nodiscard]] std::optional<Adopted> adopt(Time now);
    /// Returns the batches that handlers have finished.
    [[nodiscard]] std::vector<FinishedBatch> popOutcomes();
    /// Forgets retired handlers whose last batches popOutcomes() has returned: after their jobs are settled.
    void forgetEnded();
    /// Returns the jobs that have not begun, of each handler where the oldest was claimed `unstartedMax` ago; zero: of all.
    [[nodiscard]] Runs popUnstarted(std::chrono::milliseconds unstartedMax, Time now);

    /// The consequences of one job's outcome.
    struct Reaction {
        Runs handBack;  ///< The handler became unavailable: jobs of it that have not begun.
        bool recovered = false;  ///< The handler is available again.
    };
    /// Informs the breaker of the handler that had the job.
    [[nodiscard]] Reaction onOutcome(const JobRun& run, Time now);
    /// Informs the breaker that a job's outcome does not count.
    void onLost(const JobRun& run);
    /// Returns "<plugin> <version>" of the handler that had the job, for stack traces.
    [[nodiscard]] const std::string& versionOf(const JobRun& run) const;

    /// Returns the present handlers.
    [[nodiscard]] HandlerRouter& router() { return *router_; }
    [[nodiscard]] const HandlerRouter& router() const { return *router_; }

private:
    using Route = HandlerRouter::Route;

    /// Returns the route of the handler that had the job; nullptr: none had.
    [[nodiscard]] Route* routeOf(const JobRun& run) const;
    /// Copies the state of the breakers for other threads.
    void updateTrouble();

    const Log log_;
    OutcomeInbox& inbox_;
    mutable std::mutex mutex_;  ///< The loop holds it to change what other threads read.
    std::shared_ptr<HandlerRouter> router_;
    std::vector<std::shared_ptr<Route>> retired_;
    std::optional<Change> next_;
    std::string trouble_;
    PutOff putOff_;
    std::vector<BreakerState> breakers_;
    std::uint64_t openings_ = 0;
    std::vector<std::shared_ptr<Route>> ended_;  ///< For forgetEnded().
};

}  // namespace drover
