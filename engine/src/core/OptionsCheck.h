#pragma once

#include <array>
#include <string>
#include <string_view>

#include "drover/JobOptions.h"

namespace drover {

/// The effect of a child's failure on its parent: the option, and its name in the stored form and in the hash field `parent`.
struct ChildFailureName {
    ChildFailure effect;
    std::string_view option;
    std::string_view stored;
};
inline constexpr std::array<ChildFailureName, 4> kChildFailures{
    {{ChildFailure::FailParent, "failParentOnFailure", "fpof"},
     {ChildFailure::ContinueParent, "continueParentOnFailure", "cpof"},
     {ChildFailure::IgnoreDependency, "ignoreDependencyOnFailure", "idof"},
     {ChildFailure::RemoveDependency, "removeDependencyOnFailure", "rdof"}}};
/// Returns nullptr if `option` is another one.
[[nodiscard]] const ChildFailureName* childFailureNamed(std::string_view option);

/// Returns true for the public name of an option that is a member of JobOptions.
[[nodiscard]] bool isTypedOption(std::string_view name);

/// Returns why a new job cannot have these options: the option, its value and what would be right; empty if it can. Checked
/// is more than BullMQ's clients check, which accept a negative number of attempts, say.
[[nodiscard]] std::string optionsError(const JobOptions& opts);

}  // namespace drover
