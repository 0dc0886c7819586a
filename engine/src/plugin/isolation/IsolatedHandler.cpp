#include "plugin/isolation/IsolatedHandler.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <Poco/Message.h>

#include "core/Guarded.h"
#include "core/JobFields.h"
#include "core/JsonText.h"
#include "core/Random.h"
#include "drover/Exceptions.h"
#include "plugin/abi/ConfigKeys.h"

namespace drover {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kFirstWait{100};
constexpr milliseconds kLongestWait{10000};
/// How often the wait checks cancel tokens.
constexpr milliseconds kTick{20};
/// A longer line that a process prints is logged in pieces.
constexpr std::size_t kLongestOutputLine = 65536;

/// After the first death at once: nine of ten jobs are not to wait for the tenth.
milliseconds restartWait(int deathsInARow) {
    if (deathsInARow < 2) {
        return milliseconds(0);
    }
    return jittered(std::min(kFirstWait * (1 << std::min(deathsInARow - 2, 10)), kLongestWait));
}

/// Returns true if the handler need not decide it any more.
bool isOver(const RunningJob& job) {
    const CancelReason reason = job.cancelled();
    return reason == CancelReason::Lost || reason == CancelReason::Shutdown;
}

/// The values that a handler process gets.
wire::Config configOf(const LoadedPlugin& plugin, const drover_config& values) {
    wire::Config config;
    for (std::uint32_t i = 0; i < values.count; ++i) {
        if (values.values[i].data != nullptr) {
            config.emplace_back(fullKey(plugin.name, *plugin.configKeys[i]),
                                std::string(values.values[i].data, values.values[i].size));
        }
    }
    return config;
}

}  // namespace

/// Runs jobs in one handler process after another.
class ProcessInstance : public HandlerInstance {
public:
    explicit ProcessInstance(std::shared_ptr<const IsolatedHandler> type) : type_(std::move(type)) {
        start();
    }

    void process(std::span<RunningJob* const> jobs) override {
        guarded("process", [&] { processAll(jobs); });
    }

    void outcomeOf(RunningJob& job) override {
        if (type_->handler_.outcome_of == nullptr) {
            return;
        }
        guarded("outcome_of", [&] {
            RunningJob* const one = &job;
            if (ready({&one, 1})) {
                note(process_->outcomeOf(job), "decided the outcome of a job", fieldsOf(job));
            }
        });
    }

    std::optional<std::int64_t> backoff(const ClaimedJob& job,
                                        int attemptsMade,
                                        std::string_view type,
                                        std::string_view reason) override {
        std::optional<std::int64_t> ms;
        if (type_->handler_.backoff != nullptr) {
            guarded("backoff", [&] {
                if (ready({})) {
                    const auto end = process_->backoff(job, attemptsMade, type, reason);
                    ms = end.backoffMs;
                    note(end, "computed the backoff of a job", fieldsOf(job));
                }
            });
        }
        return ms;
    }

private:
    template <typename Body>
    void guarded(const char* operation, Body body) noexcept {
        try {
            body();
        } catch (...) {
            // Only a lack of memory or descriptors leads here. Jobs without outcome are handed back.
            process_.reset();
            complain(std::string(operation) + " could not be called");
        }
    }

    void complain(const std::string& what, const LogFields& fields = {}) const noexcept {
        try {
            LogFields all = fields;
            all.plugin = type_->generation_->plugin().name;
            Log("plugin").error("handler " + type_->name() + ": " + what, all);
        } catch (...) {
            // A log that cannot be written must not become an exception in the worker.
        }
    }

    void processAll(std::span<RunningJob* const> jobs) {
        std::vector<bool> decided(jobs.size());
        if (!ready(jobs)) {
            return;
        }
        type_->generation_->countJobs(jobs.size());
        const std::string death = note(
            process_->process(jobs, decided, false),
            jobs.size() == 1
                ? "ran a job"
                : "ran " + std::to_string(jobs.size()) + " jobs; those without outcome run again",
            jobs.size() == 1 ? fieldsOf(*jobs.front())
                             : LogFields{.queue = queueNameOf(jobs.front()->job().queue)});
        if (death.empty()) {
            return;
        }
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            if (decided[i]) {
                continue;
            }
            if (jobs.size() == 1) {
                blame(*jobs[i], death);
            } else if (!isOver(*jobs[i])) {
                processAlone(*jobs[i]);
            }
        }
    }

    /// Runs a job again that was in a batch whose process died. Its soft timeout may have passed through no fault of its own.
    void processAlone(RunningJob& job) {
        RunningJob* const one = &job;
        std::vector<bool> decided(1);
        if (!ready({&one, 1})) {
            return;
        }
        const std::string death =
            note(process_->process({&one, 1}, decided, true), "ran a job alone", fieldsOf(job));
        if (!death.empty() && !decided.front()) {
            blame(job, death);
        }
    }

    static void blame(RunningJob& job, const std::string& death) {
        job.setOutcome({JobOutcome::Kind::Failed, death, "", 0});
    }

    /// Draws the conclusions of a run; returns how the process died, empty if it lives.
    std::string note(const IsolatedProcess::End& end,
                     const std::string& doing,
                     const LogFields& fields) {
        if (!end.death) {
            deathsInARow_ = 0;
            if (end.worn) {
                process_.reset();
            }
            return "";
        }
        complain(
            *end.death + " (process " + std::to_string(process_->pid()) + ") while it " + doing,
            fields);
        process_.reset();
        died();
        return *end.death;
    }

    void died() {
        ++deathsInARow_;
        notBefore_ = Clock::now() + restartWait(deathsInARow_);
    }

    void start() {
        auto config = type_->generation_->config();
        const LoadedPlugin& plugin = type_->generation_->plugin();
        wire::Hello hello;
        hello.path = plugin.path;
        hello.sha256 = plugin.sha256;
        hello.handler = type_->name();
        hello.config = configOf(plugin, *config->view());
        process_ = std::make_unique<IsolatedProcess>(type_->isolation_,
                                                     hello,
                                                     plugin.copy,
                                                     type_->logBegin_.get(),
                                                     type_->outputBegin_.get());
        config_ = std::move(config);
    }

    /// Makes sure that a process with the present configuration runs. Returns false without one; the jobs have outcomes then.
    bool ready(std::span<RunningJob* const> jobs) {
        if (!process_) {
            while (Clock::now() < notBefore_) {
                if (!jobs.empty() && std::all_of(jobs.begin(), jobs.end(), [](const auto* job) {
                        return isOver(*job);
                    })) {
                    return false;
                }
                std::this_thread::sleep_for(kTick);
            }
            try {
                start();
            } catch (const PluginException& error) {
                complain(error.message());
                died();
                for (RunningJob* job : jobs) {
                    job->setOutcome({JobOutcome::Kind::Unavailable, error.message(), "", 0});
                }
                return false;
            }
        }
        if (auto current = type_->generation_->config(); current != config_) {
            config_ = std::move(current);
            process_->configure(configOf(type_->generation_->plugin(), *config_->view()));
        }
        return true;
    }

    const std::shared_ptr<const IsolatedHandler> type_;
    std::shared_ptr<const ConfigValues> config_;  ///< The configuration of the process.
    std::unique_ptr<IsolatedProcess> process_;
    int deathsInARow_ = 0;
    Clock::time_point notBefore_{};
};

