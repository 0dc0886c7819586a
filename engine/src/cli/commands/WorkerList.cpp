#include <memory>
#include <utility>
#include <vector>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

/// `drover worker list`. Throws UsageException, ConfigException, ScriptException and RedisIoException.
class WorkerList : public Command {
public:
    WorkerList()
        : Command({"worker list",
                   "lists the workers of the queues, of all processes and engines",
                   operateOptions({options::kWatch}),
                   "[QUEUE]",
                   "A worker is a connection that waits for jobs. Without a queue it lists those "
                   "of all queues.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        return watched(call, [&](Output& output) {
            std::vector<std::string> names;
            for (const std::string& given : call.line.arguments()) {
                for (std::string& name : on.inRedis(on.nameOf(given))) {
                    names.push_back(std::move(name));
                }
            }
            QueueOverview overview(on.redis(), on.prefix());
            if (names.empty()) {
                // Only the queues with workers are read one by one.
                for (const QueueSummary& queue : overview.look(overview.names())) {
                    if (queue.workers.value_or(1) > 0) {
                        names.push_back(queue.name);
                    }
                }
            }
            std::vector<std::pair<std::string, WorkerInfo>> workers;
            for (const std::string& name : names) {
                for (WorkerInfo& worker : on.reader(name).workers()) {
                    workers.emplace_back(name, std::move(worker));
                }
            }
            output.print(
                [&](JsonWriter& json) {
                    json.beginArray();
                    for (const auto& [queue, worker] : workers) {
                        operate::write(json, worker, queue);
                    }
                    json.endArray();
                },
                [&](std::ostream& text) {
                    if (workers.empty()) {
                        text << "no worker is connected\n";
                        return;
                    }
                    Table table(
                        {{"QUEUE"}, {"NAME"}, {"ADDRESS"}, {"CONNECTED", Table::Align::Right}});
                    for (const auto& [queue, worker] : workers) {
                        table.add({queue,
                                   worker.name.empty() ? "-" : worker.name,
                                   worker.address,
                                   durationText(worker.age.count() * 1000)});
                    }
                    table.write(text, call.terminal.columns());
                });
            return ExitCode::Ok;
        });
    }
};

}  // namespace

std::unique_ptr<Command> makeWorkerList() {
    return std::make_unique<WorkerList>();
}

}  // namespace drover::cli
