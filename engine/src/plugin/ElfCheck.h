#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drover {

/// Looks at the bytes of a shared object before the dynamic linker does, which dies of SIGBUS on a truncated one.
/// Returns what is wrong and what would be right; std::nullopt: an ELF shared object of this machine, complete.
[[nodiscard]] std::optional<std::string> elfComplaint(std::string_view bytes);

}  // namespace drover
