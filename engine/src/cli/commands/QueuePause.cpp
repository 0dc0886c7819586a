#include <memory>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/QueueControl.h"

namespace drover::cli {

namespace {

/// `drover queue pause`. Throws UsageException, ConfigException and RedisIoException.
class QueuePause : public Command {
public:
    QueuePause()
        : Command({"queue pause",
                   "lets no worker claim jobs of a queue; running jobs go on",
                   operateOptions(),
                   "QUEUE"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string name = on.nameOf(call.line.arguments()[0]);
        for (const std::string& one : on.inRedis(name)) {
            QueueControl(on.redis(), on.settings<QueueControl>(one)).pause();
        }
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("queue").text(name);
                json.key("paused").boolean(true);
                json.endObject();
            },
            [&](std::ostream& text) { text << plainText(name) << " is paused\n"; });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeQueuePause() {
    return std::make_unique<QueuePause>();
}

}  // namespace drover::cli
