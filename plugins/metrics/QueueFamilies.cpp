#include "QueueFamilies.h"

#include <cstdint>
#include <string>
#include <utility>

namespace drover::metrics {

void addQueues(Metrics& metrics, const std::vector<QueueSummary>& queues) {
    MetricFamily& jobs = metrics.gauge("drover_queue_jobs", "Jobs of a queue by state");
    MetricFamily& oldest = metrics.gauge(
        "drover_queue_oldest_wait_seconds",
        "Age of the oldest job that may run and waits, from the end of its delay; 0: none waits");
    MetricFamily& drain = metrics.gauge(
        "drover_queue_drain_seconds",
        "Time until the jobs that wait have run at the rate of late; absent until it is measured");
    MetricFamily& paused = metrics.gauge("drover_queue_paused", "1 while the queue is paused");
    MetricFamily& events = metrics.gauge("drover_queue_events", "Entries of the stream of events");
    MetricFamily& bytes = metrics.gauge("drover_queue_events_bytes",
                                        "Memory of the stream of events, as Redis estimates it");
    MetricFamily& theirs =
        metrics.gauge("bullmq_job_count", "Number of jobs in the queue by state");
    MetricFamily& completed =
        metrics.counter("bullmq_job_completed_total", "Total number of completed jobs");
    MetricFamily& failed =
        metrics.counter("bullmq_job_failed_total", "Total number of failed jobs");
    for (const QueueSummary& figures : queues) {
        if (!figures.problem.empty()) {
            continue;
        }
        const std::string& name = figures.name;
        const MetricLabels labels = {{"queue", name}};
        const JobCounts& counts = figures.counts;
        for (const auto& [state, count] : {std::pair("active", counts.active),
                                           std::pair("completed", counts.completed),
                                           std::pair("delayed", counts.delayed),
                                           std::pair("failed", counts.failed),
                                           std::pair("paused", counts.paused),
                                           std::pair("prioritized", counts.prioritized),
                                           std::pair("waiting", counts.waiting),
                                           std::pair("waiting-children", counts.waitingChildren)}) {
            jobs.add({{"queue", name}, {"state", state}}, count);
            theirs.add({{"queue", name}, {"state", state}}, count);
        }
        oldest.add(labels, static_cast<double>(figures.oldestWaitMs.value_or(0)) / 1000);
        if (figures.drainSeconds) {
            drain.add(labels, *figures.drainSeconds);
        }
        paused.add(labels, figures.paused);
        events.add(labels, figures.events);
        if (figures.eventBytes) {
            bytes.add(labels, *figures.eventBytes);
        }
        completed.add(labels, figures.allCompleted);
        failed.add(labels, figures.allFailed);
    }
}

}  // namespace drover::metrics