IsolatedHandler::IsolatedHandler(std::shared_ptr<PluginGeneration> generation,
                                 const drover_handler& handler,
                                 ProcessIsolation isolation)
    : generation_(std::move(generation)),
      handler_(handler),
      isolation_(std::move(isolation)),
      described_(generation_, handler) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) != 0) {
        throw PluginException(name() + ": no socket pair for its log: " + std::strerror(errno));
    }
    logEnd_ = Descriptor(ends[0]);
    logBegin_ = Descriptor(ends[1]);
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        throw PluginException(name() + ": no pipe for its output: " + std::strerror(errno));
    }
    outputEnd_ = Descriptor(ends[0]);
    outputBegin_ = Descriptor(ends[1]);
    // The rest is read at the end, when no process may write any more. Only this end: the child's is another description.
    ::fcntl(outputEnd_.get(), F_SETFL, O_NONBLOCK);
    logThread_ = std::thread([this] { (void)runGuarded("handler-log", [this] { forwardLog(); }); });
}

IsolatedHandler::~IsolatedHandler() {
    ::shutdown(logEnd_.get(), SHUT_RDWR);
    logThread_.join();
}

void IsolatedHandler::forwardLog() {
    const std::string& plugin = generation_->plugin().name;
    const Log log("plugin." + plugin, {.plugin = plugin});
    std::array<char, 65536> datagram{};
    std::string printed;
    while (true) {
        std::array<pollfd, 2> waited{{{logEnd_.get(), POLLIN, 0}, {outputEnd_.get(), POLLIN, 0}}};
        if (::poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) {
            return;
        }
        const ssize_t output = ::read(outputEnd_.get(), datagram.data(), datagram.size());
        if (output > 0) {
            printed.append(datagram.data(), static_cast<std::size_t>(output));
            logOutput(printed, printed.size() > kLongestOutputLine);
        }
        if (waited[0].revents == 0) {
            continue;
        }
        const ssize_t got = ::recv(logEnd_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
        // A datagram socket that is shut down answers EAGAIN for ever.
        if (got < 0 && (errno == EINTR || errno == EAGAIN) && (waited[0].revents & POLLHUP) == 0) {
            continue;
        }
        if (got <= 0) {
            logOutput(printed, true);
            return;
        }
        try {
            const auto line = wire::Frame::parse({datagram.data(), static_cast<std::size_t>(got)})
                                  .as<wire::LogLine>();
            const auto priority = std::clamp(line.priority,
                                             static_cast<int>(Poco::Message::PRIO_FATAL),
                                             static_cast<int>(Poco::Message::PRIO_TRACE));
            log.write(static_cast<Poco::Message::Priority>(priority),
                      repairedUtf8(line.text),
                      line.fields);
        } catch (const PluginException& garbage) {
            log.error("a handler process has sent " + garbage.message() + " as a log line");
        }
    }
}

void IsolatedHandler::logOutput(std::string& text, bool all) const {
    const std::string& plugin = generation_->plugin().name;
    const Log log("plugin." + plugin, {.plugin = plugin});
    std::size_t begin = 0;
    while (begin < text.size()) {
        const std::size_t end = text.find('\n', begin);
        if (end == std::string::npos && !all) {
            break;
        }
        const std::string line = text.substr(begin, end - begin);
        if (!line.empty()) {
            log.information(repairedUtf8(line));
        }
        begin = end == std::string::npos ? text.size() : end + 1;
    }
    text.erase(0, begin);
}

std::unique_ptr<HandlerInstance> IsolatedHandler::create() {
    return std::make_unique<ProcessInstance>(shared_from_this());
}

}  // namespace drover
