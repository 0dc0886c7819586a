#include "queue/ops/Children.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <Poco/Exception.h>

#include "core/JobHash.h"
#include "queue/ops/Replies.h"

namespace drover::ops {

namespace {

/// The nodes of a tree that are read at once.
constexpr std::size_t kNodesAtOnce = 64;
/// The reasons of failed jobs that are read at once.
constexpr std::size_t kReasonsAtOnce = 256;

/// Appends the arguments of one kind: a page of it, all of it (no count), or nothing (no page).
void addPage(Command& command, const std::optional<ChildPage>& page) {
    if (!page) {
        command.add("").add("");
        return;
    }
    if (page->count < 1) {
        throw Poco::InvalidArgumentException(
            "the count of a page of children must be at least 1, not " +
            std::to_string(page->count));
    }
    command.own(std::to_string(page->cursor)).add(page->count);
}

/// Reads what getChildren returns of the children.
ChildrenPage pageOf(const ReplyView& reply) {
    ChildrenPage page;
    const auto cursor = [&](std::size_t kind) {
        return static_cast<std::uint64_t>(reply.at(kind).at(0).integer());
    };
    page.nextProcessed = cursor(1);
    page.children.processed = pairsOf(reply.at(1).at(1));
    page.nextUnprocessed = cursor(2);
    page.children.unprocessed = textsOf(reply.at(2).at(1));
    page.nextIgnored = cursor(3);
    page.children.ignored = pairsOf(reply.at(3).at(1));
    page.nextFailed = cursor(4);
    page.children.failed = textsOf(reply.at(4).at(1));
    return page;
}

/// Begins a call of getChildren.
Command call(const RedisClient& redis, const std::string& jobKey, const char* withJob) {
    Command command = redis.script("getChildren");
    command.own(jobKey);
    redis.closeKeys(command, jobKey);
    command.add(withJob);
    return command;
}

JobChildren::Values hashAt(RedisClient& redis, const std::string& key) {
    return pairsOf(redis.call(Command{"HGETALL", key}));
}

/// Reads the job of a node, and returns nodes of its children: the keys are set.
std::vector<FlowNode> readNode(const ReplyView& reply, FlowNode& node) {
    if (reply.at(0).size() == 0) {
        return {};
    }
    JobHash hash;
    setFields(hash, reply.at(0));
    const std::size_t colon = node.key.rfind(':');
    node.job = parseJobHash(node.key.substr(colon + 1), node.key.substr(0, colon), hash);
    std::vector<FlowNode> children;
    const auto add = [&](const std::string& key) { children.emplace_back().key = key; };
    const JobChildren found = pageOf(reply).children;
    for (const auto& [key, value] : found.processed) {
        add(key);
    }
    std::for_each(found.unprocessed.begin(), found.unprocessed.end(), add);
    std::for_each(found.failed.begin(), found.failed.end(), add);
    for (const auto& [key, reason] : found.ignored) {
        add(key);
    }
    return children;
}

}  // namespace

JobChildren children(const QueueContext& queue, RedisClient& redis, const std::string& id) {
    Command command = call(redis, queue.keys().job(id), "");
    for (int kind = 0; kind < 4; ++kind) {
        command.add("0").add("");
    }
    return pageOf(redis.run(command)).children;
}

ChildrenPage childrenPage(const QueueContext& queue,
                          RedisClient& redis,
                          const std::string& id,
                          const ChildPages& pages) {
    Command command = call(redis, queue.keys().job(id), "");
    for (const auto* page : {&pages.processed, &pages.unprocessed, &pages.ignored, &pages.failed}) {
        addPage(command, *page);
    }
    return pageOf(redis.run(command));
}

ChildCounts childCounts(const QueueContext& queue, RedisClient& redis, const std::string& id) {
    Command command = redis.script("getChildCounts");
    command.own(queue.keys().job(id));
    redis.closeKeys(command, queue.keys().meta);
    const Reply reply = redis.run(command);
    return {
        reply.at(0).integer(), reply.at(1).integer(), reply.at(2).integer(), reply.at(3).integer()};
}

JobChildren::Values childrenValues(const QueueContext& queue,
                                   RedisClient& redis,
                                   const std::string& id) {
    return hashAt(redis, queue.keys().job(id) + ":processed");
}

JobChildren::Values ignoredChildrenFailures(const QueueContext& queue,
                                            RedisClient& redis,
                                            const std::string& id) {
    return hashAt(redis, queue.keys().job(id) + ":failed");
}

std::vector<std::pair<std::string, std::optional<std::string>>> failedChildren(
    const QueueContext& queue, RedisClient& redis, const std::string& id) {
    const std::string key = queue.keys().job(id) + ":unsuccessful";
    const std::vector<std::string> children =
        textsOf(redis.call(Command{"ZRANGE", key, "0", "-1"}));
    std::vector<std::pair<std::string, std::optional<std::string>>> failed;
    failed.reserve(children.size());
    for (std::size_t from = 0; from < children.size(); from += kReasonsAtOnce) {
        const std::size_t to = std::min(from + kReasonsAtOnce, children.size());
        std::vector<Command> calls;
        for (std::size_t i = from; i < to; ++i) {
            calls.push_back(Command{"HGET", children[i], "failedReason"});
        }
        const std::vector<Reply> replies = redis.runAll(calls);
        for (std::size_t i = from; i < to; ++i) {
            const Reply& reply = replies[i - from];
            redis.require(reply, "HGET", children[i]);
            failed.emplace_back(children[i], std::nullopt);
            if (!reply.isNil()) {
                failed.back().second = std::string(reply.text());
            }
        }
    }
    return failed;
}

std::optional<FlowNode> flow(RedisClient& redis,
                             const std::string& jobKey,
                             const FlowDepth& depth) {
    FlowNode root;
    root.key = jobKey;
    const ChildPage page{0, depth.maxChildren};
    std::vector<FlowNode*> level{&root};
    for (int n = 1; !level.empty(); ++n) {
        std::vector<FlowNode*> next;
        for (std::size_t from = 0; from < level.size(); from += kNodesAtOnce) {
            const std::size_t to = std::min(from + kNodesAtOnce, level.size());
            std::vector<Command> calls;
            calls.reserve(to - from);  // A copy of a command refers to the texts of the first one.
            for (std::size_t i = from; i < to; ++i) {
                Command& command = calls.emplace_back(call(redis, level[i]->key, "1"));
                for (int kind = 0; kind < 4; ++kind) {
                    addPage(command, page);
                }
            }
            const std::vector<Reply> replies = redis.runAll(calls);
            for (std::size_t i = from; i < to; ++i) {
                redis.require(replies[i - from], "getChildren", level[i]->key);
                std::vector<FlowNode> children = readNode(replies[i - from], *level[i]);
                if (n < depth.levels) {
                    level[i]->children = std::move(children);
                    for (FlowNode& child : level[i]->children) {
                        next.push_back(&child);
                    }
                }
            }
        }
        level = std::move(next);
    }
    if (!root.job) {
        return std::nullopt;
    }
    return root;
}

}  // namespace drover::ops
