#include <memory>

#include "cli/Command.h"
#include "cli/ConfigOptions.h"
#include "cli/RunningProcess.h"
#include "drover/Json.h"

namespace drover::cli {

namespace {

/// `drover worker quiet`. Unavailable: no process answers. Throws UsageException and ConfigException.
class WorkerQuiet : public Command {
public:
    WorkerQuiet()
        : Command({"worker quiet",
                   "lets a running process claim no further jobs; running jobs go on",
                   configOptions({options::kSocket, options::kJson}),
                   "",
                   "The process is found by its control socket, as by drover health. A service "
                   "manager does the same by the signal TSTP.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const ControlClient process = runningProcess(call, Configuration(configSources(call)));
        const std::string report = changeState(process, "quiet", "quiet");
        const JsonView answer = JsonView::parse(report);
        call.output.print([&](JsonWriter& json) { json.raw(report); },
                          [&](std::ostream& text) {
                              text << "process " << answer["pid"].integer().value_or(0)
                                   << " claims no further jobs\n";
                          });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeWorkerQuiet() {
    return std::make_unique<WorkerQuiet>();
}

}  // namespace drover::cli
