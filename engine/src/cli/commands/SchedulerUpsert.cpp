#include <memory>

#include "cli/JobOptionsText.h"
#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/JsonWriter.h"

namespace drover::cli {

namespace {

constexpr Option kEvery{"every", "TIME", "the time between two runs: 90s, 15m, 2h, 30d"};
constexpr Option kPattern{"pattern", "CRON", "a cron pattern of five or six fields"};
constexpr Option kZone{
    "tz", "ZONE", "the zone of the pattern, Area/City; default: that of this machine"};
constexpr Option kRepeat{
    "repeat",
    "JSON",
    "the whole rule, as BullMQ has it: {\"pattern\": \"0 3 * * *\", \"limit\": 5}"};
constexpr Option kName{"name", "NAME", "the name of the jobs; default: the scheduler's id"};
constexpr Option kData{"data", "JSON", "the data of the jobs; default: {}"};
constexpr Option kOpts{"opts", "JSON", "the options of the jobs"};

RepeatOptions ruleOf(const CommandLine& line) {
    const int rules =
        (line.has(kEvery) ? 1 : 0) + (line.has(kPattern) ? 1 : 0) + (line.has(kRepeat) ? 1 : 0);
    if (rules != 1) {
        throw UsageException("scheduler upsert needs one of --every, --pattern and --repeat");
    }
    RepeatOptions rule;
    if (line.has(kRepeat)) {
        rule = RepeatOptions::parse(line.value(kRepeat));
    } else if (line.has(kEvery)) {
        rule.every = std::chrono::milliseconds(parseDuration(kEvery.name, line.value(kEvery)));
    } else {
        rule.pattern = line.value(kPattern);
    }
    if (line.has(kZone)) {
        rule.tz = line.value(kZone);
    }
    return rule;
}

JobTemplate jobsOf(const CommandLine& line) {
    JsonWriter json;
    json.beginObject();
    if (line.has(kName)) {
        json.key("name").text(line.value(kName));
    }
    for (const Option& option : {kData, kOpts}) {
        if (line.has(option)) {
            if (!JsonView::tryParse(line.value(option))) {
                throw UsageException(std::string("--") + option.name + " is not JSON");
            }
            json.key(option.name).raw(line.value(option));
        }
    }
    json.endObject();
    if (line.has(kOpts)) {
        (void)parseJobOptions(line.value(kOpts));
    }
    return JobTemplate::parse(json.str());
}

/// `drover scheduler upsert`. NotThere: the rule has no run. Throws UsageException, ConfigException, ScriptException and
/// RedisIoException.
class SchedulerUpsert : public Command {
public:
    SchedulerUpsert()
        : Command({"scheduler upsert",
                   "adds a job scheduler, or gives one another rule and other jobs",
                   operateOptions(
                       {options::kQueue, kEvery, kPattern, kZone, kRepeat, kName, kData, kOpts}),
                   "ID",
                   "Exit code 66: the rule has no run before its end.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string& id = call.line.arguments()[0];
        const RepeatOptions rule = ruleOf(call.line);
        const JobTemplate jobs = jobsOf(call.line);
        const std::string name = on.queueOfScheduler(id);
        const auto next =
            JobSchedulers(on.redis(), on.settings<JobSchedulers>(name)).upsert(id, rule, jobs);
        if (!next) {
            throw JobStateException("scheduler " + id + " has no run before its end");
        }
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("queue").text(name);
                json.key("id").text(id);
                json.key("jobId").text(next->jobId);
                json.key("next").number(next->dueMs);
                json.endObject();
            },
            [&](std::ostream& text) {
                text << "scheduler " << plainText(id) << " of " << plainText(name)
                     << " runs next at " << timeText(next->dueMs) << '\n';
            });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeSchedulerUpsert() {
    return std::make_unique<SchedulerUpsert>();
}

}  // namespace drover::cli
