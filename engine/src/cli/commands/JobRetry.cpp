#include <memory>

#include "cli/JobsAction.h"
#include "cli/Operated.h"
#include "cli/Removal.h"
#include "drover/JobControl.h"

namespace drover::cli {

namespace {

constexpr Option kAll{"all", nullptr, "retries all jobs of the state"};
constexpr Option kState{"state", "STATE", "failed (the default) or completed"};
constexpr Option kReset{"reset-attempts", nullptr, "counts the attempts from 0 again"};

/// `drover job retry`. NotThere: a job is not in the state. Throws UsageException, ConfigException and RedisIoException.
class JobRetry : public Command {
public:
    JobRetry()
        : Command({"job retry",
                   "makes finished jobs run again",
                   operateOptions({options::kQueue, kState, kAll, kReset}),
                   "[ID]",
                   "Exit code 66: a job does not exist, or is not in the state.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string name = call.line.has(kAll) ? on.queue() : on.queueOfJobs();
        JobControl::Retry retry;
        if (const std::string state = call.line.value(kState); !state.empty()) {
            retry.from = parseJobState(state);
        }
        if (call.line.has(kAll) != call.line.arguments().empty()) {
            throw UsageException("job retry needs ids, or --all");
        }
        if (call.line.has(kAll)) {
            if (call.line.has(kReset)) {
                throw UsageException("--reset-attempts needs ids");
            }
            workOnJobs(call, on, name, "retried", [&retry](auto& queue, const auto& calls) {
                return queue.retryJobs(retry.from, std::nullopt, calls);
            });
            return ExitCode::Ok;
        }
        retry.resetAttemptsMade = retry.resetAttemptsStarted = call.line.has(kReset);
        JobControl jobs(on.redis(), on.settings<JobControl>(name));
        return onEachJob(call, name, "retried", [&](const std::string& id) {
            jobs.retry(id, retry);
            return std::string();
        });
    }
};

}  // namespace

std::unique_ptr<Command> makeJobRetry() {
    return std::make_unique<JobRetry>();
}

}  // namespace drover::cli
