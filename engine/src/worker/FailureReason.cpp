#include "worker/FailureReason.h"

namespace drover {

FailureReason failureReasonOf(const JobRun& run) {
    if (run.state() == JobRun::State::Refused) {
        return FailureReason::Children;
    }
    if (const auto& deferred = run.job().deferredFailure) {
        // Source: docs/wire-format.md#stalled. Any other text is that of a failed child.
        return deferred->rfind("job stalled more than", 0) == 0 ? FailureReason::Stalled
                                                                : FailureReason::Children;
    }
    if (run.pool() == nullptr) {
        // It never had a handler; Intake wrote one of two reasons.
        return run.outcome().text.rfind("expired", 0) == 0 ? FailureReason::Expired
                                                           : FailureReason::Starts;
    }
    switch (run.cancelled()) {
        case CancelReason::Timeout:
            return FailureReason::Timeout;
        case CancelReason::Remote:
            return FailureReason::Cancelled;
        default:
            break;
    }
    return run.outcome().kind == JobOutcome::Kind::Unrecoverable ? FailureReason::Unrecoverable
                                                                 : FailureReason::Handler;
}

const char* nameOf(FailureReason reason) {
    switch (reason) {
        case FailureReason::Handler:
            return "handler";
        case FailureReason::Unrecoverable:
            return "unrecoverable";
        case FailureReason::Timeout:
            return "timeout";
        case FailureReason::Cancelled:
            return "cancelled";
        case FailureReason::Expired:
            return "expired";
        case FailureReason::Stalled:
            return "stalled";
        case FailureReason::Starts:
            return "starts";
        case FailureReason::Children:
            break;
    }
    return "children";
}

}  // namespace drover
