#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "History.h"
#include "drover/JsonWriter.h"
#include "drover/QueueReader.h"
#include "drover/Service.h"
#include "drover/operate/QueueOverview.h"

namespace drover::console {

/// The queues of the process and their workers, and the processes of this Redis, read at most once a second however many pages
/// are open.
/// Threads: any.
class QueueFigures {
public:
    /// At most this many queues are shown, and the workers of the first kMostListed that have any.
    static constexpr std::size_t kMostQueues = 200;
    static constexpr std::size_t kMostListed = 20;

    struct Queue {
        std::string name;
        std::string prefix;
        std::string admission;  ///< Its bounds, for a person.
    };

    /// `prefix`: of the processes.
    QueueFigures(Redis redis, std::string prefix, std::vector<Queue> queues);

    /// Writes "queues", "workers", "processes" and, if Redis is away, "problem".
    void write(JsonWriter& out);

private:
    void look();

    const Redis redis_;
    const std::string prefix_;
    std::vector<Queue> queues_;
    std::mutex mutex_;
    QueueOverview overview_;                             ///< Guarded by mutex_, as are
    std::string json_;                                   ///< the members of the object and
    std::chrono::steady_clock::time_point lookAgain_{};  ///< when they are too old.
};

/// Returns the bounds of adding as text: "at most 1000 jobs, 5000 ms"; "no bound".
[[nodiscard]] std::string admissionText(const Queue::Admission& admission);

/// Writes "plugins" and "breakers" by the figures of the process.
void writePlugins(JsonWriter& out, const Metrics& metrics);
/// Writes "checks".
void writeChecks(JsonWriter& out, const std::vector<std::pair<std::string, HealthReport>>& health);
/// Writes "points".
void writePoints(JsonWriter& out, const std::vector<Point>& points);

}  // namespace drover::console
