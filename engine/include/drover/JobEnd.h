#pragma once

#include <string>

namespace drover {

/// The end of a job, as a caller that waits for it learns it. A value.
struct JobEnd {
    enum class Status {
        Completed,  ///< `text` is the return value: JSON.
        Failed,     ///< `text` is the reason.
        TimedOut,  ///< The job had not ended when the deadline passed. `text` is empty, or why that is unknown.
        NoSuchJob  ///< There is no such job, and the event stream has no end of it any more.
    };

    Status status = Status::TimedOut;
    std::string text;

    bool operator==(const JobEnd&) const = default;
};

}  // namespace drover
