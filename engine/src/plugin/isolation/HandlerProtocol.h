#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/ClaimedJob.h"
#include "core/Descriptor.h"
#include "core/HandlerType.h"
#include "core/JobOutcome.h"
#include "core/Log.h"

/// The protocol between the engine and a handler process (`drover --handler-host`).
///
/// Both are the same program on the same machine, so numbers are sent as they lie in memory. A frame is
/// {body length: u32, message: u8, body}; a body is its struct's members in order, integers in their own size, text as
/// {length: u32, bytes}, a list as {count: u32, items}, an optional as {there: u8, value}. UTF-8 and JSON are checked where
/// they are used: a process whose memory a handler has overwritten may send anything.
///
/// The course: Hello, answered by Ready or Refused. Then, one at a time, Run or Backoff, each answered by Done; before it
/// the child sends an Outcome for each job as soon as it is decided and any number of Calls, each answered by Answer, while
/// the engine sends Cancels. Configure comes between two of them, Stop at the end. A closed connection means that the
/// peer is dead.
namespace drover::wire {

/// The version of the protocol. Hello and Ready begin with it, for ever: a library that was exchanged below a running
/// engine is refused.
constexpr std::uint32_t kVersion = 4;
/// The first argument that makes the program a handler process.
constexpr const char* kOption = "--handler-host";
/// A value of Redis has at most 512 MB: a longer frame is garbage.
constexpr std::size_t kMaxBody = std::size_t{512} << 20;
/// The descriptors that a handler process begins with, besides the standard ones.
constexpr int kSocket = 3;
constexpr int kPlugin = 4;  ///< The private copy of the plugin, sealed.
constexpr int kLog = 5;     ///< Datagrams, each the frame of a LogLine.
/// The exit code of a process whose C++ code finds no more memory within its limit.
constexpr int kMemoryExit = 99;

enum class Message : std::uint8_t {
    Hello = 1,
    Configure,
    Run,
    Backoff,
    Cancel,
    Answer,
    Stop,
    Ready = 101,
    Refused,
    Outcome,
    Call,
    Done,
    LogLine
};

/// A configuration: full key and value, one for each key that has a value.
using Config = std::vector<std::pair<std::string, std::string>>;

// From the engine.

/// The handler to make, and its plugin.
struct Hello {
    static constexpr Message kMessage = Message::Hello;
    std::uint32_t version = kVersion;
    std::string path;                ///< Where the plugin came from: for messages, and its name.
    std::string sha256;              ///< Hex.
    std::string handler;             ///< "<plugin>/<handler>".
    std::int64_t memoryLimitMb = 0;  ///< 0: none.
    std::int32_t logLevel = 0;       ///< As in Poco::Message.
    Config config;
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.version);
        archive(self.path, self.sha256, self.handler, self.memoryLimitMb, self.logLevel);
        archive(self.config);
    }
};

/// The values of reloadable keys have changed; counts from the next Run on.
struct Configure {
    static constexpr Message kMessage = Message::Configure;
    Config config;
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.config);
    }
};

/// Run these jobs, or report their known outcome. `Jobs` is a list of ClaimedJob on the way in and of RunningJob*
/// on the way out. A job travels as its handler sees it.
template <typename Jobs>
struct RunOf {
    static constexpr Message kMessage = Message::Run;
    std::uint32_t run = 0;      ///< Counted by the engine; messages of the run carry it, too.
    bool outcomeOnly = false;   ///< outcomeOf() in place of process(); then there is one job.
    std::int32_t logLevel = 0;  ///< As in Hello.
    std::string worker;         ///< As RunningJob::workerName() of each.
    Jobs jobs;
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.run, self.outcomeOnly, self.logLevel, self.worker, self.jobs);
    }
};
using Run = RunOf<std::vector<ClaimedJob>>;
using OutgoingRun = RunOf<std::span<RunningJob* const>>;

/// Returns the handler's own backoff.
struct Backoff {
    static constexpr Message kMessage = Message::Backoff;
    std::uint32_t run = 0;
    ClaimedJob job;
    std::int32_t attemptsMade = 0;
    std::string type;
    std::string reason;
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.run, self.job, self.attemptsMade, self.type, self.reason);
    }
};

/// Sets the token of a job of the current run. Without effect if it arrives after the run's Done.
struct Cancel {
    static constexpr Message kMessage = Message::Cancel;
    std::uint32_t job = 0;
    CancelReason reason = CancelReason::None;
    std::string why;  ///< As RunningJob::cancelledWhy().
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.job, self.reason, self.why);
    }
};

/// The result of a Call.
struct Answer {
    static constexpr Message kMessage = Message::Answer;
    std::uint32_t call = 0;
    HostStatus status = HostStatus::Ok;
    std::string text;  ///< As RunningJob::call() has it.
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.call, self.status, self.text);
    }
};

/// Destroy the instance, shut the plugin down, end with exit code 0.
struct Stop {
    static constexpr Message kMessage = Message::Stop;
    template <typename Archive, typename Self>
    static void visit(Archive& /*archive*/, Self& /*self*/) {}
};

