#include "worker/HandlerSet.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace drover {

namespace {

/// Returns the plugin's part of "<plugin>/<handler>".
std::string pluginOf(const HandlerType& type) {
    return type.name().substr(0, type.name().find('/'));
}

}  // namespace

HandlerSet::HandlerSet(std::vector<std::shared_ptr<HandlerType>> handlers,
                       const HandlerLimits& limits,
                       OutcomeInbox& inbox,
                       Log log)
    : log_(std::move(log)),
      inbox_(inbox),
      router_(std::make_shared<HandlerRouter>(std::move(handlers), limits, inbox)) {
    updateTrouble();
}

std::shared_ptr<HandlerRouter> HandlerSet::prepare(
    std::vector<std::shared_ptr<HandlerType>> handlers, const HandlerLimits& limits) const {
    std::shared_ptr<HandlerRouter> before;
    {
        const std::lock_guard lock(mutex_);
        before = next_ ? next_->router : router_;
    }
    auto router = std::make_shared<HandlerRouter>(*before, std::move(handlers), limits);
    router->start();
    return router;
}

void HandlerSet::replace(Change change) {
    const std::lock_guard lock(mutex_);
    next_ = std::move(change);
}

bool HandlerSet::busy() const {
    const std::lock_guard lock(mutex_);
    return router_->busy() || std::any_of(retired_.begin(), retired_.end(), [](const auto& route) {
               return route->pool.busy();
           });
}

std::string HandlerSet::trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
}

HandlerSet::PutOff HandlerSet::putOff() const {
    const std::lock_guard lock(mutex_);
    return putOff_;
}

std::vector<HandlerSet::BreakerState> HandlerSet::breakers() const {
    const std::lock_guard lock(mutex_);
    return breakers_;
}

std::uint64_t HandlerSet::breakerOpenings() const {
    const std::lock_guard lock(mutex_);
    return openings_;
}

std::optional<HandlerSet::Adopted> HandlerSet::adopt(Time now) {
    std::vector<std::shared_ptr<Route>> gone;
    Adopted adopted;
    {
        const std::lock_guard lock(mutex_);
        if (!next_) {
            return std::nullopt;
        }
        gone = router_->without(*next_->router);
        retired_.insert(retired_.end(), gone.begin(), gone.end());
        router_ = std::move(next_->router);
        adopted.settings = std::move(next_->settings);
        next_.reset();
    }
    Runs moving;
    for (const auto& route : gone) {
        Runs unstarted = route->pool.popUnstarted();
        moving.insert(moving.end(),
                      std::make_move_iterator(unstarted.begin()),
                      std::make_move_iterator(unstarted.end()));
        route->pool.retire();
    }
    adopted.homeless = router_->submit(std::move(moving), now);
    updateTrouble();
    return adopted;
}

std::vector<FinishedBatch> HandlerSet::popOutcomes() {
    // Before the inbox is read: a pool that has ended by now has left all its batches there.
    std::copy_if(
        retired_.begin(), retired_.end(), std::back_inserter(ended_), [](const auto& route) {
            return route->pool.retired();
        });
    return inbox_.popAll();
}

void HandlerSet::forgetEnded() {
    if (ended_.empty()) {
        return;
    }
    const std::lock_guard lock(mutex_);
    retired_.erase(std::remove_if(retired_.begin(),
                                  retired_.end(),
                                  [this](const auto& route) {
                                      return std::find(ended_.begin(), ended_.end(), route) !=
                                             ended_.end();
                                  }),
                   retired_.end());
    ended_.clear();
}

HandlerSet::Runs HandlerSet::popUnstarted(std::chrono::milliseconds unstartedMax, Time now) {
    Runs all;
    for (const auto& route : router_->routes()) {
        const Time oldest = route->pool.oldestUnstarted();
        if (oldest == Time::max() || now - oldest < unstartedMax) {
            continue;
        }
        // All that wait, not just the oldest: jobs that stayed behind would run after jobs that were claimed later.
        Runs unstarted = route->pool.popUnstarted();
        all.insert(all.end(),
                   std::make_move_iterator(unstarted.begin()),
                   std::make_move_iterator(unstarted.end()));
        route->breaker.onProbeReturned();
    }
    return all;
}

HandlerRouter::Route* HandlerSet::routeOf(const JobRun& run) const {
    if (run.pool() == nullptr) {
        return nullptr;
    }
    if (Route* const route = router_->byPool(run.pool())) {
        return route;
    }
    const auto found = std::find_if(retired_.begin(), retired_.end(), [&run](const auto& route) {
        return &route->pool == run.pool();
    });
    return found == retired_.end() ? nullptr : found->get();
}

HandlerSet::Reaction HandlerSet::onOutcome(const JobRun& run, Time now) {
    Reaction reaction;
    Route* const route = routeOf(run);
    if (route == nullptr) {
        return reaction;
    }
    const HandlerType& type = route->pool.type();
    const JobOutcome& outcome = run.outcome();
    if (outcome.kind == JobOutcome::Kind::Unavailable) {
        route->trouble = outcome.text;
        if (route->breaker.onUnavailable(std::chrono::milliseconds(outcome.ms), now)) {
            log_.warning("handler " + type.name() + " is unavailable: " + outcome.text +
                             "; claiming is paused, one job at a time probes",
                         {.plugin = pluginOf(type)});
            const std::lock_guard lock(mutex_);
            ++openings_;
        }
        reaction.handBack = route->pool.popUnstarted();
        updateTrouble();
    } else if (outcome.kind == JobOutcome::Kind::Unset ||
               outcome.kind == JobOutcome::Kind::Delayed) {
        // A delayed job shows nothing about the infrastructure: the handler may have delayed it because of an outage.
        route->breaker.onProbeReturned();
        if (!outcome.text.empty()) {
            const std::lock_guard lock(mutex_);
            ++putOff_.jobs;
            putOff_.reason = outcome.text;
        }
    } else if (!route->breaker.closed()) {
        const auto outage = route->breaker.onSuccess(now);
        log_.information("handler " + type.name() + " works again after " +
                             std::to_string(outage.count()) + " ms",
                         {.plugin = pluginOf(type)});
        reaction.recovered = true;
        updateTrouble();
    }
    return reaction;
}

void HandlerSet::onLost(const JobRun& run) {
    if (Route* const route = routeOf(run)) {
        route->breaker.onProbeReturned();
    }
}

const std::string& HandlerSet::versionOf(const JobRun& run) const {
    static const std::string kNone = "drover";
    const Route* const route = routeOf(run);
    return route == nullptr ? kNone : route->pool.type().pluginVersion();
}

void HandlerSet::updateTrouble() {
    std::string trouble = router_->trouble();
    std::vector<BreakerState> breakers;
    for (const auto& route : router_->routes()) {
        breakers.push_back({route->pool.type().name(), !route->breaker.closed()});
    }
    const std::lock_guard lock(mutex_);
    trouble_ = std::move(trouble);
    breakers_ = std::move(breakers);
}

}  // namespace drover
