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
///
/// What it routes to does not change: other handlers are another router, which shares the routes of those that stay.
/// Threads: the claim loop; the constructors, start() and busy() from any.
class HandlerRouter {
public:
    using Time = Clock::Monotonic;

    struct Route {
        Route(std::shared_ptr<HandlerType> type,
              int threads,
              int batchSize,
              std::chrono::milliseconds timeout,
              OutcomeInbox& inbox)
            : pool(std::move(type), threads, batchSize, timeout, inbox) {}
        HandlerPool pool;
        Breaker breaker;
        std::string trouble;  ///< Why the breaker opened, as the handler said it last.
    };

    /// A handler without job names gets the jobs that nobody else names.
    HandlerRouter(std::vector<std::shared_ptr<HandlerType>> handlers,
                  int threads,
                  int batchSize,
                  std::chrono::milliseconds timeout,
                  OutcomeInbox& inbox);
    /// Takes over the routes of the handlers that `before` has, too, unless they are to run otherwise.
    HandlerRouter(const HandlerRouter& before,
                  std::vector<std::shared_ptr<HandlerType>> handlers,
                  int threads,
                  int batchSize,
                  std::chrono::milliseconds timeout);

    /// Makes the handlers' instances. Throws PluginException if a plugin refuses.
    void start();
    /// Whether a handler is inside process() or outcomeOf() on one of the threads.
    [[nodiscard]] bool busy() const;

    /// The names that have a handler; null: every name has one.
    [[nodiscard]] std::shared_ptr<const std::vector<std::string>> servedNames() const;
    /// nullptr: no handler serves the name.
    [[nodiscard]] Route* byName(const std::string& jobName);
    [[nodiscard]] Route* byPool(const HandlerPool* pool);
    [[nodiscard]] const std::vector<std::shared_ptr<Route>>& routes() const { return routes_; }
    /// The routes that `next` does not have.
    [[nodiscard]] std::vector<std::shared_ptr<Route>> without(const HandlerRouter& next) const;

    /// Hands jobs to the pools they name; returns those that a breaker keeps from running now.
    [[nodiscard]] std::vector<std::shared_ptr<JobRun>> submit(
        std::vector<std::shared_ptr<JobRun>> runs, Time now);

    /// Of `wanted` jobs, how many some handler would take.
    [[nodiscard]] int allowed(int wanted, Time now) const;
    /// "handler <name>: <reason>" of each handler whose breaker is open, in one line; empty: every breaker is closed.
    [[nodiscard]] std::string trouble() const;
    /// How many jobs all threads take at once.
    [[nodiscard]] int slots() const;
    /// Of all handlers together.
    [[nodiscard]] HandlerPool::Load load() const;
    /// When the first breaker changes by itself, or the oldest job that has not begun is `unstartedMax` old.
    [[nodiscard]] Time nextChange(std::chrono::milliseconds unstartedMax) const;

private:
    void add(std::shared_ptr<Route> route);

    const int threads_;
    const int batchSize_;
    const std::chrono::milliseconds timeout_;
    OutcomeInbox& inbox_;
    std::vector<std::shared_ptr<Route>> routes_;
    std::map<std::string, std::size_t> byName_;
    std::size_t anyName_ = static_cast<std::size_t>(-1);  ///< Index of the one without job names.
};

}  // namespace drover
