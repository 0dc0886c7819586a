#include "drover/operate/QueueDoctor.h"

#include <string>
#include <utility>

#include <Poco/Exception.h>

#include "operate/QueueExamination.h"
#include "operate/QueueRepair.h"
#include "operate/ServerExamination.h"
#include "queue/QueueOnServer.h"
#include "redis/RedisShared.h"

namespace drover {

class QueueDoctor::Impl : public QueueOnServer {
public:
    using QueueOnServer::QueueOnServer;
};

QueueDoctor::QueueDoctor(const Redis& redis, const Settings& settings)
    : impl_(std::make_unique<Impl>(redis, settings.prefix, settings.name, settings.bullmq5)) {}
QueueDoctor::~QueueDoctor() = default;

QueueDoctor::Report QueueDoctor::examine(const Calls& calls) {
    if (calls.keys < 10 || calls.keys > 10000) {
        throw Poco::InvalidArgumentException("the keys of a page must be in [10, 10000], got " +
                                             std::to_string(calls.keys));
    }
    const ClientPool::Lease lease = impl_->lease();
    return QueueExamination(impl_->queue_, *lease, calls).run();
}

std::vector<QueueFinding> QueueDoctor::repair(const std::vector<QueueFinding>& findings) {
    const ClientPool::Lease lease = impl_->lease();
    return QueueRepair(impl_->queue_, *lease).run(findings);
}

std::vector<QueueFinding> QueueDoctor::examineServer(const Redis& redis) {
    const ClientPool::Lease lease = redis.shared().lease();
    return drover::examineServer(*lease, SystemClock());
}

}  // namespace drover
