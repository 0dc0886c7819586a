#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/Metrics.h"

namespace drover {

/// Writes what a process reports of itself: its health, queues, plugins and breakers as one JSON object of bounded size.
///
/// {"id", "host", "load": [name of a plugin …], the members of the command "health", "queues": [{"name", "held"?,
/// "concurrency"?, "completed", "failed", "added", "completedPerSecond"?, "failedPerSecond"?, "addedPerSecond"?}], "plugins":
/// [{"name", "version", "generation", "draining", "refused"}], "breakers": [{"queue", "handler"}], "leftOut": int}.
/// `breakers`: those that are open. A rate is absent in the first report. `leftOut`: entries beyond kMostEntries of a list.
/// Threads: one.
class ProcessReport {
public:
    using Moment = std::chrono::steady_clock::time_point;

    static constexpr std::size_t kMostEntries = 50;
    /// Bytes of a text; the rest is cut off.
    static constexpr std::size_t kMostText = 200;

    ProcessReport(std::string id, std::string host, std::vector<std::string> load);

    [[nodiscard]] const std::string& id() const { return id_; }
    /// Returns the report of a moment. `health` is the JSON of Process::healthJson().
    [[nodiscard]] std::string write(std::string_view health, const Metrics& metrics, Moment now);

private:
    struct Queue {
        std::optional<double> held;  ///< Present with a worker.
        double concurrency = 0;
        double completed = 0;
        double failed = 0;
        double added = 0;
    };
    using Queues = std::map<std::string, Queue>;

    [[nodiscard]] static Queues queuesOf(const Metrics& metrics);

    const std::string id_;
    const std::string host_;
    const std::vector<std::string> load_;
    Queues before_;  ///< At at_.
    std::optional<Moment> at_;
};

}  // namespace drover
