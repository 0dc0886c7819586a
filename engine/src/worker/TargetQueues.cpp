#include "worker/TargetQueues.h"

namespace drover {

namespace {

/// A handler may make up names of queues. Evidence that is forgotten is found again.
constexpr std::size_t kMostRemembered = 1024;

}  // namespace

QueueContext TargetQueues::at(const std::string& prefix, const std::string& queue) {
    const QueueKeys keys(prefix, queue);
    const std::string& name = keys.qualifiedName();
    if (name == own_.keys().qualifiedName()) {
        return own_;
    }
    const std::lock_guard lock(mutex_);
    const auto known = seen_.find(name);
    if (known != seen_.end()) {
        return known->second;
    }
    if (seen_.size() >= kMostRemembered) {
        seen_.clear();
    }
    const auto mode = modes_.find(name);
    const QueueContext context(keys, mode == modes_.end() ? Bullmq5::Auto : mode->second);
    return seen_.emplace(name, context).first->second;
}

}  // namespace drover
