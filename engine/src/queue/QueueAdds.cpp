#include "queue/QueueAdds.h"

#include <utility>

#include "drover/TraceContext.h"
#include "queue/AddSpans.h"
#include "redis/RedisClient.h"

namespace drover {

namespace {

/// How much longer than everything that it waits for the adding thread may be away before it counts as stuck.
constexpr std::chrono::milliseconds kProgressMargin{3000};

}  // namespace

/// The results of one add, gathered from its chunks.
struct QueueAdds::Pending {
    Pending(std::size_t count, std::shared_ptr<AddCounts> toCount, Done whenDone)
        : results(count), counts(std::move(toCount)), done(std::move(whenDone)) {}

    void oneChunkLess() {
        if (chunks.fetch_sub(1) == 1) {
            counts->count(results);
            done(std::move(results));
        }
    }

    std::vector<AddResult> results;  ///< Each chunk writes its own.
    const std::shared_ptr<AddCounts> counts;
    const Done done;
    std::atomic<std::size_t> chunks{1};  ///< Those under way, and one until all have been sent.
};

QueueAdds::QueueAdds(const RedisOptions& redis,
                     Queue::Settings settings,
                     std::shared_ptr<AddCounts> counts)
    : redis_(redis),
      settings_(std::move(settings)),
      queue_(QueueKeys(settings_.prefix, settings_.name), settings_.bullmq5),
      counts_(std::move(counts)),
      coalescer_(queue_,
                 std::make_unique<RedisClient>(redis, "add " + settings_.name),
                 settings_,
                 // A probe and a call, each with a connection to make before.
                 2 * (redis.connectTimeout + redis.commandTimeout) + kProgressMargin) {
    if (settings_.admission.isBounded()) {
        (void)control();
    }
}

template <typename Add>
void QueueAdds::admit(std::size_t jobs, Clock::time_point deadline, Add add) {
    AdmissionControl* const control = control_.load(std::memory_order_acquire);
    if (control == nullptr) {
        return add(std::nullopt);
    }
    const auto count = static_cast<std::int64_t>(jobs);
    if (control->isKnown()) {
        return add(control->admit(count));
    }
    control->whenKnown(deadline,
                       [control, count, cause = TraceScope::current(), add = std::move(add)](
                           std::optional<AddResult> late) mutable {
                           const TraceScope scope(cause);
                           add(late ? std::move(late) : control->admit(count));
                       });
}

void QueueAdds::add(std::vector<NewJob> jobs, Clock::time_point deadline, Done done) {
    const std::size_t count = jobs.size();
    admit(count,
          deadline,
          [this, deadline, jobs = std::move(jobs), done = std::move(done)](
              const std::optional<AddResult>& refused) mutable {
              if (!refused) {
                  return addAdmitted(std::move(jobs), deadline, std::move(done));
              }
              std::vector<AddResult> results(jobs.size(), *refused);
              counts_->count(results);
              done(std::move(results));
          });
}

void QueueAdds::addAdmitted(std::vector<NewJob> jobs, Clock::time_point deadline, Done done) {
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

void QueueAdds::addOnce(std::vector<NewJob> jobs, AddOnce once, Done done) {
    const std::size_t count = jobs.size();
    const Clock::time_point deadline = Clock::now() + settings_.addTimeout;
    admit(count,
          deadline,
          [this, deadline, jobs = std::move(jobs), once = std::move(once), done = std::move(done)](
              std::optional<AddResult> full) mutable {
              addDecided(
                  std::move(jobs), deadline, std::move(once), std::move(done), std::move(full));
          });
}

void QueueAdds::addDecided(std::vector<NewJob> jobs,
                           Clock::time_point deadline,
                           AddOnce once,
                           Done done,
                           std::optional<AddResult> full) {
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
        deadline,
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

std::string QueueAdds::parentError(const JobRecord& record) const {
    return record.parentKey.empty() ? "" : otherSlotError(redis_.slot, record.parentKey, queue_);
}

std::shared_ptr<QueueAdds::Pending> QueueAdds::pendingOf(std::vector<NewJob>& jobs,
                                                         Done done) const {
    if (redis_.tracer) {
        done = traceAdds(redis_.tracer, settings_.name, jobs, std::move(done));
    }
    return std::make_shared<Pending>(jobs.size(), counts_, std::move(done));
}

AdmissionControl& QueueAdds::control() {
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

}  // namespace drover
