#include "core/HashSlot.h"

#include <array>
#include <cstdint>

namespace drover {

namespace {

/// The table of CRC-16/XMODEM: polynomial 0x1021, the highest bit first.
constexpr std::array<std::uint16_t, 256> kCrc = [] {
    std::array<std::uint16_t, 256> table{};
    for (unsigned byte = 0; byte < table.size(); ++byte) {
        unsigned crc = byte << 8;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021 : 0);
        }
        table[byte] = static_cast<std::uint16_t>(crc);
    }
    return table;
}();

/// Returns the text within the first braces; empty if there is none.
std::string_view hashTag(std::string_view key) {
    const std::size_t open = key.find('{');
    const std::size_t close = open == std::string_view::npos ? open : key.find('}', open);
    return close == std::string_view::npos ? std::string_view()
                                           : key.substr(open + 1, close - open - 1);
}

}  // namespace

int hashSlot(std::string_view key) {
    const std::string_view tag = hashTag(key);
    unsigned crc = 0;
    for (const char c : tag.empty() ? key : tag) {
        crc = (crc << 8 & 0xffff) ^ kCrc[(crc >> 8) ^ static_cast<unsigned char>(c)];
    }
    return static_cast<int>(crc % 16384);
}

std::string slotError(std::string_view qualifiedName) {
    if (!hashTag(qualifiedName).empty()) {
        return "";
    }
    return "the keys of queue " + std::string(qualifiedName) +
           " do not share a slot of the cluster: put braces around the prefix, as in {bull}, or "
           "around the queue's name";
}

}  // namespace drover
