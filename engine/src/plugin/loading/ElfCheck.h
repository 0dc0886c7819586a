#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

/// Checks the bytes of a shared object before the dynamic linker sees them (docs/pitfalls.md#d3).
/// Returns the mistake with the expectation; std::nullopt: an ELF shared object of this machine, complete.
[[nodiscard]] std::optional<std::string> elfComplaint(std::string_view bytes);

/// Returns the names of symbols that the file defines as unique in the process (STB_GNU_UNIQUE), as g++ makes them of static
/// variables in inline functions and templates (docs/pitfalls.md#d6). `bytes` is a file without complaint; empty if it has no
/// table of dynamic symbols.
[[nodiscard]] std::vector<std::string> uniqueSymbols(std::string_view bytes);

}  // namespace drover
