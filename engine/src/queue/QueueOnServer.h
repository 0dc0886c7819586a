#pragma once

#include <string>

#include "drover/Bullmq5.h"
#include "drover/Redis.h"
#include "queue/QueueContext.h"
#include "redis/RedisShared.h"

namespace drover {

/// A queue, and the handle of the server that has its keys: what each public class of a queue begins with.
/// Threads: const methods from any thread.
class QueueOnServer {
public:
    /// Throws Poco::InvalidArgumentException for a bad name, and as serverOf() does.
    QueueOnServer(const Redis& redis,
                  const std::string& prefix,
                  const std::string& name,
                  Bullmq5 bullmq5 = Bullmq5::Auto)
        : redis_(serverOf(redis, prefix + ":" + name)), queue_(QueueKeys(prefix, name), bullmq5) {}

    [[nodiscard]] ClientPool::Lease lease() const { return redis_.shared().lease(); }

    const Redis redis_;
    const QueueContext queue_;
};

}  // namespace drover
