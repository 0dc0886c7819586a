#include "redis/AddFigures.h"

#include <iterator>
#include <utility>

namespace drover {

namespace {

using Status = AddResult::Status;

/// Every result of an add, with its text in metrics.
constexpr std::pair<Status, const char*> kTexts[] = {{Status::Added, "added"},
                                                     {Status::Rejected, "rejected"},
                                                     {Status::Unavailable, "unavailable"},
                                                     {Status::QueueFull, "queue_full"},
                                                     {Status::MemoryFull, "memory_full"},
                                                     {Status::Unknown, "unknown"},
                                                     {Status::KeyTaken, "key_taken"}};

static_assert(std::size(kTexts) == AddCounts::kStatuses);

}  // namespace

void AddCounts::measure(Metrics& metrics, const std::string& queue) const {
    MetricFamily& jobs = metrics.counter(
        "drover_jobs_added_total",
        "Jobs that this process was to add, by result; queue_full and memory_full are refusals "
        "by the bounds of the queue");
    for (const auto& [status, text] : kTexts) {
        jobs.add({{"queue", queue}, {"result", text}},
                 counts_.at(static_cast<std::size_t>(status)).load(std::memory_order_relaxed));
    }
}

std::shared_ptr<AddCounts> AddFigures::of(const std::string& queue) {
    const std::lock_guard lock(mutex_);
    const bool isNew = queues_.count(queue) == 0;
    std::shared_ptr<AddCounts>& counts =
        queues_[isNew && queues_.size() >= kMostQueues ? "*" : queue];
    if (!counts) {
        counts = std::make_shared<AddCounts>();
    }
    return counts;
}

void AddFigures::measure(Metrics& metrics) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [queue, counts] : queues_) {
        counts->measure(metrics, queue);
    }
}

}  // namespace drover
