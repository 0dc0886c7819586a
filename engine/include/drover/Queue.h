#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/Job.h"
#include "drover/JobOptions.h"

namespace drover {

struct RedisOptions;

/// Whether BullMQ 5.x clients share the queue: they move its waiting jobs to another list while it is paused, and lose
/// what is added to the other one meanwhile. Source: contract section 9a.2.
///
/// On: always act as they do; the only setting that loses nothing next to them. Auto: as soon as a 5.x version in the
/// queue's meta or the list `paused` is seen. It cannot see 5.x workers without a 5.x Queue object, nor 5.x clients whose
/// version was overwritten by a newer client. Off: never.
enum class Bullmq5 { Off, Auto, On };

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

/// A queue as a producer and an observer see it.
///
/// Adds from many threads travel together: while one call to Redis is in flight, what arrives joins the next one.
/// Threads: every method may be called from any thread. Blocks until the answer or the deadline.
class Queue {
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

    /// Throw RedisIoException (or its child for a deadline) when Redis is away.
    [[nodiscard]] JobCounts counts();
    /// std::nullopt: no such job.
    [[nodiscard]] std::optional<Job> job(const std::string& id);
    [[nodiscard]] JobState state(const std::string& id);

    /// Whether Redis answered the last time it was asked; what /readyz shows.
    [[nodiscard]] bool healthy() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
