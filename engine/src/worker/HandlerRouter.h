#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/Clock.h"
#include "core/HandlerType.h"
#include "worker/Breaker.h"
#include "worker/HandlerPool.h"

namespace drover {

/// The handlers of one queue: each with its threads and its breaker, found by the name of a job.
/// Threads: the claim loop; start() and busy() from any.
class HandlerRouter {
public:
    using Time = Clock::Monotonic;

    struct Route {
        std::unique_ptr<HandlerPool> pool;
        Breaker breaker;
    };

    /// A handler without job names gets the jobs that nobody else names.
    HandlerRouter(std::vector<std::shared_ptr<HandlerType>> handlers,
                  int threads,
                  int batchSize,
                  std::chrono::milliseconds timeout,
                  OutcomeInbox& inbox);

    /// Makes the handlers' instances. Throws PluginException if a plugin refuses.
    void start();
    /// Whether a handler is inside process() or outcomeOf() on one of the threads.
    [[nodiscard]] bool busy() const;

    /// nullptr: nobody serves the name.
    [[nodiscard]] Route* byName(const std::string& jobName);
    [[nodiscard]] Route* byPool(const HandlerPool* pool);
    [[nodiscard]] std::vector<Route>& routes() { return routes_; }

    /// Hands jobs to the pools they name; returns those that a breaker keeps from running now.
    [[nodiscard]] std::vector<std::shared_ptr<JobRun>> submit(
        std::vector<std::shared_ptr<JobRun>> runs, Time now);

    /// Of `wanted` jobs, how many some handler would take.
    [[nodiscard]] int allowed(int wanted, Time now) const;
    [[nodiscard]] bool breakersClosed() const;
    /// Whether every job that was handed over has begun.
    [[nodiscard]] bool starved() const;
    /// How many jobs all threads take at once.
    [[nodiscard]] int slots() const;
    /// When the first breaker changes by itself, or the oldest job that has not begun is `unstartedMax` old.
    [[nodiscard]] Time nextChange(std::chrono::milliseconds unstartedMax) const;

private:
    std::vector<Route> routes_;
    std::map<std::string, std::size_t> byName_;
    std::size_t anyName_ = static_cast<std::size_t>(-1);  ///< Index of the one without job names.
};

}  // namespace drover
