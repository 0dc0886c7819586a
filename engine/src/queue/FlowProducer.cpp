#include "drover/FlowProducer.h"

#include <utility>

#include <Poco/Exception.h>

#include "queue/QueueKeys.h"
#include "queue/ops/Children.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

/// Trees are walked by recursion, so their depth has a bound.
constexpr int kMostLevels = 1000;

}  // namespace

std::string FlowNode::toJson(JobView view) const {
    if (!job) {
        return "null";
    }
    std::string json = "{\"job\":" + job->toJson(view);
    for (std::size_t i = 0; i < children.size(); ++i) {
        json += (i == 0 ? ",\"children\":[" : ",") + children[i].toJson(view);
    }
    return json + (children.empty() ? "}" : "]}");
}

class FlowProducer::Impl {
public:
    Impl(const Redis& redis, Settings settings) : redis_(redis), settings_(std::move(settings)) {}

    const Redis redis_;
    const Settings settings_;
};

FlowProducer::FlowProducer(const Redis& redis, Settings settings)
    : impl_(std::make_unique<Impl>(redis, std::move(settings))) {}
FlowProducer::~FlowProducer() = default;

std::optional<FlowNode> FlowProducer::flow(const std::string& queue,
                                           const std::string& id,
                                           const FlowDepth& depth,
                                           const std::string& prefix) const {
    if (depth.levels < 1 || depth.levels > kMostLevels) {
        throw Poco::InvalidArgumentException("levels must be in [1, 1000], not " +
                                             std::to_string(depth.levels));
    }
    if (depth.maxChildren < 1) {
        throw Poco::InvalidArgumentException("maxChildren must be at least 1, not " +
                                             std::to_string(depth.maxChildren));
    }
    const QueueKeys keys(prefix.empty() ? impl_->settings_.prefix : prefix, queue);
    return ops::flow(*impl_->redis_.shared().lease(), keys.job(id), depth);
}

}  // namespace drover
