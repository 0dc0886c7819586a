#include "worker/FailureLog.h"

#include <algorithm>
#include <utility>

namespace drover {

namespace {

constexpr std::size_t kLongestReason = 300;

/// One line, and not cut inside a character.
std::string shortened(std::string text) {
    if (text.size() > kLongestReason) {
        std::size_t end = kLongestReason;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
            --end;
        }
        text.resize(end);
        text += "...";
    }
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return text;
}

}  // namespace

bool FailureLog::isDecision(const JobRun& run) {
    return run.outcome().kind == JobOutcome::Kind::Unrecoverable && run.pool != nullptr &&
           !run.job().deferredFailure && !run.overridden();
}

bool FailureLog::add(Time now) {
    if (now >= windowEnd_) {
        windowEnd_ = now + kWindow;
        lines_ = 0;
    }
    if (lines_ == kMostLines) {
        ++withheld_;
        return false;
    }
    ++lines_;
    return true;
}

std::size_t FailureLog::popWithheld(Time now) {
    return now < windowEnd_ ? 0 : std::exchange(withheld_, 0);
}

std::string FailureLog::describe(const JobRun& run) {
    const ClaimedJob& job = run.job();
    return "job " + job.id + " of " + job.queue + " (name \"" + shortened(job.name) +
           "\") failed for good after " + std::to_string(job.attemptsMade + 1) + " of " +
           std::to_string(std::max(run.options().attempts, 1)) +
           " attempts: " + shortened(run.outcome().text);
}

}  // namespace drover
