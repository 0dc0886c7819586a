#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "core/WakeSignal.h"
#include "worker/JobRun.h"

namespace drover {

/// Jobs that one handler thread ran together, each with its outcome or without one.
struct FinishedBatch {
    std::vector<std::shared_ptr<JobRun>> runs;
    int most = 0;                      ///< How many jobs the batch could have had.
    std::chrono::nanoseconds took{0};  ///< How long the handler had it; `most` 0: not measured.
};

/// Passes finished batches from handler threads to the claim loop, and wakes it: a list and an eventfd.
/// Threads: push() and wake() from any, the rest from the claim loop.
class OutcomeInbox {
public:
    void push(FinishedBatch batch);
    /// Makes the descriptor readable without an outcome: something else changed.
    void wake() { signal_.raise(); }
    /// Returns all batches; clears the signal first, so that no batch is missed.
    std::vector<FinishedBatch> popAll();
    /// From now on the descriptor becomes readable with `count` finished jobs; at first with one.
    void wakeFrom(std::size_t count);
    /// For poll(): readable with enough finished jobs, and after wake().
    [[nodiscard]] int fd() const { return signal_.fd(); }

private:
    WakeSignal signal_;
    std::mutex mutex_;
    std::vector<FinishedBatch> batches_;
    std::size_t runs_ = 0;  ///< In all batches.
    std::size_t wakeFrom_ = 1;
};

}  // namespace drover
