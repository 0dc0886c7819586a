#include <memory>

#include "cli/Operated.h"
#include "cli/Table.h"

namespace drover::cli {

namespace {

/// `drover scheduler remove`. NotThere: there is none. Throws UsageException, ConfigException and RedisIoException.
class SchedulerRemove : public Command {
public:
    SchedulerRemove()
        : Command({"scheduler remove",
                   "removes a job scheduler and its next job",
                   operateOptions({options::kQueue, options::kYes}),
                   "ID",
                   "Exit code 66: there is no such scheduler.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string& id = call.line.arguments()[0];
        const std::string name = on.queueOfScheduler(id);
        if (const ExitCode code = confirmed(call, "Remove scheduler " + id + " of " + name + "?");
            code != ExitCode::Ok) {
            return code;
        }
        if (!JobSchedulers(on.redis(), on.settings<JobSchedulers>(name)).remove(id)) {
            throw JobStateException("there is no scheduler " + id + " in " + name);
        }
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("queue").text(name);
                json.key("removed").text(id);
                json.endObject();
            },
            [&](std::ostream& text) {
                text << "scheduler " << plainText(id) << " of " << plainText(name) << ": removed\n";
            });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeSchedulerRemove() {
    return std::make_unique<SchedulerRemove>();
}

}  // namespace drover::cli
