#include "worker/TargetQueues.h"

#include <algorithm>

#include "drover/Queue.h"

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
    const auto target = known_.find(name);
    const QueueContext context(keys,
                               target == known_.end() ? Bullmq5::Auto : target->second.bullmq5);
    return seen_.emplace(name, context).first->second;
}

bool TargetQueues::haveShards() const {
    return std::any_of(
        known_.begin(), known_.end(), [](const auto& one) { return one.second.shards.count > 1; });
}

const Shards* TargetQueues::shardsOf(const std::string& prefix, const std::string& queue) const {
    const auto target = known_.find(prefix + ":" + queue);
    return target == known_.end() || target->second.shards.count <= 1 ? nullptr
                                                                      : &target->second.shards;
}

std::string TargetQueues::placeOf(const std::string& prefix,
                                  const std::string& queue,
                                  const NewJob& job,
                                  std::string_view parentQueue) {
    const Shards* const shards = shardsOf(prefix, queue);
    if (shards == nullptr) {
        return queue;
    }
    if (const auto shard = shards->shardOf(job, parentQueue)) {
        return Shards::nameOf(queue, *shard);
    }
    const std::lock_guard lock(mutex_);
    return Shards::nameOf(queue, static_cast<int>(turn_++ % static_cast<unsigned>(shards->count)));
}

std::string TargetQueues::placeOf(const std::string& prefix,
                                  const std::string& queue,
                                  const std::string& schedulerId) const {
    const Shards* const shards = shardsOf(prefix, queue);
    return shards == nullptr ? queue : shards->nameFor(queue, schedulerId);
}

}  // namespace drover
