#pragma once

#include <string>
#include <utility>
#include <vector>

#include "drover/Job.h"

namespace drover {

/// The fields of a job's hash, as HGETALL returns them.
using HashFields = std::vector<std::pair<std::string, std::string>>;

/// Builds a job from its hash, as a client of BullMQ reads one back: `delayMs` and `stacktrace` are always there.
///
/// Tolerated: a stack trace that is not a JSON array becomes "[]", a return value that is not JSON is absent. A number that
/// is missing or not a number is 0, and one too large for its member is the maximum. Unknown fields are ignored. A missing
/// name is empty and missing data is "{}", since such a hash exists when the id outlived its job.
/// Throws JobFormatException, naming job and field, if `data`, `opts`, `progress` or `parent` is not JSON of its type.
/// Wire: `attemptsMade`, the oldest name, is preferred to `atm`; the stall count is the larger of `stc` and
/// `stalledCounter`, which clients of different versions write.
[[nodiscard]] Job parseJobHash(const std::string& id,
                               const std::string& queueQualifiedName,
                               const HashFields& fields);

}  // namespace drover
