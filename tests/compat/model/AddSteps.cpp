#include <algorithm>
#include <chrono>

#include <cppunit/TestAssert.h>

#include "compat/model/Operations.h"
#include "core/JsonText.h"

namespace drover::test {

namespace {

const std::vector<std::string> kFlags = {"fpof", "cpof", "idof", "rdof"};

std::string described(const ModelSpec& spec) {
    return spec.queue + " " + spec.name + (spec.parentId.empty() ? "" : " child") + " " +
           spec.publicOpts();
}

NewJob newJob(const ModelSpec& spec) {
    return {spec.name, spec.data, JobOptions::parse(spec.publicOpts())};
}

std::string idOrCode(const AddResult& result) {
    CPPUNIT_ASSERT_MESSAGE(result.message,
                           result.status == AddResult::Status::Added ||
                               (result.status == AddResult::Status::Rejected && result.code < 0));
    return result.status == AddResult::Status::Added ? result.id : std::to_string(result.code);
}

std::string flowJson(const ModelSpec& node) {
    std::string children;
    for (const ModelSpec& child : node.children) {
        children += (children.empty() ? "" : ",") + flowJson(child);
    }
    return "{\"name\":" + jsonString(node.name) +
           ",\"queueName\":" + jsonString(plainName(node.queue)) + ",\"data\":" + node.data +
           ",\"opts\":" + node.publicOpts() +
           (children.empty() ? "" : ",\"children\":[" + children + "]") + "}";
}

FlowJob flowJob(const ModelSpec& node) {
    FlowJob job{plainName(node.queue), "", newJob(node), {}};
    for (const ModelSpec& child : node.children) {
        job.children.push_back(flowJob(child));
    }
    return job;
}

}  // namespace

ModelSpec::Keep ModelOperations::anyKeep() {
    switch (below(4)) {
        case 0:
            return {0, -1};
        case 1:
            return {1 + below(3), -1};
        case 2:
            return {-1, 3600};
        default:
            return {2, 3600};
    }
}

ModelSpec ModelOperations::anySpec(const std::string& queue) {
    ModelSpec spec;
    spec.queue = queue;
    spec.name = any(std::vector<std::string>{"mail", "render", "book"});
    spec.data = "{\"n\":" + std::to_string(below(1000)) + "}";
    spec.timestamp = chance(50) ? now_ : kStart - 3 * kHour;
    if (chance(25)) {
        spec.delay = chance(50) ? kHour : 10 * kHour;  // With the old timestamp the first is due.
    } else if (chance(5)) {
        spec.delay = -5;
    }
    if (chance(25)) {
        spec.priority = chance(10) ? 2097151 : 1 + below(3);
    }
    spec.lifo = chance(15);
    if (chance(40)) {
        spec.attempts = 1 + below(3);
    }
    if (chance(30)) {
        spec.backoffType = chance(50) ? "fixed" : "exponential";
        spec.backoff = kHour;
    }
    if (chance(20)) {
        spec.onComplete = anyKeep();
    }
    if (chance(20)) {
        spec.onFail = anyKeep();
    }
    if (chance(10)) {
        spec.keepLogs = 1 + below(3);
    }
    if (chance(10)) {
        spec.stackTraceLimit = below(3);
    }
    return spec;
}

ModelSpec ModelOperations::anyAdd(const std::string& queue) {
    ModelSpec spec = anySpec(queue);
    if (chance(35)) {
        spec.jobId = customId();
    }
    if (chance(20)) {
        ModelSpec::Deduplication own;
        own.id = "d" + std::to_string(below(4));
        own.ttl = chance(40) ? kHour : 0;
        own.extend = chance(30);
        own.replace = chance(30);
        own.reschedule = chance(25);
        own.keepLast = chance(30);
        if (own.keepLast) {
            // The job that is kept back comes later, over whatever has its id then.
            spec.jobId.clear();
        }
        spec.deduplication = own;
    } else if (chance(20)) {
        giveParent(spec);
    }
    return spec;
}

void ModelOperations::giveParent(ModelSpec& spec) {
    const std::string parent = chance(5) ? queues_[0] + ":missing" : anyJob("waiting-children");
    // BullMQ finds the queue of a parent before the last ':' of its key.
    if (parent.empty() || idOf(parent).find(':') != std::string::npos) {
        return;
    }
    spec.parentQueue = queueNameOf(parent);
    spec.parentId = idOf(parent);
    if (chance(60)) {
        spec.flag = any(kFlags);
    }
}

/// True if `key` is `other`, or above it.
bool ModelOperations::isAbove(const std::string& key, std::string other) const {
    for (int i = 0; i < 20 && !other.empty(); ++i) {
        if (other == key) {
            return true;
        }
        const auto job = model_.jobs().find(other);
        if (job == model_.jobs().end() || job->second.fields.count("parentKey") == 0) {
            return false;
        }
        other = job->second.fields.at("parentKey");
    }
    return !other.empty();
}

/// True unless a job with the id of `spec` is above the parent: no cycle.
bool ModelOperations::mayHaveParent(const ModelSpec& spec) const {
    return spec.parentId.empty() || spec.jobId.empty() ||
           !isAbove(spec.queue + ":" + spec.jobId, spec.parentQueue + ":" + spec.parentId);
}

Step ModelOperations::addStep(const std::string& queue) {
    const ModelSpec spec = anyAdd(queue);
    return step(
               "add " + described(spec),
               [=, this] {
                   const auto job = clients_.nodeQueue(
                       queue,
                       "add",
                       jsonString(spec.name) + "," + spec.data + "," + spec.publicOpts());
                   return std::string(job["id"].GetString());
               },
               [=, this] { return idOrCode(clients_.ours(queue).queue->add(newJob(spec))); },
               [=, this](std::int64_t now) { return model_.add(spec, now); })
        .when([=, this] { return mayHaveParent(spec); });
}

Step ModelOperations::bulkStep(const std::string& queue) {
    std::vector<ModelSpec> specs;
    std::string text;
    std::string json;
    for (int i = 2 + below(4); i > 0; --i) {
        const ModelSpec& spec = specs.emplace_back(anyAdd(queue));
        text += "\n      " + described(spec);
        json += (json.empty() ? "{\"name\":" : ",{\"name\":") + jsonString(spec.name) +
                ",\"data\":" + spec.data + ",\"opts\":" + spec.publicOpts() + "}";
    }
    return step(
               "addBulk " + queue + text,
               [=, this] {
                   std::vector<std::string> ids;
                   const auto jobs = clients_.nodeQueue(queue, "addBulk", "[" + json + "]");
                   for (const auto& job : jobs.GetArray()) {
                       ids.push_back(job["id"].IsString() ? job["id"].GetString()
                                                          : std::to_string(job["id"].GetInt()));
                   }
                   return joinedIds(ids);
               },
               [=, this] {
                   std::vector<NewJob> jobs;
                   for (const ModelSpec& spec : specs) {
                       jobs.push_back(newJob(spec));
                   }
                   std::vector<std::string> ids;
                   for (const AddResult& result : clients_.ours(queue).queue->addBulk(
                            jobs, std::chrono::steady_clock::now() + std::chrono::seconds(10))) {
                       ids.push_back(idOrCode(result));
                   }
                   return joinedIds(ids);
               },
               [=, this](std::int64_t now) { return joinedIds(model_.addBulk(specs, now)); })
        .when([=, this] {
            return std::all_of(specs.begin(), specs.end(), [this](const ModelSpec& spec) {
                return mayHaveParent(spec);
            });
        });
}

/// `levels`: below this node. `named`: custom ids of the tree so far.
ModelSpec ModelOperations::anyNode(int levels, std::set<std::string>& named) {
    ModelSpec node = anySpec(anyQueue());
    node.jobId = "f" + std::to_string(++flowIds_);
    if (levels == 0) {
        return node;
    }
    for (int i = 1 + below(3); i > 0; --i) {
        ModelSpec child = anyNode(chance(40) ? levels - 1 : 0, named);
        if (child.children.empty() && chance(15)) {
            const std::string id = customId();
            if (named.insert(child.queue + ":" + id).second) {
                child.jobId = id;
            }
        }
        if (chance(60)) {
            child.flag = any(kFlags);
        }
        node.children.push_back(child);
    }
    return node;
}

/// True if each job of the tree that is there already has no child itself: no cycle.
bool ModelOperations::mayBeAdded(const ModelSpec& node) const {
    const std::string key = node.queue + ":" + node.jobId;
    return model_.childrenOf(key, false).empty() &&
           std::all_of(node.children.begin(), node.children.end(), [this](const ModelSpec& child) {
               return mayBeAdded(child);
           });
}

Step ModelOperations::flowStep(const std::string& queue) {
    std::set<std::string> named;
    ModelSpec root = anyNode(2, named);
    root.queue = queue;
    return step(
               "flow " + flowJson(root),
               [=, this] { return clients_.nodeFlow(flowJson(root)); },
               [=, this] {
                   const FlowResult result = clients_.flows().add(flowJob(root));
                   CPPUNIT_ASSERT_MESSAGE(result.message,
                                          result.status == AddResult::Status::Added);
                   return idOf(result.tree.key);
               },
               [=, this](std::int64_t now) { return model_.addFlow(root, now); })
        .when([=, this] { return mayBeAdded(root); });
}

}  // namespace drover::test
