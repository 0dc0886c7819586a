#include "cli/QueueTable.h"

namespace drover::cli {

Table tableOf(const std::vector<QueueSummary>& queues) {
    using Align = Table::Align;
    Table table({{"QUEUE"},
                 {"WAITING", Align::Right},
                 {"ACTIVE", Align::Right},
                 {"DELAYED", Align::Right},
                 {"CHILDREN", Align::Right},
                 {"COMPLETED", Align::Right},
                 {"FAILED", Align::Right},
                 {"OLDEST", Align::Right},
                 {"ADDED/MIN", Align::Right},
                 {"ENDS/MIN", Align::Right},
                 {"WORKERS", Align::Right},
                 {""}});
    for (const QueueSummary& queue : queues) {
        if (!queue.problem.empty()) {
            std::vector<std::string> cells(12, "-");
            cells.front() = queue.name;
            cells.back() = queue.problem;
            table.add(std::move(cells));
            continue;
        }
        table.add({queue.name,
                   std::to_string(queue.waiting()),
                   std::to_string(queue.counts.active),
                   std::to_string(queue.counts.delayed),
                   std::to_string(queue.counts.waitingChildren),
                   std::to_string(queue.counts.completed),
                   std::to_string(queue.counts.failed),
                   queue.oldestWaitMs ? durationText(*queue.oldestWaitMs) : "-",
                   rateText(queue.added),
                   rateText(queue.ended),
                   queue.workers ? std::to_string(*queue.workers) : "-",
                   queue.paused ? "paused" : ""});
    }
    return table;
}

}  // namespace drover::cli
