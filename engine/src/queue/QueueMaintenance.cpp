#include "drover/QueueMaintenance.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <Poco/Exception.h>

#include "core/Log.h"
#include "core/Names.h"
#include "drover/Exceptions.h"
#include "queue/QueueOnServer.h"
#include "queue/StateIds.h"
#include "queue/ops/Control.h"
#include "queue/ops/Maintenance.h"
#include "queue/ops/Read.h"

namespace drover {

namespace {

constexpr std::size_t kMostPerCall = 10000;
/// As large as a score can be.
constexpr const char* kAnyScore = "+inf";
/// How many ids of lists a call of removeOrphans may walk over, and how many jobs it may remove: one costs some 30 us.
constexpr std::size_t kWalkedPerCall = 500000;
constexpr std::size_t kOrphansPerCall = 150;

void requireCalls(const QueueMaintenance::Calls& calls) {
    if (calls.jobs < 1 || calls.jobs > kMostPerCall) {
        throw Poco::InvalidArgumentException("the jobs of a call must be in [1, 10000], got " +
                                             std::to_string(calls.jobs));
    }
}

void requireNotNegative(const char* what, std::int64_t value) {
    if (value < 0) {
        throw Poco::InvalidArgumentException(std::string(what) + " must be at least 0, got " +
                                             std::to_string(value));
    }
}

bool goesOn(const QueueMaintenance::Calls& calls, std::size_t jobs) {
    return !calls.onProgress || calls.onProgress(jobs);
}

/// Returns the key of the jobs of a state that clean() accepts.
std::string keyOf(JobState state) {
    if (state == JobState::WaitingChildren || state == JobState::Unknown) {
        throw Poco::InvalidArgumentException(
            std::string("the state to clean must be waiting, active, delayed, prioritized, "
                        "completed or failed, not ") +
            toString(state));
    }
    return state == JobState::Waiting ? "wait" : toString(state);
}

/// Returns the id of the job to which a key below the queue may belong; empty: to none.
std::string jobOf(std::string_view suffix) {
    constexpr std::string_view kParts[] = {
        ":logs", ":dependencies", ":processed", ":failed", ":unsuccessful"};
    for (const std::string_view part : kParts) {
        if (suffix.size() > part.size() && suffix.substr(suffix.size() - part.size()) == part) {
            suffix.remove_suffix(part.size());
            break;
        }
    }
    return storedJobIdError(suffix).empty() ? std::string(suffix) : "";
}

}  // namespace

class QueueMaintenance::Impl : public QueueOnServer {
public:
    Impl(const Redis& redis, const Settings& settings)
        : QueueOnServer(redis, settings.prefix, settings.name, settings.bullmq5),
          log_("maintenance", {.queue = settings.name}) {}

    void report(const std::vector<JobProblem>& problems) {
        for (const JobProblem& problem : problems) {
            log_.warning("maintenance passed over a job: " + problem.text, {.job = problem.id});
        }
    }

    std::size_t requeue(const std::string& state,
                        const std::string& highestScore,
                        const Calls& calls) {
        std::size_t moved = 0;
        for (;;) {
            const ClientPool::Lease redis = redis_.shared().lease();
            const ops::RequeuedJobs step =
                ops::requeueJobs(queue_, *redis, state, highestScore, calls.jobs, (*redis).nowMs());
            report(step.problems);
            moved += step.moved;
            if (step.found < calls.jobs || !goesOn(calls, moved)) {
                return moved;
            }
        }
    }

    /// Removes jobs of a key, as cleanJobs() does. Looks at no more jobs than are there at first: a queue that grows as fast
    /// does not prolong the work. Returns false if the progress ended it.
    bool removeJobs(const std::string& state,
                    std::optional<std::int64_t> latestMs,
                    std::size_t limit,
                    const Calls& calls,
                    std::vector<std::string>& ids) {
        std::size_t passed = 0;
        std::optional<std::size_t> left;
        for (;;) {
            std::size_t most = calls.jobs;
            if (limit > 0) {
                most = std::min(most, limit - ids.size());
            }
            ops::CleanedJobs step =
                ops::cleanJobs(queue_, *redis_.shared().lease(), state, passed, most, latestMs);
            report(step.problems);
            passed += step.found - step.ids.size();
            left = left.value_or(step.length) - std::min(left.value_or(step.length), step.found);
            std::move(step.ids.begin(), step.ids.end(), std::back_inserter(ids));
            if (!goesOn(calls, ids.size())) {
                return false;
            }
            if (step.found < most || *left == 0 || (limit > 0 && ids.size() >= limit)) {
                return true;
            }
        }
    }

