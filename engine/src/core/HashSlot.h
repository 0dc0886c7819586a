#pragma once

#include <string>
#include <string_view>

namespace drover {

/// Returns the slot of a cluster, in [0, 16384), that has the key: CRC16 of the text within its first braces, or else of the
/// whole key. Source: Redis's specification of clusters.
[[nodiscard]] int hashSlot(std::string_view key);

/// Checks that all keys of the queue "<prefix>:<name>" share a slot. Returns a text that names the cure; empty: they do.
[[nodiscard]] std::string slotError(std::string_view qualifiedName);

}  // namespace drover
