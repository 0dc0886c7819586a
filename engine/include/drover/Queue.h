#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/Bullmq5.h"
#include "drover/Export.h"
#include "drover/Job.h"
#include "drover/JobOptions.h"
#include "drover/Shards.h"
#include "drover/TraceContext.h"

namespace drover {

class Metrics;
class Redis;

/// One job to add.
struct NewJob {
    std::string name;
    std::string data = "{}";  ///< JSON text, stored byte for byte.
    JobOptions opts;
    /// The span that causes the job, if the jobs of one call have different causes; the add of each is a span of its own then.
    /// Not set: that of the thread, see TraceScope.
    TraceContext cause{};
};

/// Makes an add happen once, however often it is sent, from any process.
///
/// Wire: a key of Drover's own beside the queue's (docs/wire-format.md#own), written by the call that adds the jobs.
struct AddOnce {
    std::string key;  ///< Names the request: 1 to 128 of [A-Za-z0-9_-], a digest say.
    std::string
        fingerprint;  ///< Names its content: another one with the same key is a mistake. UTF-8.
    std::chrono::milliseconds ttl{std::chrono::hours(24)};  ///< How long the key is remembered.
};

/// The result of an add.
struct AddResult {
    enum class Status {
        Added,  ///< `id` names a job in Redis: the new one, or the one that `match` describes.
        Rejected,  ///< Refused: `code` (-5 parent missing, -7 parent cannot be replaced, 0 bad argument), `message`.
        Unavailable,  ///< Not sent, so certainly not added: Redis is away, or too many adds wait already.
        QueueFull,  ///< Not sent: beyond a bound of the queue in Queue::Admission. `message` has the estimate.
        MemoryFull,  ///< Not sent: Redis has too little memory left, see Queue::Admission.
        Unknown,     ///< Sent, but the reply was lost or late: it may or may not have been added.
        KeyTaken     ///< Not added: the key of AddOnce belongs to an add with another content.
    };

    /// Which job was there before, so that the new one was not stored.
    enum class Match {
        None,  ///< None: the job is new.
        Id,  ///< The one with the custom id. An add with a parent may have made it that parent's child.
        Deduplication  ///< The owner of the deduplication id; the add may have changed what Deduplication describes.
    };

    Status status = Status::Unknown;
    std::string id;
    int code = 0;
    std::string message;
    std::int64_t timestampMs = 0;  ///< The `timestamp` stored with the job.
    std::chrono::milliseconds retryAfter{
        0};  ///< With QueueFull and MemoryFull: when another try may succeed.
    Match match = Match::None;
    bool repeated =
        false;  ///< Nothing was added now: an earlier add with the same AddOnce had this result.
    std::string queue;  ///< The qualified name of the shard, if the queue has shards; else empty.
};

/// The work ahead of a job that is added now, as an estimate.
struct QueueLoad {
    std::int64_t waiting = 0;              ///< Jobs that may run, by workers of any client.
    std::optional<double> drainPerSecond;  ///< Jobs that left lately; measured while jobs wait.
    std::optional<std::chrono::milliseconds> wait;  ///< Absent until a rate was measured.
};

/// Returns the job that BullMQ's `add` returns: the id of the result, with the data and options of the call, also if the job
/// was there before, in the queue of the result if it names one. Makes no call. `result.status` is Added.
[[nodiscard]] DROVER_API Job addedJob(NewJob job,
                                      const AddResult& result,
                                      const std::string& queueQualifiedName);

/// Adds jobs to one queue, or to its shards.
///
/// Adds from many threads travel together: while one call to Redis is in flight, what arrives joins the next one.
/// Shards has where each job goes. A job that each shard may have goes to the next one, past those whose Redis is away; with
/// AddOnce the key decides. An id, or a key of AddOnce with another content, is noticed by the shard alone that has it.
/// Threads: every method may be called from any thread. Blocks until the answer or the deadline.
class DROVER_API Queue {
public:
    using Clock = std::chrono::steady_clock;

