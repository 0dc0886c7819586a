#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drover/FlowProducer.h"
#include "drover/JobChildren.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

/// Reads of a job's children. Each throws RedisIoException (or a child) when Redis is away.
namespace drover::ops {

/// Returns all children of a job; none if there is no such job.
[[nodiscard]] JobChildren children(const QueueContext& queue,
                                   RedisClient& redis,
                                   const std::string& id);

/// Throws Poco::InvalidArgumentException for a count below 1.
[[nodiscard]] ChildrenPage childrenPage(const QueueContext& queue,
                                        RedisClient& redis,
                                        const std::string& id,
                                        const ChildPages& pages);

[[nodiscard]] ChildCounts childCounts(const QueueContext& queue,
                                      RedisClient& redis,
                                      const std::string& id);

/// Returns the results (JSON) of the children that completed, by job key.
[[nodiscard]] JobChildren::Values childrenValues(const QueueContext& queue,
                                                 RedisClient& redis,
                                                 const std::string& id);

/// Returns the reasons of the children whose failure was ignored, by job key.
[[nodiscard]] JobChildren::Values ignoredChildrenFailures(const QueueContext& queue,
                                                          RedisClient& redis,
                                                          const std::string& id);

/// Returns the children that fail the job, by job key, each with its reason: std::nullopt for a child that has been removed.
[[nodiscard]] std::vector<std::pair<std::string, std::optional<std::string>>> failedChildren(
    const QueueContext& queue, RedisClient& redis, const std::string& id);

/// Reads the tree below a job, level by level, as FlowProducer::flow() does.
[[nodiscard]] std::optional<FlowNode> flow(RedisClient& redis,
                                           const std::string& jobKey,
                                           const FlowDepth& depth);

}  // namespace drover::ops
