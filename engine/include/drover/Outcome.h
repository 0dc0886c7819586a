#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace drover {

/// A handler's decision about a job. A value; made by the functions below.
struct Outcome {
    enum class Kind {
        Completed,  ///< `text` is the result as JSON.
        Failed,  ///< `text` is the reason; the attempt counts, a retry follows by the job's backoff.
        Unrecoverable,  ///< `text` is the reason; no attempt will help.
        Unavailable,  ///< `text` is the reason; `ms` how long to wait at least, 0: the engine decides.
        Delayed,  ///< `ms` is the epoch time until which it waits; `text` is the reason of putOff().
        Wait,     ///< Back to the head of the queue.
        WaitingChildren,  ///< Sleeps until its children are done; `text` is the child of waitForChild().
        RateLimited  ///< `ms` is how long the queue's limiter closes; so far only this job waits.
    };

    Kind kind = Kind::Completed;
    std::string text = {};
    std::string trace =
        {};  ///< For Failed and Unrecoverable: one line per nested exception; may be empty.
    std::int64_t ms = 0;

    bool operator==(const Outcome&) const = default;
};

/// Done. `json` is the result, one JSON value; empty means null.
[[nodiscard]] inline Outcome completed(std::string_view json = "null") {
    return {.kind = Outcome::Kind::Completed, .text = std::string(json)};
}

/// The job's fault: the attempt counts; a retry follows by the job's backoff, or it fails for good.
[[nodiscard]] inline Outcome failed(std::string_view reason) {
    return {.kind = Outcome::Kind::Failed, .text = std::string(reason)};
}

/// The job's fault, and no further attempt will help: it fails at once.
[[nodiscard]] inline Outcome unrecoverable(std::string_view reason) {
    return {.kind = Outcome::Kind::Unrecoverable, .text = std::string(reason)};
}

/// The fault of infrastructure: handed back, costs no attempt; the handler's breaker opens for at least `retryAfter`
/// (0: the engine's own backoff). Throwing drover::Unavailable does the same.
[[nodiscard]] inline Outcome unavailable(
    std::string_view reason, std::chrono::milliseconds retryAfter = std::chrono::milliseconds{0}) {
    return {
        .kind = Outcome::Kind::Unavailable, .text = std::string(reason), .ms = retryAfter.count()};
}

/// Back to the delayed set until `until`; no attempt is counted.
[[nodiscard]] inline Outcome delayed(std::chrono::system_clock::time_point until) {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    return {.kind = Outcome::Kind::Delayed,
            .ms = duration_cast<milliseconds>(until.time_since_epoch()).count()};
}

/// As delayed(), for a job that infrastructure refuses, through no fault of the job, while it serves other jobs, such
/// as a row that a constraint of the database forbids. `drover health` counts such jobs and shows the last reason.
[[nodiscard]] inline Outcome putOff(std::chrono::system_clock::time_point until,
                                    std::string_view reason) {
    Outcome outcome = delayed(until);
    outcome.text = reason;
    return outcome;
}

/// Back to the head of the queue; no attempt is counted.
[[nodiscard]] inline Outcome movedToWait() {
    return {.kind = Outcome::Kind::Wait};
}

/// Sleeps until its children are done, then runs again from the start; at once if none is left to wait for.
[[nodiscard]] inline Outcome waitForChildren() {
    return {.kind = Outcome::Kind::WaitingChildren};
}

/// As waitForChildren(), unless the child with this job key ("<prefix>:<queue>:<id>") is done already: then the job runs again
/// at once. As in BullMQ it sleeps until all of its children are done.
[[nodiscard]] inline Outcome waitForChild(std::string_view childKey) {
    return {.kind = Outcome::Kind::WaitingChildren, .text = std::string(childKey)};
}

/// Back to the head of the queue, whose limiter closes for `duration`: for this process, and for every worker that has a
/// limiter of its own.
[[nodiscard]] inline Outcome rateLimited(std::chrono::milliseconds duration) {
    return {.kind = Outcome::Kind::RateLimited, .ms = duration.count()};
}

}  // namespace drover
