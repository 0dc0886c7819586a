#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "drover/Metrics.h"
#include "drover/Queue.h"

namespace drover {

/// Counts jobs by the result of their add.
/// Threads: any.
class AddCounts {
public:
    /// As many as AddResult::Status has values.
    static constexpr std::size_t kStatuses = 7;

    void count(AddResult::Status status) {
        counts_.at(static_cast<std::size_t>(status)).fetch_add(1, std::memory_order_relaxed);
    }
    void count(const std::vector<AddResult>& results) {
        for (const AddResult& result : results) {
            count(result.status);
        }
    }
    /// Adds the counts, with the queue's name as a label.
    void measure(Metrics& metrics, const std::string& queue) const;

private:
    std::array<std::atomic<std::uint64_t>, kStatuses> counts_{};
};

/// The counts of every queue that the clients of one server add to, whichever objects add: they outlive these.
/// Threads: any.
class AddFigures {
public:
    /// Clients may name queues, and each is a label of metrics.
    static constexpr std::size_t kMostQueues = 1000;

    /// Returns the counts of a queue by its name, without a shard. Beyond kMostQueues all further queues share those of "*".
    [[nodiscard]] std::shared_ptr<AddCounts> of(const std::string& queue);
    void measure(Metrics& metrics) const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<AddCounts>> queues_;  ///< Guarded by mutex_.
};

}  // namespace drover
