#pragma once

#include <cstddef>

#include "worker/JobRun.h"

namespace drover {

/// Why a job failed for good, as the metrics count it.
enum class FailureReason : std::size_t {
    Handler,        ///< The handler failed the last attempt.
    Unrecoverable,  ///< The handler ruled out further attempts.
    Timeout,        ///< The job failed after its time had passed.
    Cancelled,      ///< The job failed after a request to cancel it.
    Expired,        ///< Its `expiresAt` had passed before it began.
    Stalled,        ///< It stalled more often than it may.
    Starts,         ///< It began more often than it may.
    Children,       ///< A child failed, or children were pending when it completed.
    Last = Children
};

/// Returns the reason for a run that Redis has as failed.
[[nodiscard]] FailureReason failureReasonOf(const JobRun& run);

/// Returns the text of the label.
[[nodiscard]] const char* nameOf(FailureReason reason);

}  // namespace drover
