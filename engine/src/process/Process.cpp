#include "process/Process.h"

#include <algorithm>
#include <optional>
#include <unistd.h>

#include <Poco/Logger.h>

#include "control/ControlSocket.h"
#include "core/Version.h"
#include "drover/Exceptions.h"
#include "drover/JsonWriter.h"
#include "process/Logging.h"
#include "process/Watchdog.h"

namespace drover {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

/// How often a server that does not answer is tried.
constexpr milliseconds kProbeInterval{200};
/// How long the last lines of the log may take.
constexpr milliseconds kLastFlush{1000};

Poco::Logger& logger() {
    return Poco::Logger::get("engine");
}

std::string seconds(milliseconds time) {
    const auto tenths = time.count() / 100;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

}  // namespace

Process::Process(Configuration config,
                 Settings settings,
                 ServiceManager manager,
                 std::function<void(const Configuration&)> onReload)
    : settings_(std::move(settings)),
      manager_(std::move(manager)),
      reloader_(std::move(config), std::move(onReload)) {
    commands_.add("health", [this](const JsonView&) { return healthJson(); });
    commands_.add("quiet", [this](const JsonView&) {
        onQuiet();
        return "true";
    });
    commands_.add("resume", [this](const JsonView&) {
        onResume();
        return "true";
    });
}

Process::~Process() {
    while (!components_.empty()) {
        components_.pop_back();
    }
}

ExitCode Process::run(const Assembly& assembly) {
    // Both end before the components do, which they use.
    std::unique_ptr<ControlSocket> control;
    if (!settings_.controlSocket.empty()) {
        control = std::make_unique<ControlSocket>(settings_.controlSocket, commands_);
    }
    const SignalThread signals(*this);
    const ExitCode waited = waitForServers(assembly.probes);
    if (waited != ExitCode::Ok || drainRequested()) {
        return waited;
    }
    try {
        start(assembly);
    } catch (...) {
        drain();
        throw;
    }
    const Watchdog watchdog(manager_, [this] { return standstill(); });
    manager_.onReady();
    serveRequests();
    drain();
    const auto parts = started();
    if (std::any_of(
            parts.begin(), parts.end(), [](const Component* one) { return one->stillBusy(); })) {
        // Destroying objects that a thread still uses would crash, and waiting would be for ever.
        logger().warning(
            "a handler does not end within shutdown.graceMs; the process ends without it");
        control.reset();
        Logging::flush(kLastFlush);
        _exit(static_cast<int>(ExitCode::Ok));
    }
    return ExitCode::Ok;
}

ExitCode Process::waitForServers(const std::vector<ServerProbe>& probes) {
    const auto deadline = Clock::now() + settings_.startupTimeout;
    for (const ServerProbe& probe : probes) {
        bool logged = false;
        while (!drainRequested()) {
            std::string reason;
            try {
                probe.check();
                break;
            } catch (const ConfigException&) {
                throw;
            } catch (const std::exception& error) {
                reason = messageOf(error);
            }
            if (Clock::now() >= deadline) {
                logger().fatal(probe.name + " did not answer within startup.timeoutMs (" +
                               std::to_string(settings_.startupTimeout.count()) + "): " + reason);
                return ExitCode::Unavailable;
            }
            if (!logged) {
                logger().warning("waiting for " + probe.name + ": " + reason);
                manager_.showStatus("waiting for " + probe.name + ": " + reason);
                logged = true;
            }
            std::unique_lock<std::mutex> lock(mutex_);
            waitingFor_ = probe.name + ": " + reason;
            changed_.wait_for(lock, kProbeInterval, [this] {
                return std::find(requests_.begin(), requests_.end(), Request::Drain) !=
                       requests_.end();
            });
        }
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    waitingFor_.clear();
    return ExitCode::Ok;
}

void Process::start(const Assembly& assembly) {
    components_ = assembly.construct(*this);
    for (const std::unique_ptr<Component>& component : components_) {
        component->start();
        const std::lock_guard<std::mutex> lock(mutex_);
        started_.push_back(component.get());
    }
    setState(State::Running);
    logger().information(
        "drover " + std::string(version()) + " is running, process " + std::to_string(getpid()) +
        (settings_.controlSocket.empty() ? "" : ", control socket " + settings_.controlSocket));
}

void Process::serveRequests() {
    for (Request request = next(); request != Request::Drain; request = next()) {
        try {
            serve(request);
        } catch (const std::exception& error) {
            logger().error("the request failed: " + messageOf(error));
        }
    }
}

void Process::serve(Request request) {
    switch (request) {
        case Request::Drain:
            break;
        case Request::Reload:
            manager_.onReload();
            reloader_.reload(started());
            manager_.onReady();
            break;
        case Request::Rescan:
        case Request::Look:
            for (Component* component : started()) {
                for (const auto& proposal :
                     component->rescan(reloader_.inForce(), request == Request::Rescan)) {
                    reloader_.consider(*proposal, started());
                }
            }
            break;
        case Request::Quiet:
            // The state changes last: whoever requested it sees that it is done.
            for (Component* component : started()) {
                component->quiet();
            }
            setState(State::Quiet);
            logger().information("quiet: claiming nothing new");
            manager_.showStatus("quiet: claiming nothing new");
            break;
        case Request::Resume:
            for (Component* component : started()) {
                component->resume();
            }
            setState(State::Running);
            logger().information("resumed");
            manager_.showStatus("running");
            break;
    }
}

bool Process::reload(const FileTexts& texts) {
    if (!reloader_.reload(texts, started())) {
        return false;
    }
    rescan();
    return true;
}

void Process::drain() {
    const auto began = Clock::now();
    const auto deadline = began + milliseconds(reloader_.inForce().integer("shutdown.graceMs"));
    setState(State::Draining);
    manager_.onStop();
    std::vector<Component*> components = started();
    std::reverse(components.begin(), components.end());
    // No component begins anything new while the first ones use up the time.
    for (Component* component : components) {
        component->quiet();
    }
    for (Component* component : components) {
        if (stopRequested()) {
            component->stopNow();
        }
        component->drain(deadline);
    }
    logger().information("ended after " +
                         seconds(duration_cast<milliseconds>(Clock::now() - began)));
}

void Process::setState(State state) {
    const std::lock_guard<std::mutex> lock(mutex_);
    state_ = state;
}

const char* Process::nameOf(State state) {
    switch (state) {
        case State::Starting:
            return "starting";
        case State::Running:
            return "running";
        case State::Quiet:
            return "quiet";
        case State::Draining:
            break;
    }
    return "draining";
}

std::vector<Component*> Process::started() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return started_;
}

std::string Process::standstill() const {
    std::string parts;
    for (const Component* component : started()) {
        for (const auto& [name, report] : component->health()) {
            if (report.standsStill) {
                parts += (parts.empty() ? "" : "; ") + name + ": " + report.detail;
            }
        }
    }
    return parts;
}

std::string Process::healthJson() const {
    HealthReports reports;
    for (const Component* component : started()) {
        for (auto& report : component->health()) {
            reports.push_back(std::move(report));
        }
    }
    State state;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        state = state_;
        if (!waitingFor_.empty()) {
            reports.push_back({"startup", {false, "waiting for " + waitingFor_}});
        }
    }
    // Quiet is an operator's wish and not a fault; a process that starts or ends is not fit for work.
    const bool ok =
        (state == State::Running || state == State::Quiet) &&
        std::all_of(reports.begin(), reports.end(), [](const auto& one) { return one.second.ok; });
    JsonWriter json;
    json.beginObject();
    json.key("ok").boolean(ok);
    json.key("state").text(nameOf(state));
    json.key("version").text(version());
    json.key("pid").number(getpid());
    json.key("uptimeMs").number(duration_cast<milliseconds>(Clock::now() - began_).count());
    json.key("logLinesDropped").number(static_cast<std::int64_t>(Logging::dropped()));
    json.key("checks").beginArray();
    for (const auto& [name, report] : reports) {
        json.beginObject();
        json.key("name").text(name);
        json.key("ok").boolean(report.ok);
        json.key("detail").text(report.detail);
        if (!report.counts.empty()) {
            json.key("counts").beginObject();
            for (const auto& [counted, value] : report.counts) {
                json.key(counted).number(value);
            }
            json.endObject();
        }
        json.endObject();
    }
    json.endArray();
    json.endObject();
    return json.str();
}

