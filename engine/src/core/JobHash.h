#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "drover/Job.h"

namespace drover {

/// Views the fields of a job's hash, as a claim and HGETALL return them.
///
/// An empty text counts as missing, as in JavaScript's `value || default`, unless the member is optional. A number that is
/// missing or not a number is 0, and one too large for its type is the maximum.
/// Wire: docs/wire-format.md#job. Names and values must live as long as this object.
class JobHash {
public:
    JobHash() = default;
    JobHash(std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

    /// Sets a field. Ignores one that the engine does not read.
    void set(std::string_view field, std::string_view value);

    std::string_view name, data, opts, timestamp;
    std::string_view delay, priority, progress, stacktrace, returnValue;
    std::string_view parentKey, parent, scheduler, deduplicationId, processedBy;
    std::string_view finishedOn, processedOn;
    /// An empty reason is a reason: the job did fail.
    std::optional<std::string_view> failedReason, deferredFailure;

    [[nodiscard]] std::int64_t timestampMs() const;
    [[nodiscard]] std::int64_t delayMs() const;
    [[nodiscard]] int priorityCount() const;
    [[nodiscard]] int attemptsStarted() const;
    /// Prefers `attemptsMade`, the oldest name, to `atm`.
    [[nodiscard]] int attemptsMade() const;
    /// Returns the larger of `stc` and `stalledCounter`, which clients of different versions write.
    [[nodiscard]] int stalledCount() const;

private:
    struct Field;
    static const Field kFields[];

    std::string_view ats_, atm_, attemptsMade_, stc_, stalledCounter_;
};

/// Builds a job from its hash, as a client of BullMQ reads one back: `delayMs` and `stacktrace` are always there.
///
/// Tolerated: a stack trace that is not a JSON array becomes "[]", a return value that is not JSON is absent. A missing
/// name is empty and missing data is "{}", since such a hash exists when the id outlived its job.
/// Throws JobFormatException, naming job and field, if `data`, `opts`, `progress` or `parent` is not JSON of its type.
[[nodiscard]] Job parseJobHash(const std::string& id,
                               const std::string& queueQualifiedName,
                               const JobHash& hash);

}  // namespace drover
