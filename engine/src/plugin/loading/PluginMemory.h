#pragma once

#include <cstdint>
#include <vector>

namespace drover {

/// The mapped bytes of loaded plugin files.
struct PluginMemory {
    std::uint64_t rss = 0;  ///< In memory: touched pages of the private copy, and ownPages.
    /// Not the copy's any more: relocated, written to, or static objects without a value.
    std::uint64_t ownPages = 0;

    PluginMemory& operator+=(const PluginMemory& other) {
        rss += other.rss;
        ownPages += other.ownPages;
        return *this;
    }
};

/// The memory of this process as it is now, by /proc/self/smaps; nothing is in it where that cannot be read.
class MemoryMap {
public:
    MemoryMap();

    /// Returns the memory of the plugin that was loaded from this private copy (LoadedPlugin::copy).
    [[nodiscard]] PluginMemory of(int copy) const;

private:
    struct Area {
        std::uint64_t begin = 0;
        PluginMemory memory;
    };
    std::vector<Area> areas_;
};

}  // namespace drover
