#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "drover/ActiveJob.h"
#include "drover/Config.h"
#include "drover/Outcome.h"
#include "drover/PluginAbi.h"
#include "drover/Unavailable.h"

namespace drover {

/// The functions that both kinds of handlers may override. The engine calls only functions that a class overrides.
/// Threads: an instance is used by one thread at a time, and made and destroyed on that thread.
class HandlerBase {
public:
    HandlerBase() = default;
    HandlerBase(const HandlerBase&) = delete;
    HandlerBase& operator=(const HandlerBase&) = delete;
    virtual ~HandlerBase() = default;

    /// Called before a job is failed for stalling too often: its effect may be there already. std::nullopt: unknown.
    /// Throwing drover::Unavailable hands the job back; the call is repeated later.
    virtual std::optional<Outcome> outcomeOf(const ActiveJob& job) {
        (void)job;
        return std::nullopt;
    }

    /// The handler's own backoff, for jobs whose backoff `type` is not built in: how long to wait after `attemptsMade`
    /// failed attempts (counted from 1). 0 retries at once, std::nullopt fails for good. An exception retries at once.
    virtual std::optional<std::chrono::milliseconds> backoff(const JobInfo& job,
                                                             int attemptsMade,
                                                             std::string_view type,
                                                             std::string_view reason) {
        (void)job, (void)attemptsMade, (void)type, (void)reason;
        return std::nullopt;
    }

    /// A reload changed reloadable keys; called between two runs. An exception is logged and the old values stay.
    virtual void configure(const Config& config) { (void)config; }
};

/// Runs one job at a time. The constructor has the parameter `const drover::Config&` or none; an exception refuses the handler.
class Handler : public HandlerBase {
public:
    /// Returns the job's outcome. Throwing drover::Unavailable hands the job back; any other exception fails it, with that
    /// exception and those nested in it as the trace. An outcome set on `job` before stands.
    virtual Outcome process(ActiveJob& job) = 0;
};

/// Runs several jobs at once; sets an outcome on each of them.
class BatchHandler : public HandlerBase {
public:
    /// A job left without an outcome is handed back to its queue. Throwing drover::Unavailable hands back all that have
    /// none. Any other exception is the fault of one job without outcome: those jobs are run again in halves until it
    /// is found. So an effect must be undone (or not yet done) when process() throws.
    virtual void process(std::span<ActiveJob> jobs) = 0;
};

/// The settings of a handler besides its name.
struct HandlerOptions {
    /// The alias under queue.* in the configuration, or else the queue's own name.
    std::string queue = {};
    /// The job names it serves; empty: the handler's own name.
    std::vector<std::string> jobNames = {};
    /// Serves every name that no other handler of the queue serves; `jobNames` must be empty then.
    bool anyJobName = false;
    /// Most jobs at once, for a BatchHandler. A plain Handler gets one.
    std::uint32_t batchMax = 64;
    /// JSON object of queue settings that this handler suggests, e.g. {"maxStalledCount": 10}; empty: none.
    std::string defaultOptions = {};
};

}  // namespace drover

#include "drover/PluginBuilder.h"
