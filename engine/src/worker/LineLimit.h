#pragma once

#include <chrono>
#include <cstddef>

#include "core/Clock.h"

namespace drover {

/// Limits how many lines about one kind of event go to the log, and counts the events that got none.
///
/// A window begins with the first line after the last window ended. Up to `Rule::lines` lines go out in each.
/// No I/O. Threads: one at a time.
class LineLimit {
public:
    struct Rule {
        std::size_t lines;  ///< Per window; at least 1.
        std::chrono::milliseconds window;
    };

    /// `clock` must outlive this object.
    LineLimit(const Clock& clock, const Rule& rule) : clock_(&clock), rule_(rule) {}

    /// Returns true if a line that reports `events` may be logged now; else counts them as withheld.
    [[nodiscard]] bool admit(std::size_t events = 1);
    /// Returns how many events were withheld, and forgets them, once their window is over; 0 before.
    [[nodiscard]] std::size_t popWithheld();
    /// Returns true if the window of the last line is over, or no line was logged yet.
    [[nodiscard]] bool windowIsOver() const { return clock_->monotonic() >= windowEnd_; }

private:
    const Clock* clock_;
    Rule rule_;
    Clock::Monotonic windowEnd_{};
    std::size_t lines_ = 0;  ///< In the window.
    std::size_t withheld_ = 0;
};

}  // namespace drover
