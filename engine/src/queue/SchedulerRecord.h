#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drover/JobScheduler.h"
#include "queue/JobRecord.h"

namespace drover {

/// A scheduler to add or to change, checked and rendered.
struct SchedulerRecord {
    std::string scheduler;                                 ///< Id.
    std::optional<std::int64_t> everyMs, nextByPatternMs;  ///< One of them.
    std::optional<std::int64_t> offsetMs, startMs;
    std::vector<std::pair<std::string, std::string>>
        fields;          ///< The record's, without offset and ic.
    std::string repeat;  ///< JSON: opts.repeat of the job, without offset.
    JobRecord job;       ///< Its opts have a member or more.
};

/// A record of a scheduler as it is stored, of whatever version.
struct StoredScheduler {
    std::string id;
    std::int64_t nextMs = 0;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string jobOpts;  ///< The pending job's; empty unless the record has both kinds.
};

/// Returns the record of an upsert at `nowMs`; std::nullopt if the pattern has no run before the end. `metadata` is the context
/// of its span for the jobs, unless their options have one or want none; empty: none.
/// Throws Poco::InvalidArgumentException as JobSchedulers::upsert().
[[nodiscard]] std::optional<SchedulerRecord> schedulerRecordOf(const std::string& id,
                                                               const RepeatOptions& repeat,
                                                               const JobTemplate& jobs,
                                                               std::int64_t nowMs,
                                                               const std::string& metadata = "");

/// Returns what a stored record means. Tolerates what other versions and other clients store: a member that is not of its
/// type counts as absent, and data that is not JSON as text.
[[nodiscard]] JobScheduler schedulerOf(StoredScheduler stored);

}  // namespace drover
