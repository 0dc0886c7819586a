#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drover/ErrorCode.h"

namespace drover {

/// The values for an error message; a code uses the members that its text needs.
struct ErrorContext {
    std::string_view jobId;
    std::string_view
        operation;  ///< "moveToFinished"; of addJobScheduler and the like, as BullMQ names them.
    std::string_view state;  ///< "active": where the job should have been.
    std::string_view parentKey;
};

/// The only place where a script's number becomes a code. 0 and above is not an error: std::nullopt.
/// Throws ScriptException for a negative number that is not a code.
[[nodiscard]] std::optional<ErrorCode> errorCodeOf(std::int64_t scriptNumber);

/// Returns the message as BullMQ words it, so that a search finds the same explanations:
/// "Missing lock for job 42. moveToFinished".
[[nodiscard]] std::string errorMessage(ErrorCode code, const ErrorContext& context);

/// Throws JobStateException with the code and its message if the number is an error code, ScriptException for a negative number
/// that is none.
void requireNoError(std::int64_t scriptNumber, const ErrorContext& context);

/// Returns true if the worker has lost the job: its result is to be dropped, without a retry.
[[nodiscard]] bool isOwnershipLost(ErrorCode code);

}  // namespace drover
