#pragma once

#include <cstddef>
#include <cstdint>

#include "drover/Trace.h"

namespace drover {

/// The span of a run while it is under way. The times are those of a span that is recorded.
struct RunTrace {
    SpanStart start;             ///< It begins when a thread of the handler has the job.
    std::int64_t handledNs = 0;  ///< When the handler returned.
    std::size_t batchSize = 0;
    bool isDelayed = false;  ///< The failed attempt is repeated after a backoff.
};

}  // namespace drover
