#include "core/ErrorCode.h"

#include "drover/Exceptions.h"

namespace drover {

std::optional<ErrorCode> errorCodeOf(std::int64_t scriptNumber) {
    if (scriptNumber >= 0) {
        return std::nullopt;
    }
    if (scriptNumber < static_cast<std::int64_t>(ErrorCode::SchedulerJobSlotsBusy)) {
        throw ScriptException("script answered " + std::to_string(scriptNumber) +
                              ", which is not an error code; the codes are -1 to -11");
    }
    return static_cast<ErrorCode>(scriptNumber);
}

std::string errorMessage(ErrorCode code, const ErrorContext& context) {
    const std::string job(context.jobId);
    const std::string parent(context.parentKey);
    const std::string state(context.state);
    const std::string operation(context.operation);
    switch (code) {
        case ErrorCode::JobNotExist:
            return "Missing key for job " + job + ". " + operation;
        case ErrorCode::JobLockNotExist:
            return "Missing lock for job " + job + ". " + operation;
        case ErrorCode::JobNotInState:
            return "Job " + job + " is not in the " + state + " state. " + operation;
        case ErrorCode::JobPendingChildren:
            return "Job " + job + " has pending dependencies. " + operation;
        case ErrorCode::ParentJobNotExist:
            return "Missing key for parent job " + parent + ". " + operation;
        case ErrorCode::JobLockMismatch:
            return "Lock mismatch for job " + job + ". Cmd " + operation + " from " + state;
        case ErrorCode::ParentJobCannotBeReplaced:
            return "The parent job " + parent + " cannot be replaced. " + operation;
        case ErrorCode::JobBelongsToJobScheduler:
            return "Job " + job + " belongs to a job scheduler and cannot be removed directly. " +
                   operation;
        case ErrorCode::JobHasFailedChildren:
            return "Cannot complete job " + job + " because it has at least one failed child. " +
                   operation;
        case ErrorCode::SchedulerJobIdCollision:
            return "Cannot create job scheduler iteration - job ID already exists. " + operation;
        case ErrorCode::SchedulerJobSlotsBusy:
            return "Cannot create job scheduler iteration - current and next time slots already "
                   "have jobs. " +
                   operation;
    }
    return "Unknown error of job " + job + ". " + operation;
}

void requireNoError(std::int64_t scriptNumber, const ErrorContext& context) {
    if (const std::optional<ErrorCode> code = errorCodeOf(scriptNumber)) {
        throw JobStateException(errorMessage(*code, context), static_cast<int>(scriptNumber));
    }
}

bool isOwnershipLost(ErrorCode code) {
    return code == ErrorCode::JobNotExist || code == ErrorCode::JobLockNotExist ||
           code == ErrorCode::JobNotInState || code == ErrorCode::JobLockMismatch;
}

}  // namespace drover
