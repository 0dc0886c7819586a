#include <memory>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/Exceptions.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

void write(std::ostream& text, const JobScheduler& scheduler) {
    const auto line = [&text](const std::string& name, const std::string& value) {
        text << "  " << name << std::string(12 - name.size(), ' ') << plainText(value) << '\n';
    };
    text << "scheduler " << plainText(scheduler.key) << '\n';
    line("name", scheduler.name);
    if (scheduler.repeat.every) {
        line("every", durationText(scheduler.repeat.every->count()));
    } else {
        line("pattern", scheduler.repeat.pattern);
    }
    if (!scheduler.repeat.tz.empty()) {
        line("tz", scheduler.repeat.tz);
    }
    line("next", timeText(scheduler.nextMs));
    if (scheduler.iterationCount) {
        line("jobs made", std::to_string(*scheduler.iterationCount));
    }
    if (scheduler.repeat.limit) {
        line("limit", std::to_string(*scheduler.repeat.limit));
    }
    if (scheduler.repeat.startDateMs) {
        line("not before", timeText(scheduler.repeat.startDateMs));
    }
    if (scheduler.repeat.endDateMs) {
        line("not after", timeText(scheduler.repeat.endDateMs));
    }
    line("data", scheduler.data.value_or("{}"));
    line("opts", scheduler.opts.value_or("{}"));
}

/// `drover scheduler show`. NotThere: there is none. Throws UsageException, ConfigException and RedisIoException.
class SchedulerShow : public Command {
public:
    SchedulerShow()
        : Command({"scheduler show",
                   "shows a job scheduler",
                   operateOptions({options::kQueue, options::kWatch}),
                   "ID",
                   "Exit code 66: there is no such scheduler.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string& id = call.line.arguments()[0];
        const std::string name = on.queueOfScheduler(id);
        const JobSchedulers schedulers(on.redis(), on.settings<JobSchedulers>(name));
        return watched(call, [&](Output& output) {
            const auto scheduler = schedulers.get(id);
            if (!scheduler) {
                throw JobStateException("there is no scheduler " + id + " in " + name);
            }
            output.print([&](JsonWriter& json) { operate::write(json, *scheduler); },
                         [&](std::ostream& text) { write(text, *scheduler); });
            return ExitCode::Ok;
        });
    }
};

}  // namespace

std::unique_ptr<Command> makeSchedulerShow() {
    return std::make_unique<SchedulerShow>();
}

}  // namespace drover::cli
