#include <algorithm>
#include <memory>
#include <tuple>

#include "cli/Operated.h"
#include "cli/QueueTable.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

/// Puts the queues first that need a person: long waits, then many jobs.
bool comesBefore(const QueueSummary& left, const QueueSummary& right) {
    const auto rank = [](const QueueSummary& queue) {
        return std::tuple(
            queue.oldestWaitMs.value_or(-1) / 1000, queue.waiting(), queue.ended.value_or(0));
    };
    return rank(left) == rank(right) ? left.name < right.name : rank(left) > rank(right);
}

void writeSum(std::ostream& text, const std::vector<QueueSummary>& queues) {
    std::int64_t waiting = 0;
    std::int64_t active = 0;
    double added = 0;
    double ended = 0;
    for (const QueueSummary& queue : queues) {
        waiting += queue.waiting();
        active += queue.counts.active;
        added += queue.added.value_or(0);
        ended += queue.ended.value_or(0);
    }
    text << queues.size() << (queues.size() == 1 ? " queue, " : " queues, ") << waiting
         << " waiting, " << active << " active, " << rateText(added) << " added and "
         << rateText(ended) << " ended per minute\n\n";
}

/// `drover queue top`. Throws UsageException, ConfigException and RedisIoException.
class QueueTop : public Command {
public:
    QueueTop()
        : Command({"queue top",
                   "shows the queues live: rates, depths and waits",
                   operateOptions(),
                   "[QUEUE]",
                   "The queue whose oldest job has waited longest comes first. The screen changes "
                   "each second, until q "
                   "or Ctrl-C.\nWithout a terminal it prints once; with --json a line each "
                   "second.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        QueueOverview overview(on.redis(), on.prefix(), on.sharded());
        std::vector<std::string> names;
        for (const std::string& given : call.line.arguments()) {
            names.push_back(on.nameOf(given));
        }
        const bool all = names.empty();
        int looks = 0;
        const auto show = [&](Output& output) {
            // Queues that begin to exist: a search of all keys, now and then.
            if (all && looks++ % 10 == 0) {
                names = overview.names();
            }
            std::vector<QueueSummary> queues = overview.look(names);
            std::sort(queues.begin(), queues.end(), comesBefore);
            output.print(
                [&](JsonWriter& json) {
                    json.beginArray();
                    for (const QueueSummary& queue : queues) {
                        operate::write(json, queue);
                    }
                    json.endArray();
                },
                [&](std::ostream& text) {
                    writeSum(text, queues);
                    tableOf(queues).write(text, call.terminal.columns());
                });
            return ExitCode::Ok;
        };
        if (call.terminal.columns() == 0 && !call.line.has(options::kJson)) {
            return show(call.output);
        }
        return repeated(call, show);
    }
};

}  // namespace

std::unique_ptr<Command> makeQueueTop() {
    return std::make_unique<QueueTop>();
}

}  // namespace drover::cli
