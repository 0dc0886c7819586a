#include "worker/UnservedNames.h"

#include <iterator>

#include "core/JobFields.h"

namespace drover {

std::size_t UnservedNames::report(const std::string& queue,
                                  const std::vector<std::pair<std::string, std::size_t>>& names) {
    std::size_t all = 0;
    for (const auto& [name, jobs] : names) {
        all += jobs;
    }
    for (const auto& [name, jobs] : add(names)) {
        Log("worker").warning((name.empty() ? "no handler here serves further names; "
                                            : "no handler here serves the job's name; ") +
                                  std::to_string(jobs) + " jobs are delayed for a peer",
                              {.queue = queue, .jobName = oneLine(name)});
    }
    return all;
}

std::size_t UnservedNames::due(LineLimit& limit, std::size_t jobs) {
    const std::size_t withheld = limit.popWithheld();
    return limit.admit(jobs) ? withheld + jobs : 0;
}

std::size_t UnservedNames::makeRoom() {
    std::size_t unreported = 0;
    for (auto name = names_.begin(); name != names_.end();) {
        const bool over = name->second.windowIsOver();
        unreported += name->second.popWithheld();
        name = over ? names_.erase(name) : std::next(name);
    }
    return unreported;
}

std::vector<UnservedNames::Count> UnservedNames::add(
    const std::vector<std::pair<std::string, std::size_t>>& names) {
    std::vector<Count> lines;
    std::size_t further = 0;
    for (const auto& [name, jobs] : names) {
        auto found = names_.find(name);
        if (found == names_.end() && names_.size() >= kMostNames) {
            further += makeRoom();
            if (names_.size() >= kMostNames) {
                further += jobs;
                continue;
            }
        }
        if (found == names_.end()) {
            found = names_.emplace(name, LineLimit(clock_, kRule)).first;
        }
        if (const std::size_t count = due(found->second, jobs); count > 0) {
            lines.push_back({name, count});
        }
    }
    if (further > 0) {
        if (const std::size_t count = due(further_, further); count > 0) {
            lines.push_back({"", count});
        }
    }
    return lines;
}

}  // namespace drover
