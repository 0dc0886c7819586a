#pragma once

#include <string>

#include "drover/Export.h"
#include "drover/JobOptions.h"

namespace drover {

/// Returns why a person did not mean these options: an unknown member, and the members that there are; empty if each is known.
/// Queue::add() stores unknown members, as BullMQ does. The configuration, the CLI and REST refuse them.
[[nodiscard]] DROVER_API std::string unknownOptionError(const JobOptions& opts);

}  // namespace drover
