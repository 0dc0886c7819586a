#include <algorithm>
#include <chrono>
#include <cstdint>
#include <drover/Handler.h>
#include <drover/Json.h>
#include <string>
#include <string_view>

namespace {

using std::chrono::milliseconds;

/// Completes a job with its own data. Members of the data have further effects, for demonstrations; README.md lists them.
class EchoHandler : public drover::Handler {
public:
    drover::Outcome process(drover::ActiveJob& job) override {
        // Data nested deeper than JsonView::kMaxDepth has no readable members. It is echoed like any other.
        const drover::JsonView data =
            drover::JsonView::tryParse(job.data()).value_or(drover::JsonView());
        if (const auto progress = data["progress"].integer()) {
            job.updateProgress(std::to_string(*progress));
        }
        if (const auto sleepMs = data["sleepMs"].integer()) {
            if (job.waitCancelled(milliseconds(std::max<std::int64_t>(*sleepMs, 0)))) {
                // A process that ends is not the job's fault: another process runs it.
                return job.cancelCause() == drover::CancelCause::Shutdown
                           ? drover::movedToWait()
                           : drover::failed("cancelled");
            }
        }
        if (const auto fail = data["fail"].string()) {
            return drover::failed(*fail);
        }
        return drover::completed(job.data());
    }
};

}  // namespace

DROVER_PLUGIN(drover::plugin("echo", "1.0.0")
                  .describe("Completes jobs with their own data.")
                  .handler<EchoHandler>("echo", {.queue = "echo"}))
