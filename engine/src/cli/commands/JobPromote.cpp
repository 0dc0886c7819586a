#include <memory>

#include "cli/JobsAction.h"
#include "cli/Operated.h"
#include "cli/Removal.h"
#include "drover/JobControl.h"

namespace drover::cli {

namespace {

constexpr Option kAll{"all", nullptr, "promotes all delayed jobs"};

/// `drover job promote`. NotThere: a job is not delayed. Throws UsageException, ConfigException and RedisIoException.
class JobPromote : public Command {
public:
    JobPromote()
        : Command({"job promote",
                   "lets delayed jobs run now",
                   operateOptions({options::kQueue, kAll}),
                   "[ID]",
                   "Exit code 66: a job does not exist, or is not delayed.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string name = call.line.has(kAll) ? on.queue() : on.queueOfJobs();
        if (call.line.has(kAll) != call.line.arguments().empty()) {
            throw UsageException("job promote needs ids, or --all");
        }
        if (call.line.has(kAll)) {
            workOnJobs(call, on, name, "promoted", [](auto& queue, const auto& calls) {
                return queue.promoteJobs(calls);
            });
            return ExitCode::Ok;
        }
        JobControl jobs(on.redis(), on.settings<JobControl>(name));
        return onEachJob(call, name, "promoted", [&](const std::string& id) {
            jobs.promote(id);
            return std::string();
        });
    }
};

}  // namespace

std::unique_ptr<Command> makeJobPromote() {
    return std::make_unique<JobPromote>();
}

}  // namespace drover::cli
