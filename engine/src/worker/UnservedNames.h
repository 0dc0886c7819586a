#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "worker/LineLimit.h"

namespace drover {

/// Logs jobs whose name no handler serves: once per name and minute, with how many there were since the last line.
///
/// Names come from other clients and may be any number: those beyond the first hundred of a minute share one line.
/// Threads: one at a time.
class UnservedNames {
public:
    static constexpr LineLimit::Rule kRule{1, std::chrono::minutes(1)};
    static constexpr std::size_t kMostNames = 100;

    /// Jobs of one name.
    struct Count {
        std::string name;  ///< Empty: of several further names.
        std::size_t jobs;
    };

    /// `clock` must outlive this object.
    explicit UnservedNames(const Clock& clock) : clock_(clock), further_(clock, kRule) {}

    /// Counts jobs by their name, and logs the lines that are due. `queue` is the queue's own name. Returns how many jobs
    /// there were.
    std::size_t report(const std::string& queue,
                       const std::vector<std::pair<std::string, std::size_t>>& names);
    /// Counts jobs by their name; returns the lines that are due.
    [[nodiscard]] std::vector<Count> add(
        const std::vector<std::pair<std::string, std::size_t>>& names);

private:
    /// Returns the line of one name; nothing if it has no jobs.
    static std::size_t due(LineLimit& limit, std::size_t jobs);
    /// Forgets names whose minute is over. Returns how many of their jobs no line has reported.
    std::size_t makeRoom();

    const Clock& clock_;
    std::map<std::string, LineLimit> names_;
    LineLimit further_;
};

}  // namespace drover
