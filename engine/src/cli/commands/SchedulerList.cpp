#include <algorithm>
#include <iterator>
#include <memory>
#include <vector>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

std::string ruleOf(const JobScheduler& scheduler) {
    if (scheduler.repeat.every) {
        return "every " + durationText(scheduler.repeat.every->count());
    }
    return scheduler.repeat.pattern +
           (scheduler.repeat.tz.empty() ? "" : " " + scheduler.repeat.tz);
}

/// Returns the schedulers of the queue, of all its shards, the soonest first.
std::vector<JobScheduler> schedulersOf(const Operated& on, const std::string& name) {
    std::vector<JobScheduler> all;
    for (const std::string& one : on.inRedis(name)) {
        std::vector<JobScheduler> its =
            JobSchedulers(on.redis(), on.settings<JobSchedulers>(one)).list();
        std::move(its.begin(), its.end(), std::back_inserter(all));
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& left, const auto& right) {
        return left.nextMs < right.nextMs;
    });
    return all;
}

/// `drover scheduler list`. Throws UsageException, ConfigException and RedisIoException.
class SchedulerList : public Command {
public:
    SchedulerList()
        : Command({"scheduler list",
                   "lists the job schedulers of a queue, the soonest first",
                   operateOptions({options::kQueue, options::kWatch})}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string name = on.queue();
        return watched(call, [&](Output& output) {
            const std::vector<JobScheduler> all = schedulersOf(on, name);
            output.print(
                [&](JsonWriter& json) {
                    json.beginArray();
                    for (const JobScheduler& one : all) {
                        operate::write(json, one);
                    }
                    json.endArray();
                },
                [&](std::ostream& text) {
                    if (all.empty()) {
                        text << plainText(name) << " has no schedulers\n";
                        return;
                    }
                    Table table(
                        {{"ID"}, {"NAME"}, {"RULE"}, {"NEXT"}, {"JOBS MADE", Table::Align::Right}});
                    for (const JobScheduler& one : all) {
                        table.add({one.key,
                                   one.name,
                                   ruleOf(one),
                                   timeText(one.nextMs),
                                   one.iterationCount ? std::to_string(*one.iterationCount) : "-"});
                    }
                    table.write(text, call.terminal.columns());
                });
            return ExitCode::Ok;
        });
    }
};

}  // namespace

std::unique_ptr<Command> makeSchedulerList() {
    return std::make_unique<SchedulerList>();
}

}  // namespace drover::cli
