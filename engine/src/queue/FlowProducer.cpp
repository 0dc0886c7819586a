#include "drover/FlowProducer.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include <Poco/Exception.h>

#include "core/ErrorCode.h"
#include "core/HashSlot.h"
#include "core/JobFields.h"
#include "core/Uuid.h"
#include "drover/Exceptions.h"
#include "drover/Trace.h"
#include "queue/AddSpans.h"
#include "queue/AdmissionControl.h"
#include "queue/FlowRecords.h"
#include "queue/FlowShards.h"
#include "queue/LoadMeter.h"
#include "queue/ops/Add.h"
#include "queue/ops/Children.h"
#include "queue/ops/Flow.h"
#include "queue/ops/Load.h"
#include "redis/RedisFigures.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

/// The most levels of a tree that is read: trees are walked by recursion.
constexpr int kMostLevels = 1000;

/// Trees that travel together, which bounds what Redis and this process hold of them.
constexpr std::size_t kMostTreesAtOnce = 64;

using Status = AddResult::Status;

void refuse(FlowResult& result, const AddResult& refusal) {
    result.status = refusal.status;
    result.message = refusal.message;
    result.retryAfter = refusal.retryAfter;
}

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
                record(one);
                count(one);
                one.result->tree = std::move(*one.flow.tree);
            }
            ready.clear();
            jobs = 0;
        };
        for (std::size_t i = 0; i < flows.size(); ++i) {
            Prepared next = begin(std::move(flows[i]), "", "", results[i]);
            if (!next.flow.problem.empty()) {
                fail(results[i], Status::Rejected, next.flow.problem);
                continue;
            }
            if (ready.size() == kMostTreesAtOnce || jobs + next.flow.nodes.size() > kMostJobs ||
                (!ready.empty() && !shareServer(ready.front(), next))) {
                flush();
            }
            jobs += next.flow.nodes.size();
            ready.push_back(std::move(next));
        }
        flush();
        return results;
    }

    FlowResult addOnce(FlowJob flow, const AddOnce& once) {
        FlowResult result;
        if (const std::string mistake = onceError(once); !mistake.empty()) {
            fail(result, Status::Rejected, mistake);
            return result;
        }
        FlowJob given = flow;
        std::vector<Prepared> one;
        one.push_back(begin(std::move(flow), randomUuids(1).front(), once.key, result));
        PreparedFlow& prepared = one.front().flow;
        if (!prepared.problem.empty()) {
            fail(result, Status::Rejected, prepared.problem);
            return result;
        }
        prepared.records.once = &once;
        send(one);
        record(one.front());
        count(one.front());
        if (const auto& earlier = one.front().earlier) {
            (void)placeFlow(given, settings_.sharded, once.key);
            prepared = prepare(std::move(given), earlier->seed);
            setTimestamps(prepared, earlier->nowMs);
            setCodes(prepared, *earlier);
        }
        result.tree = std::move(*prepared.tree);
        return result;
    }

    const Redis redis_;
    const Settings settings_;

