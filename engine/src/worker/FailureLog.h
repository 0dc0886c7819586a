#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "core/Clock.h"
#include "worker/JobRun.h"

namespace drover {

/// Decides which jobs that failed for good get a line of the log, so that no such job leaves without a trace: `removeOnFail`
/// may delete it in the same call.
///
/// At most 20 lines begin in 10 s; the rest are counted and told together, since a broken handler fails thousands.
/// No I/O, no clock of its own. Threads: one at a time.
class FailureLog {
public:
    using Time = Clock::Monotonic;

    static constexpr std::chrono::seconds kWindow{10};
    static constexpr std::size_t kMostLines = 20;

    /// Returns true if the handler decided that the job cannot be done (sold out): an outcome of the business rather than
    /// a fault, and one that may come thousands of times a second. Those are for the level debug.
    [[nodiscard]] static bool isDecision(const JobRun& run);

    /// Counts a failure; returns whether it gets a line of its own.
    [[nodiscard]] bool add(Time now);
    /// Returns how many got no line once the window they belong to is over, and forgets them; 0: nothing to tell.
    [[nodiscard]] std::size_t popWithheld(Time now);

    /// "job 7 of bull:mail (name "send") failed for good after 3 of 3 attempts: no route to host", the reason in one line
    /// of at most 300 bytes.
    [[nodiscard]] static std::string describe(const JobRun& run);

private:
    Time windowEnd_{};
    std::size_t lines_ = 0;
    std::size_t withheld_ = 0;
};

}  // namespace drover
