#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/Clock.h"

namespace drover {

/// Decides when the log tells of jobs whose name no handler serves: once per name and minute, with how many there were.
///
/// Names come from other clients and may be any number: those beyond the first hundred of a minute are told together.
/// No I/O, no clock of its own. Threads: one at a time.
class UnservedNames {
public:
    using Time = Clock::Monotonic;

    static constexpr std::chrono::minutes kPause{1};
    static constexpr std::size_t kMostNames = 100;

    struct Line {
        std::string name;  ///< Empty: of several further names.
        std::size_t jobs;
    };
    /// Counts jobs by their name; returns what to tell now.
    [[nodiscard]] std::vector<Line> add(
        const std::vector<std::pair<std::string, std::size_t>>& names, Time now);

private:
    struct Told {
        Time next;
        std::size_t jobs = 0;  ///< Since the last line.
    };
    /// Counts; returns what is to be told, 0: nothing.
    [[nodiscard]] static std::size_t count(Told& told, std::size_t jobs, Time now);

    std::map<std::string, Told> names_;
    Told others_;
};

}  // namespace drover
