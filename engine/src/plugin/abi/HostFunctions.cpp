#include "plugin/abi/HostFunctions.h"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include <Poco/Exception.h>

#include "core/JobFields.h"
#include "core/JsonText.h"
#include "drover/AbiText.h"

namespace drover {

namespace {

using abi::view;

void complain(const char* operation, const RunningJob& job, const std::string& what) noexcept {
    try {
        Log("plugin").error("host call " + std::string(operation) + ": " + what, fieldsOf(job));
    } catch (...) {
        // A log that cannot be written must not become an exception in a plugin.
    }
}

/// Calls `forward(job)` for a valid index and turns an exception into an answer.
template <typename Forward>
std::int32_t guarded(const char* operation,
                     drover_call* call,
                     std::uint32_t job,
                     Forward forward) noexcept {
    if (call == nullptr || job >= call->jobs.size()) {
        return DROVER_E_ARGUMENT;
    }
    try {
        return forward(*call->jobs[job]);
    } catch (const Poco::Exception& error) {
        complain(operation, *call->jobs[job], error.displayText());
    } catch (const std::exception& error) {
        complain(operation, *call->jobs[job], error.what());
    } catch (...) {
        complain(operation, *call->jobs[job], "an exception of unknown type");
    }
    return DROVER_E_UNAVAILABLE;
}

std::int32_t set(RunningJob& job, JobOutcome outcome) {
    return job.setOutcome(std::move(outcome)) ? DROVER_OK : DROVER_E_TWICE;
}

std::int32_t set(RunningJob& job, JobOutcome::Kind kind, std::int64_t ms = 0) {
    JobOutcome outcome;
    outcome.kind = kind;
    outcome.ms = ms;
    return set(job, std::move(outcome));
}

std::int32_t complete(drover_call* call, std::uint32_t index, drover_bytes result) noexcept {
    return guarded("complete", call, index, [&](RunningJob& job) -> std::int32_t {
        const std::string_view json = view(result);
        JobOutcome outcome;
        outcome.kind = JobOutcome::Kind::Completed;
        outcome.text = json.empty() ? "null" : json;
        if (outcome.text != "null" && !isJson(json)) {
            return DROVER_E_ARGUMENT;
        }
        return set(job, std::move(outcome));
    });
}

std::int32_t fail(drover_call* call,
                  std::uint32_t index,
                  drover_bytes reason,
                  drover_bytes trace,
                  std::int32_t unrecoverable) noexcept {
    return guarded("fail", call, index, [&](RunningJob& job) {
        JobOutcome outcome;
        outcome.kind =
            unrecoverable != 0 ? JobOutcome::Kind::Unrecoverable : JobOutcome::Kind::Failed;
        outcome.text = repairedUtf8(view(reason));
        outcome.trace = repairedUtf8(view(trace));
        return set(job, std::move(outcome));
    });
}

std::int32_t unavailable(drover_call* call,
                         std::uint32_t index,
                         drover_bytes reason,
                         std::int64_t retryAfterMs) noexcept {
    return guarded("unavailable", call, index, [&](RunningJob& job) -> std::int32_t {
        if (retryAfterMs < 0) {
            return DROVER_E_ARGUMENT;
        }
        JobOutcome outcome;
        outcome.kind = JobOutcome::Kind::Unavailable;
        outcome.text = repairedUtf8(view(reason));
        outcome.ms = retryAfterMs;
        return set(job, std::move(outcome));
    });
}

std::int32_t moveToDelayed(drover_call* call, std::uint32_t index, std::int64_t untilMs) noexcept {
    return guarded("move_to_delayed", call, index, [&](RunningJob& job) -> std::int32_t {
        return untilMs < 0 ? DROVER_E_ARGUMENT : set(job, JobOutcome::Kind::Delayed, untilMs);
    });
}

std::int32_t putOff(drover_call* call,
                    std::uint32_t index,
                    std::int64_t untilMs,
                    drover_bytes reason) noexcept {
    return guarded("put_off", call, index, [&](RunningJob& job) -> std::int32_t {
        if (untilMs < 0) {
            return DROVER_E_ARGUMENT;
        }
        JobOutcome outcome;
        outcome.kind = JobOutcome::Kind::Delayed;
        outcome.text = repairedUtf8(view(reason));
        outcome.ms = untilMs;
        return set(job, std::move(outcome));
    });
}

std::int32_t moveToWait(drover_call* call, std::uint32_t index) noexcept {
    return guarded("move_to_wait", call, index, [](RunningJob& job) {
        return set(job, JobOutcome::Kind::Wait);
    });
}

std::int32_t moveToWaitingChildren(drover_call* call, std::uint32_t index) noexcept {
    return guarded("move_to_waiting_children", call, index, [](RunningJob& job) {
        return set(job, JobOutcome::Kind::WaitingChildren);
    });
}

std::int32_t moveToWaitingChild(drover_call* call,
                                std::uint32_t index,
                                drover_bytes childKey) noexcept {
    return guarded("move_to_waiting_child", call, index, [&](RunningJob& job) -> std::int32_t {
        if (childKey.size == 0 || !isUtf8(view(childKey))) {
            return DROVER_E_ARGUMENT;
        }
        JobOutcome outcome;
        outcome.kind = JobOutcome::Kind::WaitingChildren;
        outcome.text = view(childKey);
        return set(job, std::move(outcome));
    });
}

std::int32_t rateLimit(drover_call* call, std::uint32_t index, std::int64_t durationMs) noexcept {
    return guarded("rate_limit", call, index, [&](RunningJob& job) -> std::int32_t {
        return durationMs < 0 ? DROVER_E_ARGUMENT
                              : set(job, JobOutcome::Kind::RateLimited, durationMs);
    });
}

std::int32_t updateProgress(drover_call* call, std::uint32_t index, drover_bytes json) noexcept {
    return guarded("update_progress", call, index, [&](RunningJob& job) -> std::int32_t {
        return isJson(view(json)) ? static_cast<std::int32_t>(job.updateProgress(view(json)))
                                  : DROVER_E_ARGUMENT;
    });
}

std::int32_t updateData(drover_call* call, std::uint32_t index, drover_bytes json) noexcept {
    return guarded("update_data", call, index, [&](RunningJob& job) -> std::int32_t {
        return isJson(view(json)) ? static_cast<std::int32_t>(job.updateData(view(json)))
                                  : DROVER_E_ARGUMENT;
    });
}

/// A call whose answer goes to a sink, as does the reason why the argument is wrong. `json` null: it has no argument.
std::int32_t answered(const char* operation,
                      HostCall function,
                      drover_call* call,
                      std::uint32_t index,
                      const drover_bytes* json,
                      drover_sink sink,
                      void* context) noexcept {
    return guarded(operation, call, index, [&](RunningJob& job) {
        std::string answer;
        HostStatus status = HostStatus::Argument;
        if (json == nullptr || isJson(view(*json))) {
            status = job.call(function, json == nullptr ? "" : view(*json), answer);
        } else {
            answer = "the argument is not JSON";
        }
        if (sink != nullptr &&
            (status == HostStatus::Ok || (status == HostStatus::Argument && !answer.empty()))) {
            sink(context, {answer.data(), answer.size()});
        }
        return static_cast<std::int32_t>(status);
    });
}

std::int32_t addChildren(drover_call* call,
                         std::uint32_t index,
                         drover_bytes children,
                         drover_sink sink,
                         void* context) noexcept {
    return answered("add_children", HostCall::AddChildren, call, index, &children, sink, context);
}

std::int32_t childrenValues(drover_call* call,
                            std::uint32_t index,
                            drover_sink sink,
                            void* context) noexcept {
    return answered(
        "children_values", HostCall::ChildrenValues, call, index, nullptr, sink, context);
}

std::int32_t addJobs(drover_call* call,
                     std::uint32_t index,
                     drover_bytes jobs,
                     drover_sink sink,
                     void* context) noexcept {
    return answered("add_jobs", HostCall::AddJobs, call, index, &jobs, sink, context);
}

std::int32_t storedJob(drover_call* call,
                       std::uint32_t index,
                       drover_sink sink,
                       void* context) noexcept {
    return answered("stored_job", HostCall::StoredJob, call, index, nullptr, sink, context);
}

std::int32_t dependencies(drover_call* call,
                          std::uint32_t index,
                          drover_bytes pages,
                          drover_sink sink,
                          void* context) noexcept {
    const drover_bytes* const argument = pages.size == 0 ? nullptr : &pages;
    return answered("dependencies", HostCall::Dependencies, call, index, argument, sink, context);
}

std::int32_t dependenciesCount(drover_call* call,
                               std::uint32_t index,
                               drover_sink sink,
                               void* context) noexcept {
    return answered(
        "dependencies_count", HostCall::DependenciesCount, call, index, nullptr, sink, context);
}

std::int32_t failedChildren(drover_call* call,
                            std::uint32_t index,
                            drover_sink sink,
                            void* context) noexcept {
    return answered(
        "failed_children", HostCall::FailedChildren, call, index, nullptr, sink, context);
}

std::int32_t upsertScheduler(drover_call* call,
                             std::uint32_t index,
                             drover_bytes scheduler,
                             drover_sink sink,
                             void* context) noexcept {
    return answered(
        "upsert_scheduler", HostCall::UpsertScheduler, call, index, &scheduler, sink, context);
}

std::int32_t removeScheduler(drover_call* call,
                             std::uint32_t index,
                             drover_bytes scheduler,
                             drover_sink sink,
                             void* context) noexcept {
    return answered(
        "remove_scheduler", HostCall::RemoveScheduler, call, index, &scheduler, sink, context);
}

/// A call whose answer is a number.
std::int32_t counted(const char* operation,
                     HostCall function,
                     drover_call* call,
                     std::uint32_t index,
                     std::string_view text,
                     std::int64_t* number) noexcept {
    return guarded(operation, call, index, [&](RunningJob& job) {
        std::string answer;
        const HostStatus status = job.call(function, text, answer);
        if (status == HostStatus::Ok && number != nullptr) {
            *number = JsonView::tryParse(answer).value_or(JsonView()).integer().value_or(0);
        }
        return static_cast<std::int32_t>(status);
    });
}

std::int32_t appendLog(drover_call* call,
                       std::uint32_t index,
                       drover_bytes row,
                       std::int64_t* rows) noexcept {
    return isUtf8(view(row)) ? counted("append_log", HostCall::AddLog, call, index, view(row), rows)
                             : DROVER_E_ARGUMENT;
}

std::int32_t removeUnprocessedChildren(drover_call* call,
                                       std::uint32_t index,
                                       std::int64_t* removed) noexcept {
    return counted("remove_unprocessed_children",
                   HostCall::RemoveUnprocessedChildren,
                   call,
                   index,
                   "",
                   removed);
}

std::int32_t addLog(drover_call* call, std::uint32_t index, drover_bytes row) noexcept {
    return appendLog(call, index, row, nullptr);
}

// The cancel functions answer a reason, not a status: without a job of that index nothing can go on.

std::int32_t cancelled(drover_call* call, std::uint32_t index) noexcept {
    if (call == nullptr || index >= call->jobs.size()) {
        return DROVER_CANCELLED_LOST;
    }
    return guarded("cancelled", call, index, [](RunningJob& job) {
        return static_cast<std::int32_t>(job.cancelled());
    });
}

std::int32_t waitCancelled(drover_call* call,
                           std::uint32_t index,
                           std::int64_t timeoutMs) noexcept {
    if (call == nullptr || index >= call->jobs.size()) {
        return DROVER_CANCELLED_LOST;
    }
    return guarded("wait_cancelled", call, index, [&](RunningJob& job) {
        const std::chrono::milliseconds timeout{timeoutMs > 0 ? timeoutMs : 0};
        return static_cast<std::int32_t>(job.waitCancelled(timeout));
    });
}

std::int32_t cancelReason(drover_call* call,
                          std::uint32_t index,
                          drover_sink sink,
                          void* context) noexcept {
    return guarded("cancel_reason", call, index, [&](RunningJob& job) {
        const std::string why = job.cancelledWhy();
        if (sink != nullptr) {
            sink(context, {why.data(), why.size()});
        }
        return DROVER_OK;
    });
}

Poco::Message::Priority priorityOf(std::int32_t level) {
    switch (level) {
        case DROVER_LOG_DEBUG:
            return Poco::Message::PRIO_DEBUG;
        case DROVER_LOG_INFO:
            return Poco::Message::PRIO_INFORMATION;
        case DROVER_LOG_WARNING:
            return Poco::Message::PRIO_WARNING;
        default:
            return Poco::Message::PRIO_ERROR;
    }
}

void writeLine(const std::string& plugin,
               std::int32_t level,
               drover_bytes text,
               const LogFields& fields = {}) {
    Log(plugin.empty() ? "plugin" : "plugin." + plugin, {.plugin = plugin})
        .write(priorityOf(level), repairedUtf8(view(text)), fields);
}

std::int32_t writeLogAbout(drover_call* call,
                           std::uint32_t index,
                           std::int32_t level,
                           drover_bytes text) noexcept {
    return guarded("write_log_about", call, index, [&](const RunningJob& job) {
        writeLine(std::string(call->plugin), level, text, fieldsOf(job));
        return DROVER_OK;
    });
}

void writeLog(const char* plugin, std::int32_t level, drover_bytes text) noexcept {
    try {
        writeLine(plugin == nullptr ? "" : plugin, level, text);
    } catch (...) {
        // A log that cannot be written must not become an exception in a plugin.
    }
}

std::int32_t request(drover_call* call,
                     std::uint32_t index,
                     drover_bytes name,
                     drover_bytes /*body*/,
                     drover_sink sink,
                     void* context) noexcept {
    if (view(name) != "trace_context") {
        return DROVER_E_UNSUPPORTED;
    }
    return answered("trace_context", HostCall::TraceContext, call, index, nullptr, sink, context);
}

}  // namespace

const drover_host_api& hostApi() noexcept {
    static constexpr drover_host_api kApi = {
        .struct_size = sizeof(drover_host_api),
        .abi_major = DROVER_ABI_MAJOR,
        .abi_minor = DROVER_ABI_MINOR,
        .complete = &complete,
        .fail = &fail,
        .unavailable = &unavailable,
        .move_to_delayed = &moveToDelayed,
        .move_to_wait = &moveToWait,
        .move_to_waiting_children = &moveToWaitingChildren,
        .rate_limit = &rateLimit,
        .update_progress = &updateProgress,
        .update_data = &updateData,
        .add_log = &addLog,
        .add_children = &addChildren,
        .children_values = &childrenValues,
        .cancelled = &cancelled,
        .wait_cancelled = &waitCancelled,
        .write_log = &writeLog,
        .request = &request,
        .cancel_reason = &cancelReason,
        .put_off = &putOff,
        .write_log_about = &writeLogAbout,
        .add_jobs = &addJobs,
        .stored_job = &storedJob,
        .move_to_waiting_child = &moveToWaitingChild,
        .append_log = &appendLog,
        .dependencies = &dependencies,
        .dependencies_count = &dependenciesCount,
        .failed_children = &failedChildren,
        .remove_unprocessed_children = &removeUnprocessedChildren,
        .upsert_scheduler = &upsertScheduler,
        .remove_scheduler = &removeScheduler,
    };
    return kApi;
}

}  // namespace drover
