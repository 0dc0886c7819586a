#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

/// Looks at the bytes of a shared object before the dynamic linker does, which dies of SIGBUS on a truncated one.
/// Returns what is wrong and what would be right; std::nullopt: an ELF shared object of this machine, complete.
[[nodiscard]] std::optional<std::string> elfComplaint(std::string_view bytes);

/// The names of symbols that the file defines as unique in the process (STB_GNU_UNIQUE), as g++ makes them of static variables
/// in inline functions and templates: every library that has one of them uses the first one's variable, another generation
/// of the same plugin included. `bytes` is a file without complaint; empty if it has no table of dynamic symbols.
[[nodiscard]] std::vector<std::string> uniqueSymbols(std::string_view bytes);

}  // namespace drover
