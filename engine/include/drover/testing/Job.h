#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drover/ActiveJob.h"
#include "drover/JsonWriter.h"
#include "drover/Outcome.h"
#include "drover/PluginAbi.h"

namespace drover::testing {

/// The fields of a job that its handler sees. Members that are not set are those of a fresh job.
struct JobFields {
    std::string data = "{}";  ///< JSON, but not checked: a handler may meet any text.
    std::string name = {};    ///< Empty: the first name that the handler serves.
    std::string queue = {};   ///< "<prefix>:<queue>"; empty: "bull:" and the handler's own queue.
    std::string id = "1";
    std::string opts = "{}";     ///< JSON; ActiveJob::attempts() returns its "attempts".
    std::string progress = {};   ///< JSON; empty: never set.
    std::string parentKey = {};  ///< "<prefix>:<queue>:<id>"; empty: no parent.
    std::string parent = {};     ///< JSON {"id", "queueKey"}; empty: no parent.
    std::string scheduler = {};  ///< Empty: none.
    std::string deduplicationId = {};
    std::int64_t timestampMs = 1700000000000;  ///< Epoch.
    std::int64_t delayMs = 0;
    int priority = 0;
    int attemptsMade = 0;
    int attemptsStarted = 0;  ///< 0: one more than `attemptsMade`.
    int stalledCount = 0;
    std::int64_t processedOnMs = 1700000000000;  ///< Epoch.
    std::string token = "token";
    std::string stacktrace = {};    ///< JSON array of texts; empty: none.
    std::string failedReason = {};  ///< Empty: none.
};

/// A job that a handler added with addChildren() or addJobs().
struct Child {
    std::string queue;  ///< Qualified; that of the handler's job if the handler named none.
    std::string name;
    std::string data;  ///< JSON.
    std::string opts;  ///< JSON.

    bool operator==(const Child&) const = default;
};

/// A line for the log of the process. `level`: DROVER_LOG_DEBUG to DROVER_LOG_ERROR.
struct LogLine {
    std::string plugin;
    int level = DROVER_LOG_INFO;
    std::string text;
    std::string job{};  ///< The id of the job that the line is about; empty: none.

    bool operator==(const LogLine&) const = default;
};

namespace detail {

struct Log {
    std::mutex mutex;
    std::vector<LogLine> lines;
};

inline Log& processLog() {
    static Log log;
    return log;
}

/// A job with all that its handler did to it.
struct JobState {
    JobFields fields;
    std::mutex mutex;  // Guards everything below: host functions may be called from any thread.
    std::optional<Outcome> outcome;
    CancelCause cause = CancelCause::None;
    std::string cancelReason;
    struct PlannedCancel {
        std::chrono::milliseconds waited;
        CancelCause cause;
        std::string reason;
    };
    std::optional<PlannedCancel> planned;
    std::chrono::milliseconds waited{0};
    bool redisAway = false;
    std::string childrenValues = "{}";
    std::string stored = "{}";
    std::string dependencies = "{}";
    std::string dependenciesCount = "{}";
    std::string failedChildren = "{}";
    struct Rejection {
        int code;
        std::string message;
    };
    std::optional<Rejection> rejection;
    std::vector<std::string> progress;
    std::vector<std::string> data;
    std::vector<std::string> logs;
    std::vector<Child> children;
    std::vector<Child> added;
    std::vector<SchedulerToUpsert> schedulers;
    std::int64_t unprocessed = 0;
    bool unprocessedRemoved = false;
};

}  // namespace detail

/// A job to run once, and what its handler did with it.
/// Threads: every method may be called from any thread.
class Job {
public:
    explicit Job(JobFields fields = {}) : state_(std::make_unique<detail::JobState>()) {
        state_->fields = std::move(fields);
    }

    // Before it runs, or meanwhile from another thread.

