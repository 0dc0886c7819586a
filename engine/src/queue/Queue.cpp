#include "drover/Queue.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "drover/Json.h"
#include "drover/Metrics.h"
#include "queue/AddCoalescer.h"
#include "queue/AddSpans.h"
#include "queue/AdmissionControl.h"
#include "queue/JobRecord.h"
#include "queue/QueueContext.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

/// How much longer than everything that it waits for the adding thread may be away before it counts as stuck.
constexpr std::chrono::milliseconds kProgressMargin{3000};

using Status = AddResult::Status;

/// Every result of an add, with its text in metrics.
constexpr std::pair<Status, const char*> kStatuses[] = {{Status::Added, "added"},
                                                        {Status::Rejected, "rejected"},
                                                        {Status::Unavailable, "unavailable"},
                                                        {Status::QueueFull, "queue_full"},
                                                        {Status::MemoryFull, "memory_full"},
                                                        {Status::Unknown, "unknown"},
                                                        {Status::KeyTaken, "key_taken"}};

/// Counts jobs by the result of their add.
/// Threads: any.
class AddCounts {
public:
    void count(const std::vector<AddResult>& results) {
        for (const AddResult& result : results) {
            counts_.at(static_cast<std::size_t>(result.status))
                .fetch_add(1, std::memory_order_relaxed);
        }
    }
    [[nodiscard]] std::uint64_t of(Status status) const {
        return counts_.at(static_cast<std::size_t>(status)).load(std::memory_order_relaxed);
    }

private:
    std::array<std::atomic<std::uint64_t>, std::size(kStatuses)> counts_{};
};

/// The results of one add, gathered from its chunks.
struct Pending {
    Pending(std::size_t count, std::shared_ptr<AddCounts> toCount, AddCoalescer::Done whenDone)
        : results(count), counts(std::move(toCount)), done(std::move(whenDone)) {}

    void oneChunkLess() {
        if (chunks.fetch_sub(1) == 1) {
            counts->count(results);
            done(std::move(results));
        }
    }

    std::vector<AddResult> results;  ///< Each chunk writes its own.
    const std::shared_ptr<AddCounts> counts;
    const AddCoalescer::Done done;
    std::atomic<std::size_t> chunks{1};  ///< Those under way, and one until all have been sent.
};

}  // namespace

Job addedJob(NewJob job, const AddResult& result, const std::string& queueQualifiedName) {
    Job added;
    added.id = result.id;
    added.name = std::move(job.name);
    added.data = std::move(job.data);
    added.queueQualifiedName = queueQualifiedName;
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
    Impl(const RedisOptions& redis, Settings settings)
        : redis_(redis),
          settings_(std::move(settings)),
          queue_(QueueKeys(settings_.prefix, settings_.name), settings_.bullmq5),
          coalescer_(queue_,
                     std::make_unique<RedisClient>(redis, "add " + settings_.name),
                     settings_,
                     // A probe and a call, each with a connection to make before.
                     2 * (redis.connectTimeout + redis.commandTimeout) + kProgressMargin) {
        if (settings_.admission.isBounded()) {
            (void)control();
        }
    }

    /// Refuses what is wrong, and sends the rest in chunks. `done` has the results of all, once the last chunk is answered.
    void add(std::vector<NewJob> jobs, Clock::time_point deadline, AddCoalescer::Done done) {
        if (AdmissionControl* const control = control_.load(std::memory_order_acquire)) {
            if (auto refused = control->admit(static_cast<std::int64_t>(jobs.size()))) {
                std::vector<AddResult> results(jobs.size(), *refused);
                counts_->count(results);
                return done(std::move(results));
            }
        }
        const auto pending = pendingOf(jobs, std::move(done));
        std::vector<std::size_t> positions;
        std::vector<JobRecord> records;
        const auto flush = [&] {
            ++pending->chunks;
            coalescer_.add(
                std::exchange(records, {}),
                deadline,
                [pending, positions = std::exchange(positions, {})](std::vector<AddResult> added) {
                    for (std::size_t i = 0; i < added.size(); ++i) {
                        pending->results[positions[i]] = std::move(added[i]);
                    }
                    pending->oneChunkLess();
                });
        };
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            if (std::string problem = newJobError(jobs[i]); !problem.empty()) {
                pending->results[i].status = AddResult::Status::Rejected;
                pending->results[i].message = std::move(problem);
                continue;
            }
            JobRecord record = recordOf(std::move(jobs[i]));
            if (std::string problem = parentError(record); !problem.empty()) {
                pending->results[i].status = AddResult::Status::Rejected;
                pending->results[i].message = std::move(problem);
                continue;
            }
            records.push_back(std::move(record));
            positions.push_back(i);
            if (records.size() == settings_.maxBatch) {
                flush();
            }
        }
        if (!records.empty()) {
            flush();
        }
        pending->oneChunkLess();
    }

    /// Refuses what is wrong, and sends the rest in one call. A repetition has its results from a queue that is full as well.
    void addOnce(std::vector<NewJob> jobs, AddOnce once, AddCoalescer::Done done) {
        std::optional<AddResult> full;
        if (AdmissionControl* const control = control_.load(std::memory_order_acquire)) {
            full = control->admit(static_cast<std::int64_t>(jobs.size()));
        }
        const bool recallOnly = full.has_value();
        const auto pending = pendingOf(jobs, std::move(done));
        const std::string mistake = onceError(once);
        std::vector<std::size_t> positions;
        std::vector<JobRecord> records;
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            std::string problem = mistake.empty() ? newJobError(jobs[i]) : mistake;
            if (!problem.empty()) {
                pending->results[i].status = AddResult::Status::Rejected;
                pending->results[i].message = std::move(problem);
                continue;
            }
            records.push_back(recordOf(std::move(jobs[i])));
            positions.push_back(i);
            if (problem = parentError(records.back()); !problem.empty()) {
                pending->results[i].status = AddResult::Status::Rejected;
                pending->results[i].message = std::move(problem);
                records.pop_back();
                positions.pop_back();
            }
        }
        if (records.empty()) {
            return pending->oneChunkLess();
        }
        coalescer_.add(
            std::move(records),
            Clock::now() + settings_.addTimeout,
            [pending, positions = std::move(positions), full = std::move(full)](
                std::vector<AddResult> added) {
                for (std::size_t i = 0; i < added.size(); ++i) {
                    const bool decided =
                        added[i].repeated || added[i].status == AddResult::Status::KeyTaken;
                    if (full && !decided) {
                        added[i] = *full;
                    }
                    pending->results[positions[i]] = std::move(added[i]);
                }
                pending->oneChunkLess();
            },
            std::move(once),
            recallOnly);
    }

    std::vector<AddResult> addAndWait(std::vector<NewJob> jobs, Clock::time_point deadline) {
        // Shared, since the thread that sets it may still use it when this one goes on.
        const auto promise = std::make_shared<std::promise<std::vector<AddResult>>>();
        std::future<std::vector<AddResult>> results = promise->get_future();
        add(std::move(jobs), deadline, [promise](std::vector<AddResult> all) {
            promise->set_value(std::move(all));
        });
        return results.get();
    }

    /// Returns what samples the queue, made by the first call.
    AdmissionControl& control() {
        const std::lock_guard lock(mutex_);
        if (!owned_) {
            owned_ = std::make_unique<AdmissionControl>(
                queue_,
                std::make_unique<RedisClient>(redis_, "load " + settings_.name),
                settings_.admission);
            control_.store(owned_.get(), std::memory_order_release);
        }
        return *owned_;
    }

    const RedisOptions redis_;
    const Settings settings_;
    const QueueContext queue_;
    const std::shared_ptr<AddCounts> counts_ = std::make_shared<AddCounts>();
    AddCoalescer coalescer_;