    /// Bounds beyond which adds are refused. Each is upheld to within what other processes add in a fifth of a second.
    /// The first adds wait for the load, and are Unavailable if it is not known by their deadlines. 0: no bound.
    struct Admission {
        std::int64_t maxDepth = 0;             ///< Jobs that may run and have not begun.
        std::chrono::milliseconds maxWait{0};  ///< The estimated wait of a job.
        int maxMemoryPercent = 0;  ///< Percent of Redis's maxmemory; without one, of its machine's.

        bool operator==(const Admission&) const = default;
        [[nodiscard]] bool isBounded() const { return *this != Admission(); }
    };

    struct Settings {
        std::string prefix = "bull";
        std::string name;                           ///< Not empty, no ':'.
        std::chrono::milliseconds addTimeout{800};  ///< Used when add() gets no deadline.
        std::chrono::microseconds linger{0};        ///< Wait for company before a call under load.
        std::size_t maxWaiting =
            20000;  ///< Adds that may wait for the next call; more are Unavailable.
        std::size_t maxBatch = 512;  ///< Jobs per script call.
        Bullmq5 bullmq5 = Bullmq5::Auto;
        Admission admission;  ///< Each shard has its part of `maxDepth`, and all else as it is.
        Shards shards;

        bool operator==(const Settings&) const = default;
    };

    /// Throws Poco::InvalidArgumentException for a bad name or number of shards. Connects lazily and in the background: Redis may be away.
    Queue(const Redis& redis, Settings settings);
    ~Queue();
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    [[nodiscard]] const std::string& name() const;
    /// Returns "<prefix>:<queue>"; with shards no queue in Redis has that name.
    [[nodiscard]] const std::string& qualifiedName() const;

    /// Adds one job. Expected trouble is a value, see AddResult; never throws for it.
    /// Rejects without a call, with a message that names the option, its value and what would be right: data that is not JSON
    /// or over opts.sizeLimit, a priority outside [0, 2097151], a custom id that is "0", starts with "0:", is an integer, has
    /// a ':' (unless exactly two), or is a reserved key; a number below 0 other than a delay; a jitter outside [0, 1];
    /// deduplication without an id or together with a parent; two effects of a failure; an option in `extra` that has a
    /// member of its own; `debounce` and `repeat`.
    AddResult add(NewJob job);
    AddResult add(NewJob job, Clock::time_point deadline);
    /// Returns one result per job, in order. Atomic per chunk of `maxBatch`, not across chunks or shards.
    std::vector<AddResult> addBulk(std::vector<NewJob> jobs, Clock::time_point deadline);
    /// Adds without waiting. Calls `done` once, with one result per job in order, within `addTimeout`: on a thread of the
    /// queue, or before addAsync() returns. `done` must neither throw nor block, or every add of the queue waits for it.
    void addAsync(std::vector<NewJob> jobs, std::function<void(std::vector<AddResult>)> done);

    /// As addAsync(), for jobs that are to be added once: a repetition has the results of the first add. All go in one call
    /// of Redis (of each shard), so hundreds are right and thousands are not. Bounds refuse no repetition. After Unknown or Unavailable the
    /// same add may be sent again: no job is added twice. Each job is Rejected if the key is malformed or `ttl` below 1 ms.
    void addOnceAsync(std::vector<NewJob> jobs,
                      AddOnce once,
                      std::function<void(std::vector<AddResult>)> done);

    /// Returns the estimate. The first call begins to sample the queue, five times a second; std::nullopt until the first sample,
    /// and whatever it was last while Redis is away. With shards their jobs and rates together, and the longest wait.
    [[nodiscard]] std::optional<QueueLoad> load() const;

    /// Returns true if Redis answered the last time, and the thread that adds makes progress. For /readyz.
    [[nodiscard]] bool healthy() const;
    /// Returns why healthy() is false; empty if it is true.
    [[nodiscard]] std::string problem() const;
    /// Returns false if the thread that adds stands still, which an outage of Redis does not cause.
    [[nodiscard]] bool progresses() const;
    /// Adds how many jobs were to be added, by their results, with the queue's name as a label.
    void measure(Metrics& metrics) const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
