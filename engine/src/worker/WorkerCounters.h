#pragma once

#include <atomic>
#include <cstdint>

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
    std::atomic<std::uint64_t> setAside{0};  ///< Something under the job's own keys stops it.

    void countEnding(Ending ending) {
        switch (ending) {
            case Ending::Completed:
                ++completed;
                break;
            case Ending::Failed:
                ++failed;
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
