#pragma once

#include <chrono>
#include <string>

#include "core/Log.h"
#include "worker/JobRun.h"
#include "worker/LineLimit.h"

namespace drover {

/// Logs jobs that failed for good, so that none leaves without a trace: `removeOnFail` may delete it in the same call.
///
/// At most 20 lines begin in 10 s, since a broken handler fails thousands; the rest is counted and logged as one line.
/// A decision of the handler that a job cannot be done goes to the level debug.
/// Threads: one at a time.
class FailureLog {
public:
    static constexpr LineLimit::Rule kRule{20, std::chrono::seconds(10)};

    /// `clock` must outlive this object. `queue` is the queue's own name.
    FailureLog(const std::string& queue, const Clock& clock)
        : log_("worker", {.queue = queue}), limit_(clock, kRule) {}

    /// Logs a job that failed for good, or counts it.
    void report(const JobRun& run);
    /// Logs how many jobs got no line of their own, once their window is over.
    void reportWithheld();

    /// Returns true if the handler decided that the job cannot be done (sold out): an outcome of the business rather than
    /// a fault, and one that may come thousands of times a second.
    [[nodiscard]] static bool isDecision(const JobRun& run);
    /// Returns "the job failed for good after 3 of 3 attempts: no route to host", with the reason in one line of at most 300
    /// bytes.
    [[nodiscard]] static std::string describe(const JobRun& run);

private:
    const Log log_;
    LineLimit limit_;
};

}  // namespace drover
