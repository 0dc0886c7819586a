#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/ProcessIsolation.h"
#include "core/HandlerType.h"
#include "plugin/isolation/ChildProcess.h"
#include "plugin/isolation/HandlerProtocol.h"

namespace Poco {
class Logger;
}

namespace drover {

/// One handler process with one instance of a handler, from the side of the engine.
///
/// The process dies with the thread that made this object (docs/pitfalls.md#u3).
/// Threads: the one that made it.
class IsolatedProcess {
public:
    using Clock = std::chrono::steady_clock;

    /// The result of a run.
    struct End {
        /// How the process ended, if it did: "handler process ended by SIGSEGV".
        std::optional<std::string> death;
        std::optional<std::int64_t> backoffMs;  ///< For backoff().
        bool worn = false;                      ///< A fresh process is better from here on.
    };

    /// Starts the process and waits until the handler's instance is made. `plugin` is the plugin's private copy, `log` where
    /// lines of its log go, `output` where what it prints goes. Throws PluginException with the plugin's reason, or with how the process ended.
    IsolatedProcess(const ProcessIsolation& isolation,
                    const wire::Hello& hello,
                    int plugin,
                    int log,
                    int output);
    /// Lets the handler end; kills the process if that takes too long.
    ~IsolatedProcess();
    IsolatedProcess(const IsolatedProcess&) = delete;
    IsolatedProcess& operator=(const IsolatedProcess&) = delete;

    [[nodiscard]] pid_t pid() const noexcept { return child_.pid(); }

    /// Gives the next run this configuration.
    void configure(const wire::Config& config);
    /// Runs the jobs; `decided` has an element for each job, true once its outcome has arrived. `untimed`: a soft timeout
    /// that has passed is not sent.
    [[nodiscard]] End process(std::span<RunningJob* const> jobs,
                              std::vector<bool>& decided,
                              bool untimed);
    [[nodiscard]] End outcomeOf(RunningJob& job);
    [[nodiscard]] End backoff(const ClaimedJob& job,
                              int attemptsMade,
                              std::string_view type,
                              std::string_view reason);

private:
    struct Sockets {
        Descriptor engine;
        Descriptor child;
    };
    struct Conversation;

    IsolatedProcess(const ProcessIsolation& isolation,
                    const wire::Hello& hello,
                    int plugin,
                    int log,
                    int output,
                    Sockets sockets);
    static Sockets socketPair();
    void greet(const wire::Hello& hello);
    [[nodiscard]] std::string encodedRun(const Conversation& with, bool outcomeOnly) const;
    [[nodiscard]] End converse(const std::string& request, Conversation& with);
    /// Returns true at the end of the conversation.
    bool onFrame(const wire::Frame& frame, Conversation& with, End& end);
    void acceptOutcome(wire::Outcome message, Conversation& with);
    void serve(const wire::Call& call, const Conversation& with);
    void pushCancels(Conversation& with);
    /// Makes sure that it is dead and returns how it ended. `why`: the reason of a kill if it does not end within `dying`.
    /// Outcomes that are still on the way count.
    [[nodiscard]] std::string bury(const std::string& why,
                                   std::chrono::milliseconds dying,
                                   Conversation* with);
    [[nodiscard]] std::string describe(int waitStatus) const;

    const ProcessIsolation isolation_;
    const Poco::Logger& logger_;  ///< The plugin's own.
    wire::Channel channel_;
    ChildProcess child_;
    std::uint32_t runs_ = 0;
};

}  // namespace drover
