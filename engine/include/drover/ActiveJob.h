#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "drover/Outcome.h"
#include "drover/PluginAbi.h"
#include "drover/Unavailable.h"

namespace drover {

/// The engine does not hold this job any more (its lock was lost, or it was removed): its outcome is discarded.
/// Handlers need not catch it.
class JobLost : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The reason why a job should stop. The numbers are the ABI's.
enum class CancelCause { None = 0, Lost = 1, Timeout = 2, Remote = 3, Shutdown = 4 };

/// The log of the process, one line per call, under the plugin's name.
/// Threads: may be used from any thread at any time. Never throws: a line that cannot be written is lost.
class EngineLog {
public:
    EngineLog(const drover_host_api* host, const char* plugin) noexcept
        : host_(host), plugin_(plugin) {}

    void debug(std::string_view text) const noexcept { write(DROVER_LOG_DEBUG, text); }
    void info(std::string_view text) const noexcept { write(DROVER_LOG_INFO, text); }
    void warning(std::string_view text) const noexcept { write(DROVER_LOG_WARNING, text); }
    void error(std::string_view text) const noexcept { write(DROVER_LOG_ERROR, text); }

private:
    void write(std::int32_t level, std::string_view text) const noexcept {
        host_->write_log(plugin_, level, {text.data(), text.size()});
    }

    const drover_host_api* host_;
    const char* plugin_;
};

/// The log of the process for lines about one job.
///
/// A line has the job's queue, id, name and attempt, the plugin and the worker as fields, so its text needs no ids.
/// Not copyable, since it ends with the handler's call: later lines go to Config::log().
/// Threads: may be used from any thread while the handler's call runs. Never throws: a line that cannot be written is lost.
class JobLog {
public:
    JobLog(const drover_host_api* host,
           drover_call* call,
           const char* plugin,
           std::uint32_t index) noexcept
        : host_(host), call_(call), plugin_(plugin), index_(index) {}
    JobLog(const JobLog&) = delete;
    JobLog& operator=(const JobLog&) = delete;

    void debug(std::string_view text) const noexcept { write(DROVER_LOG_DEBUG, text); }
    void info(std::string_view text) const noexcept { write(DROVER_LOG_INFO, text); }
    void warning(std::string_view text) const noexcept { write(DROVER_LOG_WARNING, text); }
    void error(std::string_view text) const noexcept { write(DROVER_LOG_ERROR, text); }

private:
    void write(std::int32_t level, std::string_view text) const noexcept {
        // An engine of minor version 0 has a shorter table, and writes the line without the job's fields.
        if (host_->struct_size <= offsetof(drover_host_api, write_log_about)) {
            host_->write_log(plugin_, level, {text.data(), text.size()});
        } else {
            host_->write_log_about(call_, index_, level, {text.data(), text.size()});
        }
    }

    const drover_host_api* host_;
    drover_call* call_;
    const char* plugin_;
    std::uint32_t index_;
};

/// The fields of a claimed job, as its hash held them after the claim. A view: valid while the handler's call runs.
class JobInfo {
public:
    explicit JobInfo(const drover_job& job) noexcept : job_(&job) {}

    [[nodiscard]] std::string_view id() const noexcept { return text(job_->id); }
    [[nodiscard]] std::string_view name() const noexcept { return text(job_->name); }
    /// Qualified: "<prefix>:<queue>".
    [[nodiscard]] std::string_view queue() const noexcept { return text(job_->queue); }
    /// JSON, byte for byte as it was added.
    [[nodiscard]] std::string_view data() const noexcept { return text(job_->data); }
    /// JSON in the stored form, with short names.
    [[nodiscard]] std::string_view opts() const noexcept { return text(job_->opts); }
    /// JSON; empty: never set.
    [[nodiscard]] std::string_view progress() const noexcept { return text(job_->progress); }
    /// "<prefix>:<queue>:<id>"; empty: no parent.
    [[nodiscard]] std::string_view parentKey() const noexcept { return text(job_->parent_key); }
    /// Id of the job scheduler that made it; empty: none.
    [[nodiscard]] std::string_view scheduler() const noexcept { return text(job_->scheduler); }
    [[nodiscard]] std::string_view deduplicationId() const noexcept {
        return text(job_->deduplication_id);
    }