    /// Sets the cancel token. The first cause stands, but Lost overrides every other cause: the engine then accepts
    /// nothing for this job any more. `reason`: the words of the request to cancel, for ActiveJob::cancelReason().
    Job& cancel(CancelCause cause, std::string reason = {}) {
        const std::lock_guard lock(state_->mutex);
        if (state_->cause == CancelCause::None ||
            (cause == CancelCause::Lost && state_->cause != CancelCause::Lost)) {
            state_->cause = cause;
            state_->cancelReason = std::move(reason);
        }
        return *this;
    }
    /// Sets the cancel token when the handler has waited that long in waitCancelled(), all its waits added up. Each
    /// wait returns at once, and counts as if it had lasted.
    Job& cancelAfter(std::chrono::milliseconds waited, CancelCause cause, std::string reason = {}) {
        const std::lock_guard lock(state_->mutex);
        state_->planned = {waited, cause, std::move(reason)};
        return *this;
    }
    /// Sets the result of childrenValues(): JSON object, child job key to result.
    Job& setChildrenValues(std::string json) {
        const std::lock_guard lock(state_->mutex);
        state_->childrenValues = std::move(json);
        return *this;
    }
    /// Sets the result of dependencies() and of dependenciesCount(). Pages have all of the children.
    Job& setDependencies(const JobChildren& children) {
        JsonWriter all;
        all.beginObject().key("processed").beginObject();
        for (const auto& [key, result] : children.processed) {
            all.key(key).raw(result);
        }
        all.endObject().key("unprocessed").texts(children.unprocessed);
        all.key("ignored").beginObject();
        for (const auto& [key, reason] : children.ignored) {
            all.key(key).text(reason);
        }
        all.endObject().key("failed").texts(children.failed).endObject();
        JsonWriter counts;
        counts.beginObject().key("processed").number(children.processed.size());
        counts.key("unprocessed").number(children.unprocessed.size());
        counts.key("ignored").number(children.ignored.size());
        counts.key("failed").number(children.failed.size()).endObject();
        const std::lock_guard lock(state_->mutex);
        state_->dependencies = all.str();
        state_->dependenciesCount = counts.str();
        state_->unprocessed = static_cast<std::int64_t>(children.unprocessed.size());
        return *this;
    }
    /// Sets the result of failedChildren().
    Job& setFailedChildren(const FailedChildren& children) {
        JsonWriter out;
        out.beginObject().key("failed").beginObject();
        for (const auto& [key, reason] : children.failed) {
            out.key(key);
            reason ? out.text(*reason) : out.null();
        }
        out.endObject().key("ignored").beginObject();
        for (const auto& [key, reason] : children.ignored) {
            out.key(key).text(reason);
        }
        out.endObject().endObject();
        const std::lock_guard lock(state_->mutex);
        state_->failedChildren = out.str();
        return *this;
    }
    /// Sets the result of stored(): the job as JSON.stringify() shows it in BullMQ.
    Job& setStored(std::string json) {
        const std::lock_guard lock(state_->mutex);
        state_->stored = std::move(json);
        return *this;
    }
    /// Makes every addJob() and addJobs() from now on rejected; see AddedJob.
    Job& rejectAdds(std::string message, int code = 0) {
        const std::lock_guard lock(state_->mutex);
        state_->rejection = {code, std::move(message)};
        return *this;
    }
    /// Makes every call that needs Redis report from now on that Redis cannot be reached. Outcomes need no Redis.
    Job& loseRedis() {
        const std::lock_guard lock(state_->mutex);
        state_->redisAway = true;
        return *this;
    }

    // Afterwards.

    /// std::nullopt: the handler left it without one, and the engine would hand it back.
    [[nodiscard]] std::optional<Outcome> outcome() const {
        return read(&detail::JobState::outcome);
    }
    /// Each value of updateProgress(), in order.
    [[nodiscard]] std::vector<std::string> progress() const {
        return read(&detail::JobState::progress);
    }
    /// Each value of updateData(), in order.
    [[nodiscard]] std::vector<std::string> updatedData() const {
        return read(&detail::JobState::data);
    }
    /// The rows of the job's own log.
    [[nodiscard]] std::vector<std::string> logs() const { return read(&detail::JobState::logs); }
    /// The jobs that addChildren() added. Their ids are counted from 1. The engine checks more of their opts than is
    /// checked here.
    [[nodiscard]] std::vector<Child> children() const { return read(&detail::JobState::children); }
    /// The jobs that addJob() and addJobs() added, as children().
    [[nodiscard]] std::vector<Child> added() const { return read(&detail::JobState::added); }
    /// The schedulers that upsertScheduler() added, in order and with qualified queues, without those that removeScheduler()
    /// removed again. The engine checks more of their rules than is checked here.
    [[nodiscard]] std::vector<SchedulerToUpsert> schedulers() const {
        return read(&detail::JobState::schedulers);
    }
    /// Returns true if the handler has called removeUnprocessedChildren().
    [[nodiscard]] bool unprocessedChildrenRemoved() const {
        return read(&detail::JobState::unprocessedRemoved);
    }
    /// Returns how long the handler has waited in waitCancelled(), all its waits added up.
    [[nodiscard]] std::chrono::milliseconds waited() const {
        return read(&detail::JobState::waited);
    }

private:
    friend class Instance;

    template <typename Member>
    [[nodiscard]] Member read(Member detail::JobState::*member) const {
        const std::lock_guard lock(state_->mutex);
        return (*state_).*member;
    }

    std::unique_ptr<detail::JobState> state_;
};

/// An outcome in words, for the message of a check: `completed "hello"`, `failed: no such user`, `no outcome`.
[[nodiscard]] inline std::string toString(const std::optional<Outcome>& outcome) {
    if (!outcome) {
        return "no outcome";
    }
    const std::string ms = std::to_string(outcome->ms);
    switch (outcome->kind) {
        case Outcome::Kind::Completed:
            return "completed " + outcome->text;
        case Outcome::Kind::Failed:
            return "failed: " + outcome->text;
        case Outcome::Kind::Unrecoverable:
            return "unrecoverable: " + outcome->text;
        case Outcome::Kind::Unavailable:
            return "unavailable for " + ms + " ms: " + outcome->text;
        case Outcome::Kind::Delayed:
            return "delayed until " + ms + (outcome->text.empty() ? "" : ": " + outcome->text);
        case Outcome::Kind::Wait:
            return "moved to wait";
        case Outcome::Kind::WaitingChildren:
            return outcome->text.empty() ? "waiting for children" : "waiting for " + outcome->text;
        case Outcome::Kind::RateLimited:
            return "rate limited for " + ms + " ms";
    }
    return "an unknown outcome";
}

/// The lines that handlers wrote to the log of the process since the last call.
[[nodiscard]] inline std::vector<LogLine> popLog() {
    detail::Log& log = detail::processLog();
    const std::lock_guard lock(log.mutex);
    return std::exchange(log.lines, {});
}

}  // namespace drover::testing
