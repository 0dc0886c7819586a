#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/ClaimedJob.h"
#include "core/JobOutcome.h"

namespace drover {

/// The reason why a job's cancel token is set; the numbers are the plugin ABI's.
enum class CancelReason { None = 0, Lost = 1, Timeout = 2, Remote = 3, Shutdown = 4 };

/// The answer of a host call; the numbers are the plugin ABI's (DROVER_OK, DROVER_E_*).
enum class HostStatus {
    Ok = 0,
    Argument = 1,
    Twice = 2,
    Lost = 3,
    Unavailable = 4,
    Unsupported = 5
};

/// The calls by which a handler changes or reads Redis while it runs: a text, answered by a status and a text. The numbers are
/// those of the protocol with handler processes.
enum class HostCall : std::uint8_t {
    UpdateProgress,  ///< JSON.
    UpdateData,      ///< JSON.
    AddLog,          ///< A row, UTF-8. The answer is the number of rows.
    AddChildren,     ///< See drover_host_api::add_children, and so on.
    ChildrenValues,
    AddJobs,
    StoredJob,
    Dependencies,  ///< Empty: all of them.
    DependenciesCount,
    FailedChildren,
    RemoveUnprocessedChildren,  ///< The answer is the number of removed jobs.
    UpsertScheduler,
    RemoveScheduler,
    TraceContext,  ///< The answer is TraceContext::metadata(); empty: there are no traces.
    Last = TraceContext
};

/// A claimed job while a handler has it. Owned by the worker; implements the calls of a handler.
/// Threads: every method may be called from any thread while the handler runs.
class RunningJob {
public:
    virtual ~RunningJob() = default;
    [[nodiscard]] virtual const ClaimedJob& job() const = 0;
    /// Returns the worker's name in the list of clients; empty: it has none.
    [[nodiscard]] virtual const std::string& workerName() const = 0;

    /// Sets the outcome; false if there is one already (the first one stands).
    virtual bool setOutcome(JobOutcome outcome) = 0;

    [[nodiscard]] virtual CancelReason cancelled() const = 0;
    /// Sleeps until the token is set or the time is over.
    virtual CancelReason waitCancelled(std::chrono::milliseconds timeout) = 0;
    /// Returns the words that came with the request to cancel, UTF-8; empty if there are none.
    [[nodiscard]] virtual std::string cancelledWhy() const = 0;

    /// Carries out a call. `answer` has its result with HostStatus::Ok, and with HostStatus::Argument what is wrong with `text`.
    virtual HostStatus call(HostCall function, std::string_view text, std::string& answer) = 0;

    HostStatus updateProgress(std::string_view json) {
        return call(HostCall::UpdateProgress, json);
    }
    HostStatus updateData(std::string_view json) { return call(HostCall::UpdateData, json); }
    HostStatus addLog(std::string_view row) { return call(HostCall::AddLog, row); }
    /// `ids`: JSON array.
    HostStatus addChildren(std::string_view childrenJson, std::string& ids) {
        return call(HostCall::AddChildren, childrenJson, ids);
    }
    /// `values`: JSON object, child job key to result.
    HostStatus childrenValues(std::string& values) {
        return call(HostCall::ChildrenValues, "", values);
    }

private:
    HostStatus call(HostCall function, std::string_view text) {
        std::string answer;
        return call(function, text, answer);
    }
};

/// One instance of a handler; used by the thread that made it, and destroyed there.
class HandlerInstance {
public:
    virtual ~HandlerInstance() = default;
    /// Runs the jobs; never throws. A job without outcome afterwards is handed back.
    virtual void process(std::span<RunningJob* const> jobs) = 0;
    /// Sets an outcome if the job's effect is known already. Does nothing if the handler does not offer it.
    virtual void outcomeOf(RunningJob& job) = 0;
    /// Returns the handler's own backoff in ms; -1 fails for good; std::nullopt: it has none for this type.
    virtual std::optional<std::int64_t> backoff(const ClaimedJob& job,
                                                int attemptsMade,
                                                std::string_view type,
                                                std::string_view reason) = 0;
};

/// A kind of jobs that a loaded plugin can run; makes instances. The worker's whole view of plugins.
/// Threads: every method may be called from any thread.
class HandlerType {
public:
    virtual ~HandlerType() = default;
    [[nodiscard]] virtual const std::string& name() const = 0;  ///< "<plugin>/<handler>".
    [[nodiscard]] virtual const std::string& pluginVersion()
        const = 0;  ///< "<plugin> <version>", for stack traces.
    [[nodiscard]] virtual const std::vector<std::string>& jobNames()
        const = 0;  ///< Empty: every name without another handler.
    [[nodiscard]] virtual const std::string& defaultQueue() const = 0;
    [[nodiscard]] virtual std::uint32_t batchMax() const = 0;
    /// Queue settings that the plugin suggests, key below queue.<alias> to value.
    [[nodiscard]] virtual const std::map<std::string, std::string>& defaultOptions() const = 0;
    /// Throws PluginException if the plugin refuses.
    [[nodiscard]] virtual std::unique_ptr<HandlerInstance> create() = 0;
};

}  // namespace drover
