#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "core/ClaimedJob.h"
#include "drover/Queue.h"
#include "redis/Command.h"

namespace drover {

/// A job to add, checked and rendered: the texts that a script stores, and what decides where the job goes.
///
/// Built here alone, for adds, for children and for the jobs of schedulers. A value without I/O.
/// Wire: the hash of a job, docs/wire-format.md#job.
struct JobRecord {
    /// Stands for Redis's time when the record is sent.
    static constexpr std::int64_t kWhenAdded = std::numeric_limits<std::int64_t>::min();
    /// The arguments of a script for a record without further values.
    static constexpr std::size_t kArguments = 9;

    std::string name;
    std::string data;  ///< JSON.
    std::string opts;  ///< JSON, stored form.
    /// Where the context of the job's span begins in `opts`: `,"tm":`, the last member. npos: `opts` has none.
    std::size_t traceAt = std::string::npos;
    std::int64_t timestampMs = kWhenAdded;
    std::int64_t delayMs = 0;
    int priority = 0;
    std::string customId;  ///< Empty: from the counter.
    bool lifo = false;
    std::string parentKey;  ///< Empty: none.
    std::string parent;     ///< parentField().
    std::optional<Deduplication> deduplication;
    std::string scheduler;     ///< Id of the scheduler that makes the job; empty: none.
    bool hasChildren = false;  ///< Waits for children that are added after it, in the same script.

    /// Adds the arguments that a script reads: nine, the last one the number of those that follow, which are names and values.
    /// The command refers to this record.
    void appendTo(Command& command, std::int64_t nowMs) const;
    /// Adds the last of these arguments, and what follows it.
    void appendFurtherTo(Command& command) const;
};

/// Returns the hash field `parent` of a job with a parent: {"id", "queueKey"[, "fpof" | "cpof" | "idof" | "rdof": true]}.
[[nodiscard]] std::string parentField(const JobOptions& options);

/// Returns why the job cannot be added; empty if it can.
[[nodiscard]] std::string newJobError(const NewJob& job);
/// Returns why the job cannot be added as a child whose parent the caller names; empty if it can.
[[nodiscard]] std::string newChildError(const NewJob& job);

/// Returns the record of a job that newJobError() accepts, or newChildError() with the parent.
[[nodiscard]] JobRecord recordOf(NewJob job);
[[nodiscard]] JobRecord recordOf(NewJob job, const ParentJob& parent);

/// Returns the record of the job that follows `job` in its scheduler: the same options without those of a single run, which
/// the script adds. BullMQ fills in `attempts` and the type of a backoff; all else is stored byte for byte.
/// Throws Poco::InvalidArgumentException unless the options of `job` are a JSON object.
[[nodiscard]] JobRecord nextRecordOf(const ClaimedJob& job);

/// Returns why an add cannot happen once; empty: it can.
[[nodiscard]] std::string onceError(const AddOnce& once);

}  // namespace drover
