// Adds a job to the queue that each job names, and completes with the headers of the job's trace.
#include <drover/Handler.h>
#include <span>
#include <string>

namespace {

class Relay : public drover::BatchHandler {
public:
    void process(std::span<drover::ActiveJob> jobs) override {
        for (drover::ActiveJob& job : jobs) {
            const drover::JsonView data = drover::JsonView::parse(job.data());
            job.addJob({.name = "mail", .data = "{}", .queue = data["to"].string().value_or("")});
            const drover::TraceHeaders headers = job.traceContext();
            job.complete(drover::jsonString(headers.traceparent));
        }
    }
};

}  // namespace

DROVER_PLUGIN(
    drover::plugin("relay", "1").handler<Relay>("relay", {.queue = "relay", .anyJobName = true}))
