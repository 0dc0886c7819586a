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
        std::int64_t jobs = 0;
        for (const std::string& one : on.inRedis(name)) {
            jobs += on.reader(one).count(
                delayed ? std::vector{JobState::Waiting, JobState::Prioritized, JobState::Delayed}
                        : std::vector{JobState::Waiting, JobState::Prioritized});
        }
        if (const ExitCode code =
                confirmed(call,
                          "Remove the " + std::to_string(jobs) +
                              (jobs == 1 ? " waiting job of " : " waiting jobs of ") + name + "?");
            code != ExitCode::Ok) {
            return code;
        }
        workOnJobs(call, on, name, "removed", [delayed](auto& queue, const auto& calls) {
            return queue.drain(delayed, calls);
        });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeQueueDrain() {
    return std::make_unique<QueueDrain>();
}

}  // namespace drover::cli
