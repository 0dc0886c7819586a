#include "worker/HandlerRouter.h"

#include <algorithm>

namespace drover {

HandlerRouter::HandlerRouter(std::vector<std::shared_ptr<HandlerType>> handlers,
                             int threads,
                             int batchSize,
                             std::chrono::milliseconds timeout,
                             OutcomeInbox& inbox) {
    for (auto& type : handlers) {
        for (const std::string& name : type->jobNames()) {
            byName_.emplace(name, routes_.size());
        }
        if (type->jobNames().empty()) {
            anyName_ = routes_.size();
        }
        routes_.emplace_back().pool =
            std::make_unique<HandlerPool>(std::move(type), threads, batchSize, timeout, inbox);
    }
}

void HandlerRouter::start() {
    for (Route& route : routes_) {
        route.pool->start();
    }
}

bool HandlerRouter::busy() const {
    return std::any_of(
        routes_.begin(), routes_.end(), [](const Route& route) { return route.pool->busy(); });
}

HandlerRouter::Route* HandlerRouter::byName(const std::string& jobName) {
    const auto found = byName_.find(jobName);
    if (found != byName_.end()) {
        return &routes_[found->second];
    }
    return anyName_ < routes_.size() ? &routes_[anyName_] : nullptr;
}

HandlerRouter::Route* HandlerRouter::byPool(const HandlerPool* pool) {
    const auto found = std::find_if(routes_.begin(), routes_.end(), [pool](const Route& route) {
        return route.pool.get() == pool;
    });
    return found == routes_.end() ? nullptr : &*found;
}

std::vector<std::shared_ptr<JobRun>> HandlerRouter::submit(
    std::vector<std::shared_ptr<JobRun>> runs, Time now) {
    std::vector<std::vector<std::shared_ptr<JobRun>>> perRoute(routes_.size());
    for (auto& run : runs) {
        const Route* route = byName(run->job().name);
        run->pool = route->pool.get();
        perRoute[static_cast<std::size_t>(route - routes_.data())].push_back(std::move(run));
    }
    std::vector<std::shared_ptr<JobRun>> refused;
    for (std::size_t i = 0; i < routes_.size(); ++i) {
        auto& mine = perRoute[i];
        if (mine.empty()) {
            continue;
        }
        Route& route = routes_[i];
        const int allowed = route.breaker.allowed(static_cast<int>(mine.size()), now);
        refused.insert(refused.end(), mine.begin() + allowed, mine.end());
        mine.resize(static_cast<std::size_t>(allowed));
        route.breaker.claimed(allowed);
        if (!mine.empty()) {
            route.pool->submit(std::move(mine));
        }
    }
    return refused;
}

int HandlerRouter::allowed(int wanted, Time now) const {
    int most = 0;
    for (const Route& route : routes_) {
        most = std::max(most, route.breaker.allowed(wanted, now));
    }
    return most;
}

bool HandlerRouter::breakersClosed() const {
    return std::all_of(
        routes_.begin(), routes_.end(), [](const Route& route) { return route.breaker.closed(); });
}

bool HandlerRouter::starved() const {
    return std::all_of(routes_.begin(), routes_.end(), [](const Route& route) {
        return route.pool->oldestUnstarted() == Time::max();
    });
}

int HandlerRouter::slots() const {
    int slots = 0;
    for (const Route& route : routes_) {
        slots += route.pool->slots();
    }
    return slots;
}

HandlerRouter::Time HandlerRouter::nextChange(std::chrono::milliseconds unstartedMax) const {
    Time next = Time::max();
    for (const Route& route : routes_) {
        next = std::min(next, route.breaker.nextChange());
        const Time oldest = route.pool->oldestUnstarted();
        if (oldest != Time::max()) {
            next = std::min(next, oldest + unstartedMax);
        }
    }
    return next;
}

}  // namespace drover
