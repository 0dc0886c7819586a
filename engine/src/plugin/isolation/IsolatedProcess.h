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

/// One handler process with one instance of a handler in it, as the engine sees it.
///
/// The process dies with the thread that made this object: PR_SET_PDEATHSIG looks at threads.
/// Threads: the one that made it.
class IsolatedProcess {
public:
    using Clock = std::chrono::steady_clock;

    /// What a run left behind.
    struct End {
        /// How the process ended, if it did: "handler process ended by SIGSEGV".
        std::optional<std::string> death;
        std::optional<std::int64_t> backoffMs;  ///< Of backoff().
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

    /// The next run sees this configuration.
    void configure(const wire::Config& config);
    /// Runs the jobs; `decided` tells whose outcome has arrived, and has an element for each. `untimed`: a soft timeout
    /// that has passed is not told.
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
    [[nodiscard]] End converse(const std::string& request, Conversation& with);
    /// True: the conversation is over.
    bool take(const wire::Frame& frame, Conversation& with, End& end);
    void takeOutcome(wire::Outcome message, Conversation& with);
    void serve(const wire::Call& call, const Conversation& with);
    void pushCancels(Conversation& with);
    /// Makes sure that it is dead and says how it ended; `why` the engine kills it if it does not end within `dying`.
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
