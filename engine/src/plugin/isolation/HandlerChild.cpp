#include "plugin/isolation/HandlerChild.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>
#include <Poco/Logger.h>
#include <Poco/Message.h>
#include <Poco/NumberParser.h>

#include "core/Guarded.h"
#include "core/JobFields.h"
#include "drover/Exceptions.h"
#include "plugin/isolation/HandlerProtocol.h"
#include "plugin/loading/PluginGeneration.h"
#include "plugin/loading/PluginLoader.h"

namespace drover {

namespace {

/// "For ever" must not overflow the clock.
constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(24 * 365);
/// A longer line of a log is cut off: it travels as one datagram. Its fields are cut off by oneLine().
constexpr std::size_t kLongestLine = 60000;
constexpr int kUsage = 64;  ///< As ExitCode::Usage.

/// Every log line of this process, on its way to the engine's log.
class LogForwarder : public Poco::Channel {
public:
    void log(const Poco::Message& message) override {
        const auto field = [&message](const char* name) {
            return oneLine(message.get(name, std::string()));
        };
        wire::LogLine line{message.getPriority(), message.getText().substr(0, kLongestLine), {}};
        line.fields.queue = field("queue");
        line.fields.job = field("job");
        line.fields.jobName = field("jobName");
        (void)Poco::NumberParser::tryParse(field("attempt"), line.fields.attempt);
        line.fields.worker = field("worker");
        const std::string datagram = wire::encode(line);
        // A line that cannot be sent is lost: the engine is gone, and this process ends, too.
        (void)::send(wire::kLog, datagram.data(), datagram.size(), MSG_NOSIGNAL);
    }
};

/// The connection to the parent, and the answers that threads of the handler wait for.
class ParentConnection {
public:
    ParentConnection() : channel_(Descriptor(wire::kSocket), {}, {}) {}

    template <typename T>
    void send(const T& message) {
        if (!channel_.send(wire::encode(message))) {
            _exit(0);  // The engine is gone: no reader is left.
        }
    }
    /// Sends the call and waits for its answer.
    wire::Answer call(wire::Call call) {
        std::unique_lock lock(mutex_);
        call.call = ++calls_;
        lock.unlock();
        send(call);
        lock.lock();
        answered_.wait(lock, [&] { return answers_.count(call.call) != 0; });
        return std::move(answers_.extract(call.call).mapped());
    }
    void onAnswer(wire::Answer answer) {
        {
            const std::lock_guard lock(mutex_);
            answers_.emplace(answer.call, std::move(answer));
        }
        answered_.notify_all();
    }
    /// The next message; ends the process when the engine is gone.
    wire::Frame next() {
        wire::Frame frame;
        if (channel_.receive(frame) != wire::Channel::Received::Frame) {
            _exit(0);
        }
        return frame;
    }

private:
    wire::Channel channel_;
    std::mutex mutex_;
    std::condition_variable answered_;
    std::uint32_t calls_ = 0;
    std::map<std::uint32_t, wire::Answer> answers_;
};

/// A job whose worker is in the parent.
class RemoteJob final : public RunningJob {
public:
    RemoteJob(ParentConnection& parent,
              std::uint32_t run,
              std::uint32_t index,
              std::string worker,
              ClaimedJob job)
        : parent_(parent),
          run_(run),
          index_(index),
          worker_(std::move(worker)),
          job_(std::move(job)) {}

