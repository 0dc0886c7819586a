#include <csignal>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "AdminRoutes.h"
#include "drover/Service.h"
#include "drover/ServiceKeys.h"

namespace drover::admin {

namespace {

constexpr std::size_t kLongRequests = 4;

/// The service plugin: the routes, and the threads that they need.
class AdminService : public Service {
public:
    explicit AdminService(ServiceContext& context)
        : context_(context),
          shared_{std::make_shared<LongWork>(kLongRequests),
                  std::make_shared<EventHub>(context.redis(), queues(context)->prefix()),
                  // The process has a thread for its signals, as for those of a service manager.
                  [](bool on) { kill(getpid(), on ? SIGTSTP : SIGCONT); }} {
        apply(context);
    }

    [[nodiscard]] std::function<void()> prepareReload(ServiceContext& next) override {
        apply(next);
        return {};
    }

    void stop(std::chrono::milliseconds grace) override {
        (void)grace;  // Each call of the work that runs is short.
        shared_.events->stop();
        shared_.work->stop();
    }

private:
    [[nodiscard]] Queues queues(ServiceContext& context) const {
        return std::make_shared<const AdminQueues>(
            context.config().text("queues"),
            context.redis(),
            [this](const std::string& name) { return context_.queueSettings(name); },
            context.shardedQueues());
    }
    void apply(ServiceContext& context) {
        context.routes().replace(kSource, adminRoutes(queues(context), shared_));
    }

    ServiceContext& context_;
    const Shared shared_;
};

const ServiceDescriptor kDescriptor = {
    DROVER_BUILD_STAMP,
    "admin",
    DROVER_VERSION,
    "Routes for operators: queues, jobs, schedulers, flows, workers and events.",
    {textKey(
        "queues",
        "*",
        "Queues that the routes serve, as globs parted by commas. Every request needs a token.",
        DROVER_CONFIG_RELOADABLE)},
    {},
    [](ServiceContext& context) -> std::unique_ptr<Service> {
        return std::make_unique<AdminService>(context);
    }};

}  // namespace

}  // namespace drover::admin

DROVER_SERVICE(drover::admin::kDescriptor);
