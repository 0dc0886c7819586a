#include <memory>

#include "cli/FlowTree.h"
#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/Exceptions.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

constexpr Option kDepth{
    "depth", "NUMBER", "the most levels, the job itself being the first; default: 10"};
constexpr Option kChildren{
    "children", "NUMBER", "the most children of each kind below one job; default: 20"};

/// `drover flow show`. NotThere: there is no such job. Throws UsageException, ConfigException and RedisIoException.
class FlowShow : public Command {
public:
    FlowShow()
        : Command({"flow show",
                   "shows a job with the tree of jobs below it",
                   operateOptions({options::kQueue, kDepth, kChildren, options::kWatch}),
                   "ID",
                   "Exit code 66: there is no such job.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string& id = call.line.arguments()[0];
        const std::string name = on.queueOfJobs();
        FlowDepth depth;
        if (const std::string text = call.line.value(kDepth); !text.empty()) {
            depth.levels = static_cast<int>(parseInteger(kDepth.name, text, 1, 1000));
        }
        if (const std::string text = call.line.value(kChildren); !text.empty()) {
            depth.maxChildren = static_cast<int>(parseInteger(kChildren.name, text, 1, 10000));
        }
        const FlowProducer flows(on.redis(), {on.prefix(), on.bullmq5(name)});
        return watched(call, [&](Output& output) {
            const auto tree = flows.flow(name, id, depth);
            if (!tree) {
                throw JobStateException("there is no job " + id + " in " + name);
            }
            output.print([&](JsonWriter& json) { operate::write(json, *tree); },
                         [&](std::ostream& text) {
                             writeTree(text, *tree, [&](const FlowNode& node) {
                                 return std::string(toString(stateOf(on, node)));
                             });
                         });
            return ExitCode::Ok;
        });
    }

private:
    static JobState stateOf(const Operated& on, const FlowNode& node) {
        const std::string& queue = node.job->queueQualifiedName;
        const std::size_t colon = queue.rfind(':');
        return QueueReader(on.redis(), {queue.substr(0, colon), queue.substr(colon + 1)})
            .state(node.job->id);
    }
};

}  // namespace

std::unique_ptr<Command> makeFlowShow() {
    return std::make_unique<FlowShow>();
}

}  // namespace drover::cli
