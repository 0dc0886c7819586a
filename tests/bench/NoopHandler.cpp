#include <drover/Handler.h>

namespace {

/// The counterpart of an empty function of BullMQ.
class NoopHandler : public drover::Handler {
public:
    drover::Outcome process(drover::ActiveJob&) override { return drover::completed(); }
};

}  // namespace

DROVER_PLUGIN(drover::plugin("noop", "1.0.0")
                  .describe("Completes jobs without doing anything.")
                  .handler<NoopHandler>("noop", {.queue = "noop"}))
