#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "drover/Queue.h"
#include "queue/AddCoalescer.h"
#include "queue/AdmissionControl.h"
#include "queue/JobRecord.h"
#include "queue/QueueContext.h"
#include "redis/AddFigures.h"
#include "redis/RedisOptions.h"

namespace drover {

/// Adds to one queue of Redis: checks jobs and bounds, and sends what passes in chunks.
/// Threads: every method may be called from any thread.
class QueueAdds {
public:
    using Clock = Queue::Clock;
    using Done = AddCoalescer::Done;

    /// `settings` has the name of the queue in Redis; its shards do not count. `counts`: of the whole queue.
    QueueAdds(const RedisOptions& redis,
              Queue::Settings settings,
              std::shared_ptr<AddCounts> counts);

    /// Refuses what is wrong, and sends the rest in chunks. `done` has the results of all, once the last chunk is answered.
    void add(std::vector<NewJob> jobs, Clock::time_point deadline, Done done);
    /// Refuses what is wrong, and sends the rest in one call. A repetition has its results from a queue that is full as well.
    void addOnce(std::vector<NewJob> jobs, AddOnce once, Done done);

    /// As Queue::load().
    [[nodiscard]] std::optional<QueueLoad> load() { return control().load(); }
    /// As Queue::problem() and Queue::progresses().
    [[nodiscard]] std::string problem() const { return coalescer_.problem(); }
    [[nodiscard]] bool progresses() const { return coalescer_.progresses(); }
    [[nodiscard]] const std::string& qualifiedName() const { return queue_.keys().qualifiedName(); }

private:
    /// Returns why the job cannot have its parent; empty: it can.
    [[nodiscard]] std::string parentError(const JobRecord& record) const;
    struct Pending;
    /// Begins an add, and its spans.
    [[nodiscard]] std::shared_ptr<Pending> pendingOf(std::vector<NewJob>& jobs, Done done) const;
    /// Calls `add` with the refusal of so many jobs, if they are refused: before it returns, or once the load is known.
    template <typename Add>
    void admit(std::size_t jobs, Clock::time_point deadline, Add add);
    /// Sends jobs that are admitted.
    void addAdmitted(std::vector<NewJob> jobs, Clock::time_point deadline, Done done);
    /// Sends the jobs, or if they are refused what finds the results of an earlier add.
    void addDecided(std::vector<NewJob> jobs,
                    Clock::time_point deadline,
                    AddOnce once,
                    Done done,
                    std::optional<AddResult> full);
    /// Returns what samples the queue, made by the first call.
    AdmissionControl& control();

    const RedisOptions redis_;
    const Queue::Settings settings_;
    const QueueContext queue_;
    const std::shared_ptr<AddCounts> counts_;
    AddCoalescer coalescer_;
    std::mutex mutex_;
    std::unique_ptr<AdmissionControl> owned_;          ///< Guarded by mutex_.
    std::atomic<AdmissionControl*> control_{nullptr};  ///< The same, for every add.
};

}  // namespace drover
