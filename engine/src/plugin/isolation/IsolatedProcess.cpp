#include "plugin/isolation/IsolatedProcess.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/wait.h>

#include <Poco/Logger.h>

#include "core/JsonText.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

using std::chrono::milliseconds;

/// How often cancel tokens, the hard timeout and the life of a silent child are checked.
constexpr milliseconds kTick{20};
/// The child has a thread that only reads: a message unread for so long means that it is stopped or starved.
constexpr milliseconds kSendTimeout{10000};
/// How long loading the plugin and making the handler may take.
constexpr milliseconds kStartTimeout{30000};
/// How long destroying the handler may take.
constexpr milliseconds kStopTimeout{5000};
/// How long a child that closed its connection, and is most likely dying, may take to be dead.
constexpr milliseconds kDyingTimeout{1000};

}  // namespace

/// One request and what belongs to it.
struct IsolatedProcess::Conversation {
    std::uint32_t run = 0;
    std::span<RunningJob* const> jobs{};
    std::vector<bool>* decided = nullptr;
    bool untimed = false;
    std::vector<CancelReason> sent = std::vector<CancelReason>(jobs.size(), CancelReason::None);
    Clock::time_point looked = Clock::now();      ///< When the tokens were last looked at.
    Clock::time_point progressed = Clock::now();  ///< The begin, or the last outcome.
};

IsolatedProcess::Sockets IsolatedProcess::socketPair() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        throw PluginException(std::string("no socket pair for a handler process: ") +
                              std::strerror(errno));
    }
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

IsolatedProcess::IsolatedProcess(
    const ProcessIsolation& isolation, const wire::Hello& hello, int plugin, int log, int output)
    : IsolatedProcess(isolation, hello, plugin, log, output, socketPair()) {}

// The child's end of the pair is closed when this returns: with it open, a close by the child would go unnoticed.
IsolatedProcess::IsolatedProcess(const ProcessIsolation& isolation,
                                 const wire::Hello& hello,
                                 int plugin,
                                 int log,
                                 int output,
                                 Sockets sockets)
    : isolation_(isolation),
      logger_(Poco::Logger::get("plugin." + hello.handler.substr(0, hello.handler.find('/')))),
      channel_(std::move(sockets.engine), kTick, kSendTimeout),
      child_(isolation.program,
             {"drover", wire::kOption, hello.handler},
             {sockets.child.get(), plugin, log},
             output) {
    sockets.child = Descriptor();
    greet(hello);
}

IsolatedProcess::~IsolatedProcess() {
    if (!child_.awaitEnd({}) && channel_.send(wire::encode(wire::Stop{}))) {
        // Further calls of its threads get no answer; they must not wait for one.
        (void)child_.awaitEnd(kStopTimeout);
    }
}

void IsolatedProcess::greet(const wire::Hello& hello) {
    wire::Hello complete = hello;
    complete.memoryLimitMb = isolation_.memoryLimitMb;
    complete.logLevel = logger_.getLevel();
    const auto deadline = Clock::now() + kStartTimeout;
    std::string why;
    if (!channel_.send(wire::encode(complete))) {
        why = bury("it reads no messages", kDyingTimeout, nullptr);
    }
    wire::Frame frame;
    while (why.empty()) {
        const auto received = channel_.receive(frame);
        if (received == wire::Channel::Received::Frame) {
            if (frame.message == wire::Message::Refused) {
                throw PluginException(repairedUtf8(frame.as<wire::Refused>().why));
            }
            if (frame.as<wire::Ready>().version == wire::kVersion) {
                return;
            }
            why = bury("it is of another version", {}, nullptr);
        } else if (received == wire::Channel::Received::Closed) {
            why = bury("it has closed its connection", kDyingTimeout, nullptr);
        } else if (Clock::now() >= deadline) {
            why = bury(
                "not ready after " + std::to_string(kStartTimeout.count()) + " ms", {}, nullptr);
        } else if (child_.awaitEnd({})) {
            why = bury("", {}, nullptr);
        }
    }
    throw PluginException(hello.path + ": the handler " + hello.handler +
                          " cannot be made: " + why);
}

void IsolatedProcess::configure(const wire::Config& config) {
    // If this fails, the next run reports how the process ended.
    (void)channel_.send(wire::encode(wire::Configure{config}));
}

std::string IsolatedProcess::encodedRun(const Conversation& with, bool outcomeOnly) const {
    return wire::encode(wire::OutgoingRun{
        with.run, outcomeOnly, logger_.getLevel(), with.jobs.front()->workerName(), with.jobs});
}

IsolatedProcess::End IsolatedProcess::process(std::span<RunningJob* const> jobs,
                                              std::vector<bool>& decided,
                                              bool untimed) {
    Conversation with{++runs_, jobs, &decided, untimed};
    return converse(encodedRun(with, false), with);
}

IsolatedProcess::End IsolatedProcess::outcomeOf(RunningJob& job) {
    RunningJob* const one = &job;
    const std::span<RunningJob* const> jobs(&one, 1);
    std::vector<bool> decided(1);
    Conversation with{++runs_, jobs, &decided};
    return converse(encodedRun(with, true), with);
}

