#include <memory>

#include "cli/Operated.h"
#include "cli/QueueTable.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

/// `drover queue list`. Throws UsageException, ConfigException and RedisIoException.
class QueueList : public Command {
public:
    QueueList()
        : Command({"queue list",
                   "lists the queues of the server, with their jobs",
                   operateOptions({options::kWatch}),
                   "",
                   "A queue is found by its hash meta; configured queues are listed in any case. "
                   "OLDEST is how long the "
                   "job has\nwaited that could run first. ENDS/MIN is counted by workers with "
                   "metricsMaxDataPoints, or since the screen before.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        QueueOverview overview(on.redis(), on.prefix(), on.sharded());
        return watched(call, [&](Output& output) {
            std::vector<std::string> names = overview.names();
            for (const std::string& name : on.configured()) {
                names.push_back(name);
            }
            const std::vector<QueueSummary> queues = overview.look(overview.joined(names));
            output.print(
                [&](JsonWriter& json) {
                    json.beginArray();
                    for (const QueueSummary& queue : queues) {
                        operate::write(json, queue);
                    }
                    json.endArray();
                },
                [&](std::ostream& text) {
                    if (queues.empty()) {
                        text << "there is no queue below the prefix " << on.prefix() << '\n';
                        return;
                    }
                    tableOf(queues).write(text, call.terminal.columns());
                });
            return ExitCode::Ok;
        });
    }
};

}  // namespace

std::unique_ptr<Command> makeQueueList() {
    return std::make_unique<QueueList>();
}

}  // namespace drover::cli
