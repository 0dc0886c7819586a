#pragma once

#include <atomic>
#include <cstdint>

#include "drover/Metrics.h"
#include "redis/AddFigures.h"

namespace drover {

/// Counts the traffic of all clients of one server.
/// Threads: any.
struct RedisFigures {
    CallHistogram roundTrips;  ///< Commands, scripts and pipelines; not the waits for jobs.
    std::atomic<std::uint64_t> reconnects{0};  ///< Connections made by clients that had one before.
    std::atomic<std::uint64_t> failures{
        0};  ///< Connections that broke, were refused or did not answer.
    std::atomic<std::uint64_t> refusals{0};  ///< Commands that Redis refused for a while.

    AddFigures adds;  ///< Measured by themselves.

    void measure(Metrics& metrics) const;
};

}  // namespace drover
