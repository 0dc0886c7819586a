#include <memory>

#include "cli/Command.h"
#include "cli/ConfigOptions.h"
#include "cli/RunningProcess.h"
#include "drover/Json.h"

namespace drover::cli {

namespace {

/// `drover worker resume`. Unavailable: no process answers. Throws UsageException and ConfigException.
class WorkerResume : public Command {
public:
    WorkerResume()
        : Command({"worker resume",
                   "lets a process that is quiet claim jobs again",
                   configOptions({options::kSocket, options::kJson}),
                   "",
                   "The process is found by its control socket, as by drover health. A service "
                   "manager does the same by the signal CONT.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const ControlClient process = runningProcess(call, Configuration(configSources(call)));
        const std::string report = changeState(process, "resume", "running");
        const JsonView answer = JsonView::parse(report);
        call.output.print([&](JsonWriter& json) { json.raw(report); },
                          [&](std::ostream& text) {
                              text << "process " << answer["pid"].integer().value_or(0)
                                   << " claims jobs\n";
                          });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeWorkerResume() {
    return std::make_unique<WorkerResume>();
}

}  // namespace drover::cli
