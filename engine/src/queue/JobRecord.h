#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
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
    /// The arguments of a script per record.
    static constexpr std::size_t kArguments = 10;

    std::string name;
    std::string data;  ///< JSON.
    std::string opts;  ///< JSON, stored form.
    std::int64_t timestampMs = kWhenAdded;
    std::int64_t delayMs = 0;
    int priority = 0;
    std::string customId;  ///< Empty: from the counter.
    bool lifo = false;
    std::string parentKey;  ///< Empty: none.
    std::string parent;     ///< JSON {"id", "queueKey"[, "fpof" | "cpof" | "idof" | "rdof": true]}.

    /// Adds the arguments that the script reads. The command refers to this record.
    void appendTo(Command& command, std::int64_t nowMs) const;
};

/// Returns why the job cannot be added, as a job of its own or as a child; empty if it can.
[[nodiscard]] std::string newJobError(const NewJob& job);

/// Returns the record of a job that newJobError() accepts.
[[nodiscard]] JobRecord recordOf(NewJob job);
[[nodiscard]] JobRecord recordOf(NewJob job, const ParentJob& parent);

/// Returns the record of the job that follows `job` in its scheduler: the same options without those of a single run, which
/// the script adds. BullMQ fills in `attempts` and the type of a backoff; all else is stored byte for byte.
/// Throws Poco::InvalidArgumentException unless the options of `job` are a JSON object.
[[nodiscard]] JobRecord nextRecordOf(const ClaimedJob& job);

}  // namespace drover
