#include "queue/FlowShards.h"

#include <optional>
#include <vector>

#include "core/Random.h"

namespace drover {

namespace {

/// A job for a queue with shards.
struct Spread {
    FlowJob* job;
    const Shards* shards;
};

/// Finds such jobs, each before its children. A heap of its own replaces the stack: trees may be deep.
std::vector<Spread> spreadJobs(FlowJob& root, const ShardedQueues& sharded) {
    std::vector<Spread> found;
    std::vector<FlowJob*> open{&root};
    while (!open.empty()) {
        FlowJob* const job = open.back();
        open.pop_back();
        if (const auto queue = sharded.find(job->queue); queue != sharded.end()) {
            found.push_back({job, &queue->second});
        }
        for (auto child = job->children.rbegin(); child != job->children.rend(); ++child) {
            open.push_back(&*child);
        }
    }
    return found;
}

}  // namespace

std::string placeFlow(FlowJob& flow, const ShardedQueues& sharded, std::string_view onceKey) {
    const std::vector<Spread> jobs =
        sharded.empty() ? std::vector<Spread>() : spreadJobs(flow, sharded);
    if (jobs.empty()) {
        return "";
    }
    const auto& [first, shards] = jobs.front();
    for (const Spread& one : jobs) {
        if (one.shards->count != shards->count) {
            return "the queue " + first->queue + " has " + std::to_string(shards->count) +
                   " shards and " + one.job->queue + " " + std::to_string(one.shards->count) +
                   ": the jobs of a flow are in shards of one number, so their queues must have "
                   "as many";
        }
    }
    std::optional<int> number = Shards::numberOf(flow.queue);
    if (!number || *number >= shards->count) {
        number = shards->shardOf(first->job);
    }
    if (!number && !onceKey.empty()) {
        number = shards->shardOf(onceKey);
    }
    if (!number) {
        number = randomBetween(0, shards->count - 1);
    }
    for (const Spread& one : jobs) {
        one.job->queue = Shards::nameOf(one.job->queue, *number);
    }
    return "";
}

}  // namespace drover
