#include <memory>

#include "cli/Operated.h"
#include "cli/Removal.h"

namespace drover::cli {

namespace {

constexpr Option kDelayed{"delayed", nullptr, "removes delayed jobs as well"};

/// `drover queue drain`. Throws UsageException, ConfigException and RedisIoException.
class QueueDrain : public Command {
public:
    QueueDrain()
        : Command({"queue drain",
                   "removes the jobs of a queue that wait",
                   operateOptions({kDelayed, options::kYes}),
                   "QUEUE"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string name = on.nameOf(call.line.arguments()[0]);
        const bool delayed = call.line.has(kDelayed);
        const std::int64_t jobs = on.reader(name).count(
            delayed ? std::vector{JobState::Waiting, JobState::Prioritized, JobState::Delayed}
                    : std::vector{JobState::Waiting, JobState::Prioritized});
        if (const ExitCode code =
                confirmed(call,
                          "Remove the " + std::to_string(jobs) +
                              (jobs == 1 ? " waiting job of " : " waiting jobs of ") + name + "?");
            code != ExitCode::Ok) {
            return code;
        }
        QueueMaintenance work(on.redis(), on.settings<QueueMaintenance>(name));
        printCount(call, name, "removed", work.drain(delayed, callsWithProgress(call, "removed")));
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeQueueDrain() {
    return std::make_unique<QueueDrain>();
}

}  // namespace drover::cli
