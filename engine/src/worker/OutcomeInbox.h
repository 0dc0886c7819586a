#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "core/WakeSignal.h"
#include "worker/JobRun.h"

namespace drover {

/// Where handler threads leave what they are through with, and what wakes the claim loop: a list and an eventfd.
/// Threads: push() and wake() from any, the others from one.
class OutcomeInbox {
public:
    void push(std::vector<std::shared_ptr<JobRun>> runs);
    /// Makes the descriptor readable without an outcome: something else changed.
    void wake() { signal_.raise(); }
    /// Everything that lies there; clears the signal first, so that nothing is missed.
    std::vector<std::shared_ptr<JobRun>> take();
    /// From now on outcomes make the descriptor readable when there are so many of them; at first one is enough.
    void wakeFrom(std::size_t count);
    /// Readable when there are so many outcomes, and after wake().
    [[nodiscard]] int fd() const { return signal_.fd(); }

private:
    WakeSignal signal_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<JobRun>> runs_;
    std::size_t wakeFrom_ = 1;
};

}  // namespace drover
