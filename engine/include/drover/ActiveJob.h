#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/FailedChildren.h"
#include "drover/JobChildren.h"
#include "drover/JobToAdd.h"
#include "drover/Json.h"
#include "drover/Outcome.h"
#include "drover/PluginAbi.h"
#include "drover/SchedulerToUpsert.h"
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
        if (DROVER_HOST_HAS(host_, write_log_about)) {
            host_->write_log_about(call_, index_, level, {text.data(), text.size()});
        } else {
            host_->write_log(plugin_, level, {text.data(), text.size()});
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

    /// JSON {"id", "queueKey"[, "fpof" | "cpof" | "idof" | "rdof": true]}; empty: no parent.
    [[nodiscard]] std::string_view parent() const noexcept {
        return DROVER_JOB_HAS(job_, parent) ? text(job_->parent) : std::string_view();
    }
    /// Proof that this worker holds the job: the value of its lock.
    [[nodiscard]] std::string_view token() const noexcept {
        return DROVER_JOB_HAS(job_, token) ? text(job_->token) : std::string_view();
    }
    /// The reason of the attempt before; empty: none has failed.
    [[nodiscard]] std::string_view failedReason() const noexcept {
        return DROVER_JOB_HAS(job_, failed_reason) ? text(job_->failed_reason) : std::string_view();
    }
    /// JSON array of strings, one per failed attempt; empty: none has failed.
    [[nodiscard]] std::string_view stacktrace() const noexcept {
        return DROVER_JOB_HAS(job_, stacktrace) ? text(job_->stacktrace) : std::string_view();
    }

    /// When it was moved to active this time, epoch milliseconds.
    [[nodiscard]] std::int64_t processedOnMs() const noexcept {
        return DROVER_JOB_HAS(job_, processed_on_ms) ? job_->processed_on_ms : 0;
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

/// The headers of W3C Trace Context, as a call to another service carries them.
struct TraceHeaders {
    std::string traceparent;  ///< "00-<trace id>-<span id>-<flags>"; empty: there are no traces.
    std::string tracestate;   ///< Empty: none.
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
    /// As drover::waitForChild().
    void waitForChild(std::string_view childKey) {
        decide("waitForChild",
               DROVER_HOST_HAS(host_, move_to_waiting_child)
                   ? host_->move_to_waiting_child(call_, index_, bytes(childKey))
                   : DROVER_E_UNSUPPORTED);
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
                return outcome.text.empty() ? waitForChildren() : waitForChild(outcome.text);
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
    /// Appends a row to the job's own log in Redis, which dashboards show. Returns how many rows it has now.
    std::int64_t addLog(std::string_view row) {
        std::int64_t rows = 0;
        // An engine of minor version 0 has a shorter table, and returns no number.
        check("addLog",
              DROVER_HOST_HAS(host_, append_log)
                  ? host_->append_log(call_, index_, bytes(row), &rows)
                  : host_->add_log(call_, index_, bytes(row)));
        return rows;
    }
    /// Adds a job to any queue of the same Redis, and returns its id. The job stays, whatever becomes of this one; if this one
    /// runs again it adds again, unless an option "jobId" makes sure that there is one.
    /// Throws std::invalid_argument, naming the option, for a job that cannot be added so, and Unavailable if Redis is away; if
    /// the reply was lost the job may have been added.
    std::string addJob(const JobToAdd& job) {
        AddedJob added = std::move(addJobs(std::span<const JobToAdd>(&job, 1)).front());
        switch (added.status) {
            case AddedJob::Status::Added:
                return std::move(added.id);
            case AddedJob::Status::Rejected:
                throw std::invalid_argument("addJob " + job.name + ": " + added.message);
            default:
                throw Unavailable("addJob " + job.name + ": " + added.message);
        }
    }
    /// Adds jobs, in order; the jobs for one queue in one atomic call, up to 512 of them. Returns a result for each.
    /// Throws std::invalid_argument for data or options that are not JSON, and Unavailable if none was sent.
    std::vector<AddedJob> addJobs(std::span<const JobToAdd> jobs) {
        std::string json = "[";
        for (const JobToAdd& job : jobs) {
            json.append(json.size() > 1 ? "," : "").append(detail::jsonOf(job));
        }
        const std::string answer = request("addJobs", &drover_host_api::add_jobs, json + "]");
        std::vector<AddedJob> added;
        for (const JsonView& one : JsonView::parse(answer).elements()) {
            added.push_back(detail::addedJob(one));
        }
        return added;
    }
    /// Reads the whole job as it is now: the text that `JSON.stringify(job)` has in BullMQ.
    [[nodiscard]] std::string stored() const {
        return request("stored", &drover_host_api::stored_job);
    }
    /// Adds jobs with this job as parent. `children`: JSON array of {"queue": qualified name, "name": string, "data": any,
    /// "opts": object}; without a queue they go to this job's own. Returns the JSON array of their ids.
    /// Throws std::invalid_argument, naming what is wrong, if the text is anything else; then none was added.
    std::string addChildren(std::string_view children) {
        return request("addChildren", &drover_host_api::add_children, children);
    }
    /// The results of finished children: JSON object, child job key to result.
    [[nodiscard]] std::string childrenValues() const {
        return request("childrenValues", &drover_host_api::children_values);
    }
    /// Returns all children of the job. BullMQ: `job.getDependencies()`.
    [[nodiscard]] JobChildren dependencies() const {
        return page(request("dependencies", &drover_host_api::dependencies, "")).children;
    }
    /// Returns a page of each kind of children that `pages` names. Throws std::invalid_argument for a count below 1.
    [[nodiscard]] ChildrenPage dependencies(const ChildPages& pages) const {
        return page(request("dependencies", &drover_host_api::dependencies, detail::jsonOf(pages)));
    }
    /// BullMQ: `job.getDependenciesCount()`.
    [[nodiscard]] ChildCounts dependenciesCount() const {
        const std::string answer =
            request("dependenciesCount", &drover_host_api::dependencies_count);
        return detail::childCounts(JsonView::parse(answer));
    }
    /// Returns the children that failed, with their reasons. BullMQ: `job.getIgnoredChildrenFailures()` and the failed children of
    /// `job.getDependencies()`.
    [[nodiscard]] FailedChildren failedChildren() const {
        const std::string answer = request("failedChildren", &drover_host_api::failed_children);
        return detail::failedChildren(JsonView::parse(answer));
    }
    /// Removes the children that have not ended, with the jobs below them; a job that a worker holds stays, at any depth. Returns
    /// how many jobs were removed. BullMQ: `job.removeUnprocessedChildren()`.
    std::int64_t removeUnprocessedChildren() {
        std::int64_t removed = 0;
        check("removeUnprocessedChildren",
              DROVER_HOST_HAS(host_, remove_unprocessed_children)
                  ? host_->remove_unprocessed_children(call_, index_, &removed)
                  : DROVER_E_UNSUPPORTED);
        return removed;
    }

    /// Adds a job scheduler, or gives the one of that id this rule and these jobs. Returns its next run; std::nullopt, and changes
    /// nothing, if the rule has none. Throws std::invalid_argument, naming what is wrong, and changes nothing.
    /// BullMQ: `queue.upsertJobScheduler()`.
    std::optional<NextRun> upsertScheduler(const SchedulerToUpsert& scheduler) {
        const std::string answer = request(
            "upsertScheduler", &drover_host_api::upsert_scheduler, detail::jsonOf(scheduler));
        return detail::nextRun(JsonView::parse(answer));
    }
    /// Removes a job scheduler and its pending job; false: there is none. `queue` is as in SchedulerToUpsert.
    /// BullMQ: `queue.removeJobScheduler()`.
    bool removeScheduler(std::string_view id, std::string_view queue = {}) {
        return request("removeScheduler",
                       &drover_host_api::remove_scheduler,
                       detail::schedulerJson(id, queue)) == "true";
    }

    /// Returns the context of this job's span, for calls to other services. Jobs that the handler adds have it already.
    /// Both texts are empty if there are no traces.
    [[nodiscard]] TraceHeaders traceContext() const {
        Received answer;
        if (host_->request(
                call_, index_, bytes("trace_context"), bytes(""), &Received::receive, &answer) !=
            DROVER_OK) {
            return {};  // Also from an engine that has no traces.
        }
        const std::string text = answer.value();
        const auto json = JsonView::tryParse(text);
        return json ? TraceHeaders{(*json)["traceparent"].string().value_or(""),
                                   (*json)["tracestate"].string().value_or("")}
                    : TraceHeaders();
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
        if (!DROVER_HOST_HAS(host_, cancel_reason)) {
            return {};
        }
        return request("cancelReason", &drover_host_api::cancel_reason);
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

    using Read = std::int32_t (*)(drover_call*, std::uint32_t, drover_sink, void*);
    using Request = std::int32_t (*)(drover_call*, std::uint32_t, drover_bytes, drover_sink, void*);

    /// Calls a function that answers by a sink, and returns its answer. An older engine has a shorter table.
    std::string request(const char* operation, Read drover_host_api::*function) const {
        Received answer;
        const std::int32_t status =
            has(&(host_->*function))
                ? (host_->*function)(call_, index_, &Received::receive, &answer)
                : DROVER_E_UNSUPPORTED;
        return checked(operation, status, answer);
    }
    std::string request(const char* operation,
                        Request drover_host_api::*function,
                        std::string_view text) const {
        Received answer;
        const std::int32_t status =
            has(&(host_->*function))
                ? (host_->*function)(call_, index_, bytes(text), &Received::receive, &answer)
                : DROVER_E_UNSUPPORTED;
        return checked(operation, status, answer);
    }
    template <typename Member>
    [[nodiscard]] bool has(const Member* member) const noexcept {
        return reinterpret_cast<const char*>(member + 1) <=
               reinterpret_cast<const char*>(host_) + host_->struct_size;
    }
    std::string checked(const char* operation, std::int32_t status, Received& answer) const {
        std::string text = answer.value();
        check(operation, status, text);
        return text;
    }

    static ChildrenPage page(const std::string& answer) {
        return detail::childrenPage(JsonView::parse(answer, kAnyDepth));
    }

    void decide(const char* operation, std::int32_t status) {
        if (status != DROVER_E_TWICE) {
            check(operation, status);
        }
        decided_->store(true, std::memory_order_release);
    }

    void delay(const Outcome& outcome) {
        // An engine of minor version 0 has a shorter table, and counts nothing.
        if (outcome.text.empty() || !DROVER_HOST_HAS(host_, put_off)) {
            return decide("delayUntil", host_->move_to_delayed(call_, index_, outcome.ms));
        }
        decide("putOff", host_->put_off(call_, index_, outcome.ms, bytes(outcome.text)));
    }

    /// `why`: the words of the engine about a wrong argument, if there are any.
    void check(const char* operation, std::int32_t status, std::string_view why = {}) const {
        if (status == DROVER_OK) {
            return;
        }
        std::string message(operation);
        message.append(" job ").append(id()).append(" of ").append(queue());
        switch (status) {
            case DROVER_E_ARGUMENT:
                throw std::invalid_argument(message.append(": ").append(
                    why.empty() ? "the engine accepts only well-formed JSON and UTF-8 here" : why));
            case DROVER_E_LOST:
                throw JobLost(message + ": this worker has lost the job");
            case DROVER_E_UNAVAILABLE:
                throw Unavailable(message + ": Redis cannot be reached");
            default:
                throw std::runtime_error(message + ": the engine does not offer this (answer " +
                                         std::to_string(status) + ")");
        }
    }

    /// Results of children may be nested as deep as their handlers like.
    static constexpr std::size_t kAnyDepth = static_cast<std::size_t>(-1);

    const drover_host_api* host_;
    drover_call* call_;
    const char* plugin_;
    std::uint32_t index_;
    std::atomic<bool>* decided_;
};

}  // namespace drover
