#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/Names.h"
#include "drover/Bullmq5.h"
#include "drover/JobOptions.h"
#include "drover/Shards.h"

namespace drover {

/// How one queue is worked, and added to, in this process.
///
/// A value: copyable, no I/O. Each member but `prefix` is a row of `kQueueSettings`, and its default is the setting's.
/// Sources: queue.<alias>.*, the suggestions of plugins, worker.defaults.*; redis.prefix.
struct QueueSettings {
    std::string prefix = "bull";  ///< Same for all queues.
    std::string name;             ///< On the wire; with shards the part that their names share.
    int shards = 1;               ///< See Shards, as for shardBy.
    std::string shardBy;
    int concurrency = 256;
    int threads = 1;
    int batchSize = 64;
    bool autorun = true;
    std::chrono::milliseconds lockDuration{10000};
    std::chrono::milliseconds lockRenewTime{0};  ///< Use lockRenewal().
    bool skipLockRenewal = false;
    bool skipStalledCheck = false;
    std::chrono::milliseconds stalledInterval{5000};
    std::chrono::milliseconds lostJobsInterval{600000};
    int maxStalledCount = 1;
    std::chrono::milliseconds unstartedMax{500};
    std::int64_t maxBytes = 64 << 20;
    std::chrono::milliseconds timeout{0};
    std::chrono::milliseconds drainDelay{5000};
    std::chrono::milliseconds runRetryDelay{0};
    std::string workerName;
    std::chrono::milliseconds addTimeout{800};
    std::chrono::microseconds addLinger{0};
    std::int64_t maxDepth = 0;
    std::chrono::milliseconds maxWait{0};
    int maxMemoryPercent = 0;
    Bullmq5 bullmq5 = Bullmq5::Auto;
    int limiterMax = 0;
    std::chrono::milliseconds limiterDuration{1000};
    std::chrono::milliseconds maximumRateLimitDelay{30000};
    int metricsPoints = 0;
    int maxStartedAttempts = 0;
    KeepJobs keepCompleted;
    KeepJobs keepFailed;

    /// Returns the time between two renewals of a lock.
    [[nodiscard]] std::chrono::milliseconds lockRenewal() const {
        return lockRenewTime.count() > 0 ? lockRenewTime : lockDuration / 2;
    }
};

/// One setting of a queue: all that configuration, check, reference, reload and worker need of it.
struct QueueSetting {
    using Member = std::variant<bool QueueSettings::*,
                                int QueueSettings::*,
                                std::int64_t QueueSettings::*,
                                std::chrono::milliseconds QueueSettings::*,
                                std::chrono::microseconds QueueSettings::*,
                                std::string QueueSettings::*,
                                Bullmq5 QueueSettings::*,
                                KeepJobs QueueSettings::*>;
    struct Range {
        std::int64_t minimum = 0, maximum = 0;
    };
    enum class Scope {
        Worker,    ///< Also worker.defaults.<name>, and plugins may suggest it.
        Queue,     ///< queue.<alias>.<name> alone.
        Producer,  ///< The same; workers do not read it.
    };
    /// Returns a text that names the cure; empty: the value is right. See core/Names.
    using Rule = std::string (*)(std::string_view value);

    const char* name;  ///< queue.<alias>.<name>, with the unit of the number.
    Member member;
    Scope scope = Scope::Worker;
    Range range = {};         ///< For a number.
    Rule rule = nullptr;      ///< For a text.
    bool reloadable = false;  ///< A changed value applies without a restart.
    bool divided = false;     ///< A number of which each shard of the queue has its part.
    const char* sentence;     ///< For the reference.

