#include "drover/operate/QueueDoctor.h"

#include <string>
#include <utility>

#include <Poco/Exception.h>

#include "operate/QueueExamination.h"
#include "operate/QueueRepair.h"
#include "operate/ServerExamination.h"
#include "queue/QueueContext.h"
#include "redis/RedisShared.h"

namespace drover {

// A class within an exported one is exported as well, unless it says otherwise.
class __attribute__((visibility("hidden"))) QueueDoctor::Impl {
public:
    Impl(const Redis& handle, const Settings& settings)
        : redis(serverOf(handle, settings.prefix + ":" + settings.name)),
          queue(QueueKeys(settings.prefix, settings.name), settings.bullmq5) {}

    const Redis redis;
    const QueueContext queue;
};

QueueDoctor::QueueDoctor(const Redis& redis, const Settings& settings)
    : impl_(std::make_unique<Impl>(redis, settings)) {}
QueueDoctor::~QueueDoctor() = default;

QueueDoctor::Report QueueDoctor::examine(const Calls& calls) {
    if (calls.keys < 10 || calls.keys > 10000) {
        throw Poco::InvalidArgumentException("the keys of a page must be in [10, 10000], got " +
                                             std::to_string(calls.keys));
    }
    const ClientPool::Lease lease = impl_->redis.shared().lease();
    return QueueExamination(impl_->queue, *lease, calls).run();
}

std::vector<QueueFinding> QueueDoctor::repair(const std::vector<QueueFinding>& findings) {
    const ClientPool::Lease lease = impl_->redis.shared().lease();
    return QueueRepair(impl_->queue, *lease).run(findings);
}

std::vector<QueueFinding> QueueDoctor::examineServer(const Redis& redis) {
    const ClientPool::Lease lease = redis.shared().lease();
    return drover::examineServer(*lease);
}

}  // namespace drover