    /// When it was added, epoch milliseconds. Id and timestamp together name a job for good; an id alone may come back.
    [[nodiscard]] std::int64_t timestampMs() const noexcept { return job_->timestamp_ms; }
    [[nodiscard]] std::int64_t delayMs() const noexcept { return job_->delay_ms; }
    [[nodiscard]] int priority() const noexcept { return job_->priority; }
    /// Attempts allowed; 0 counts as 1.
    [[nodiscard]] int attempts() const noexcept { return job_->attempts; }
    /// Finished attempts before this one; 0 in the first.
    [[nodiscard]] int attemptsMade() const noexcept { return job_->attempts_made; }
    /// Times moved to active, this one included.
    [[nodiscard]] int attemptsStarted() const noexcept { return job_->attempts_started; }
    [[nodiscard]] int stalledCount() const noexcept { return job_->stalled_count; }

private:
    static std::string_view text(const drover_bytes& bytes) noexcept {
        return {bytes.data, bytes.size};
    }

    const drover_job* job_;
};

/// A job while a handler has it: its fields, its outcome, and calls to the engine.
///
/// The outcome set first stands; setting another one later is not an error and changes nothing. A job left without an outcome
/// is handed back to its queue without costing an attempt.
/// Failure: text that the engine refuses throws std::invalid_argument; a job that another worker holds now throws
/// JobLost, Redis away throws Unavailable. None of them needs a catch: out of process() each does the right thing.
/// A view: copies share the outcome, and all of them end with the handler's call.
/// Threads: every method may be called from any thread while process() runs.
class ActiveJob : public JobInfo {
public:
    ActiveJob(const drover_host_api* host,
              drover_call* call,
              const char* plugin,
              const drover_job& job,
              std::uint32_t index,
              std::atomic<bool>* decided) noexcept
        : JobInfo(job),
          host_(host),
          call_(call),
          plugin_(plugin),
          index_(index),
          decided_(decided) {}

    // Outcomes.

    /// Done. `json`: one JSON value; empty means null.
    void complete(std::string_view json = "null") {
        decide("complete", host_->complete(call_, index_, bytes(json)));
    }
    /// `trace`: one line per nested exception, outermost first; may be empty.
    void fail(std::string_view reason, std::string_view trace = {}) {
        decide("fail", host_->fail(call_, index_, bytes(reason), bytes(trace), 0));
    }
    void unrecoverable(std::string_view reason, std::string_view trace = {}) {
        decide("fail", host_->fail(call_, index_, bytes(reason), bytes(trace), 1));
    }
    void unavailable(std::string_view reason,
                     std::chrono::milliseconds retryAfter = std::chrono::milliseconds{0}) {
        decide("unavailable", host_->unavailable(call_, index_, bytes(reason), retryAfter.count()));
    }
    void delayUntil(std::chrono::system_clock::time_point until) { set(delayed(until)); }
    /// As drover::putOff().
    void putOff(std::chrono::system_clock::time_point until, std::string_view reason) {
        set(drover::putOff(until, reason));
    }
    void moveToWait() { decide("moveToWait", host_->move_to_wait(call_, index_)); }
    void waitForChildren() {
        decide("waitForChildren", host_->move_to_waiting_children(call_, index_));
    }
    void rateLimit(std::chrono::milliseconds duration) {
        decide("rateLimit", host_->rate_limit(call_, index_, duration.count()));
    }

    void set(const Outcome& outcome) {
        switch (outcome.kind) {
            case Outcome::Kind::Completed:
                return complete(outcome.text);
            case Outcome::Kind::Failed:
                return fail(outcome.text, outcome.trace);
            case Outcome::Kind::Unrecoverable:
                return unrecoverable(outcome.text, outcome.trace);
            case Outcome::Kind::Unavailable:
                return unavailable(outcome.text, std::chrono::milliseconds{outcome.ms});
            case Outcome::Kind::Delayed:
                return delay(outcome);
            case Outcome::Kind::Wait:
                return moveToWait();
            case Outcome::Kind::WaitingChildren:
                return waitForChildren();
            case Outcome::Kind::RateLimited:
                return rateLimit(std::chrono::milliseconds{outcome.ms});
        }
    }

    /// Returns true if an outcome has been set, here or through a copy.
    [[nodiscard]] bool decided() const noexcept {
        return decided_->load(std::memory_order_acquire);
    }

    // While it runs. Each is one round trip to Redis.

