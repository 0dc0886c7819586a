#include <memory>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/Exceptions.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

constexpr Option kCount{"count", "NUMBER", "only so many rows, the newest; default: all"};

/// `drover job logs`. NotThere: there is no such job. Throws UsageException, ConfigException and RedisIoException.
class JobLogs : public Command {
public:
    JobLogs()
        : Command({"job logs",
                   "prints the rows that a handler wrote for a job",
                   operateOptions({options::kQueue, kCount, options::kWatch}),
                   "ID",
                   "Exit code 66: there is no such job.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string& id = call.line.arguments()[0];
        const std::string name = on.queueOfJobs();
        const QueueReader reader = on.reader(name);
        PageRange range{0, -1, PageRange::Order::Ascending};
        if (const std::string count = call.line.value(kCount); !count.empty()) {
            range.start = -parseInteger(kCount.name, count, 1, std::int64_t{1} << 40);
        }
        return watched(call, [&](Output& output) {
            const ::drover::JobLogs logs = reader.logs(id, range);
            if (logs.count == 0 && !reader.job(id)) {
                throw JobStateException("there is no job " + id + " in " + name);
            }
            output.print([&](JsonWriter& json) { operate::write(json, logs); },
                         [&](std::ostream& text) {
                             for (const std::string& row : logs.rows) {
                                 text << plainText(row) << '\n';
                             }
                         });
            return ExitCode::Ok;
        });
    }
};

}  // namespace

std::unique_ptr<Command> makeJobLogs() {
    return std::make_unique<JobLogs>();
}

}  // namespace drover::cli