IsolatedProcess::End IsolatedProcess::backoff(const ClaimedJob& job,
                                              int attemptsMade,
                                              std::string_view type,
                                              std::string_view reason) {
    Conversation with{++runs_, {}};
    return converse(wire::encode(wire::Backoff{
                        with.run, job, attemptsMade, std::string(type), std::string(reason)}),
                    with);
}

IsolatedProcess::End IsolatedProcess::converse(const std::string& request, Conversation& with) {
    End end;
    if (!channel_.send(request)) {
        end.death = bury("it reads no messages", kDyingTimeout, &with);
        return end;
    }
    wire::Frame frame;
    while (true) {
        try {
            const auto received = channel_.receive(frame);
            if (received == wire::Channel::Received::Frame && onFrame(frame, with, end)) {
                return end;
            }
            if (received == wire::Channel::Received::Closed) {
                end.death = bury("it has closed its connection", kDyingTimeout, &with);
                return end;
            }
        } catch (const PluginException& garbage) {
            end.death = bury("it sends " + garbage.message(), {}, &with);
            return end;
        }
        const auto now = Clock::now();
        if (now - with.looked < kTick) {
            continue;
        }
        with.looked = now;
        pushCancels(with);
        if (isolation_.hardTimeout.count() > 0 && now - with.progressed >= isolation_.hardTimeout) {
            end.death = bury("no outcome within hardTimeoutMs (" +
                                 std::to_string(isolation_.hardTimeout.count()) + ")",
                             {},
                             &with);
            return end;
        }
        // The connection may outlive it in a process that the handler has forked.
        if (child_.awaitEnd({})) {
            end.death = bury("", {}, &with);
            return end;
        }
    }
}

bool IsolatedProcess::onFrame(const wire::Frame& frame, Conversation& with, End& end) {
    switch (frame.message) {
        case wire::Message::Outcome:
            acceptOutcome(frame.as<wire::Outcome>(), with);
            return false;
        case wire::Message::Call:
            serve(frame.as<wire::Call>(), with);
            return false;
        default:
            break;
    }
    const auto done = frame.as<wire::Done>();
    if (done.run != with.run) {
        throw PluginException("the end of another run");
    }
    end.backoffMs = done.backoffMs;
    end.worn = done.worn;
    return true;
}

void IsolatedProcess::acceptOutcome(wire::Outcome message, Conversation& with) {
    if (message.run != with.run) {
        return;  // A thread that the handler left behind decides a job that it no longer has.
    }
    JobOutcome& outcome = message.outcome;
    const bool sensible = message.job < with.jobs.size() &&
                          outcome.kind > JobOutcome::Kind::Unset &&
                          outcome.kind <= JobOutcome::Kind::RateLimited && outcome.ms >= 0;
    if (!sensible || (outcome.kind == JobOutcome::Kind::Completed && !isJson(outcome.text))) {
        throw PluginException("an outcome that makes no sense");
    }
    if (outcome.kind != JobOutcome::Kind::Completed) {
        outcome.text = repairedUtf8(outcome.text);
        outcome.trace = repairedUtf8(outcome.trace);
    }
    with.jobs[message.job]->setOutcome(std::move(outcome));
    (*with.decided)[message.job] = true;
    with.progressed = Clock::now();
}

void IsolatedProcess::serve(const wire::Call& call, const Conversation& with) {
    wire::Answer answer{call.call, HostStatus::Lost, ""};
    if (call.run == with.run && call.job < with.jobs.size()) {
        if (call.function > HostCall::Last) {
            throw PluginException("a call that does not exist");
        }
        answer.status = with.jobs[call.job]->call(call.function, call.text, answer.text);
    }
    // A dead child is noticed by receive().
    (void)channel_.send(wire::encode(answer));
}

void IsolatedProcess::pushCancels(Conversation& with) {
    for (std::size_t i = 0; i < with.jobs.size(); ++i) {
        const CancelReason reason = with.jobs[i]->cancelled();
        if (reason == with.sent[i] || (with.untimed && reason == CancelReason::Timeout)) {
            continue;
        }
        with.sent[i] = reason;
        (void)channel_.send(wire::encode(
            wire::Cancel{static_cast<std::uint32_t>(i), reason, with.jobs[i]->cancelledWhy()}));
    }
}

std::string IsolatedProcess::bury(const std::string& why, milliseconds dying, Conversation* with) {
    const auto own = child_.awaitEnd(dying);
    std::string end = describe(own ? *own : child_.kill()) + (own ? "" : ": " + why);
    try {
        wire::Frame frame;
        while (with != nullptr && channel_.receive(frame) == wire::Channel::Received::Frame) {
            if (frame.message == wire::Message::Outcome) {
                acceptOutcome(frame.as<wire::Outcome>(), *with);
            }
        }
    } catch (const PluginException&) {
        // Garbage; messages before it count.
    }
    return end;
}

std::string IsolatedProcess::describe(int waitStatus) const {
    std::string text = "handler process " + describeEnd(waitStatus);
    if (isolation_.memoryLimitMb > 0 && WIFEXITED(waitStatus) &&
        WEXITSTATUS(waitStatus) == wire::kMemoryExit) {
        text += ": memoryLimitMb (" + std::to_string(isolation_.memoryLimitMb) + ") is used up";
    }
    return text;
}

}  // namespace drover
