#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/HandlerType.h"
#include "queue/QueueContext.h"
#include "redis/ClientPool.h"

namespace drover {

/// Carries out the calls by which a handler changes or reads its job in Redis while it runs.
///
/// Every call returns HostStatus::Unavailable if Redis is away or refuses it: no exception reaches a plugin. Threads:
/// every method may be called from any thread; each call takes a connection from the pool.
class JobCalls {
public:
    /// Queue and clients must outlive this object.
    JobCalls(const QueueContext& queue, ClientPool& clients, std::string workerName)
        : queue_(queue), clients_(clients), workerName_(std::move(workerName)) {}

    [[nodiscard]] const std::string& workerName() const { return workerName_; }

    HostStatus updateProgress(const ClaimedJob& job, std::string_view json) const;
    HostStatus updateData(const ClaimedJob& job, std::string_view json) const;
    /// `keep`: how many rows stay; 0: all.
    HostStatus addLog(const ClaimedJob& job, std::string_view row, std::int64_t keep) const;
    /// Adds jobs that the job waits for; see parseChildren(). `ids` becomes a JSON array.
    HostStatus addChildren(const ClaimedJob& job,
                           std::string_view childrenJson,
                           std::string& ids) const;
    /// `values` becomes a JSON object, child job key to result.
    HostStatus childrenValues(const ClaimedJob& job, std::string& values) const;

private:
    template <typename Call>
    HostStatus call(const ClaimedJob& job, Call call) const;

    const QueueContext& queue_;
    ClientPool& clients_;
    const std::string workerName_;
};

}  // namespace drover
