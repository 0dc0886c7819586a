#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace drover::test {

/// Returns the id of a job key "<prefix>:<queue>:<id>"; those of schedulers' jobs have ':' in them.
std::string idOf(const std::string& key);
/// Returns "<prefix>:<queue>" of a key below it.
std::string queueNameOf(const std::string& key);

/// JSON with its members sorted and its numbers in one form: two clients agree on the values, not on the text.
std::string canonicalJson(const std::string& json);

/// A job that a producer adds.
struct ModelSpec {
    struct Keep {
        std::int64_t count = -1, ageSeconds = -1;
    };
    struct Deduplication {
        std::string id;
        std::int64_t ttl = 0;
        bool extend = false, replace = false, reschedule = false, keepLast = false;
    };

    std::string name, data = "{}";
    std::string jobId;  ///< Empty: from the counter.
    std::int64_t timestamp = 0, delay = 0;
    int priority = 0, attempts = 0;
    bool lifo = false;
    std::string backoffType;  ///< Empty: none.
    std::int64_t backoff = 0;
    std::optional<Keep> onComplete, onFail;
    int keepLogs = -1, stackTraceLimit = -1;  ///< -1: not given.
    std::optional<Deduplication> deduplication;
    std::string parentQueue, parentId;  ///< Qualified name. Empty: no parent.
    std::string flag;                   ///< "fpof", "cpof", "idof", "rdof" or empty.
    std::vector<ModelSpec> children;    ///< Only in a flow.
    std::string queue;                  ///< Qualified name.
    /// Further members of the stored options of a scheduler's job, JSON with a comma before each.
    std::string ofRun;
    /// No attempts are stored if none are given: so it is in a scheduler's template and its first job.
    bool isTemplate = false;

    /// JSON for the API: public names, as a caller writes it.
    [[nodiscard]] std::string publicOpts() const;
    /// The contract's stored form, canonical.
    [[nodiscard]] std::string storedOpts() const;
    [[nodiscard]] std::string parentField() const;
};

/// A scheduler that a client adds or changes.
struct ModelScheduler {
    std::string id;
    std::int64_t every = 0;              ///< ms; 0: daily at `minute`.
    std::int64_t minute = 0;             ///< After midnight, UTC.
    std::int64_t offset = 0, limit = 0;  ///< 0: not given.
    ModelSpec jobs;

    /// JSON for the API: {"every" | "pattern", "tz"} and what is given.
    [[nodiscard]] std::string repeatJson() const;
    /// JSON for the API: {"name", "data", "opts"}.
    [[nodiscard]] std::string templateJson() const;
    /// The pattern with its zone, or "" with `every`.
    [[nodiscard]] std::string pattern() const;
    /// Returns the first daily run after `base`.
    [[nodiscard]] std::int64_t dailyAfter(std::int64_t base) const;
};

}  // namespace drover::test
