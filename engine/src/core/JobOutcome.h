#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace drover {

/// A handler's decision about a job.
struct JobOutcome {
    enum class Kind {
        Unset,          ///< Nothing: the job is handed back.
        Completed,      ///< `text` is the result as JSON.
        Failed,         ///< `text` is the reason; a retry follows by the job's backoff.
        Unrecoverable,  ///< `text` is the reason; no attempt will help.
        Unavailable,    ///< `text` is the reason; `ms` how long to wait, 0: the engine decides.
        Delayed,  ///< `ms` is the epoch time until which it waits; `text` why it was put off, or empty.
        Wait,  ///< Back to the head of the queue.
        WaitingChildren,  ///< Sleeps until its children are done; `text`: if this child (a job key) is not, or empty.
        RateLimited  ///< `ms` is how long the queue's limiter closes.
    };

    Kind kind = Kind::Unset;
    std::string text;
    std::string trace;  ///< For Failed and Unrecoverable: one line per nested exception.
    std::int64_t ms = 0;
};

}  // namespace drover
