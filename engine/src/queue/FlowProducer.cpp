#include "drover/FlowProducer.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include <Poco/Exception.h>

#include "core/ErrorCode.h"
#include "drover/Exceptions.h"
#include "queue/FlowRecords.h"
#include "queue/ops/Add.h"
#include "queue/ops/Children.h"
#include "queue/ops/Flow.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

/// The most levels of a tree that is read: trees are walked by recursion.
constexpr int kMostLevels = 1000;

/// Trees that travel together, which bounds what Redis and this process hold of them.
constexpr std::size_t kMostTreesAtOnce = 64;

using Status = AddResult::Status;

void fail(FlowResult& result, Status status, const std::string& message, int code = 0) {
    result.status = status;
    result.message = message;
    result.code = code;
}

}  // namespace

std::string FlowNode::toJson(JobView view) const {
    if (!job) {
        return "null";
    }
    std::string json = "{\"job\":" + job->toJson(view);
    for (std::size_t i = 0; i < children.size(); ++i) {
        json += (i == 0 ? ",\"children\":[" : ",") + children[i].toJson(view);
    }
    return json + (children.empty() ? "}" : "]}");
}

class FlowProducer::Impl {
public:
    Impl(const Redis& redis, Settings settings) : redis_(redis), settings_(std::move(settings)) {}

    std::vector<FlowResult> add(std::vector<FlowJob> flows) {
        std::vector<FlowResult> results(flows.size());
        std::vector<Prepared> ready;
        std::size_t jobs = 0;
        const auto flush = [&] {
            send(ready);
            for (Prepared& one : ready) {
                one.result->tree = std::move(*one.flow.tree);
            }
            ready.clear();
            jobs = 0;
        };
        for (std::size_t i = 0; i < flows.size(); ++i) {
            PreparedFlow flow = prepare(std::move(flows[i]));
            if (!flow.problem.empty()) {
                fail(results[i], Status::Rejected, flow.problem);
                continue;
            }
            if (ready.size() == kMostTreesAtOnce || jobs + flow.nodes.size() > kMostJobs) {
                flush();
            }
            jobs += flow.nodes.size();
            ready.push_back({std::move(flow), &results[i]});
        }
        flush();
        return results;
    }

    const Redis redis_;
    const Settings settings_;

private:
    /// A tree on its way.
    struct Prepared {
        PreparedFlow flow;
        FlowResult* result;
    };

    PreparedFlow prepare(FlowJob flow) {
        return prepareFlow(std::move(flow),
                           settings_.prefix,
                           [this](const std::string& prefix, const std::string& name) {
                               return context(prefix, name);
                           });
    }

    /// Returns the queue; what is known of its 5.x clients lasts as long as this object.
    QueueContext context(const std::string& prefix, const std::string& name) {
        const std::lock_guard lock(mutex_);
        const auto found = contexts_.find({prefix, name});
        if (found != contexts_.end()) {
            return found->second;
        }
        QueueContext made(QueueKeys(prefix, name), settings_.bullmq5);
        return contexts_.emplace(std::pair(prefix, name), std::move(made)).first->second;
    }

    void send(std::vector<Prepared>& flows) {
        if (flows.empty()) {
            return;
        }
        const auto all = [&](Status status, const std::string& message) {
            for (Prepared& one : flows) {
                fail(*one.result, status, message);
            }
        };
        const auto lease = redis_.shared().lease();
        RedisClient& redis = *lease;
        try {
            redis.connection();
        } catch (const Exception& error) {
            all(Status::Unavailable, error.message());
            return;
        }
        try {
            call(redis, flows);
        } catch (const RedisBusyException& error) {
            all(Status::Unavailable, error.message());
        } catch (const RedisAuthException& error) {
            all(Status::Unavailable, error.message());
        } catch (const Exception& error) {
            all(Status::Unknown, error.message());
        }
    }

