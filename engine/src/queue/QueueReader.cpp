#include "drover/QueueReader.h"

#include "queue/QueueContext.h"
#include "queue/ops/Children.h"
#include "queue/ops/Read.h"
#include "redis/RedisShared.h"

namespace drover {

class QueueReader::Impl {
public:
    Impl(const Redis& redis, const Settings& settings)
        : redis_(redis), queue_(QueueKeys(settings.prefix, settings.name)) {}

    const Redis redis_;
    const QueueContext queue_;
};

QueueReader::QueueReader(const Redis& redis, const Settings& settings)
    : impl_(std::make_unique<Impl>(redis, settings)) {}
QueueReader::~QueueReader() = default;

JobCounts QueueReader::counts() const {
    return ops::counts(impl_->queue_, *impl_->redis_.shared().lease());
}
std::optional<Job> QueueReader::job(const std::string& id) const {
    return ops::job(impl_->queue_, *impl_->redis_.shared().lease(), id);
}
JobState QueueReader::state(const std::string& id) const {
    return ops::state(impl_->queue_, *impl_->redis_.shared().lease(), id);
}
bool QueueReader::isPaused() const {
    return ops::isPaused(impl_->queue_, *impl_->redis_.shared().lease());
}
JobChildren QueueReader::children(const std::string& id) const {
    return ops::children(impl_->queue_, *impl_->redis_.shared().lease(), id);
}
ChildrenPage QueueReader::children(const std::string& id, const ChildPages& pages) const {
    return ops::childrenPage(impl_->queue_, *impl_->redis_.shared().lease(), id, pages);
}
ChildCounts QueueReader::childCounts(const std::string& id) const {
    return ops::childCounts(impl_->queue_, *impl_->redis_.shared().lease(), id);
}
JobChildren::Values QueueReader::childrenValues(const std::string& id) const {
    return ops::childrenValues(impl_->queue_, *impl_->redis_.shared().lease(), id);
}
JobChildren::Values QueueReader::ignoredChildrenFailures(const std::string& id) const {
    return ops::ignoredChildrenFailures(impl_->queue_, *impl_->redis_.shared().lease(), id);
}
std::int64_t QueueReader::rateLimitTtl(std::optional<int> max) const {
    return ops::rateLimitTtl(impl_->queue_, *impl_->redis_.shared().lease(), max);
}

}  // namespace drover
