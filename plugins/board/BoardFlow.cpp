#include "BoardFlow.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "drover/Exceptions.h"
#include "drover/FlowProducer.h"
#include "drover/JsonWriter.h"

namespace drover::board {

namespace {

constexpr std::size_t kMostNodes = 200;
/// A job that is its own ancestor, which another client can write, ends the search.
constexpr int kMostAncestors = 1000;

/// A job of the tree as it is shown.
struct Node {
    const FlowNode* source = nullptr;
    std::vector<Node> children;
    std::int64_t vanished = 0;  ///< Children that have been removed.
    bool truncated = false;
};

/// Where a job is.
struct Place {
    std::string queue;  ///< Qualified.
    std::string id;
};

/// Returns the root above a job; std::nullopt if one of the jobs between is gone, or in a queue that is not shown.
std::optional<Place> rootOf(const BoardQueues& queues, const Job& job) {
    Job current = job;
    for (int i = 0; i < kMostAncestors; ++i) {
        if (!current.opts.parent) {
            return Place{current.queueQualifiedName, current.id};
        }
        const ParentJob parent = *current.opts.parent;
        if (!queues.shows(parent.queue)) {
            return std::nullopt;
        }
        std::optional<Job> above = queues.openQualified(parent.queue).reader.job(parent.id);
        if (!above) {
            return std::nullopt;
        }
        current = std::move(*above);
    }
    return std::nullopt;
}

/// Selects the nodes that are shown, level by level.
Node select(const FlowNode& root, const BoardFlow& flow) {
    const auto mostChildren = static_cast<std::size_t>(flow.maxChildren);
    const std::size_t most = flow.depth <= 2 ? std::max(kMostNodes, mostChildren) : kMostNodes;
    Node shown{&root, {}, 0, false};
    std::size_t count = 1;
    std::deque<Node*> open = {&shown};
    while (!open.empty()) {
        Node& node = *open.front();
        open.pop_front();
        const auto& children = node.source->children;
        const std::size_t looked = std::min(children.size(), mostChildren);
        node.children.reserve(looked);  // The pointers in `open` stay right.
        for (std::size_t i = 0; i < looked; ++i) {
            if (!children[i].job) {
                ++node.vanished;
            } else if (count > most) {
                node.truncated = true;
            } else {
                node.children.push_back({&children[i], {}, 0, false});
                open.push_back(&node.children.back());
                ++count;
            }
        }
    }
    return shown;
}

class TreeWriter {
public:
    TreeWriter(const BoardQueues& queues, JsonWriter& out) : queues_(queues), out_(out) {}

    void write(const Node& node) {
        const Job& job = *node.source->job;
        const BoardQueue queue = queues_.openQualified(job.queueQualifiedName);
        out_.beginObject().key("id").text(job.id).key("name").text(job.name);
        out_.key("progress").raw(job.progress);
        out_.key("state").text(toString(queue.reader.state(job.id)));
        out_.key("queueName").text(queue.settings.name).key("children").beginArray();
        for (const Node& child : node.children) {
            write(child);
        }
        out_.endArray();
        writeChildren(node, queue, job.id);
        out_.endObject();
    }

private:
    /// Writes what is known of all children, shown or not.
    void writeChildren(const Node& node, const BoardQueue& queue, const std::string& id) {
        const ChildCounts counts = queue.reader.childCounts(id);
        const std::int64_t all =
            counts.processed + counts.unprocessed + counts.ignored + counts.failed;
        if (all > 0) {
            out_.key("dependencies").beginObject().key("processed").number(counts.processed);
            out_.key("unprocessed").number(counts.unprocessed);
            out_.key("ignored").number(counts.ignored).key("failed").number(counts.failed);
            out_.endObject();
        }
        if (counts.ignored > 0) {
            const JobChildren::Values reasons = queue.reader.ignoredChildrenFailures(id);
            if (!reasons.empty()) {
                out_.key("ignoredChildFailureReasons").beginObject();
                for (const auto& [key, reason] : reasons) {
                    out_.key(key).text(reason);
                }
                out_.endObject();
            }
        }
        const auto shown = static_cast<std::int64_t>(node.children.size()) + node.vanished;
        if (node.truncated || shown < all) {
            out_.key("truncated").boolean(true);
        }
    }

    const BoardQueues& queues_;
    JsonWriter& out_;
};

std::optional<FlowNode> read(const BoardQueues& queues, const Place& root, const BoardFlow& flow) {
    const auto colon = root.queue.rfind(':');
    const std::string prefix = root.queue.substr(0, colon);
    try {
        return FlowProducer(queues.redis(), {prefix, Bullmq5::Auto})
            .flow(root.queue.substr(colon + 1), root.id, {flow.depth, flow.maxChildren});
    } catch (const JobFormatException&) {
        return std::nullopt;  // A job of the tree is unreadable, so that there is no tree to show.
    }
}

}  // namespace

std::string BoardFlow::toJson(const BoardQueues& queues,
                              const BoardQueue& queue,
                              const Job& job) const {
    std::optional<Place> root = Place{queue.qualifiedName, job.id};
    if (!fromJob) {
        root = rootOf(queues, job);
    }
    const std::optional<FlowNode> tree = root ? read(queues, *root, *this) : std::nullopt;
    JsonWriter out;
    out.beginObject().key("nodeId").text(job.id);
    if (!tree || !tree->job) {
        out.key("isFlowNode").boolean(false).key("flowRoot").null();
        return std::move(out.endObject()).str();
    }
    const Node shown = select(*tree, *this);
    out.key("isFlowNode").boolean(!shown.children.empty()).key("flowRoot");
    TreeWriter(queues, out).write(shown);
    return std::move(out.endObject()).str();
}

}  // namespace drover::board
