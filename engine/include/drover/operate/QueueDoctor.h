#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "drover/Bullmq5.h"
#include "drover/Export.h"

namespace drover {

class Redis;

/// Something that is wrong with a queue, or with its Redis.
struct QueueFinding {
    /// About a job: lost-job, missing-job, unlocked-job, two-states, orphaned-keys, set-aside, stale-stalled, legacy-id.
    /// About the queue: counter-behind, ownerless-deduplication, legacy-list, legacy-key, legacy-scheduler,
    /// scheduler-without-record, endless-key, stale-marker. About the server: version, no-right, eviction,
    /// no-persistence, clock.
    std::string kind;
    std::string key;  ///< The key in Redis; of the server: the name of the setting.
    std::string id;   ///< A job, scheduler or deduplication; empty: it concerns none.
    std::string
        sentence;  ///< For a person: the fault, its effect, and the cure where repair() has none.
    bool fixable = false;  ///< repair() may repair it without harm.

    /// Returns true if the findings have one about the same fault of the same subject.
    [[nodiscard]] bool isAmong(const std::vector<QueueFinding>& findings) const {
        return std::any_of(findings.begin(), findings.end(), [this](const QueueFinding& one) {
            return one.kind == kind && one.key == key && one.id == id;
        });
    }
};

/// Examines one queue, and repairs the faults for which that is safe.
///
/// Keys are walked page by page, and each suspicion is checked once more by a script: a job that moves meanwhile is not a
/// finding. A repair checks again before it writes, so findings may be old. Each method throws RedisIoException (or a child)
/// when Redis is away, and ScriptException if a key of the queue has another type.
/// Threads: one at a time.
class DROVER_API QueueDoctor {
public:
    struct Settings {
        std::string prefix = "bull";
        std::string name;  ///< Not empty, no ':'.
        Bullmq5 bullmq5 = Bullmq5::Auto;
    };

    struct Progress {
        std::size_t members = 0;  ///< Ids of lists and sets that were looked at.
        std::size_t keys = 0;     ///< Keys that were looked at.
        std::size_t findings = 0;
    };
    struct Calls {
        std::size_t keys = 1000;          ///< Ids or keys of one page, [10, 10000].
        std::size_t mostFindings = 1000;  ///< The examination ends behind so many.
        /// Called after each page. Returns false to end the examination.
        std::function<bool(const Progress&)> onProgress;
    };
    struct Report {
        std::vector<QueueFinding> findings;
        Progress looked;
        bool complete = true;  ///< False: it ended early, by `onProgress` or `mostFindings`.
    };

    /// Throws Poco::InvalidArgumentException for a bad name.
    QueueDoctor(const Redis& redis, const Settings& settings);
    ~QueueDoctor();
    QueueDoctor(const QueueDoctor&) = delete;
    QueueDoctor& operator=(const QueueDoctor&) = delete;

    /// Walks over all keys of the queue. Throws Poco::InvalidArgumentException for a page outside its range.
    [[nodiscard]] Report examine(const Calls& calls);
    [[nodiscard]] Report examine() { return examine(Calls()); }

    /// Repairs those of the findings that are fixable and still there; returns them.
    std::vector<QueueFinding> repair(const std::vector<QueueFinding>& findings);

    /// Returns what is wrong with the server for any queue. A setting that Redis does not show is not a finding.
    [[nodiscard]] static std::vector<QueueFinding> examineServer(const Redis& redis);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
