#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/Backoff.h"
#include "drover/Export.h"

namespace drover {

/// How many finished jobs are kept. Source: BullMQ `removeOnComplete`, `removeOnFail`.
///
/// On the wire: `true` removes at once (count 0), `false` or absent keeps all (count -1), a number is a count, or
/// {"count": int, "age": s, "limit": int}.
struct KeepJobs {
    std::int64_t count = -1;       ///< -1: all; 0: remove at once; n: the n newest.
    std::int64_t ageSeconds = -1;  ///< -1: no age rule.
    std::int64_t limit = 1000;     ///< Most jobs that one finish removes by age.

    bool operator==(const KeepJobs&) const = default;
};

/// Makes an add without effect while another job has the same id. Source: BullMQ `deduplication`.
///
/// The first job owns the id: until it ends, or for `ttlMs`. An add meanwhile returns the owner's id and stores no job.
struct Deduplication {
    std::string id;           ///< Not empty.
    std::int64_t ttlMs = 0;   ///< How long the owner has the id, its end or not; 0: until its end.
    bool extend = false;      ///< Each add starts `ttlMs` anew.
    bool replace = false;     ///< An add takes the place of an owner that is delayed.
    bool reschedule = false;  ///< An add gives an owner that is delayed its own due time.
    /// The last add while the owner is active is stored when the owner ends. `ttlMs` does not count then.
    bool keepLastIfActive = false;

    bool operator==(const Deduplication&) const = default;
};

/// The job that a child belongs to.
struct ParentJob {
    std::string id;
    std::string queue;  ///< Qualified name, "<prefix>:<queue>".

    bool operator==(const ParentJob&) const = default;
};

/// Decides what the final failure of a child does to its parent.
/// Source: BullMQ `failParentOnFailure`, `continueParentOnFailure`, `ignoreDependencyOnFailure`, `removeDependencyOnFailure`.
enum class ChildFailure {
    FailParent,        ///< The parent fails, too.
    ContinueParent,    ///< The parent runs at once, without waiting for its other children.
    IgnoreDependency,  ///< The parent waits for the others alone; it can read the reason.
    RemoveDependency   ///< The parent waits for the others alone.
};

/// Passes the producer's trace on to the worker. Source: BullMQ `telemetry`.
struct Telemetry {
    std::optional<std::string> metadata;
    bool omitContext = false;

    bool operator==(const Telemetry&) const = default;
};

/// The options of a job, BullMQ's `opts`. A value: copyable, no I/O.
///
/// Two JSON forms: public names, as Node's API and its JSON views have them, and the stored form in the job's hash, in
/// which some names are short (`kl` for keepLogs). Unknown members are carried through.
struct DROVER_API JobOptions {
    int attempts =
        0;  ///< Attempts allowed; 0 counts as 1. More than an int holds is read as its maximum.
    std::optional<Backoff> backoff;
    std::optional<std::int64_t> delayMs;  ///< Wait before the first attempt; only > 0 delays.
    int priority = 0;  ///< [0, 2097151]; 0: none, runs before every prioritized job.
    bool lifo = false;
    std::optional<std::string> jobId;  ///< Custom id; must not look like a number, see Queue::add.
    std::optional<std::int64_t> timestampMs;
    std::optional<KeepJobs> removeOnComplete;
    std::optional<KeepJobs> removeOnFail;
    std::optional<std::int64_t> keepLogs;
    std::optional<std::int64_t> stackTraceLimit;
    std::optional<std::int64_t> sizeLimit;  ///< Bytes of `data` allowed.
    std::optional<Deduplication> deduplication;
    std::optional<ParentJob> parent;
    std::optional<ChildFailure> childFailure;  ///< Without: the parent waits on.
    std::optional<Telemetry> telemetry;
    /// The job must have begun by then, epoch ms: a worker of Drover fails it unrun afterwards. BullMQ's workers run it. An
    /// attempt after the first one is not bound.
    std::optional<std::int64_t> expiresAtMs;
    /// Unknown members, name to JSON text, in order. The options of a scheduler's job (`repeat`, `prevMillis`) are here, and
    /// those of ChildFailure that are false, under their public names.
    std::vector<std::pair<std::string, std::string>> extra;

    /// Parses either form; accepts a numeric backoff, missing attempts, exponent numbers and `{}` for an empty array.
    /// Parts of a millisecond are dropped, attempts and keep rules rounded up, null counts as absent. Most ranges are checked
    /// not here, but by Queue::add().
    /// Throws Poco::InvalidArgumentException naming the member that is wrong.
    static JobOptions parse(std::string_view json);

    /// Reads stored options, in which BullMQ's workers accept any type of JSON: a member of another type counts as they count
    /// it (`attempts` "3" as 3, `removeOnComplete` "false" as true), and one without a meaning for them counts as
    /// absent. `extra` has the text of such a member, and both forms show it. docs/job-options.md has the table.
    /// Throws Poco::InvalidArgumentException only if `json` is not JSON.
    static JobOptions parseStored(std::string_view json);

    /// Returns why no new job can have these options: the option, its value and what would be right; empty if one can. Queue::add()
    /// checks them so.
    [[nodiscard]] std::string problem() const;

    /// The stored form. Rules and numbers of equal meaning are written in one way: {"count": 5} as 5, 0 as true.
    [[nodiscard]] std::string toStoredJson() const;
    /// Public names, `attempts` first, as `JSON.stringify(job)` shows them.
    [[nodiscard]] std::string toPublicJson() const;
};

}  // namespace drover
