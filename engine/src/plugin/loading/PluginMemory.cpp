#include "plugin/loading/PluginMemory.h"

#include <algorithm>
#include <fstream>
#include <link.h>
#include <sstream>
#include <string>

#include "plugin/loading/SharedObject.h"

namespace drover {

namespace {

/// Addresses of a loaded file, from its first segment to the end of its last.
struct Range {
    std::string name;
    std::uint64_t begin = UINT64_MAX, end = 0;
};

int measure(dl_phdr_info* info, std::size_t /*size*/, void* context) {
    Range& range = *static_cast<Range*>(context);
    if (range.name != info->dlpi_name) {
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& segment = info->dlpi_phdr[i];
        if (segment.p_type == PT_LOAD) {
            const std::uint64_t begin = info->dlpi_addr + segment.p_vaddr;
            range.begin = std::min(range.begin, begin);
            range.end = std::max(range.end, begin + segment.p_memsz);
        }
    }
    return 1;
}

}  // namespace

MemoryMap::MemoryMap() {
    std::ifstream file("/proc/self/smaps");
    // An area is a line with its addresses, "7f12-7f34 r-xp …", and below it lines such as "Rss:    12 kB".
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string first;
        std::uint64_t kilobytes = 0;
        words >> first;
        if (first.find('-') != std::string::npos) {
            areas_.push_back({std::stoull(first, nullptr, 16), {}});
        } else if (first == "Rss:" && words >> kilobytes) {
            areas_.back().memory.rss = kilobytes * 1024;
        } else if (first == "Anonymous:" && words >> kilobytes) {
            areas_.back().memory.ownPages = kilobytes * 1024;
        }
    }
}

PluginMemory MemoryMap::of(int copy) const {
    Range range{SharedObject::nameOf(copy)};
    ::dl_iterate_phdr(&measure, &range);
    PluginMemory sum;
    for (const Area& area : areas_) {
        if (area.begin >= range.begin && area.begin < range.end) {
            sum += area.memory;
        }
    }
    return sum;
}

}  // namespace drover
