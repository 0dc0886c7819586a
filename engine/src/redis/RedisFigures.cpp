#include "redis/RedisFigures.h"

#include "redis/RedisOptions.h"

namespace drover {

std::shared_ptr<RedisFigures> makeRedisFigures() {
    return std::make_shared<RedisFigures>();
}

void RedisFigures::measure(Metrics& metrics) const {
    metrics
        .histogram("drover_redis_round_trip_seconds",
                   "Time from a command, script or pipeline to its last reply")
        .add({}, roundTrips.figures());
    metrics
        .counter("drover_redis_reconnects_total",
                 "Connections to Redis that replaced an earlier one")
        .add({}, reconnects.load());
    metrics
        .counter("drover_redis_failures_total",
                 "Attempts to connect and calls that ended without a reply")
        .add({}, failures.load());
    metrics
        .counter("drover_redis_refusals_total",
                 "Commands that Redis refused for now: read-only, loading, out of memory")
        .add({}, refusals.load());
}

}  // namespace drover