    [[nodiscard]] const ClaimedJob& job() const override { return job_; }
    [[nodiscard]] const std::string& workerName() const override { return worker_; }
    bool setOutcome(JobOutcome outcome) override {
        if (decided_.exchange(true)) {
            return false;
        }
        parent_.send(wire::Outcome{run_, index_, std::move(outcome)});
        return true;
    }
    [[nodiscard]] CancelReason cancelled() const override { return cancelReason_; }
    CancelReason waitCancelled(std::chrono::milliseconds timeout) override {
        std::unique_lock lock(mutex_);
        cancelledSignal_.wait_for(lock, std::min(timeout, kLongestWait), [this] {
            return cancelReason_ != CancelReason::None;
        });
        return cancelReason_;
    }
    [[nodiscard]] std::string cancelledWhy() const override {
        const std::lock_guard lock(mutex_);
        return cancelWhy_;
    }
    void cancel(CancelReason reason, std::string why) {
        {
            const std::lock_guard lock(mutex_);
            cancelReason_ = reason;
            cancelWhy_ = std::move(why);
        }
        cancelledSignal_.notify_all();
    }
    HostStatus call(HostCall function, std::string_view text, std::string& answer) override {
        if (cancelReason_ == CancelReason::Lost) {
            return HostStatus::Lost;
        }
        wire::Answer received = parent_.call({run_, index_, 0, function, std::string(text)});
        answer = std::move(received.text);
        return received.status;
    }

private:
    ParentConnection& parent_;
    const std::uint32_t run_;
    const std::uint32_t index_;
    const std::string worker_;
    const ClaimedJob job_;
    std::atomic<bool> decided_{false};
    mutable std::mutex mutex_;
    std::condition_variable cancelledSignal_;
    std::string cancelWhy_;
    std::atomic<CancelReason> cancelReason_{CancelReason::None};
};

/// One run as it arrived.
struct RemoteRun {
    RemoteRun(ParentConnection& parent, wire::Run run)
        : number(run.run), outcomeOnly(run.outcomeOnly), logLevel(run.logLevel) {
        for (ClaimedJob& job : run.jobs) {
            const auto index = static_cast<std::uint32_t>(jobs.size());
            jobs.push_back(
                std::make_unique<RemoteJob>(parent, number, index, run.worker, std::move(job)));
        }
    }

    std::uint32_t number;
    bool outcomeOnly;
    int logLevel;
    std::vector<std::unique_ptr<RemoteJob>> jobs;
};

/// Reads the engine's messages: answers and cancels at once, the rest in turn for the thread of the handler.
class Inbox {
public:
    struct Item {
        wire::Frame frame;
        std::shared_ptr<RemoteRun> run;  ///< For a Run, in place of the frame's body.
    };

    explicit Inbox(ParentConnection& parent) : parent_(parent), thread_([this] { read(); }) {}
    /// After Stop has come out of pop().
    ~Inbox() { thread_.join(); }
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;

    Item pop() {
        std::unique_lock lock(mutex_);
        arrived_.wait(lock, [this] { return !items_.empty(); });
        Item item = std::move(items_.front());
        items_.pop_front();
        return item;
    }

private:
    void read() {
        if (!runGuarded("connection", [this] {
                while (readOne()) {
                }
            })) {
            _exit(1);
        }
    }
    /// Returns false after the last message.
    bool readOne() {
        wire::Frame frame = parent_.next();
        const wire::Message message = frame.message;
        if (message == wire::Message::Answer) {
            parent_.onAnswer(frame.as<wire::Answer>());
            return true;
        }
        if (message == wire::Message::Cancel) {
            auto cancel = frame.as<wire::Cancel>();
            if (const auto run = current_.lock(); run && cancel.job < run->jobs.size()) {
                run->jobs[cancel.job]->cancel(cancel.reason, std::move(cancel.why));
            }
            return true;
        }
        Item item{std::move(frame), nullptr};
        if (message == wire::Message::Run) {
            item.run = std::make_shared<RemoteRun>(parent_, item.frame.as<wire::Run>());
            current_ = item.run;
        }
        {
            const std::lock_guard lock(mutex_);
            items_.push_back(std::move(item));
        }
        arrived_.notify_one();
        return message != wire::Message::Stop;
    }

    ParentConnection& parent_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<Item> items_;
    std::weak_ptr<RemoteRun> current_;  ///< The run of the thread.
    std::thread thread_;
};

ConfigLookup lookupIn(wire::Config config) {
    return [values = std::map<std::string, std::string>(config.begin(), config.end())](
               const std::string& key) -> std::optional<std::string> {
        const auto found = values.find(key);
        return found == values.end() ? std::nullopt : std::optional(found->second);
    };
}

/// Sets RLIMIT_DATA and not RLIMIT_AS: it counts memory that a handler allocates and writes to. The address space also holds
/// libraries and reserves of the allocator (64 MB an arena), so that a limit on it would have to be several times larger
/// (docs/pitfalls.md#u4).
void limitMemory(std::int64_t megabytes) {
    if (megabytes <= 0) {
        return;
    }
    const rlim_t bytes = static_cast<rlim_t>(megabytes) << 20;
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_DATA, &limit);
    // An exception would fail this job and leave a process without memory to the next ones.
    std::set_new_handler([] { _exit(wire::kMemoryExit); });
}

/// Returns true if more than three quarters of the limit are in use: C code without memory does not end the process, and a
/// slow leak should not cost the job that comes last.
bool worn(std::int64_t limitMb) {
    if (limitMb <= 0) {
        return false;
    }
    std::ifstream file("/proc/self/statm");
    std::int64_t pages = 0;
    for (int field = 1; field <= 6; ++field) {
        file >> pages;  // The sixth is data and stack.
    }
    return file && pages * ::sysconf(_SC_PAGESIZE) > (limitMb << 20) / 4 * 3;
}

void setLogLevel(int level) {
    if (Poco::Logger::root().getLevel() != level) {
        Poco::Logger::setLevel("", level);
    }
}

/// The handler, on its thread.
class Host {
public:
    explicit Host(ParentConnection& parent) : parent_(parent) {}

