#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/Configuration.h"
#include "config/Settings.h"
#include "control/ControlCommands.h"
#include "process/Component.h"
#include "process/ExitCode.h"
#include "process/Reloader.h"
#include "process/ServiceManager.h"
#include "process/SignalThread.h"

namespace drover {

class Process;

/// The parts of a process; made by assemble().
struct Assembly {
    std::vector<ServerProbe> probes;  ///< All must answer before anything is constructed.
    /// The components in the order of their start; called once, when every probe has answered.
    std::function<std::vector<std::unique_ptr<Component>>(Process& process)> construct;
};

/// The life of a process: wait for its servers, start its components, run until a signal, end in the reverse order.
///
/// Control command: "health", {"ok": bool, "state": string, "version": string, "pid": int, "uptimeMs": int,
/// "logLinesDropped": int, "checks": [{"name": string, "ok": bool, "detail": string}]}. "quiet" and "resume" request what
/// TSTP and CONT do; "health" shows when it is done.
/// Threads: run() on one thread; signals and control commands arrive on threads of their own.
class Process : public SignalListener {
public:
    /// `onReload` gets every configuration that a reload has accepted, before the components do.
    Process(Configuration config,
            Settings settings,
            ServiceManager manager,
            std::function<void(const Configuration&)> onReload);
    ~Process() override;
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    /// Ok: ended by a signal. Unavailable: a server did not answer within startup.timeoutMs.
    /// Throws as construct() and start() do, after all started components have ended.
    ExitCode run(const Assembly& assembly);

    /// Served on the control socket; commands of other parts are added here before run().
    [[nodiscard]] ControlCommands& commands() { return commands_; }
    /// JSON, as above.
    [[nodiscard]] std::string healthJson() const;
    /// Adds the figures of every component that has started. Any thread.
    void measure(Metrics& metrics) const;
    /// Lets the components look for files that came, changed or went. Any thread; returns at once.
    void rescan() { post(Request::Look); }
    /// Reads the configuration again as HUP does, if its files have just these texts; otherwise returns false. Logs a
    /// refusal. Only for components, from within rescan().
    [[nodiscard]] bool reload(const FileTexts& texts);

    void onDrain(int signal) override;
    void onStopNow(int signal) override;
    void onReload() override;
    void onQuiet() override;
    void onResume() override;

private:
    enum class State { Starting, Running, Quiet, Draining };
    enum class Request { Drain, Reload, Rescan, Look, Quiet, Resume };
    using Clock = std::chrono::steady_clock;

    void post(Request request);
    Request next();
    [[nodiscard]] bool drainRequested() const;
    [[nodiscard]] bool stopRequested() const;

    ExitCode waitForServers(const std::vector<ServerProbe>& probes);
    void start(const Assembly& assembly);
    void serveRequests();
    void serve(Request request);
    void drain();
    void setState(State state);
    [[nodiscard]] static const char* nameOf(State state);
    /// Returns the parts that stand still, with their details; empty: none does.
    [[nodiscard]] std::string standstill() const;
    [[nodiscard]] std::vector<Component*> started() const;

    const Settings settings_;  ///< As at the start.
    const ServiceManager manager_;
    Reloader reloader_;
    ControlCommands commands_;
    const Clock::time_point began_ = Clock::now();

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Request> requests_;
    State state_ = State::Starting;
    std::string waitingFor_;           ///< While Starting: the server that does not answer.
    std::vector<Component*> started_;  ///< In order.
    bool stopNow_ = false;             ///< A second TERM came; also for what is started after it.

    std::vector<std::unique_ptr<Component>> components_;  ///< Used by the thread in run().
};

}  // namespace drover
