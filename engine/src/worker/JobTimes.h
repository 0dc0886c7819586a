#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "drover/Metrics.h"

namespace drover {

/// Counts how long the jobs of one queue wait and run, by their names.
///
/// A producer chooses the names, so that their number is bounded: names beyond kMostNames, long ones and ones that are not
/// UTF-8 share the name "other".
/// Threads: measure() any; the rest from the claim loop.
class JobTimes {
public:
    static constexpr std::size_t kMostNames = 50;
    static constexpr std::size_t kLongestName = 128;

    void onWait(std::string_view name, std::chrono::nanoseconds time) {
        of(name).wait.observe(time);
    }
    void onRun(std::string_view name, std::chrono::nanoseconds time, std::uint64_t jobs) {
        of(name).run.observe(time, jobs);
    }

    /// Adds the samples, with `queue` as a label.
    void measure(Metrics& metrics, const std::string& queue) const;

private:
    struct Times {
        JobHistogram wait;
        JobHistogram run;
    };

    [[nodiscard]] Times& of(std::string_view name) {
        return last_ != nullptr && name == lastName_ ? *last_ : find(name);
    }
    [[nodiscard]] Times& find(std::string_view name);

    mutable std::mutex mutex_;  ///< The loop holds it to add a name; it alone changes the map.
    std::map<std::string, Times, std::less<>> byName_;
    std::string lastName_;  ///< That of the last job: jobs of one name mostly follow each other.
    Times* last_ = nullptr;
};

}  // namespace drover