    const Log log_;
};

QueueMaintenance::QueueMaintenance(const Redis& redis, const Settings& settings)
    : impl_(std::make_unique<Impl>(redis, settings)) {}
QueueMaintenance::~QueueMaintenance() = default;

std::size_t QueueMaintenance::retryJobs(JobState from,
                                        std::optional<std::int64_t> untilMs,
                                        const Calls& calls) {
    requireCalls(calls);
    if (from != JobState::Failed && from != JobState::Completed) {
        throw Poco::InvalidArgumentException(
            std::string("jobs can be retried from failed or completed, not from ") +
            toString(from));
    }
    requireNotNegative("untilMs", untilMs.value_or(0));
    if (!untilMs) {
        untilMs = (*impl_->redis_.shared().lease()).nowMs();
    }
    return impl_->requeue(toString(from), std::to_string(*untilMs), calls);
}

std::size_t QueueMaintenance::promoteJobs(const Calls& calls) {
    requireCalls(calls);
    return impl_->requeue("delayed", kAnyScore, calls);
}

std::vector<std::string> QueueMaintenance::clean(const Clean& options, const Calls& calls) {
    requireCalls(calls);
    requireNotNegative("grace", options.grace.count());
    const std::string key = keyOf(options.state);
    std::vector<std::string> ids;
    std::int64_t latestMs = 0;
    bool shared = false;
    {
        const ClientPool::Lease redis = impl_->redis_.shared().lease();
        latestMs = (*redis).nowMs() - options.grace.count();
        shared = key == "wait" && ops::counts(impl_->queue_, *redis).paused > 0;
    }
    if (impl_->removeJobs(key, latestMs, options.limit, calls, ids) && shared &&
        (options.limit == 0 || ids.size() < options.limit)) {
        impl_->removeJobs("paused", latestMs, options.limit, calls, ids);
    }
    return ids;
}

std::size_t QueueMaintenance::drain(bool delayed, const Calls& calls) {
    requireCalls(calls);
    std::vector<std::string> ids;
    for (const char* state : {"wait", "paused", "prioritized", "delayed"}) {
        const bool wanted = delayed || std::string_view(state) != "delayed";
        if (wanted && !impl_->removeJobs(state, std::nullopt, 0, calls, ids)) {
            break;
        }
    }
    return ids.size();
}

std::size_t QueueMaintenance::obliterate(bool force, const Calls& calls) {
    requireCalls(calls);
    ops::pause(impl_->queue_, *impl_->redis_.shared().lease());
    std::size_t removed = 0;
    for (;;) {
        const ops::ObliteratedJobs step =
            ops::obliterate(impl_->queue_, *impl_->redis_.shared().lease(), calls.jobs, force);
        impl_->report(step.problems);
        removed += step.removed;
        const std::string& name = impl_->queue_.keys().qualifiedName();
        if (step.code == -1) {
            throw JobStateException("obliterate " + name + ": it was resumed meanwhile; " +
                                    std::to_string(removed) + " jobs are removed");
        }
        if (step.code == -2) {
            throw JobStateException("obliterate " + name +
                                    ": jobs are active; `force` removes them too");
        }
        if (!goesOn(calls, removed) || step.code == 0) {
            return removed;
        }
    }
}

std::int64_t QueueMaintenance::trimEvents(std::int64_t length) {
    requireNotNegative("length", length);
    std::int64_t trimmed = 0;
    for (;;) {
        const std::int64_t step =
            ops::trimEvents(impl_->queue_, *impl_->redis_.shared().lease(), length);
        if (step == 0) {
            return trimmed;
        }
        trimmed += step;
    }
}

std::size_t QueueMaintenance::removeOrphanedJobs(std::chrono::milliseconds minAge,
                                                 const Calls& calls) {
    requireCalls(calls);
    requireNotNegative("minAge", minAge.count());
    const QueueKeys& keys = impl_->queue_.keys();
    const ClientPool::Lease redis = impl_->redis_.shared().lease();
    const std::int64_t latestMs = (*redis).nowMs() - minAge.count();
    const JobCounts counts = ops::counts(impl_->queue_, *redis);
    const auto listed = static_cast<std::size_t>(counts.waiting + counts.paused + counts.active);
    const std::size_t perCall = std::clamp<std::size_t>(
        kWalkedPerCall / (listed + 1), 1, std::min(calls.jobs, kOrphansPerCall));
    const std::unordered_set<std::string> known = idsOfAllStates(keys, *redis);

    std::size_t removed = 0;
    std::vector<std::string> ids;
    const auto send = [&] {
        for (std::size_t from = 0; from < ids.size(); from += perCall) {
            const auto first = ids.begin() + static_cast<std::ptrdiff_t>(from);
            const auto last =
                first + static_cast<std::ptrdiff_t>(std::min(perCall, ids.size() - from));
            const ops::RemovedOrphans step =
                ops::removeOrphans(impl_->queue_, *redis, {first, last}, latestMs);
            impl_->report(step.problems);
            removed += step.removed;
        }
        ids.clear();
    };
    const std::string pattern = patternOfKeys(keys);
    std::string cursor = "0";
    do {
        const Reply found =
            (*redis).call(Command{"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"});
        const ReplyView names = found.at(1);
        for (std::size_t i = 0; i < names.size(); ++i) {
            std::string id = jobOf(names.at(i).text().substr(keys.jobPrefix().size()));
            if (!id.empty() && known.count(id) == 0) {
                ids.push_back(std::move(id));
            }
        }
        std::sort(ids.begin(), ids.end());
        ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
        send();
        cursor = found.at(0).text();
    } while (cursor != "0" && goesOn(calls, removed));
    return removed;
}

}  // namespace drover
