#include "worker/FailureLog.h"

#include <algorithm>

#include <Poco/Logger.h>

namespace drover {

namespace {

constexpr std::size_t kLongestReason = 300;

Poco::Logger& logger() {
    return Poco::Logger::get("worker");
}

/// Returns the text as one line, and not cut inside a character.
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

void FailureLog::report(const JobRun& run) {
    if (isDecision(run)) {
        if (logger().debug()) {
            logger().debug(describe(run));
        }
    } else if (limit_.admit()) {
        logger().warning(describe(run));
    }
}

void FailureLog::reportWithheld() {
    if (const std::size_t more = limit_.popWithheld(); more > 0) {
        logger().warning("queue %s: %z more jobs failed for good", queue_, more);
    }
}

bool FailureLog::isDecision(const JobRun& run) {
    return run.outcome().kind == JobOutcome::Kind::Unrecoverable && run.pool() != nullptr &&
           !run.job().deferredFailure && run.state() != JobRun::State::Refused;
}

std::string FailureLog::describe(const JobRun& run) {
    const ClaimedJob& job = run.job();
    return "job " + job.id + " of " + job.queue + " (name \"" + shortened(job.name) +
           "\") failed for good after " + std::to_string(job.attemptsMade + 1) + " of " +
           std::to_string(std::max(run.options().attempts, 1)) +
           " attempts: " + shortened(run.outcome().text);
}

}  // namespace drover
