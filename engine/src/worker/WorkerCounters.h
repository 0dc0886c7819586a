#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "drover/Metrics.h"
#include "worker/FailureReason.h"
#include "worker/JobTimes.h"
#include "worker/SettledRun.h"

namespace drover {

/// Counts what a worker has done since it started.
/// Threads: the claim loop counts, any thread reads.
struct WorkerCounters {
    std::atomic<std::uint64_t> claimed{0};
    std::atomic<std::uint64_t> completed{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> retried{0};
    std::atomic<std::uint64_t> handedBack{0};  ///< Waits for children included.
    std::atomic<std::uint64_t> lost{
        0};  ///< Outcomes that were discarded: another worker had the job.
    std::atomic<std::uint64_t> unserved{
        0};  ///< Delayed for a peer: no handler here serves the name.
    std::atomic<std::uint64_t> setAside{0};     ///< Something under the job's own keys stops it.
    std::atomic<std::uint64_t> unavailable{0};  ///< Infrastructure was away: handed back.
    /// `failed` by reason.
    std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(FailureReason::Last) + 1>
        failures{};
    JobTimes times;
    CallHistogram calls;  ///< Round trips that claim and finish jobs.
    std::atomic<std::uint64_t> outages{
        0};                  ///< Calls that ended without a reply, since Redis was away.
    CountHistogram batches;  ///< Jobs that a handler had together.
    CountHistogram claims;   ///< Jobs that a claim brought, unless it brought none.

    void countEnding(const SettledRun& settled) {
        switch (settled.ending) {
            case Ending::Completed:
                ++completed;
                break;
            case Ending::Failed:
                ++failed;
                ++failures[static_cast<std::size_t>(failureReasonOf(*settled.run))];
                break;
            case Ending::Retried:
                ++retried;
                break;
            case Ending::HandedBack:
            case Ending::WaitingChildren:
                ++handedBack;
                break;
        }
    }
};

}  // namespace drover
