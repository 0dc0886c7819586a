#pragma once

#include <string>
#include <utility>
#include <vector>

#include "drover/Job.h"

namespace drover {

/// The fields of a job's hash, as HGETALL answers them.
using HashFields = std::vector<std::pair<std::string, std::string>>;

/// Builds a job from its hash, as a client of BullMQ reads one back: `delayMs` and `stacktrace` are always there.
///
/// Tolerated: a stack trace that is no JSON array becomes "[]", a return value that is no JSON is absent, a number that
/// is missing or none is 0, numbers too large for their member are their maximum, unknown fields are ignored. A missing
/// name is empty and missing data is "{}", since such a hash exists when the id outlived its job.
/// Throws JobFormatException, naming job and field, if `data`, `opts`, `progress` or `parent` is not what it should be.
/// Wire: `attemptsMade`, the oldest name, is preferred to `atm`; the stall count is the larger of `stc` and
/// `stalledCounter`, which clients of different versions write.
[[nodiscard]] Job parseJobHash(const std::string& id,
                               const std::string& queueQualifiedName,
                               const HashFields& fields);

}  // namespace drover