    /// Returns the words that the value may be; empty: it is not a choice.
    [[nodiscard]] std::vector<std::string> choices() const;
    /// Returns the value in the form of a configuration file.
    [[nodiscard]] std::string text(const QueueSettings& settings) const;
    /// Sets the member to a value in that form. Throws Poco::Exception or std::exception for a value that does not fit.
    void set(QueueSettings& settings, const std::string& text) const;
    /// Copies the member.
    void copy(const QueueSettings& from, QueueSettings& to) const;
};

/// Checks the value of removeOnComplete or removeOnFail: one JSON value that is a boolean, a number or an object.
[[nodiscard]] std::string keepJobsError(std::string_view json);

namespace detail {
/// A day: longer times are typing errors.
inline constexpr std::int64_t kMaxMs = 86400000;
}  // namespace detail

/// The settings of a queue, in the order of the reference.
inline constexpr QueueSetting kQueueSettings[] = {
    {.name = "name",
     .member = &QueueSettings::name,
     .scope = QueueSetting::Scope::Queue,
     .rule = queueNameError,
     .sentence = "Name of the queue in Redis; without it the alias is the name."},
    {.name = "shards",
     .member = &QueueSettings::shards,
     .scope = QueueSetting::Scope::Queue,
     .range = {1, Shards::kMost},
     .sentence =
         "Queues of Redis over which the jobs are spread: <name>-{0}, <name>-{1} and so on, "
         "for the masters of a cluster. They share the numbers concurrency, threads, "
         "maxBytes, maxDepth and limiterMax. 1: the one queue <name>."},
    {.name = "shardBy",
     .member = &QueueSettings::shardBy,
     .scope = QueueSetting::Scope::Queue,
     .sentence = "Member of a job's data whose value decides on its shard, such as customerId. "
                 "Without it the id of the job or its deduplication decides, and jobs without an "
                 "id go to the shards in turn."},
    {.name = "concurrency",
     .member = &QueueSettings::concurrency,
     .range = {1, 100000},
     .reloadable = true,
     .divided = true,
     .sentence = "Most jobs of the queue that this process holds active."},
    {.name = "threads",
     .member = &QueueSettings::threads,
     .range = {1, 1024},
     .reloadable = true,
     .divided = true,
     .sentence = "Threads of each handler of the queue."},
    {.name = "batchSize",
     .member = &QueueSettings::batchSize,
     .range = {1, 10000},
     .reloadable = true,
     .sentence = "Most jobs that a handler is given at once."},
    {.name = "autorun",
     .member = &QueueSettings::autorun,
     .reloadable = true,
     .sentence = "Whether the worker claims jobs from its start. With false it claims none until a "
                 "CONT signal, or until a reload sets true; a reload that sets false does not stop "
                 "a worker that claims."},
    {.name = "lockDurationMs",
     .member = &QueueSettings::lockDuration,
     .range = {100, detail::kMaxMs},
     .sentence = "How long the lock of a claimed job lasts; the process renews it at half of "
                 "that, or each lockRenewTimeMs."},
    {.name = "lockRenewTimeMs",
     .member = &QueueSettings::lockRenewTime,
     .scope = QueueSetting::Scope::Queue,
     .range = {0, detail::kMaxMs},
     .sentence = "How often the process renews the locks of its jobs; less than lockDurationMs. "
                 "0: at half of lockDurationMs."},
    {.name = "skipLockRenewal",
     .member = &QueueSettings::skipLockRenewal,
     .scope = QueueSetting::Scope::Queue,
     .sentence = "Whether the process renews no locks of the queue. A job that runs longer than "
                 "lockDurationMs then counts as stalled and runs again while it still runs."},
    {.name = "stalledIntervalMs",
     .member = &QueueSettings::stalledInterval,
     .range = {100, detail::kMaxMs},
     .sentence = "How often the process looks for stalled jobs."},
    {.name = "skipStalledCheck",
     .member = &QueueSettings::skipStalledCheck,
     .scope = QueueSetting::Scope::Queue,
     .sentence = "Whether the process looks for neither stalled nor lost jobs of the queue; "
                 "another worker must."},
    {.name = "lostJobsIntervalMs",
     .member = &QueueSettings::lostJobsInterval,
     .range = {1000, detail::kMaxMs},
     .sentence = "How often the process looks for jobs that are in no list; next to 5.x clients of "
                 "BullMQ as often as for stalled ones."},
    {.name = "maxStalledCount",
     .member = &QueueSettings::maxStalledCount,
     .range = {0, 1000000},
     .sentence = "How often a job may stall before it fails."},
    {.name = "unstartedMaxMs",
     .member = &QueueSettings::unstartedMax,
     .range = {0, detail::kMaxMs},
     .reloadable = true,
     .sentence = "How long a claimed job may wait for a thread before the worker hands it back."},
    {.name = "maxBytes",
     .member = &QueueSettings::maxBytes,
     .range = {1, std::int64_t{1} << 40},
     .reloadable = true,
     .divided = true,
     .sentence = "Bytes of claimed jobs that this process holds of the queue before it claims no "
                 "further one; the job that passes it is held as well. While jobs arrive and run "
                 "their bytes are in memory up to three times."},
    {.name = "timeoutMs",
     .member = &QueueSettings::timeout,
     .range = {0, detail::kMaxMs},
     .reloadable = true,
     .sentence =
         "How long a handler may work on a job before its cancel token is set; 0: no limit. "
         "The outcome that it then returns counts as ever."},
    {.name = "drainDelayMs",
     .member = &QueueSettings::drainDelay,
     .range = {10, detail::kMaxMs},
     .sentence = "How long one wait for jobs lasts while the queue is empty."},
    {.name = "runRetryDelayMs",
     .member = &QueueSettings::runRetryDelay,
     .range = {0, detail::kMaxMs},
     .reloadable = true,
     .sentence = "How long the worker leaves Redis alone after each call that Redis did not answer "
                 "or refused for the moment. 0: until the connection is tried again, at most 1 s."},
    {.name = "workerName",
     .member = &QueueSettings::workerName,
     .rule = workerNameError,
     .sentence = "Name of the worker, as dashboards show it; printable ASCII without spaces."},
    {.name = "addTimeoutMs",
     .member = &QueueSettings::addTimeout,
     .scope = QueueSetting::Scope::Producer,
     .range = {1, detail::kMaxMs},
     .sentence = "How long adding a job may take."},
    {.name = "addLingerUs",
     .member = &QueueSettings::addLinger,
     .scope = QueueSetting::Scope::Producer,
     .range = {0, 1000000},
     .sentence = "How long an add under load waits for further adds to travel with it."},
    {.name = "maxDepth",
     .member = &QueueSettings::maxDepth,
     .scope = QueueSetting::Scope::Producer,
     .range = {0, std::int64_t{1} << 40},
     .divided = true,
     .sentence = "Jobs that may wait to run before further adds are refused; 0: no bound."},
    {.name = "maxWaitMs",
     .member = &QueueSettings::maxWait,
     .scope = QueueSetting::Scope::Producer,
     .range = {0, detail::kMaxMs},
     .sentence = "Estimated wait of a job, by the jobs that wait and the rate at which they left "
                 "lately, beyond which adds are refused; 0: no bound."},
    {.name = "maxMemoryPercent",
     .member = &QueueSettings::maxMemoryPercent,
     .scope = QueueSetting::Scope::Producer,
     .range = {0, 100},
     .sentence = "Part of Redis's maxmemory, or without one of its machine's memory, beyond which "
                 "adds are refused; 0: no bound."},
    {.name = "bullmq5",
     .member = &QueueSettings::bullmq5,
     .scope = QueueSetting::Scope::Queue,
     .sentence =
         "Whether BullMQ 5 clients share the queue. `on` loses nothing next to them. `auto` acts "
         "once it sees one, by the list `paused`, the version in meta, or the children that 5.48 "
         "stored; it sees neither 5.x workers that are alone, nor 5.x clients whose version a 6.x "
         "client has overwritten. Then a job that is to be failed unrun (its child failed, or it "
         "stalled too often) is failed at once, since 5.48 would run it; if `auto` reads a version "
         "from 5.81 on, the next worker fails it, as with 6.x. No setting prevents these: a 5.48 "
         "worker runs a job that another client left to be failed unrun, frees a deduplication id "
         "that another job holds, or starts more than a global limit allows; 5.x drops jobs which "
         "6.x clients add while it pauses (a worker finds them and runs them, out of order); jobs "
         "which an obliterate of 5.x left behind come back: obliterate with 6.x."},
    {.name = "limiterMax",
     .member = &QueueSettings::limiterMax,
     .scope = QueueSetting::Scope::Queue,
     .range = {0, 1000000000},
     .reloadable = true,
     .divided = true,
     .sentence = "Most jobs that all workers of the queue start within limiterDurationMs; "
                 "0: no limit."},
    {.name = "limiterDurationMs",
     .member = &QueueSettings::limiterDuration,
     .scope = QueueSetting::Scope::Queue,
     .range = {1, detail::kMaxMs},
     .reloadable = true,
     .sentence = "The window that limiterMax counts in."},
    {.name = "maximumRateLimitDelayMs",
     .member = &QueueSettings::maximumRateLimitDelay,
     .scope = QueueSetting::Scope::Queue,
     .range = {1, detail::kMaxMs},
     .reloadable = true,
     .sentence = "How long the worker trusts a closed rate limit before it looks again: it may "
                 "have been lifted."},
    {.name = "metricsMaxDataPoints",
     .member = &QueueSettings::metricsPoints,
     .scope = QueueSetting::Scope::Queue,
     .range = {0, 1000000},
     .reloadable = true,
     .sentence = "Minutes of throughput in the metrics for dashboards; 0: none."},
    {.name = "maxStartedAttempts",
     .member = &QueueSettings::maxStartedAttempts,
     .scope = QueueSetting::Scope::Queue,
     .range = {0, 1000000},
     .reloadable = true,
     .sentence = "A job that was started more often fails unrun; 0: no limit."},
    {.name = "removeOnComplete",
     .member = &QueueSettings::keepCompleted,
     .scope = QueueSetting::Scope::Queue,
     .rule = keepJobsError,
     .reloadable = true,
     .sentence = "Completed jobs to keep if they have no rule of their own: false (all), true "
                 "(none), a count, or {\"age\": s, \"count\": n, \"limit\": n}."},
    {.name = "removeOnFail",
     .member = &QueueSettings::keepFailed,
     .scope = QueueSetting::Scope::Queue,
     .rule = keepJobsError,
     .reloadable = true,
     .sentence = "The same for failed jobs."},
};

/// Returns the row of a setting, nullptr if there is none of that name.
[[nodiscard]] const QueueSetting* findQueueSetting(std::string_view name);

/// Returns true if `worker.defaults.<name>` exists and plugins may suggest the setting.
[[nodiscard]] bool isWorkerSetting(std::string_view name);

/// Returns how the jobs of the queue are spread.
[[nodiscard]] inline Shards shardsOf(const QueueSettings& settings) {
    return {settings.shards, settings.shardBy};
}

/// Returns the settings of one shard of the queue: its name, and its part of the numbers that the shards share. A queue
/// without shards is its only one.
[[nodiscard]] QueueSettings shardOf(const QueueSettings& queue, int shard);

/// Returns `inForce` with the values that `wanted` has for settings that apply without a restart.
[[nodiscard]] QueueSettings reloaded(const QueueSettings& inForce, const QueueSettings& wanted);

}  // namespace drover
