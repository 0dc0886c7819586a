#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compat/model/ModelSpec.h"

namespace drover::test {

/// The state that the contract of the wire format gives a set of queues after each operation, key by key.
///
/// One method per operation, written from the prose of the wire format and from no script of either side. The time of an
/// operation is an argument: the test reads from Redis at which moment it ran. Results are ids, and codes below 0, as text.
/// A key is "<prefix>:<queue>:<id>", a queue "<prefix>:<queue>".
class QueueModel {
public:
    struct Job {
        ModelSpec spec;
        std::map<std::string, std::string> fields;
        std::set<std::string> dependencies;
        std::map<std::string, std::string> processed, failed;
        std::map<std::string, std::int64_t> unsuccessful;
        std::vector<std::string> logs;
        std::string flag;     ///< In the field `parent`.
        ModelScheduler rule;  ///< By which a scheduler made it.
        int count = 0;        ///< How many jobs the scheduler had made with it.
    };
    struct OwnedId {
        std::string job;
        bool expires = false;
    };
    struct NextJob {
        ModelSpec spec;
        std::string id;
    };
    struct Scheduler {
        std::int64_t next = 0;
        std::map<std::string, std::string> fields;  ///< The record's.
    };
    using Scores = std::map<std::string, std::int64_t>;
    struct Queue {
        std::vector<std::string> wait, active;  ///< Head first.
        Scores prioritized, delayed, children, completed, failed;
        std::map<std::string, double> marker;
        std::map<std::string, OwnedId> owners;
        std::map<std::string, NextJob> next;
        std::map<std::string, Scheduler> schedulers;
        std::map<std::string, std::string> meta;
        std::set<std::string> stalled;
        std::optional<std::int64_t> id, pc, limiter, stalledCheck;
        std::vector<std::string> events;  ///< Since the last operation.
        int timesMarked = 0;              ///< With the time of the next delayed job.
    };

    explicit QueueModel(const std::vector<std::string>& queues);

    /// Sets whether Drover makes the next operations, else Node. They differ where the contract leaves room:
    /// - A call that claims several jobs counts each against the limiter beforehand, also one that has failed already.
    /// - A bulk of adds writes the marker of delayed jobs once, at its end.
    /// - Due jobs leave `delayed` at every retry; with Node at those without backoff.
    /// - A lock of any job below prevents a removal; with Node that of a pending one.
    /// - A retry of a finished job removes a failure that was decided before its end.
    /// - An obliterate ends the limiter's window.
    /// - A job that was kept back, with a negative delay, waits at once; with Node it is delayed, and due.
    /// - A removed active job loses its mark of the last stalled check; with Node the next check ends it.
    /// - Pending children above a job that a worker holds are not removed; Node removes them and leaves the job.
    /// - A clean looks for as many jobs as its limit, a list's oldest first; Node looks among the first so many.
    void setDrover(bool drover) { drover_ = drover; }

    // Adding.
    std::string add(const ModelSpec& spec, std::int64_t now);
    std::vector<std::string> addBulk(const std::vector<ModelSpec>& specs, std::int64_t now);
    std::string addFlow(const ModelSpec& root, std::int64_t now);

    // Working. Each that chains a claim returns the code, then the ids that it claimed.
    std::vector<std::string> claim(const std::string& queue,
                                   const std::string& token,
                                   int count,
                                   std::int64_t now);
    std::string complete(const std::string& key,
                         const std::string& token,
                         const std::string& value,
                         int thenClaim,
                         const std::string& nextToken,
                         std::int64_t now);
    /// Retries, or fails for good, as the job's options decide.
    std::string fail(const std::string& key,
                     const std::string& token,
                     const std::string& reason,
                     const std::string& trace,
                     bool unrecoverable,
                     int thenClaim,
                     const std::string& nextToken,
                     std::int64_t now);
    std::string moveToDelayed(const std::string& key,
                              const std::string& token,
                              std::int64_t due,
                              std::int64_t now);
    std::string moveToWait(const std::string& key, const std::string& token);
    std::string moveToWaitingChildren(const std::string& key,
                                      const std::string& token,
                                      std::int64_t now);
    void loseLock(const std::string& key);
    void checkStalled(const std::string& queue, int maxStalled, std::int64_t now);

    /// Returns true if `after` has the jobs that `wait` has in the model, and those of `before` in the model's order: the order
    /// in which an operation pushes children, jobs that it removes, or stalled jobs is Redis's own.
    [[nodiscard]] bool hasOrderOfItsOwn(const std::string& queue,
                                        const std::vector<std::string>& before,
                                        const std::vector<std::string>& after) const;

    // Changes of one job.
    std::string promote(const std::string& key);
    std::string changeDelay(const std::string& key, std::int64_t delay, std::int64_t now);
    std::string changePriority(const std::string& key, int priority, bool lifo);
    std::string updateData(const std::string& key, const std::string& json);
    std::string updateProgress(const std::string& key, const std::string& json);
    std::string addLog(const std::string& key, const std::string& row, int keep);
    std::string clearLogs(const std::string& key, int keep);
    std::string retry(const std::string& key, bool completed, bool resetMade, bool resetStarted);
    std::string remove(const std::string& key, bool withChildren);
    std::string removeUnprocessedChildren(const std::string& key);
    std::string removeChildDependency(const std::string& key);
    std::string removeOwner(const std::string& queue, const std::string& deduplication);

