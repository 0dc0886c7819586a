#include "drover/Queue.h"

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "queue/JobRecord.h"
#include "queue/ShardedAdds.h"
#include "redis/RedisShared.h"

namespace drover {

Job addedJob(NewJob job, const AddResult& result, const std::string& queueQualifiedName) {
    Job added;
    added.id = result.id;
    added.name = std::move(job.name);
    added.data = std::move(job.data);
    added.queueQualifiedName = result.queue.empty() ? queueQualifiedName : result.queue;
    added.delayMs = job.opts.delayMs;
    added.priority = job.opts.priority;
    added.timestampMs = result.timestampMs;
    if (job.opts.parent) {
        added.parentKey = job.opts.parent->queue + ":" + job.opts.parent->id;
        added.parent = parentField(job.opts);
    }
    if (job.opts.deduplication) {
        added.deduplicationId = job.opts.deduplication->id;
    }
    added.opts = std::move(job.opts);
    return added;
}

class Queue::Impl {
public:
    Impl(const Redis& redis, const Settings& settings)
        : settings_(settings),
          qualifiedName_(QueueKeys(settings.prefix, settings.name).qualifiedName()),
          adds_(redis, settings) {}

    std::vector<AddResult> addAndWait(std::vector<NewJob> jobs, Clock::time_point deadline) {
        // Shared, since the thread that sets it may still use it when this one goes on.
        const auto promise = std::make_shared<std::promise<std::vector<AddResult>>>();
        std::future<std::vector<AddResult>> results = promise->get_future();
        adds_.add(std::move(jobs), deadline, [promise](std::vector<AddResult> all) {
            promise->set_value(std::move(all));
        });
        return results.get();
    }

    const Settings settings_;
    const std::string qualifiedName_;
    ShardedAdds adds_;
};

Queue::Queue(const Redis& redis, Settings settings)
    : impl_(std::make_unique<Impl>(redis, settings)) {}
Queue::~Queue() = default;

const std::string& Queue::name() const {
    return impl_->settings_.name;
}
const std::string& Queue::qualifiedName() const {
    return impl_->qualifiedName_;
}

AddResult Queue::add(NewJob job) {
    return add(std::move(job), Clock::now() + impl_->settings_.addTimeout);
}

AddResult Queue::add(NewJob job, Clock::time_point deadline) {
    std::vector<NewJob> jobs;
    jobs.push_back(std::move(job));
    return std::move(impl_->addAndWait(std::move(jobs), deadline).front());
}

std::vector<AddResult> Queue::addBulk(std::vector<NewJob> jobs, Clock::time_point deadline) {
    return impl_->addAndWait(std::move(jobs), deadline);
}

void Queue::addAsync(std::vector<NewJob> jobs, std::function<void(std::vector<AddResult>)> done) {
    impl_->adds_.add(std::move(jobs), Clock::now() + impl_->settings_.addTimeout, std::move(done));
}

void Queue::addOnceAsync(std::vector<NewJob> jobs,
                         AddOnce once,
                         std::function<void(std::vector<AddResult>)> done) {
    impl_->adds_.addOnce(std::move(jobs), std::move(once), std::move(done));
}

std::optional<QueueLoad> Queue::load() const {
    return impl_->adds_.load();
}

bool Queue::healthy() const {
    return problem().empty();
}
std::string Queue::problem() const {
    return impl_->adds_.problem();
}
bool Queue::progresses() const {
    return impl_->adds_.progresses();
}
void Queue::measure(Metrics& metrics) const {
    impl_->adds_.measure(metrics);
}

}  // namespace drover
