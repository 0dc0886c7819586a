#include <memory>

#include "cli/JobsAction.h"
#include "cli/Operated.h"
#include "drover/JobControl.h"

namespace drover::cli {

namespace {

constexpr Option kAlone{"leave-children", nullptr, "leaves the jobs below it"};

/// `drover job remove`. NotThere: there is no such job, or a worker holds it. Throws UsageException, ConfigException and
/// RedisIoException.
class JobRemove : public Command {
public:
    JobRemove()
        : Command({"job remove",
                   "removes jobs, with all jobs below them",
                   operateOptions({options::kQueue, kAlone, options::kYes}),
                   "[ID]",
                   "Exit code 66: a job does not exist, a worker holds it, or it is the next job "
                   "of a scheduler.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string name = on.queueOfJobs();
        const std::size_t count = call.line.arguments().size();
        if (count == 0) {
            throw UsageException("job remove needs ids");
        }
        const std::string jobs =
            count == 1 ? "job " + call.line.arguments()[0] : std::to_string(count) + " jobs";
        if (const ExitCode code = confirmed(call, "Remove " + jobs + " of " + name + "?");
            code != ExitCode::Ok) {
            return code;
        }
        JobControl control(on.redis(), on.settings<JobControl>(name));
        const QueueReader reader = on.reader(name);
        return onEachJob(call, name, "removed", [&](const std::string& id) -> std::string {
            // A removal of a job that is not there succeeds.
            if (!reader.job(id)) {
                return "there is no such job";
            }
            return control.remove(id, !call.line.has(kAlone)) ? "" : "a worker holds it";
        });
    }
};

}  // namespace

std::unique_ptr<Command> makeJobRemove() {
    return std::make_unique<JobRemove>();
}

}  // namespace drover::cli
