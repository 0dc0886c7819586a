#include "queue/ops/Marker.h"

#include <Poco/Format.h>

namespace drover::ops {

Command blockOnMarker(const QueueContext& queue, std::chrono::milliseconds timeout) {
    Command command{"BZPOPMIN", queue.keys().marker};
    command.own(Poco::format("%.3f", static_cast<double>(timeout.count()) / 1000.0));
    return command;
}

void restoreMarker(const QueueContext& queue,
                   RedisClient& redis,
                   std::string_view member,
                   std::string_view score) {
    redis.call(Command{"ZADD", queue.keys().marker, score, member});
}

}  // namespace drover::ops