    // Schedulers.

    /// Returns the id of the pending job.
    std::string upsertScheduler(const std::string& queue,
                                const ModelScheduler& scheduler,
                                std::int64_t now);
    std::string removeScheduler(const std::string& queue, const std::string& id);
    /// Makes the next job of the scheduler of a job that was claimed; nothing if the job has none.
    void iterate(const std::string& key, std::int64_t now);
    /// Returns true if the job is the next one of its scheduler.
    [[nodiscard]] bool isNextRun(const std::string& key) const;

    // Changes of a queue.
    void retryJobs(const std::string& queue, bool completed, std::int64_t until);
    void promoteJobs(const std::string& queue);
    std::vector<std::string> clean(const std::string& queue,
                                   const std::string& state,
                                   std::size_t limit,
                                   std::int64_t until);
    void drain(const std::string& queue, bool delayed);
    std::string obliterate(const std::string& queue, bool force);
    void pause(const std::string& queue);
    void resume(const std::string& queue);
    void rateLimit(const std::string& queue);
    void removeRateLimit(const std::string& queue);
    void setMeta(const std::string& queue, const std::map<std::string, std::string>& fields);
    void unsetMeta(const std::string& queue, const std::vector<std::string>& fields);

    [[nodiscard]] std::set<std::string> childrenOf(const std::string& key, bool pendingOnly) const;
    /// Every key and its canonical text.
    [[nodiscard]] std::map<std::string, std::string> keys() const;
    [[nodiscard]] const std::map<std::string, Job>& jobs() const { return jobs_; }
    [[nodiscard]] const std::map<std::string, std::string>& locks() const { return locks_; }
    [[nodiscard]] const Queue& queue(const std::string& name) const { return queues_.at(name); }
    /// The events since the last call.
    std::vector<std::string> popEvents(const std::string& queue);
    /// "wait", "active", … or "unknown".
    [[nodiscard]] std::string stateOf(const std::string& key) const;

private:
    Queue& queueOf(const std::string& key);
    [[nodiscard]] const Queue& queueOf(const std::string& key) const;
    [[nodiscard]] std::int64_t field(const std::string& key, const std::string& name) const;
    static bool isClosed(const Queue& queue);
    static void wake(Queue& queue);
    static void wakeLater(Queue& queue);
    static std::int64_t priorityScore(Queue& queue, std::int64_t priority);
    static std::int64_t delayedScore(const Queue& queue, std::int64_t due);
    void enqueue(const std::string& key, bool atFront);
    enum class Origin { Add, Parent, KeptBack };
    void store(const ModelSpec& spec, const std::string& id, std::int64_t timestamp, Origin origin);
    std::optional<std::string> deduplicate(const ModelSpec& spec, const std::string& id);
    std::string attach(const ModelSpec& spec, const std::string& id, bool inFlow, std::int64_t now);
    std::string addOne(const ModelSpec& spec, bool inFlow, std::int64_t now);
    void promoteDue(Queue& queue, const std::string& name, std::int64_t now);
    std::string leaveActive(const std::string& key, const std::string& token);
    std::string releaseLock(const std::string& key, const std::string& token);
    void recordFailure(const std::string& key, const std::string& reason, const std::string& trace);
    std::string finish(const std::string& key,
                       bool completed,
                       const std::string& value,
                       int thenClaim,
                       const std::string& nextToken,
                       std::int64_t now);
    void endDeduplication(const std::string& key, std::int64_t now);
    void endForParent(const std::string& key,
                      bool completed,
                      const std::string& value,
                      std::int64_t now);
    void releaseParent(const std::string& parent, std::int64_t now);
    void retain(const std::string& name,
                Scores& set,
                const ModelSpec::Keep& keep,
                std::int64_t now);
    void backToParent(const std::string& key, bool completed);
    std::string storeRun(const std::string& queue,
                         const ModelScheduler& rule,
                         std::int64_t due,
                         int count,
                         ModelSpec spec,
                         std::int64_t now);
    enum class Mode { Soft, Hard };
    void detach(const std::string& key, Mode mode);
    void detachFrom(const std::string& parent, const std::string& key, Mode mode);
    void releaseOwner(const std::string& key);
    void erase(const std::string& key);
    void unmark(const std::string& key);
    std::string leaveState(const std::string& key);
    [[nodiscard]] bool isHeld(const std::string& key, bool pendingOnly) const;
    void removeOne(const std::string& key, bool withChildren);
    void removeHard(const std::string& key);

    std::map<std::string, Queue> queues_;
    std::map<std::string, Job> jobs_;
    std::map<std::string, std::string> locks_;
    bool drover_ = false;
};

}  // namespace drover::test