    /// Throws PluginException and ConfigException.
    void make(const wire::Hello& hello) {
        if (hello.version != wire::kVersion) {
            throw PluginException("the engine speaks version " + std::to_string(hello.version) +
                                  " of the handler protocol, the program on disk version " +
                                  std::to_string(wire::kVersion) + ": restart the engine");
        }
        setLogLevel(hello.logLevel);
        memoryLimitMb_ = hello.memoryLimitMb;
        limitMemory(memoryLimitMb_);
        generation_ = PluginGeneration::start(
            PluginLoader().loadCopy(hello.path, hello.sha256, wire::kPlugin),
            lookupIn(hello.config));
        for (const auto& type : generation_->handlerTypes()) {
            if (type->name() == hello.handler) {
                instance_ = type->create();
                return;
            }
        }
        throw PluginException(hello.path + ": it has no handler " + hello.handler);
    }

    /// Until Stop.
    void serve() {
        Inbox inbox(parent_);
        if (!runGuarded("handler-child", [&] {
                while (serveOne(inbox.pop())) {
                }
            })) {
            _exit(1);
        }
    }

private:
    /// Returns false for Stop.
    bool serveOne(const Inbox::Item& item) {
        switch (item.frame.message) {
            case wire::Message::Run:
                run(*item.run);
                return true;
            case wire::Message::Backoff:
                backoff(item.frame.as<wire::Backoff>());
                return true;
            case wire::Message::Configure:
                generation_->reconfigure(lookupIn(item.frame.as<wire::Configure>().config));
                return true;
            default:
                item.frame.expect(wire::Message::Stop);
                return false;
        }
    }
    void run(const RemoteRun& run) {
        setLogLevel(run.logLevel);
        std::vector<RunningJob*> jobs;
        jobs.reserve(run.jobs.size());
        for (const auto& job : run.jobs) {
            jobs.push_back(job.get());
        }
        if (run.outcomeOnly && !jobs.empty()) {
            instance_->outcomeOf(*jobs.front());
        } else {
            instance_->process(jobs);
        }
        parent_.send(wire::Done{run.number, std::nullopt, worn(memoryLimitMb_)});
    }
    void backoff(const wire::Backoff& asked) {
        parent_.send(
            wire::Done{asked.run,
                       instance_->backoff(asked.job, asked.attemptsMade, asked.type, asked.reason),
                       worn(memoryLimitMb_)});
    }

    ParentConnection& parent_;
    std::int64_t memoryLimitMb_ = 0;
    std::shared_ptr<PluginGeneration> generation_;
    std::unique_ptr<HandlerInstance> instance_;
};

int serveParent() {
    ParentConnection parent;
    const wire::Frame hello = parent.next();
    Host host(parent);
    try {
        host.make(hello.as<wire::Hello>());
    } catch (const Poco::Exception& error) {
        parent.send(wire::Refused{error.message()});
        return 1;
    }
    parent.send(wire::Ready{});
    host.serve();
    return 0;
}

}  // namespace

int runHandlerChild() {
    int type = 0;
    socklen_t size = sizeof(type);
    if (::getsockopt(wire::kSocket, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
        std::cerr << "drover: " << wire::kOption << " is what the engine starts for plugins with "
                  << "isolation = process; it is not a command\n";
        return kUsage;
    }
    // If the engine is gone already, the socket shows it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Processes that a handler starts inherit none of these.
    for (const int fd : {wire::kSocket, wire::kPlugin, wire::kLog}) {
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    nameThread("handler-child");
    Poco::Logger::root();
    Poco::Logger::setChannel("", Poco::AutoPtr<LogForwarder>(new LogForwarder));
    int code = 1;
    (void)runGuarded("handler-child", [&code] { code = serveParent(); });
    return code;
}

}  // namespace drover
