#include "worker/SettledRun.h"

#include <optional>

#include "core/ErrorCode.h"

namespace drover {

namespace {

/// Returns the operation's name in error texts, as BullMQ has it.
const char* operationOf(Ending ending) {
    switch (ending) {
        case Ending::Completed:
        case Ending::Failed:
            break;
        case Ending::Retried:
            return "retryJob";
        case Ending::HandedBack:
            return "moveJobFromActiveToWait";
        case Ending::WaitingChildren:
            return "moveToWaitingChildren";
    }
    return "moveToFinished";
}

}  // namespace

Verdict verdictOf(const SettledRun& settled) {
    if (settled.code > 0) {
        return {Verdict::Kind::RunAgain, {}, {}};
    }
    const std::optional<ErrorCode> error = errorCodeOf(settled.code);
    if (!error) {
        return {};
    }
    const ClaimedJob& job = settled.run->job();
    std::string message =
        errorMessage(*error, {job.id, operationOf(settled.ending), "active", job.parentKey});
    if (isOwnershipLost(*error)) {
        return {settled.sentBefore ? Verdict::Kind::DoneBefore : Verdict::Kind::Lost,
                std::move(message),
                {}};
    }
    // The handler completed a job that may not complete: children are pending or failed. The job failed then.
    const auto kind = *error == ErrorCode::JobHasFailedChildren ? JobOutcome::Kind::Unrecoverable
                                                                : JobOutcome::Kind::Failed;
    return {Verdict::Kind::Refused, message, {kind, message, "", 0}};
}

}  // namespace drover