private:
    /// A tree on its way.
    struct Prepared {
        PreparedFlow flow;
        FlowResult* result;
        std::unique_ptr<FlowTrace> trace;  ///< nullptr: there are no traces.
        std::optional<AddedFlow>
            earlier{};                    ///< Present if an earlier call with the key has added it.
        std::optional<AddResult> full{};  ///< Why a queue has no room for it.
    };

    /// Finds the shards of a tree, begins its spans and makes its records. `onceKey`: that of addOnce(), or empty.
    [[nodiscard]] Prepared begin(FlowJob flow,
                                 const std::string& seed,
                                 const std::string& onceKey,
                                 FlowResult& result) {
        Prepared tree{{}, &result, nullptr};
        tree.flow.problem = placeFlow(flow, settings_.sharded, onceKey);
        if (!tree.flow.problem.empty()) {
            return tree;
        }
        if (const std::shared_ptr<Tracer>& tracer = redis_.tracer()) {
            tree.trace = std::make_unique<FlowTrace>(
                FlowTrace{*tracer, tracer->start(TraceScope::current())});
        }
        tree.flow = prepare(std::move(flow), seed, tree.trace.get());
        if (redis_.shared().options().isCluster() && tree.flow.problem.empty()) {
            tree.flow.problem = slotProblem(tree.flow.records.queues);
        }
        return tree;
    }

    /// Returns why a cluster cannot add jobs to all these queues in one call; empty: it can.
    static std::string slotProblem(const std::vector<QueueContext>& queues) {
        const std::string& root = queues.front().keys().qualifiedName();
        std::string problem = slotError(root);
        for (auto queue = queues.begin(); problem.empty() && queue != queues.end(); ++queue) {
            problem = otherSlotError(hashSlot(root), queue->keys().qualifiedName(), queues.front());
        }
        return problem;
    }

    /// Records the spans of a tree that has its result.
    static void record(const Prepared& one) {
        if (!one.trace || !one.trace->whole.context.sampled) {
            return;
        }
        AddResult result;
        result.status = one.result->status;
        result.message = one.result->message;
        for (std::size_t n = 0; n < one.trace->jobs.size(); ++n) {
            const std::string queue = queueOf(one, n);
            const std::optional<Job>& job = one.flow.nodes[n]->job;
            Span span = producerSpan(one.trace->jobs[n], "addNode", queue, queue);
            span.attributes.set("bullmq.job.name", job->name);
            result.id = job->id;
            end(span, result);
            one.trace->tracer.record(std::move(span));
        }
        const std::string queue = queueOf(one, 0);
        Span span = producerSpan(one.trace->whole, "addFlow", queue, queue);
        span.attributes.set("bullmq.flow.name", one.flow.nodes.front()->job->name);
        result.id.clear();
        end(span, result);
        one.trace->tracer.record(std::move(span));
    }

    /// Counts each job of a tree that was to be sent, a job of a shard for the queue of all.
    void count(const Prepared& one) const {
        AddFigures& adds = redis_.shared().options().figures->adds;
        for (std::size_t n = 0; n < one.flow.records.nodes.size(); ++n) {
            std::string queue = queueOf(one, n);
            for (const auto& [name, shards] : settings_.sharded) {
                const std::optional<int> shard = Shards::numberOf(queue);
                if (shard && queue == Shards::nameOf(name, *shard)) {
                    queue = name;
                    break;
                }
            }
            adds.of(queue)->count(one.result->status);
        }
    }

    static std::string queueOf(const Prepared& one, std::size_t node) {
        const FlowRecords& records = one.flow.records;
        return queueNameOf(records.queues[records.nodes[node].queue].keys().qualifiedName());
    }

    PreparedFlow prepare(FlowJob flow, const std::string& seed = "", FlowTrace* trace = nullptr) {
        return prepareFlow(
            std::move(flow),
            settings_.prefix,
            [this](const std::string& prefix, const std::string& name) {
                return context(prefix, name);
            },
            seed,
            trace);
    }

    static void setTimestamps(PreparedFlow& flow, std::int64_t nowMs) {
        for (std::size_t n = 0; n < flow.records.nodes.size(); ++n) {
            std::int64_t& timestampMs = flow.records.nodes[n].record.timestampMs;
            timestampMs = timestampMs == JobRecord::kWhenAdded ? nowMs : timestampMs;
            flow.nodes[n]->job->timestampMs = timestampMs;
        }
    }

    static void setCodes(PreparedFlow& flow, const AddedFlow& added) {
        for (const std::size_t n : added.elsewhere) {
            flow.nodes[n]->code = static_cast<int>(ErrorCode::ParentJobCannotBeReplaced);
        }
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

    /// Returns the queue of the root.
    static const std::string& rootOf(const Prepared& flow) {
        return flow.flow.records.queues.front().keys().qualifiedName();
    }
    /// Returns true if two trees may travel together.
    [[nodiscard]] bool shareServer(const Prepared& one, const Prepared& other) const {
        return !redis_.shared().options().isCluster() ||
               hashSlot(rootOf(one)) == hashSlot(rootOf(other));
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
        const Redis server = serverOf(redis_, rootOf(flows.front()));
        const auto lease = server.shared().lease();
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
            setTimestamps(one.flow, nowMs);
            one.full = fullQueue(redis, records);
            records.recallOnly = one.full.has_value();
            if (one.full && records.once == nullptr) {
                refuse(*one.result, *one.full);
                continue;
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

    /// Returns the refusal of a tree by the bounds of one of its queues; std::nullopt: there is room, or it is not known.
    [[nodiscard]] std::optional<AddResult> fullQueue(RedisClient& redis,
                                                     const FlowRecords& flow) const {
        if (!settings_.admissionOf) {
            return std::nullopt;
        }
        std::vector<std::int64_t> jobs(flow.queues.size());
        for (const FlowRecords::Node& node : flow.nodes) {
            jobs[node.queue] += node.record.hasChildren ? 0 : 1;
        }
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            const QueueContext& queue = flow.queues[i];
            const std::string& name = queue.keys().qualifiedName();
            const Queue::Admission bounds =
                jobs[i] > 0 ? settings_.admissionOf(queueNameOf(name)) : Queue::Admission();
            if (!bounds.isBounded()) {
                continue;
            }
            try {
                LoadMeter meter;
                meter.onSample(ops::load(queue, redis), std::chrono::steady_clock::now());
                std::optional<RedisMemory> memory;
                if (bounds.maxMemoryPercent > 0) {
                    memory = ops::memory(redis);
                }
                if (auto refused = refusalOf(bounds, name, meter.load(), memory, jobs[i])) {
                    return refused;
                }
            } catch (const ScriptException&) {
                // A key has another type, or a user may not read: as in AdmissionControl.
            }
        }
        return std::nullopt;
    }

    /// Adds a job that is deduplicated: it has neither a parent nor children.
    static void addAlone(RedisClient& redis, Prepared& one, std::int64_t nowMs) {
        const FlowRecords& records = one.flow.records;
        std::vector<ops::OnceGroup> onces;
        if (records.once != nullptr) {
            onces.push_back({records.once, 0, 1, records.recallOnly});
        }
        const AddedId added =
            ops::addJobs(
                records.queues.front(), redis, {records.nodes.front().record}, nowMs, onces)
                .front();
        if (added.keyTaken) {
            fail(*one.result, Status::KeyTaken, "");
            return;
        }
        if (!added.error.empty() && one.full) {
            refuse(*one.result, *one.full);
            return;
        }
        if (!added.error.empty()) {
            fail(*one.result, Status::Unavailable, added.error);
            return;
        }
        one.result->status = Status::Added;
        one.result->repeated = added.timestampMs.has_value();
        one.flow.tree->job->timestampMs =
            added.timestampMs.value_or(one.flow.tree->job->timestampMs);
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
            if (one.full) {
                refuse(*one.result, *one.full);
            }
            return;
        }
        const AddedFlow added = ops::addedFlow(reply, records);
        if (added.keyTaken) {
            fail(*one.result, Status::KeyTaken, "");
            return;
        }
        if (const auto code = errorCodeOf(added.code)) {
            const std::string& parentKey = records.nodes.front().record.parentKey;
            fail(*one.result,
                 Status::Rejected,
                 errorMessage(*code, {"", "addFlow", "", parentKey}),
                 added.code);
            return;
        }
        one.result->status = Status::Added;
        one.result->repeated = added.repeated;
        if (added.repeated) {
            one.earlier = added;
        } else {
            setCodes(one.flow, added);
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

FlowResult FlowProducer::addOnce(FlowJob flow, const AddOnce& once) {
    return impl_->addOnce(std::move(flow), once);
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
    const Redis server = serverOf(impl_->redis_, keys.qualifiedName());
    return ops::flow(*server.shared().lease(), keys.job(id), depth);
}

}  // namespace drover