void Process::measure(Metrics& metrics) const {
    for (const Component* component : started()) {
        component->measure(metrics);
    }
}

void Process::post(Request request) {
    const std::lock_guard<std::mutex> lock(mutex_);
    // A rescan in front of a reload does not see its changes.
    if (request == Request::Look && !requests_.empty() && requests_.back() == request) {
        return;
    }
    requests_.push_back(request);
    changed_.notify_all();
}

Process::Request Process::next() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !requests_.empty(); });
    const Request request = requests_.front();
    requests_.pop_front();
    return request;
}

bool Process::drainRequested() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::find(requests_.begin(), requests_.end(), Request::Drain) != requests_.end();
}

bool Process::stopRequested() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return stopNow_;
}

void Process::onDrain(int signal) {
    logger().information("signal " + std::to_string(signal) +
                         ": finishing running work; a second one ends the process at once");
    post(Request::Drain);
}

void Process::onStopNow(int signal) {
    logger().warning("signal " + std::to_string(signal) + " again: ending at once");
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopNow_ = true;
    }
    for (Component* component : started()) {
        component->stopNow();
    }
}

void Process::onReload() {
    post(Request::Reload);
    post(Request::Rescan);
}
void Process::onQuiet() {
    post(Request::Quiet);
}
void Process::onResume() {
    post(Request::Resume);
}

}  // namespace drover
