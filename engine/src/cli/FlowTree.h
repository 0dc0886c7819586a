#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "drover/FlowProducer.h"

namespace drover::cli {

/// Writes a line for each job of a tree, a level further right for each level. `stateOf` may add a word to each job.
void writeTree(std::ostream& out,
               const FlowNode& node,
               const std::function<std::string(const FlowNode& node)>& stateOf = {});

}  // namespace drover::cli
