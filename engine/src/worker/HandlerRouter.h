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

/// Routes jobs by their name to the handlers of one queue, each with its threads and its breaker.
///
/// The routes of a router never change: other handlers are another router, which shares the routes of handlers that stay.
/// Threads: the claim loop; the constructors, start() and busy() from any.
class HandlerRouter {
public:
    using Time = Clock::Monotonic;

    struct Route {
        Route(std::shared_ptr<HandlerType> type, const HandlerLimits& limits, OutcomeInbox& inbox)
            : pool(std::move(type), limits, inbox) {}
        HandlerPool pool;
        Breaker breaker;
        std::string trouble;  ///< The handler's last reason to be unavailable.
    };

    /// A handler without job names gets the jobs that no other handler names. `inbox` must outlive this object.
    HandlerRouter(std::vector<std::shared_ptr<HandlerType>> handlers,
                  const HandlerLimits& limits,
                  OutcomeInbox& inbox);
    /// Shares the routes of handlers that `before` has, too, if their limits are the same.
    HandlerRouter(const HandlerRouter& before,
                  std::vector<std::shared_ptr<HandlerType>> handlers,
                  const HandlerLimits& limits);

    /// Makes the handlers' instances. Throws PluginException if a plugin refuses.
    void start();
    /// Returns true if a handler is inside process() or outcomeOf() on one of the threads.
    [[nodiscard]] bool busy() const;

    /// Returns the names that have a handler; null: every name has one.
    [[nodiscard]] std::shared_ptr<const std::vector<std::string>> servedNames() const;
    [[nodiscard]] bool serves(const std::string& jobName) const {
        return byName(jobName) != nullptr;
    }
    /// Returns the route of a pool; nullptr: the router has none.
    [[nodiscard]] Route* byPool(const HandlerPool* pool) const;
    [[nodiscard]] const std::vector<std::shared_ptr<Route>>& routes() const { return routes_; }
    /// Returns the routes that `next` does not have.
    [[nodiscard]] std::vector<std::shared_ptr<Route>> without(const HandlerRouter& next) const;

    /// Hands jobs to the pools they name. Returns jobs that cannot run now: a breaker is open, or no handler serves the name.
    [[nodiscard]] std::vector<std::shared_ptr<JobRun>> submit(
        std::vector<std::shared_ptr<JobRun>> runs, Time now);

    /// Returns how many of `wanted` jobs the breakers let through, if all are for the handler whose breaker lets the
    /// most through.
    [[nodiscard]] int allowed(int wanted, Time now) const;
    /// Returns "handler <name>: <reason>" of each handler whose breaker is open, in one line; empty: every breaker is
    /// closed.
    [[nodiscard]] std::string trouble() const;
    /// Returns how many jobs all threads run at once.
    [[nodiscard]] int slots() const;
    /// Returns the load of all handlers together.
    [[nodiscard]] HandlerPool::Load load() const;
    /// Returns when the first breaker changes by itself, or the oldest job that has not begun is `unstartedMax` old.
    [[nodiscard]] Time nextChange(std::chrono::milliseconds unstartedMax) const;

private:
    void add(std::shared_ptr<Route> route);
    /// Returns nullptr if no handler serves the name.
    [[nodiscard]] Route* byName(const std::string& jobName) const;

    const HandlerLimits limits_;
    OutcomeInbox& inbox_;
    std::vector<std::shared_ptr<Route>> routes_;
    std::map<std::string, std::size_t> byName_;
    std::size_t anyName_ = static_cast<std::size_t>(-1);  ///< Index of the one without job names.
};

}  // namespace drover
