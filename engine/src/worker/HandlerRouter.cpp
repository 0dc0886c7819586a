#include "worker/HandlerRouter.h"

#include <algorithm>
#include <iterator>

namespace drover {

HandlerRouter::HandlerRouter(std::vector<std::shared_ptr<HandlerType>> handlers,
                             const HandlerLimits& limits,
                             OutcomeInbox& inbox)
    : limits_(limits), inbox_(inbox) {
    for (auto& type : handlers) {
        add(std::make_shared<Route>(std::move(type), limits_, inbox_));
    }
}

HandlerRouter::HandlerRouter(const HandlerRouter& before,
                             std::vector<std::shared_ptr<HandlerType>> handlers,
                             const HandlerLimits& limits)
    : limits_(limits), inbox_(before.inbox_) {
    const bool alike = limits == before.limits_;
    for (auto& type : handlers) {
        const auto same =
            std::find_if(before.routes_.begin(), before.routes_.end(), [&type](const auto& route) {
                return &route->pool.type() == type.get();
            });
        add(alike && same != before.routes_.end()
                ? *same
                : std::make_shared<Route>(std::move(type), limits_, inbox_));
    }
}

void HandlerRouter::add(std::shared_ptr<Route> route) {
    const std::vector<std::string>& names = route->pool.type().jobNames();
    for (const std::string& name : names) {
        byName_.emplace(name, routes_.size());
    }
    if (names.empty()) {
        anyName_ = routes_.size();
    }
    routes_.push_back(std::move(route));
}

std::vector<std::shared_ptr<HandlerRouter::Route>> HandlerRouter::without(
    const HandlerRouter& next) const {
    std::vector<std::shared_ptr<Route>> gone;
    std::copy_if(
        routes_.begin(), routes_.end(), std::back_inserter(gone), [&next](const auto& route) {
            return std::find(next.routes_.begin(), next.routes_.end(), route) == next.routes_.end();
        });
    return gone;
}

void HandlerRouter::start() {
    for (const auto& route : routes_) {
        route->pool.start();
    }
}

bool HandlerRouter::busy() const {
    return std::any_of(
        routes_.begin(), routes_.end(), [](const auto& route) { return route->pool.busy(); });
}

std::shared_ptr<const std::vector<std::string>> HandlerRouter::servedNames() const {
    if (anyName_ < routes_.size()) {
        return nullptr;
    }
    std::vector<std::string> names;
    for (const auto& [name, route] : byName_) {
        names.push_back(name);
    }
    return std::make_shared<const std::vector<std::string>>(std::move(names));
}

HandlerRouter::Route* HandlerRouter::byName(const std::string& jobName) const {
    const auto found = byName_.find(jobName);
    if (found != byName_.end()) {
        return routes_[found->second].get();
    }
    return anyName_ < routes_.size() ? routes_[anyName_].get() : nullptr;
}

HandlerRouter::Route* HandlerRouter::byPool(const HandlerPool* pool) const {
    const auto found = std::find_if(
        routes_.begin(), routes_.end(), [pool](const auto& route) { return &route->pool == pool; });
    return found == routes_.end() ? nullptr : found->get();
}

std::vector<std::shared_ptr<JobRun>> HandlerRouter::submit(
    std::vector<std::shared_ptr<JobRun>> runs, Time now) {
    std::map<Route*, std::vector<std::shared_ptr<JobRun>>> perRoute;
    std::vector<std::shared_ptr<JobRun>> refused;
    for (auto& run : runs) {
        Route* const route = byName(run->job().name);
        run->assignTo(route == nullptr ? nullptr : &route->pool);
        (route == nullptr ? refused : perRoute[route]).push_back(std::move(run));
    }
    for (auto& [route, mine] : perRoute) {
        const int allowed = route->breaker.allowed(static_cast<int>(mine.size()), now);
        refused.insert(refused.end(), mine.begin() + allowed, mine.end());
        mine.resize(static_cast<std::size_t>(allowed));
        route->breaker.onClaim(allowed);
        if (!mine.empty()) {
            route->pool.submit(std::move(mine));
        }
    }
    return refused;
}

int HandlerRouter::allowed(int wanted, Time now) const {
    int most = 0;
    for (const auto& route : routes_) {
        most = std::max(most, route->breaker.allowed(wanted, now));
    }
    return most;
}

std::string HandlerRouter::trouble() const {
    std::string all;
    for (const auto& route : routes_) {
        if (!route->breaker.closed()) {
            all += (all.empty() ? "handler " : "; handler ") + route->pool.type().name() + ": " +
                   route->trouble;
        }
    }
    return all;
}

int HandlerRouter::slots() const {
    int slots = 0;
    for (const auto& route : routes_) {
        slots += route->pool.slots();
    }
    return slots;
}

HandlerPool::Load HandlerRouter::load() const {
    HandlerPool::Load all{0, 0};
    for (const auto& route : routes_) {
        const HandlerPool::Load one = route->pool.load();
        all.ready += one.ready;
        all.unstarted += one.unstarted;
    }
    return all;
}

HandlerRouter::Time HandlerRouter::nextChange(std::chrono::milliseconds unstartedMax) const {
    Time next = Time::max();
    for (const auto& route : routes_) {
        next = std::min(next, route->breaker.nextChange());
        const Time oldest = route->pool.oldestUnstarted();
        if (oldest != Time::max()) {
            next = std::min(next, oldest + unstartedMax);
        }
    }
    return next;
}

}  // namespace drover