    /// `json`: any JSON value; dashboards draw a number from 0 to 100.
    void updateProgress(std::string_view json) {
        check("updateProgress", host_->update_progress(call_, index_, bytes(json)));
    }
    /// Replaces the stored data; data() stays as it was claimed.
    void updateData(std::string_view json) {
        check("updateData", host_->update_data(call_, index_, bytes(json)));
    }
    /// Appends a row to the job's own log in Redis, which dashboards show.
    void addLog(std::string_view row) {
        check("addLog", host_->add_log(call_, index_, bytes(row)));
    }
    /// Adds jobs with this job as parent. `children`: JSON array of {"queue": qualified name, "name": string, "data": any,
    /// "opts": object}; without a queue they go to this job's own. Returns the JSON array of their ids.
    /// Throws std::runtime_error if the text is anything else; then none was added.
    std::string addChildren(std::string_view children) {
        Received ids;
        check("addChildren",
              host_->add_children(call_, index_, bytes(children), &Received::receive, &ids));
        return ids.value();
    }
    /// The results of finished children: JSON object, child job key to result.
    [[nodiscard]] std::string childrenValues() const {
        Received values;
        check("childrenValues", host_->children_values(call_, index_, &Received::receive, &values));
        return values.value();
    }

    // Cancel token.

    /// Returns true if the handler should stop. Reads one flag: cheap enough for a loop.
    [[nodiscard]] bool cancelled() const noexcept { return cancelCause() != CancelCause::None; }
    [[nodiscard]] CancelCause cancelCause() const noexcept {
        return static_cast<CancelCause>(host_->cancelled(call_, index_));
    }
    /// Sleeps until the job is cancelled or the time is over; returns whether it is cancelled.
    bool waitCancelled(std::chrono::milliseconds timeout) const noexcept {
        return host_->wait_cancelled(call_, index_, timeout.count()) != DROVER_NOT_CANCELLED;
    }
    /// Returns the words that came with the request to cancel (`drover job cancel --reason`). Empty if the job is not
    /// cancelled, if the request had none, and for every cause but CancelCause::Remote.
    [[nodiscard]] std::string cancelReason() const {
        // An engine of minor version 0 has a shorter table.
        if (host_->struct_size <= offsetof(drover_host_api, cancel_reason)) {
            return {};
        }
        Received reason;
        check("cancelReason", host_->cancel_reason(call_, index_, &Received::receive, &reason));
        return reason.value();
    }

    /// The log of the process, for lines about this job. addLog() writes to the job's own log in Redis.
    [[nodiscard]] JobLog log() const noexcept { return {host_, call_, plugin_, index_}; }

private:
    /// Receives the answer of a host call; an allocation failure waits here until the call is back in C++.
    class Received {
    public:
        static void receive(void* context, drover_bytes bytes) noexcept {
            auto& self = *static_cast<Received*>(context);
            try {
                self.value_.assign(bytes.data, bytes.size);
            } catch (...) {
                self.failed_ = true;
            }
        }
        std::string value() {
            if (failed_) {
                throw std::bad_alloc();
            }
            return std::move(value_);
        }

    private:
        std::string value_;
        bool failed_ = false;
    };

    static drover_bytes bytes(std::string_view text) noexcept { return {text.data(), text.size()}; }

    void decide(const char* operation, std::int32_t status) {
        if (status != DROVER_E_TWICE) {
            check(operation, status);
        }
        decided_->store(true, std::memory_order_release);
    }

    void delay(const Outcome& outcome) {
        // An engine of minor version 0 has a shorter table, and counts nothing.
        if (outcome.text.empty() || host_->struct_size <= offsetof(drover_host_api, put_off)) {
            return decide("delayUntil", host_->move_to_delayed(call_, index_, outcome.ms));
        }
        decide("putOff", host_->put_off(call_, index_, outcome.ms, bytes(outcome.text)));
    }

    void check(const char* operation, std::int32_t status) const {
        if (status == DROVER_OK) {
            return;
        }
        std::string message(operation);
        message.append(" job ").append(id()).append(" of ").append(queue());
        switch (status) {
            case DROVER_E_ARGUMENT:
                throw std::invalid_argument(
                    message + ": the engine accepts only well-formed JSON and UTF-8 here");
            case DROVER_E_LOST:
                throw JobLost(message + ": this worker has lost the job");
            case DROVER_E_UNAVAILABLE:
                throw Unavailable(message + ": Redis cannot be reached");
            default:
                throw std::runtime_error(message + ": the engine does not offer this (answer " +
                                         std::to_string(status) + ")");
        }
    }

    const drover_host_api* host_;
    drover_call* call_;
    const char* plugin_;
    std::uint32_t index_;
    std::atomic<bool>* decided_;
};

}  // namespace drover
