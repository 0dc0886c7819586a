#include <memory>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/QueueControl.h"

namespace drover::cli {

namespace {

/// `drover queue resume`. Throws UsageException, ConfigException and RedisIoException.
class QueueResume : public Command {
public:
    QueueResume()
        : Command({"queue resume",
                   "lets workers claim jobs of a queue again",
                   operateOptions(),
                   "QUEUE"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string name = on.nameOf(call.line.arguments()[0]);
        for (const std::string& one : on.inRedis(name)) {
            QueueControl(on.redis(), on.settings<QueueControl>(one)).resume();
        }
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("queue").text(name);
                json.key("paused").boolean(false);
                json.endObject();
            },
            [&](std::ostream& text) { text << plainText(name) << " is resumed\n"; });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeQueueResume() {
    return std::make_unique<QueueResume>();
}

}  // namespace drover::cli
