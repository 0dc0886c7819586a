#pragma once

#include <chrono>
#include <optional>

#include "drover/QueueControl.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

/// Settings of a whole queue, for all of its clients. Each throws RedisIoException (or a child) when Redis is away; the change
/// may have been made.
namespace drover::ops {

/// Writes what BullMQ's Queue constructor writes: the event stream's length if absent and, unless a 5.x client's is
/// there, the version.
void writeMeta(const QueueContext& queue, RedisClient& redis);

void pause(const QueueContext& queue, RedisClient& redis);
void resume(const QueueContext& queue, RedisClient& redis);

/// std::nullopt: without limit.
void setConcurrency(const QueueContext& queue, RedisClient& redis, std::optional<int> jobs);
/// std::nullopt: without limit.
void setRateLimit(const QueueContext& queue,
                  RedisClient& redis,
                  const std::optional<RateLimit>& limit);

/// Closes the queue's limiter for all workers that have one.
void rateLimit(const QueueContext& queue, RedisClient& redis, std::chrono::milliseconds duration);
void removeRateLimitKey(const QueueContext& queue, RedisClient& redis);

}  // namespace drover::ops
