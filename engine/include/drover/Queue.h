#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/Bullmq5.h"
#include "drover/Export.h"
#include "drover/Job.h"
#include "drover/JobOptions.h"

namespace drover {

struct RedisOptions;

/// One job to add.
struct NewJob {
    std::string name;
    std::string data = "{}";  ///< JSON text, stored byte for byte.
    JobOptions opts;
};

/// What became of an add.
struct AddResult {
    enum class Status {
        Added,  ///< In Redis; `id` is set. Also for a custom id that existed already (then nothing changed).
        Rejected,  ///< Refused: `code` (-5 parent missing, -7 parent cannot be replaced, 0 bad argument), `message`.
        Unavailable,  ///< Not sent, so certainly not added: Redis is away, or too many adds wait already.
        Unknown  ///< Sent, but the reply was lost or late: it may or may not have been added.
    };

    Status status = Status::Unknown;
    std::string id;
    int code = 0;
    std::string message;
    std::int64_t timestampMs = 0;  ///< The `timestamp` stored with the job.
};

/// Jobs per state; `paused` counts the list that 5.x clients use.
struct JobCounts {
    std::int64_t waiting = 0, active = 0, delayed = 0, prioritized = 0, waitingChildren = 0,
                 completed = 0, failed = 0, paused = 0;
};

/// At most `max` jobs begin within `duration`, counted by all workers of the queue together.
struct RateLimit {
    int max = 1;
    std::chrono::milliseconds duration{1000};
};

/// A queue as a producer and an observer see it.
///
/// Adds from many threads travel together: while one call to Redis is in flight, what arrives joins the next one.
/// Threads: every method may be called from any thread. Blocks until the answer or the deadline.
class DROVER_API Queue {
public:
    using Clock = std::chrono::steady_clock;

    struct Settings {
        std::string prefix = "bull";
        std::string name;                           ///< Not empty, no ':'.
        std::chrono::milliseconds addTimeout{800};  ///< Used when add() gets no deadline.
        std::chrono::microseconds linger{0};        ///< Wait for company before a call under load.
        std::size_t maxWaiting =
            20000;  ///< Adds that may wait for the next call; more are Unavailable.
        std::size_t maxBatch = 512;  ///< Jobs per script call.
        Bullmq5 bullmq5 = Bullmq5::Auto;

        bool operator==(const Settings&) const = default;
    };

    /// Throws Poco::InvalidArgumentException for a bad name. Connects lazily and in the background: Redis may be away.
    Queue(const RedisOptions& redis, Settings settings);
    ~Queue();
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    [[nodiscard]] const std::string& name() const;
    /// "<prefix>:<queue>".
    [[nodiscard]] const std::string& qualifiedName() const;

    /// Adds one job. Expected trouble is a value, see AddResult; never throws for it.
    /// Refused before it is sent: data that is not JSON or over opts.sizeLimit, a priority outside [0, 2097151], a custom
    /// id that is "0", starts with "0:", is an integer, has a ':' (unless exactly two), or is a reserved key.
    AddResult add(NewJob job);
    AddResult add(NewJob job, Clock::time_point deadline);
    /// One result per job, in order. Atomic per chunk of `maxBatch`, not across chunks.
    std::vector<AddResult> addBulk(std::vector<NewJob> jobs, Clock::time_point deadline);
    /// Adds without waiting. Calls `done` once, with one result per job in order, within `addTimeout`: on a thread of the
    /// queue, or before addAsync() returns. `done` must neither throw nor block, or every add of the queue waits for it.
    void addAsync(std::vector<NewJob> jobs, std::function<void(std::vector<AddResult>)> done);

    /// Throw RedisIoException (or its child for a deadline) when Redis is away.
    [[nodiscard]] JobCounts counts();
    /// std::nullopt: no such job.
    [[nodiscard]] std::optional<Job> job(const std::string& id);
    [[nodiscard]] JobState state(const std::string& id);

    // How the queue is worked, by every client. Each throws RedisIoException when Redis is away: it may have been done.

    /// No worker takes a job until resume(); what runs goes on, and adds are taken. Event `paused`, each time.
    void pause();
    void resume();
    [[nodiscard]] bool isPaused();

    /// How many jobs of the queue may be active at once, in all workers together. A worker looks at it when it takes a job:
    /// more that are active already go on. Throws Poco::InvalidArgumentException below 1.
    void setGlobalConcurrency(int jobs);
    void removeGlobalConcurrency();

    /// Goes before the `max` of a worker's own limit; the worker's own duration goes before this one.
    /// Throws Poco::InvalidArgumentException for a max or a duration below 1.
    void setGlobalRateLimit(const RateLimit& limit);
    void removeGlobalRateLimit();
    /// No job begins for this long, in workers for which there is a limit, their own or the queue's; others go on.
    /// Throws Poco::InvalidArgumentException below 1 ms.
    void rateLimit(std::chrono::milliseconds duration);
    /// For how many ms no job begins: 0 while fewer than `max` have begun in the window, `max` absent: than the queue's own
    /// limit. Without any limit what is left of the window: -2 there is none, -1 it has no end.
    [[nodiscard]] std::int64_t rateLimitTtl(std::optional<int> max = std::nullopt);
    /// Ends the window: jobs may begin at once.
    void removeRateLimitKey();

    /// Returns true if adds get on: Redis answered the last time, and the thread that adds makes progress. For /readyz.
    [[nodiscard]] bool healthy() const;
    /// Returns why healthy() is false; empty if it is true.
    [[nodiscard]] std::string problem() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
