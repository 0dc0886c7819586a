#include <memory>

#include "cli/Operated.h"
#include "cli/Removal.h"

namespace drover::cli {

namespace {

constexpr Option kForce{"force", nullptr, "removes it also if jobs are active"};

/// `drover queue obliterate`. Throws UsageException, ConfigException, JobStateException and RedisIoException.
class QueueObliterate : public Command {
public:
    QueueObliterate()
        : Command({"queue obliterate",
                   "pauses a queue and removes it with all that it has in Redis",
                   operateOptions({kForce, options::kYes}),
                   "QUEUE",
                   "Exit code 66: jobs are active, and --force is not given.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string name = on.nameOf(call.line.arguments()[0]);
        if (const ExitCode code =
                confirmed(call, "Remove the queue " + name + " with all of its jobs and settings?");
            code != ExitCode::Ok) {
            return code;
        }
        workOnJobs(call, on, name, "removed", [&call](auto& queue, const auto& calls) {
            return queue.obliterate(call.line.has(kForce), calls);
        });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeQueueObliterate() {
    return std::make_unique<QueueObliterate>();
}

}  // namespace drover::cli