    void call(RedisClient& redis, std::vector<Prepared>& flows) {
        const std::int64_t nowMs = redis.nowMs();
        std::vector<Command> calls;
        calls.reserve(flows.size());
        std::vector<Prepared*> called;
        for (Prepared& one : flows) {
            FlowRecords& records = one.flow.records;
            for (std::size_t n = 0; n < records.nodes.size(); ++n) {
                std::int64_t& timestampMs = records.nodes[n].record.timestampMs;
                timestampMs = timestampMs == JobRecord::kWhenAdded ? nowMs : timestampMs;
                one.flow.nodes[n]->job->timestampMs = timestampMs;
            }
            if (records.nodes.front().record.deduplication) {
                addAlone(redis, one, nowMs);
                continue;
            }
            calls.push_back(ops::flowCall(redis, records, nowMs));
            called.push_back(&one);
        }
        const std::vector<Reply> replies = redis.runAll(calls);
        for (std::size_t i = 0; i < called.size(); ++i) {
            apply(redis, replies[i], *called[i]);
        }
    }

    /// Adds a job that is deduplicated: it has neither a parent nor children.
    static void addAlone(RedisClient& redis, Prepared& one, std::int64_t nowMs) {
        const FlowRecords& records = one.flow.records;
        const AddedId added =
            ops::addJobs(records.queues.front(), redis, {records.nodes.front().record}, nowMs)
                .front();
        if (!added.error.empty()) {
            fail(*one.result, Status::Unavailable, added.error);
            return;
        }
        one.result->status = Status::Added;
        one.flow.tree->job->id = added.id;
        one.flow.tree->key = records.queues.front().keys().job(added.id);
    }

    static void apply(RedisClient& redis, const Reply& reply, Prepared& one) {
        const FlowRecords& records = one.flow.records;
        const std::string& key = one.flow.tree->key;
        try {
            redis.require(reply, "addFlow", key);
        } catch (const Exception& error) {
            // The script stores nothing unless it stores all.
            fail(*one.result, Status::Unavailable, error.message());
            return;
        }
        const AddedFlow added = ops::addedFlow(reply, records);
        if (const auto code = errorCodeOf(added.code)) {
            const std::string& parentKey = records.nodes.front().record.parentKey;
            fail(*one.result,
                 Status::Rejected,
                 errorMessage(*code, {"", "addFlow", "", parentKey}),
                 added.code);
            return;
        }
        one.result->status = Status::Added;
        for (const std::size_t n : added.elsewhere) {
            one.flow.nodes[n]->code = static_cast<int>(ErrorCode::ParentJobCannotBeReplaced);
        }
    }

    std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, QueueContext> contexts_;
};

FlowProducer::FlowProducer(const Redis& redis, Settings settings)
    : impl_(std::make_unique<Impl>(redis, std::move(settings))) {}
FlowProducer::~FlowProducer() = default;

FlowResult FlowProducer::add(FlowJob flow) {
    std::vector<FlowJob> flows;
    flows.push_back(std::move(flow));
    return std::move(impl_->add(std::move(flows)).front());
}

std::vector<FlowResult> FlowProducer::addBulk(std::vector<FlowJob> flows) {
    return impl_->add(std::move(flows));
}

std::optional<FlowNode> FlowProducer::flow(const std::string& queue,
                                           const std::string& id,
                                           const FlowDepth& depth,
                                           const std::string& prefix) const {
    if (depth.levels < 1 || depth.levels > kMostLevels) {
        throw Poco::InvalidArgumentException("levels must be in [1, 1000], not " +
                                             std::to_string(depth.levels));
    }
    if (depth.maxChildren < 1) {
        throw Poco::InvalidArgumentException("maxChildren must be at least 1, not " +
                                             std::to_string(depth.maxChildren));
    }
    const QueueKeys keys(prefix.empty() ? impl_->settings_.prefix : prefix, queue);
    return ops::flow(*impl_->redis_.shared().lease(), keys.job(id), depth);
}

}  // namespace drover
