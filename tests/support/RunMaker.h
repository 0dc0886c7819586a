#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "queue/QueueContext.h"
#include "redis/ClientPool.h"
#include "worker/JobCalls.h"
#include "worker/JobRun.h"

namespace drover::test {

/// Makes claimed jobs and their runs without Redis; calls of handlers have no connection.
class RunMaker {
public:
    [[nodiscard]] static ClaimedJob job(const std::string& id, const std::string& name = "send") {
        ClaimedJob job;
        job.id = id;
        job.queue = "bull:mail";
        job.token = "token " + id;
        job.name = name;
        job.data = "{}";
        job.opts = "{}";
        job.attemptsStarted = 1;
        return job;
    }
    std::shared_ptr<JobRun> run(const ClaimedJob& job, JobRun::Time claimedAt = {}) {
        return std::make_shared<JobRun>(
            job,
            std::make_shared<const JobOptions>(JobOptions::parseStored(job.opts)),
            calls,
            ++claimed_,
            claimedAt);
    }
    /// Makes the run of a job whose handler has returned.
    std::shared_ptr<JobRun> ended(const ClaimedJob& job, JobOutcome outcome) {
        auto made = run(job);
        made->markRunning();
        made->setOutcome(std::move(outcome));
        return made;
    }

    const QueueContext queue{QueueKeys("bull", "mail")};
    ClientPool clients{[]() -> std::unique_ptr<RedisClient> { return nullptr; }, 1};
    const JobCalls calls{queue, clients, ""};

private:
    std::uint64_t claimed_ = 0;
};

/// Returns the ids of the runs, each followed by a blank.
inline std::string idsOf(const std::vector<std::shared_ptr<JobRun>>& runs) {
    std::string ids;
    for (const auto& run : runs) {
        ids += run->job().id + " ";
    }
    return ids;
}

}  // namespace drover::test
