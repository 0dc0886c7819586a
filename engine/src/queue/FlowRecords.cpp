#include "queue/FlowRecords.h"

#include <map>
#include <utility>

#include "core/Names.h"
#include "core/Uuid.h"
#include "queue/AddSpans.h"

namespace drover {

namespace {

constexpr std::size_t kMostLevels = 1000;

/// A job of the tree as the caller gave it, and where it stands.
struct Given {
    FlowJob* flow;
    FlowNode* node;
    std::size_t parent;
    std::size_t level;
};

/// Returns the jobs of a tree level by level, and makes nodes for them. Ends with the first job too many.
std::vector<Given> levelByLevel(FlowJob& flow, FlowNode& tree) {
    std::vector<Given> all{{&flow, &tree, 0, 1}};
    for (std::size_t n = 0; n < all.size() && all.size() <= FlowProducer::kMostJobs; ++n) {
        const Given one = all[n];
        one.node->children.resize(one.flow->children.size());
        for (std::size_t i = 0; i < one.flow->children.size(); ++i) {
            all.push_back({&one.flow->children[i], &one.node->children[i], n, one.level + 1});
        }
    }
    return all;
}

std::string jobProblem(const FlowJob& flow, bool isChild) {
    if (std::string problem = queueNameError(flow.queue); !problem.empty()) {
        return problem;
    }
    const JobOptions& opts = flow.job.opts;
    if (isChild && opts.parent) {
        return "the option \"parent\" is that of its place in the tree, not " + opts.parent->queue +
               ":" + opts.parent->id;
    }
    if (opts.deduplication && (isChild || !flow.children.empty())) {
        return std::string("the option \"deduplication\" cannot be used for a job with ") +
               (isChild ? "a parent" : "children") + ", but its id is \"" + opts.deduplication->id +
               "\"";
    }
    return newJobError(flow.job);
}

/// The queues of one tree, each once.
class Queues {
public:
    Queues(std::vector<QueueContext>& queues, const FindQueue& find)
        : queues_(queues), find_(find) {}

    std::size_t indexOf(const std::string& prefix, const std::string& name) {
        const auto [entry, isNew] = indices_.try_emplace({prefix, name}, queues_.size());
        if (isNew) {
            queues_.push_back(find_(prefix, name));
        }
        return entry->second;
    }

private:
    std::vector<QueueContext>& queues_;
    const FindQueue& find_;
    std::map<std::pair<std::string, std::string>, std::size_t> indices_;
};

}  // namespace

PreparedFlow prepareFlow(FlowJob flow,
                         const std::string& defaultPrefix,
                         const FindQueue& find,
                         const std::string& seed,
                         FlowTrace* trace) {
    PreparedFlow prepared;
    prepared.tree = std::make_unique<FlowNode>();
    FlowRecords& records = prepared.records;
    const std::vector<Given> all = levelByLevel(flow, *prepared.tree);
    if (all.size() > FlowProducer::kMostJobs) {
        prepared.problem = "a tree may have at most " + std::to_string(FlowProducer::kMostJobs) +
                           " jobs, and this one has more";
        return prepared;
    }
    records.seed = seed;
    const std::vector<std::string> ids =
        seed.empty() ? randomUuids(all.size()) : std::vector<std::string>();
    Queues queues(records.queues, find);
    records.nodes.resize(all.size());
    prepared.nodes.reserve(all.size());
    for (std::size_t n = 0; n < all.size(); ++n) {
        FlowJob& given = *all[n].flow;
        FlowRecords::Node& node = records.nodes[n];
        const bool isChild = n > 0;
        std::string problem = jobProblem(given, isChild);
        if (problem.empty() && all[n].level > kMostLevels) {
            problem = "it is below level " + std::to_string(kMostLevels) + ", the deepest allowed";
        }
        if (!problem.empty()) {
            prepared.problem =
                "job \"" + given.job.name + "\" of queue \"" + given.queue + "\": " + problem;
            return prepared;
        }
        node.queue =
            queues.indexOf(given.prefix.empty() ? defaultPrefix : given.prefix, given.queue);
        const QueueContext& queue = records.queues[node.queue];
        if (isChild) {
            const FlowRecords::Node& parent = records.nodes[all[n].parent];
            given.job.opts.parent = {parent.record.customId,
                                     records.queues[parent.queue].keys().qualifiedName()};
        }
        node.parent = all[n].parent;
        node.mayExist = given.job.opts.jobId.has_value();
        AddResult added;
        if (node.mayExist) {
            added.id = *given.job.opts.jobId;
        } else {
            added.id = seed.empty() ? ids[n] : seed + '-' + std::to_string(n);
        }
        all[n].node->key = queue.keys().job(added.id);
        all[n].node->job = addedJob(given.job, added, queue.keys().qualifiedName());
        if (trace != nullptr) {
            const SpanStart& above = isChild ? trace->jobs[all[n].parent] : trace->whole;
            trace->jobs.push_back(trace->tracer.start(above.context));
            passOn(given.job.opts, trace->tracer.metadataOf(trace->jobs.back()));
        }
        node.record = recordOf(std::move(given.job));
        node.record.customId = added.id;
        node.record.hasChildren = !given.children.empty();
        prepared.nodes.push_back(all[n].node);
        for (std::size_t above = n; node.mayExist && above > 0;) {
            above = all[above].parent;
            if (prepared.nodes[above]->key == all[n].node->key) {
                prepared.problem = "job " + all[n].node->key + " is its own ancestor";
                return prepared;
            }
        }
    }
    if (const auto& parent = prepared.tree->job->opts.parent) {
        const std::size_t colon = parent->queue.rfind(':');
        queues.indexOf(parent->queue.substr(0, colon), parent->queue.substr(colon + 1));
    }
    return prepared;
}

}  // namespace drover
