#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace drover {

class Configuration;

/// Keys: trace.*.
struct TraceSettings {
    using Pairs = std::vector<std::pair<std::string, std::string>>;

    std::string endpoint;  ///< Empty: there are no traces.
    double ratio = 1;
    bool followsParent = true;
    bool passUnsampled = true;
    Pairs headers;
    std::string caFile;
    Pairs attributes;  ///< Describe the process; service.name is among them.
    std::chrono::milliseconds timeout{0};
    std::chrono::milliseconds delay{0};
    std::size_t maxBatch = 0;
    std::size_t maxQueued = 0;

    [[nodiscard]] static TraceSettings read(const Configuration& config);
    /// Adds the problems of the keys, one each. Without an endpoint there are none: the variables of OpenTelemetry are often
    /// there for other programs of the machine.
    static void check(const Configuration& config, std::vector<std::string>& problems);
};

}  // namespace drover
