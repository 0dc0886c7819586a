#include <drover/Handler.h>

struct Echo : drover::Handler {
    drover::Outcome process(drover::ActiveJob& job) override {
        return drover::completed(job.data());
    }
};
DROVER_PLUGIN(drover::plugin("outside", "1.0.0").handler<Echo>("echo", {.queue = "echo"}))
