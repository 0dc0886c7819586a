#include <memory>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/Exceptions.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

/// The jobs that may begin within a time.
struct RateLimit {
    std::int64_t max = 0;  ///< 0: any number.
    std::int64_t durationMs = 1000;
};

/// Returns the limit of the queue, of its shards together.
RateLimit rateLimitOf(const Operated& on, const std::string& name) {
    RateLimit limit;
    for (const std::string& one : on.inRedis(name)) {
        const QueueMeta meta = on.reader(one).meta();
        limit.max += meta.max.value_or(0);
        limit.durationMs = meta.durationMs.value_or(limit.durationMs);
    }
    return limit;
}

void write(std::ostream& text, const QueueSummary& queue, const RateLimit& limit) {
    const auto line = [&text](const std::string& name, const std::string& value) {
        text << "  " << name << std::string(19 - name.size(), ' ') << plainText(value) << '\n';
    };
    text << plainText(queue.name) << (queue.paused ? ", paused" : "") << '\n';
    line("waiting", std::to_string(queue.counts.waiting + queue.counts.paused));
    line("prioritized", std::to_string(queue.counts.prioritized));
    line("active", std::to_string(queue.counts.active));
    line("delayed", std::to_string(queue.counts.delayed));
    line("waiting-children", std::to_string(queue.counts.waitingChildren));
    line("completed", std::to_string(queue.counts.completed));
    line("failed", std::to_string(queue.counts.failed));
    line("oldest wait",
         queue.oldestWaitMs ? durationText(*queue.oldestWaitMs) + ", job " + queue.oldestId : "-");
    line("added per minute", rateText(queue.added));
    line("ended per minute", rateText(queue.ended));
    line("failed per minute", rateText(queue.failed));
    line("workers", queue.workers ? std::to_string(*queue.workers) : "-");
    if (queue.concurrency) {
        line("concurrency", std::to_string(*queue.concurrency));
    }
    if (limit.max > 0) {
        line("rate limit", std::to_string(limit.max) + " in " + durationText(limit.durationMs));
    }
    line("last producer", queue.version.value_or("-"));
}

/// `drover queue show`. Throws UsageException, ConfigException and RedisIoException.
class QueueShow : public Command {
public:
    QueueShow()
        : Command({"queue show",
                   "shows the state of one queue",
                   operateOptions({options::kWatch}),
                   "QUEUE",
                   "A queue exists by its name alone: one that has nothing in Redis is empty.\n"}) {
    }

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string name = on.nameOf(call.line.arguments()[0]);
        QueueOverview overview(on.redis(), on.prefix(), on.sharded());
        return watched(call, [&](Output& output) {
            const QueueSummary queue = overview.look({name}).front();
            if (!queue.problem.empty()) {
                throw ScriptException(name + ": " + queue.problem);
            }
            output.print([&](JsonWriter& json) { operate::write(json, queue); },
                         [&](std::ostream& text) { write(text, queue, rateLimitOf(on, name)); });
            return ExitCode::Ok;
        });
    }
};

}  // namespace

std::unique_ptr<Command> makeQueueShow() {
    return std::make_unique<QueueShow>();
}

}  // namespace drover::cli