private:
    /// Returns why the job cannot have its parent; empty: it can.
    [[nodiscard]] std::string parentError(const JobRecord& record) const {
        return record.parentKey.empty() ? ""
                                        : otherSlotError(redis_.slot, record.parentKey, queue_);
    }
    /// Begins an add, and its spans.
    std::shared_ptr<Pending> pendingOf(std::vector<NewJob>& jobs, AddCoalescer::Done done) const {
        if (redis_.tracer) {
            done = traceAdds(redis_.tracer, settings_.name, jobs, std::move(done));
        }
        return std::make_shared<Pending>(jobs.size(), counts_, std::move(done));
    }

    std::mutex mutex_;
    std::unique_ptr<AdmissionControl> owned_;          ///< Guarded by mutex_.
    std::atomic<AdmissionControl*> control_{nullptr};  ///< The same, for every add.
};

Queue::Queue(const Redis& redis, Settings settings)
    : impl_(std::make_unique<Impl>(
          redis.shared().of(settings.prefix + ":" + settings.name)->options(),
          std::move(settings))) {}
Queue::~Queue() = default;

const std::string& Queue::name() const {
    return impl_->settings_.name;
}
const std::string& Queue::qualifiedName() const {
    return impl_->queue_.keys().qualifiedName();
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
    impl_->add(std::move(jobs), Clock::now() + impl_->settings_.addTimeout, std::move(done));
}

void Queue::addOnceAsync(std::vector<NewJob> jobs,
                         AddOnce once,
                         std::function<void(std::vector<AddResult>)> done) {
    impl_->addOnce(std::move(jobs), std::move(once), std::move(done));
}

std::optional<QueueLoad> Queue::load() const {
    return impl_->control().load();
}

bool Queue::healthy() const {
    return problem().empty();
}
std::string Queue::problem() const {
    return impl_->coalescer_.problem();
}
bool Queue::progresses() const {
    return impl_->coalescer_.progresses();
}
void Queue::measure(Metrics& metrics) const {
    MetricFamily& jobs = metrics.counter(
        "drover_jobs_added_total",
        "Jobs that this process was to add, by result; queue_full and memory_full are refusals "
        "by the bounds of the queue");
    for (const auto& [status, text] : kStatuses) {
        jobs.add({{"queue", impl_->settings_.name}, {"result", text}}, impl_->counts_->of(status));
    }
}

}  // namespace drover
