#include "drover/QueueControl.h"

#include <cstdint>
#include <optional>

#include <Poco/Exception.h>

#include "queue/QueueOnServer.h"
#include "queue/ops/Control.h"

namespace drover {

namespace {

void requireAtLeastOne(const std::string& what, std::int64_t value) {
    if (value < 1) {
        throw Poco::InvalidArgumentException(what + " must be at least 1, not " +
                                             std::to_string(value));
    }
}

}  // namespace

class QueueControl::Impl : public QueueOnServer {
public:
    using QueueOnServer::QueueOnServer;
};

QueueControl::QueueControl(const Redis& redis, const Settings& settings)
    : impl_(std::make_unique<Impl>(redis, settings.prefix, settings.name, settings.bullmq5)) {}
QueueControl::~QueueControl() = default;

void QueueControl::pause() {
    ops::pause(impl_->queue_, *impl_->redis_.shared().lease());
}
void QueueControl::resume() {
    ops::resume(impl_->queue_, *impl_->redis_.shared().lease());
}

void QueueControl::setGlobalConcurrency(int jobs) {
    requireAtLeastOne("the concurrency", jobs);
    ops::setConcurrency(impl_->queue_, *impl_->redis_.shared().lease(), jobs);
}
void QueueControl::removeGlobalConcurrency() {
    ops::setConcurrency(impl_->queue_, *impl_->redis_.shared().lease(), std::nullopt);
}

void QueueControl::setGlobalRateLimit(const RateLimit& limit) {
    requireAtLeastOne("max", limit.max);
    requireAtLeastOne("the duration", limit.duration.count());
    ops::setRateLimit(impl_->queue_, *impl_->redis_.shared().lease(), limit);
}
void QueueControl::removeGlobalRateLimit() {
    ops::setRateLimit(impl_->queue_, *impl_->redis_.shared().lease(), std::nullopt);
}
void QueueControl::rateLimit(std::chrono::milliseconds duration) {
    requireAtLeastOne("the duration", duration.count());
    ops::rateLimit(impl_->queue_, *impl_->redis_.shared().lease(), duration);
}
void QueueControl::removeRateLimitKey() {
    ops::removeRateLimitKey(impl_->queue_, *impl_->redis_.shared().lease());
}

}  // namespace drover
