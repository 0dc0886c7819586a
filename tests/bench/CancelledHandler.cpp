#include <chrono>
#include <drover/Handler.h>
#include <drover/Json.h>
#include <string>

namespace {

/// Works until it is cancelled, and completes with the time at which it noticed: {"atUs": epoch microseconds, "reason": string}.
class CancelledHandler : public drover::Handler {
public:
    drover::Outcome process(drover::ActiveJob& job) override {
        using namespace std::chrono;
        if (!job.waitCancelled(seconds(30))) {
            return drover::failed("not cancelled within 30 s");
        }
        const auto now = system_clock::now().time_since_epoch();
        return drover::completed(
            "{\"atUs\":" + std::to_string(duration_cast<microseconds>(now).count()) +
            ",\"reason\":" + drover::jsonString(job.cancelReason()) + "}");
    }
};

}  // namespace

DROVER_PLUGIN(drover::plugin("cancelled", "1.0.0")
                  .describe("Works until it is cancelled.")
                  .handler<CancelledHandler>("cancelled", {.queue = "cancelled"}))
