#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "drover/operate/QueueDoctor.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// Repairs findings of one queue, some with each call: every script checks again before it writes.
/// Threads: one at a time.
class QueueRepair {
public:
    /// The arguments outlive it.
    QueueRepair(const QueueContext& queue, RedisClient& redis);

    /// Repairs; see QueueDoctor::repair().
    std::vector<QueueFinding> run(const std::vector<QueueFinding>& findings);

private:
    /// The findings by what a script accepts for them: the id of a job, or a fault of the queue.
    using Subjects = std::map<std::string, const QueueFinding*>;

    [[nodiscard]] std::map<std::string, Subjects> byKind(
        const std::vector<QueueFinding>& findings) const;
    [[nodiscard]] std::size_t listedIds();
    std::vector<std::string> repair(const std::string& kind,
                                    const std::vector<std::string>& subjects);

    const QueueContext& queue_;
    RedisClient& redis_;
    const std::int64_t nowMs_;
};

}  // namespace drover
