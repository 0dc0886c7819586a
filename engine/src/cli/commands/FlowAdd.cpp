#include <memory>
#include <utility>

#include "cli/FlowText.h"
#include "cli/FlowTree.h"
#include "drover/Exceptions.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

/// `drover flow add`. Throws UsageException, ConfigException and RedisIoException.
class FlowAdd : public Command {
public:
    FlowAdd()
        : Command({"flow add",
                   "adds a tree of jobs: all of it, or nothing",
                   operateOptions(),
                   "FILE",
                   "The file has JSON as BullMQ's FlowProducer.add(): {\"name\", \"queueName\", "
                   "\"data\", \"opts\", \"children\": [...]}.\n"
                   "- stands for the standard input.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        FlowJob flow = parseFlow(on, readText(call.line.arguments()[0]));
        FlowProducer producer(on.redis(), {on.prefix(), on.bullmq5(flow.queue), on.sharded()});
        const FlowResult added = producer.add(std::move(flow));
        switch (added.status) {
            case AddResult::Status::Added:
                break;
            case AddResult::Status::Rejected:
                throw UsageException("the flow is refused: " + added.message);
            case AddResult::Status::Unknown:
                throw RedisTimeoutException(
                    "Redis did not answer: the flow may have been added, or not");
            default:
                throw RedisIoException("the flow was not added: " + added.message);
        }
        call.output.print([&](JsonWriter& json) { operate::write(json, added.tree); },
                          [&](std::ostream& text) { writeTree(text, added.tree); });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeFlowAdd() {
    return std::make_unique<FlowAdd>();
}

}  // namespace drover::cli
