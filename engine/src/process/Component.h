#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drover/Service.h"

namespace drover {

class Configuration;

using HealthReports = std::vector<std::pair<std::string, HealthReport>>;

/// A change of the configuration that a component proposes, such as the one that comes with a plugin's file.
class Proposal {
public:
    virtual ~Proposal() = default;
    /// Returns the configuration to adopt, given the one in force by now; std::nullopt: nothing is to be adopted. Throws to
    /// refuse the change.
    [[nodiscard]] virtual std::optional<Configuration> configuration(
        const Configuration& inForce) = 0;
    /// Called when every component has made the change, or if nothing was to be adopted. Must not throw.
    virtual void onAdopted() = 0;
    /// Called if configuration() or a component refuses; then nothing has changed. Must not throw.
    virtual void onRefused(const std::exception& error) = 0;
};

/// A part of the running process: a worker, a service, the connections that both share.
///
/// Life: start() once; then quiet() and resume() any number of times; then drain() once, which returns when everything
/// of it has ended. Started in the order of construction, drained and destroyed in the reverse one.
/// Threads: health(), measure() and stopNow() may be called from any thread between start() and destruction, stopNow() also while
/// drain() runs; everything else is called on one thread.
class Component {
public:
    using Clock = std::chrono::steady_clock;
    using Proposals = std::vector<std::unique_ptr<Proposal>>;

    virtual ~Component() = default;
    [[nodiscard]] virtual const std::string& name() const = 0;

    /// Throws if it cannot run at all. A later outage of a server is the component's to handle.
    virtual void start() = 0;
    /// Begins nothing new; running work goes on.
    virtual void quiet() {}
    virtual void resume() {}
    /// Applies a prepared change, and cannot fail; may be empty. Dropped without a call, it changes nothing.
    using Change = std::function<void()>;
    /// Prepares a change to `config`, in which keys that need a restart have their old values. When plugins go, their keys
    /// that are still set are unknown in it; otherwise Settings::check() has accepted it. An exception refuses it for the
    /// whole process. `config` does not live until the change is made.
    [[nodiscard]] virtual Change prepare(const Configuration& config) {
        (void)config;
        return {};
    }
    /// Looks for files that came, changed or went, and returns the changes that follow; the process adopts them one by one.
    /// `requested`: by HUP, not by a watcher.
    [[nodiscard]] virtual Proposals rescan(const Configuration& config, bool requested) {
        (void)config;
        (void)requested;
        return {};
    }
    /// Ends: running work may finish until `deadline`, then it is given up. Never throws.
    virtual void drain(Clock::time_point deadline) = 0;
    /// Returns true, after drain(), if abandoned code still runs on threads of the process. They cannot be joined: the
    /// process then ends without destroying anything.
    [[nodiscard]] virtual bool stillBusy() const { return false; }
    /// Makes drain() return as soon as possible.
    virtual void stopNow() {}
    /// Must return within milliseconds.
    [[nodiscard]] virtual HealthReports health() const { return {}; }
    /// Adds the figures of the component. Must return within milliseconds.
    virtual void measure(Metrics& metrics) const { (void)metrics; }
};

/// A server that the process needs before it starts anything.
struct ServerProbe {
    std::string name;  ///< "redis 127.0.0.1:6379"; shown, no secrets.
    /// Returns if the server answers, throws if not; ConfigException if waiting will not help.
    std::function<void()> check;
};

}  // namespace drover
