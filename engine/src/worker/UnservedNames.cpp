#include "worker/UnservedNames.h"

#include <iterator>
#include <utility>

namespace drover {

std::size_t UnservedNames::count(Told& told, std::size_t jobs, Time now) {
    told.jobs += jobs;
    if (now < told.next) {
        return 0;
    }
    told.next = now + kPause;
    return std::exchange(told.jobs, 0);
}

std::vector<UnservedNames::Line> UnservedNames::add(
    const std::vector<std::pair<std::string, std::size_t>>& names, Time now) {
    std::vector<Line> lines;
    std::size_t others = 0;
    for (const auto& [name, jobs] : names) {
        auto found = names_.find(name);
        if (found == names_.end() && names_.size() >= kMostNames) {
            // A name whose minute is over makes room.
            for (auto one = names_.begin(); one != names_.end();) {
                one = now >= one->second.next ? names_.erase(one) : std::next(one);
            }
            if (names_.size() >= kMostNames) {
                others += jobs;
                continue;
            }
        }
        if (found == names_.end()) {
            found = names_.emplace(name, Told{now, 0}).first;
        }
        if (const std::size_t told = count(found->second, jobs, now); told > 0) {
            lines.push_back({name, told});
        }
    }
    if (others > 0) {
        if (const std::size_t told = count(others_, others, now); told > 0) {
            lines.push_back({"", told});
        }
    }
    return lines;
}

}  // namespace drover
