#pragma once

#include <cstdint>

namespace drover {

/// A script's answer in place of a result. The numbers are BullMQ's and part of the wire format (docs/wire-format.md#codes).
enum class ErrorCode : std::int64_t {
    JobNotExist = -1,
    JobLockNotExist = -2,
    JobNotInState = -3,
    JobPendingChildren = -4,
    ParentJobNotExist = -5,
    JobLockMismatch = -6,
    ParentJobCannotBeReplaced = -7,
    JobBelongsToJobScheduler = -8,
    JobHasFailedChildren = -9,
    SchedulerJobIdCollision = -10,
    SchedulerJobSlotsBusy = -11
};

}  // namespace drover
