#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "drover/AbiText.h"
#include "drover/Json.h"
#include "drover/Outcome.h"
#include "drover/PluginAbi.h"
#include "drover/testing/Children.h"
#include "drover/testing/Job.h"

namespace drover::testing::detail {

/// The host table of the engine, on jobs of a test.
class Host {
public:
    /// One run of process() or outcome_of(). Handlers get it as a drover_call.
    struct Call {
        std::string plugin;
        std::vector<JobState*> jobs{};
        drover_call* opaque() noexcept { return reinterpret_cast<drover_call*>(this); }
    };

    static const drover_host_api& api() noexcept {
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

private:
    static JobState* find(drover_call* call, std::uint32_t index) noexcept {
        auto* const known = reinterpret_cast<Call*>(call);
        return known == nullptr || index >= known->jobs.size() ? nullptr : known->jobs[index];
    }

    static std::int32_t decide(drover_call* call,
                               std::uint32_t index,
                               bool good,
                               Outcome outcome) noexcept {
        JobState* const job = find(call, index);
        if (job == nullptr || !good) {
            return DROVER_E_ARGUMENT;
        }
        const std::lock_guard lock(job->mutex);
        if (job->outcome) {
            return DROVER_E_TWICE;
        }
        job->outcome = std::move(outcome);
        return DROVER_OK;
    }

    static std::int32_t complete(drover_call* call, std::uint32_t index, drover_bytes r) noexcept {
        const std::string_view json = abi::view(r);
        return decide(call,
                      index,
                      json.empty() || isJson(json),
                      completed(json.empty() ? std::string_view("null") : json));
    }
    static std::int32_t fail(drover_call* call,
                             std::uint32_t index,
                             drover_bytes reason,
                             drover_bytes trace,
                             std::int32_t forGood) noexcept {
        Outcome outcome = failed(repairedUtf8(abi::view(reason)));
        outcome.trace = repairedUtf8(abi::view(trace));
        outcome.kind = forGood != 0 ? Outcome::Kind::Unrecoverable : Outcome::Kind::Failed;
        return decide(call, index, true, std::move(outcome));
    }
    static std::int32_t unavailable(drover_call* call,
                                    std::uint32_t index,
                                    drover_bytes reason,
                                    std::int64_t ms) noexcept {
        return decide(call,
                      index,
                      ms >= 0,
                      {.kind = Outcome::Kind::Unavailable,
                       .text = repairedUtf8(abi::view(reason)),
                       .ms = ms});
    }
    static std::int32_t moveToDelayed(drover_call* call,
                                      std::uint32_t index,
                                      std::int64_t ms) noexcept {
        return decide(call, index, ms >= 0, {.kind = Outcome::Kind::Delayed, .ms = ms});
    }
    static std::int32_t moveToWait(drover_call* call, std::uint32_t index) noexcept {
        return decide(call, index, true, movedToWait());
    }
    static std::int32_t moveToWaitingChildren(drover_call* call, std::uint32_t index) noexcept {
        return decide(call, index, true, waitForChildren());
    }
    static std::int32_t moveToWaitingChild(drover_call* call,
                                           std::uint32_t index,
                                           drover_bytes childKey) noexcept {
        const std::string_view key = abi::view(childKey);
        return decide(call, index, !key.empty() && isUtf8(key), waitForChild(key));
    }
    static std::int32_t rateLimit(drover_call* call,
                                  std::uint32_t index,
                                  std::int64_t ms) noexcept {
        return decide(call, index, ms >= 0, {.kind = Outcome::Kind::RateLimited, .ms = ms});
    }

    /// A call that the engine would take to Redis: `act(job)` if Redis is there and no other worker has the job.
    template <typename Act>
    static std::int32_t reachRedis(drover_call* call,
                                   std::uint32_t index,
                                   bool good,
                                   Act act) noexcept {
        JobState* const job = find(call, index);
        if (job == nullptr || !good) {
            return DROVER_E_ARGUMENT;
        }
        const std::lock_guard lock(job->mutex);
        if (job->cause == CancelCause::Lost) {
            return DROVER_E_LOST;
        }
        if (job->redisAway) {
            return DROVER_E_UNAVAILABLE;
        }
        act(*job);
        return DROVER_OK;
    }

    static std::int32_t updateProgress(drover_call* call,
                                       std::uint32_t index,
                                       drover_bytes json) noexcept {
        return reachRedis(call, index, isJson(abi::view(json)), [&](JobState& job) {
            job.progress.emplace_back(abi::view(json));
        });
    }
    static std::int32_t updateData(drover_call* call,
                                   std::uint32_t index,
                                   drover_bytes json) noexcept {
        return reachRedis(call, index, isJson(abi::view(json)), [&](JobState& job) {
            job.data.emplace_back(abi::view(json));
        });
    }
    static std::int32_t addLog(drover_call* call, std::uint32_t index, drover_bytes row) noexcept {
        return appendLog(call, index, row, nullptr);
    }
    static std::int32_t appendLog(drover_call* call,
                                  std::uint32_t index,
                                  drover_bytes row,
                                  std::int64_t* rows) noexcept {
        return reachRedis(call, index, isUtf8(abi::view(row)), [&](JobState& job) {
            job.logs.emplace_back(abi::view(row));
            if (rows != nullptr) {
                *rows = static_cast<std::int64_t>(job.logs.size());
            }
        });
    }
    static std::int32_t addChildren(drover_call* call,
                                    std::uint32_t index,
                                    drover_bytes json,
                                    drover_sink sink,
                                    void* context) noexcept {
        const JobState* const parent = find(call, index);
        auto children =
            parent == nullptr ? std::nullopt : parseChildren(abi::view(json), parent->fields.queue);
        std::string ids = "[";
        const std::int32_t answer =
            reachRedis(call, index, children.has_value(), [&](JobState& job) {
                for (Child& child : *children) {
                    job.children.push_back(std::move(child));
                    ids += (ids.size() > 1 ? ",\"" : "\"") + std::to_string(job.children.size());
                    ids += '"';
                }
                ids += "]";
            });
        if (answer == DROVER_OK && sink != nullptr) {
            sink(context, abi::bytes(ids));
        }
        return answer;
    }
    /// A read whose answer the test has set.
    static std::int32_t answerWith(std::string JobState::*member,
                                   drover_call* call,
                                   std::uint32_t index,
                                   drover_sink sink,
                                   void* context) noexcept {
        std::string value;
        const std::int32_t answer =
            reachRedis(call, index, true, [&](JobState& job) { value = job.*member; });
        if (answer == DROVER_OK && sink != nullptr) {
            sink(context, abi::bytes(value));
        }
        return answer;
    }
    static std::int32_t childrenValues(drover_call* call,
                                       std::uint32_t index,
                                       drover_sink sink,
                                       void* context) noexcept {
        return answerWith(&JobState::childrenValues, call, index, sink, context);
    }
    static std::int32_t storedJob(drover_call* call,
                                  std::uint32_t index,
                                  drover_sink sink,
                                  void* context) noexcept {
        return answerWith(&JobState::stored, call, index, sink, context);
    }
    /// The children that the test has set; pages have all of them.
    static std::int32_t dependencies(drover_call* call,
                                     std::uint32_t index,
                                     drover_bytes pages,
                                     drover_sink sink,
                                     void* context) noexcept {
        if (pages.size > 0 &&
            !JsonView::tryParse(abi::view(pages)).value_or(JsonView()).isObject()) {
            return DROVER_E_ARGUMENT;
        }
        return answerWith(&JobState::dependencies, call, index, sink, context);
    }
    static std::int32_t dependenciesCount(drover_call* call,
                                          std::uint32_t index,
                                          drover_sink sink,
                                          void* context) noexcept {
        return answerWith(&JobState::dependenciesCount, call, index, sink, context);
    }
    static std::int32_t failedChildren(drover_call* call,
                                       std::uint32_t index,
                                       drover_sink sink,
                                       void* context) noexcept {
        return answerWith(&JobState::failedChildren, call, index, sink, context);
    }
    static std::int32_t removeUnprocessedChildren(drover_call* call,
                                                  std::uint32_t index,
                                                  std::int64_t* removed) noexcept {
        return reachRedis(call, index, true, [&](JobState& job) {
            job.unprocessedRemoved = true;
            if (removed != nullptr) {
                *removed = job.unprocessed;
            }
        });
    }

    /// Calls `act(job, scheduler)`, which returns the answer, for an argument of the right form.
    template <typename Act>
    static std::int32_t withScheduler(drover_call* call,
                                      std::uint32_t index,
                                      drover_bytes text,
                                      drover_sink sink,
                                      void* context,
                                      Act act) noexcept {
        constexpr std::size_t kAnyDepth = std::numeric_limits<std::size_t>::max();
        const JsonView json = JsonView::tryParse(abi::view(text), kAnyDepth).value_or(JsonView());
        const auto id = json["id"].string();
        std::string answer;
        const std::int32_t status = reachRedis(call, index, id.has_value(), [&](JobState& job) {
            answer = act(job,
                         SchedulerToUpsert{
                             *id,
                             std::string(json["repeat"].text()),
                             std::string(json["template"].text()),
                             qualified(json["queue"].string().value_or(""), job.fields.queue)});
        });
        if (status == DROVER_OK && sink != nullptr) {
            sink(context, abi::bytes(answer));
        }
        return status;
    }
    static std::int32_t upsertScheduler(drover_call* call,
                                        std::uint32_t index,
                                        drover_bytes text,
                                        drover_sink sink,
                                        void* context) noexcept {
        return withScheduler(
            call, index, text, sink, context, [](JobState& job, SchedulerToUpsert scheduler) {
                const std::string due = std::to_string(job.fields.timestampMs);
                std::string answer =
                    "{\"jobId\":" + jsonString("repeat:" + scheduler.id + ":" + due) +
                    ",\"dueMs\":" + due + "}";
                job.schedulers.push_back(std::move(scheduler));
                return answer;
            });
    }
    static std::int32_t removeScheduler(drover_call* call,
                                        std::uint32_t index,
                                        drover_bytes text,
                                        drover_sink sink,
                                        void* context) noexcept {
        return withScheduler(
            call, index, text, sink, context, [](JobState& job, const SchedulerToUpsert& one) {
                const auto end = std::remove_if(
                    job.schedulers.begin(), job.schedulers.end(), [&](const auto& known) {
                        return known.id == one.id && known.queue == one.queue;
                    });
                const bool found = end != job.schedulers.end();
                job.schedulers.erase(end, job.schedulers.end());
                return std::string(found ? "true" : "false");
            });
    }

    static std::string resultOfAdd(JobState& job, const JsonView& json) {
        auto added = parseJob(json, job.fields.queue, true);
        if (!added || job.rejection) {
            const int code = added ? job.rejection->code : 0;
            return R"({"status":"rejected","code":)" + std::to_string(code) + R"(,"message":)" +
                   jsonString(added ? job.rejection->message : "not a job of the right form") + "}";
        }
        job.added.push_back(std::move(*added));
        return R"({"status":"added","id":")" + std::to_string(job.added.size()) + R"("})";
    }
    static std::int32_t addJobs(drover_call* call,
                                std::uint32_t index,
                                drover_bytes json,
                                drover_sink sink,
                                void* context) noexcept {
        const auto jobs =
            JsonView::tryParse(abi::view(json), std::numeric_limits<std::size_t>::max());
        std::string results = "[";
        const bool isArray = jobs && jobs->isArray();
        const std::int32_t answer = reachRedis(call, index, isArray, [&](JobState& job) {
            for (const JsonView& one : jobs->elements()) {
                results.append(results.size() > 1 ? "," : "").append(resultOfAdd(job, one));
            }
            results += "]";
        });
        const bool isRefused = answer == DROVER_E_ARGUMENT && !isArray;
        if (sink != nullptr && (answer == DROVER_OK || isRefused)) {
            sink(context, abi::bytes(isRefused ? "the jobs are not a JSON array" : results));
        }
        return answer;
    }

    static std::int32_t cancelled(drover_call* call, std::uint32_t index) noexcept {
        JobState* const job = find(call, index);
        if (job == nullptr) {
            return DROVER_CANCELLED_LOST;
        }
        const std::lock_guard lock(job->mutex);
        return static_cast<std::int32_t>(job->cause);
    }
    static std::int32_t waitCancelled(drover_call* call,
                                      std::uint32_t index,
                                      std::int64_t timeoutMs) noexcept {
        constexpr std::int64_t kLongestWaitMs = std::int64_t{365} * 24 * 3600 * 1000;
        JobState* const job = find(call, index);
        if (job == nullptr) {
            return DROVER_CANCELLED_LOST;
        }
        // A handler may be polling for what another thread of its does.
        std::this_thread::yield();
        const std::lock_guard lock(job->mutex);
        if (job->cause == CancelCause::None) {
            const auto end = job->waited + std::chrono::milliseconds(std::clamp<std::int64_t>(
                                               timeoutMs, 0, kLongestWaitMs));
            const bool reached = job->planned && end >= job->planned->waited;
            job->waited = reached ? std::max(job->waited, job->planned->waited) : end;
            if (reached) {
                job->cause = job->planned->cause;
                job->cancelReason = job->planned->reason;
            }
        }
        return static_cast<std::int32_t>(job->cause);
    }

    static std::int32_t putOff(drover_call* call,
                               std::uint32_t index,
                               std::int64_t ms,
                               drover_bytes reason) noexcept {
        return decide(
            call,
            index,
            ms >= 0,
            {.kind = Outcome::Kind::Delayed, .text = repairedUtf8(abi::view(reason)), .ms = ms});
    }

    static std::int32_t cancelReason(drover_call* call,
                                     std::uint32_t index,
                                     drover_sink sink,
                                     void* context) noexcept {
        JobState* const job = find(call, index);
        if (job == nullptr) {
            return DROVER_E_ARGUMENT;
        }
        std::string reason;
        {
            const std::lock_guard lock(job->mutex);
            reason = job->cancelReason;
        }
        if (sink != nullptr) {
            sink(context, abi::bytes(reason));
        }
        return DROVER_OK;
    }

    static void remember(LogLine line) {
        Log& log = processLog();
        const std::lock_guard lock(log.mutex);
        log.lines.push_back(std::move(line));
    }
    static void writeLog(const char* plugin, std::int32_t level, drover_bytes text) noexcept {
        remember({plugin == nullptr ? "" : plugin, level, repairedUtf8(abi::view(text))});
    }
    static std::int32_t writeLogAbout(drover_call* call,
                                      std::uint32_t index,
                                      std::int32_t level,
                                      drover_bytes text) noexcept {
        const JobState* const job = find(call, index);
        if (job == nullptr) {
            return DROVER_E_ARGUMENT;
        }
        remember({reinterpret_cast<const Call*>(call)->plugin,
                  level,
                  repairedUtf8(abi::view(text)),
                  job->fields.id});
        return DROVER_OK;
    }

    static std::int32_t request(
        drover_call*, std::uint32_t, drover_bytes, drover_bytes, drover_sink, void*) noexcept {
        return DROVER_E_UNSUPPORTED;
    }
};

}  // namespace drover::testing::detail