// From the handler process.

/// The instance is made.
struct Ready {
    static constexpr Message kMessage = Message::Ready;
    std::uint32_t version = kVersion;
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.version);
    }
};

/// The instance cannot be made; the process ends.
struct Refused {
    static constexpr Message kMessage = Message::Refused;
    std::string why;
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.why);
    }
};

struct Outcome {
    static constexpr Message kMessage = Message::Outcome;
    std::uint32_t run = 0;
    std::uint32_t job = 0;
    JobOutcome outcome;
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.run, self.job, self.outcome.kind, self.outcome.text, self.outcome.trace);
        archive(self.outcome.ms);
    }
};

/// RunningJob::call().
struct Call {
    static constexpr Message kMessage = Message::Call;
    std::uint32_t run = 0;
    std::uint32_t job = 0;
    std::uint32_t call = 0;  ///< Counted by the child.
    HostCall function = HostCall::UpdateProgress;
    std::string text;
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.run, self.job, self.call, self.function, self.text);
    }
};

/// The handler has returned.
struct Done {
    static constexpr Message kMessage = Message::Done;
    std::uint32_t run = 0;
    std::optional<std::int64_t> backoffMs;  ///< For Backoff.
    bool worn = false;  ///< It is close to its memory limit: a fresh process is better.
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.run, self.backoffMs, self.worn);
    }
};

/// A line of the log. The engine adds the plugin's name.
struct LogLine {
    static constexpr Message kMessage = Message::LogLine;
    std::int32_t priority = 0;  ///< As in Poco::Message.
    std::string text;
    LogFields fields;
    template <typename Archive, typename Self>
    static void visit(Archive& archive, Self& self) {
        archive(self.priority, self.text, self.fields.queue, self.fields.job);
        archive(self.fields.jobName, self.fields.attempt, self.fields.worker);
    }
};

/// Writes a frame.
class Encoder {
public:
    explicit Encoder(Message message);
    /// Throws PluginException if the body is longer than kMaxBody.
    [[nodiscard]] std::string frame() &&;

    template <typename... Values>
    void operator()(const Values&... values) {
        (put(values), ...);
    }

private:
    template <typename Number>
    requires std::is_arithmetic_v<Number> || std::is_enum_v<Number>
    void put(Number number) {
        frame_.append(reinterpret_cast<const char*>(&number), sizeof(number));
    }
    void put(const std::string& text);
    void put(const std::optional<std::int64_t>& number);
    void put(const Config& config);
    void put(const ClaimedJob& job);
    void put(std::span<RunningJob* const> jobs);

    std::string frame_;
};

/// Reads a body. Throws PluginException when it ends before its last member, or goes on after it.
class Decoder {
public:
    explicit Decoder(std::string_view body) : rest_(body) {}
    void end() const;

    template <typename... Values>
    void operator()(Values&... values) {
        (get(values), ...);
    }

private:
    std::string_view pop(std::size_t size);
    template <typename Number>
    requires std::is_arithmetic_v<Number> || std::is_enum_v<Number>
    void get(Number& number) {
        pop(sizeof(number)).copy(reinterpret_cast<char*>(&number), sizeof(number));
    }
    void get(bool& flag);
    void get(std::string& text);
    void get(std::optional<std::int64_t>& number);
    void get(Config& config);
    void get(ClaimedJob& job);
    void get(std::vector<ClaimedJob>& jobs);

    std::string_view rest_;
};

template <typename T>
[[nodiscard]] std::string encode(const T& message) {
    Encoder encoder(T::kMessage);
    T::visit(encoder, message);
    return std::move(encoder).frame();
}

struct Frame {
    Message message{};
    std::string body;

    /// Parses a whole frame. Throws PluginException if its head is missing.
    [[nodiscard]] static Frame parse(std::string_view bytes);
    /// Throws PluginException if the frame is another message or does not hold one.
    template <typename T>
    [[nodiscard]] T as() const {
        expect(T::kMessage);
        T value;
        Decoder decoder(body);
        T::visit(decoder, value);
        decoder.end();
        return value;
    }
    void expect(Message wanted) const;
};

/// One end of the connection.
/// Threads: send() from any, receive() from one.
class Channel {
public:
    enum class Received { Frame, Nothing, Closed };

    /// `tick`: how long receive() waits; 0: until something comes. `sendTimeout`: how long the peer may leave a frame
    /// unread; 0: for ever.
    Channel(Descriptor socket,
            std::chrono::milliseconds tick,
            std::chrono::milliseconds sendTimeout);

    /// Returns false if the peer is gone, or reads nothing any more.
    bool send(std::string_view frame);
    /// Throws PluginException for a frame that is too long.
    Received receive(Frame& frame);

private:
    Descriptor socket_;
    std::mutex sending_;
    std::array<char, 65536> arrived_{};
    std::string buffer_;
    std::size_t read_ = 0;  ///< Where the next frame begins in `buffer_`.
};

}  // namespace drover::wire
