#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "drover/Service.h"

namespace drover {

class Configuration;

using HealthReports = std::vector<std::pair<std::string, HealthReport>>;

/// A part of the running process: a worker, a service, the connections they share.
///
/// Life: start() once; then quiet() and resume() any number of times; then drain() once, which returns when everything
/// of it has ended. Started in the order of construction, drained and destroyed in the reverse one.
/// Threads: health() and stopNow() may be called from any thread between start() and destruction, stopNow() also while
/// drain() runs; everything else is called on one thread.
class Component {
public:
    using Clock = std::chrono::steady_clock;

    virtual ~Component() = default;
    [[nodiscard]] virtual const std::string& name() const = 0;

    /// Throws if it cannot run at all; a server that is away later is its own affair.
    virtual void start() = 0;
    /// Takes nothing new; what runs goes on.
    virtual void quiet() {}
    virtual void resume() {}
    /// What then makes a change, and cannot fail; may be empty. Dropped without a call, it leaves everything as it is.
    using Change = std::function<void()>;
    /// Makes ready for a configuration; what needs a restart is as before in it. When plugins go, keys of theirs that are
    /// still set are unknown in it; otherwise Settings::check() has found it good. Whatever is thrown refuses it for the
    /// whole process. `config` is not there any more when the change is made.
    [[nodiscard]] virtual Change prepare(const Configuration& config) {
        (void)config;
        return {};
    }
    /// Files may have come, changed or gone; `asked`: not a watcher says so, but somebody by HUP.
    virtual void rescan(const Configuration& config, bool asked) {
        (void)config;
        (void)asked;
    }
    /// Ends: what runs may finish until `deadline`, then it is given up. Never throws.
    virtual void drain(Clock::time_point deadline) = 0;
    /// After drain(): whether code that was given up still runs on threads of ours. They cannot be joined: the process
    /// then ends without destroying anything.
    [[nodiscard]] virtual bool stillBusy() const { return false; }
    /// Makes drain() return as soon as possible.
    virtual void stopNow() {}
    /// Must answer within milliseconds.
    [[nodiscard]] virtual HealthReports health() const { return {}; }
};

/// A server that the process needs before it starts anything.
struct ServerProbe {
    std::string name;  ///< "redis 127.0.0.1:6379"; shown, no secrets.
    /// Returns if it answers, throws if not; ConfigException if waiting will not help.
    std::function<void()> ask;
};

}  // namespace drover
