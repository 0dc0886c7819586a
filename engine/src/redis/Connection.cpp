#include "redis/Connection.h"

#include <algorithm>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Logger.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Timespan.h>
#include <hiredis/hiredis.h>

#include "core/Random.h"
#include "drover/Exceptions.h"
#include "redis/Addresses.h"
#include "redis/PlainTransport.h"
#include "redis/TlsTransport.h"

namespace drover {

namespace {

Poco::Timespan timespan(std::chrono::microseconds duration) {
    return Poco::Timespan(static_cast<Poco::Timespan::TimeDiff>(duration.count()));
}

/// Time left until the deadline, at least 0.
Poco::Timespan until(Connection::Clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline - Connection::Clock::now());
    return timespan(std::max(left, std::chrono::microseconds(0)));
}

/// Commands that the kernel may take long to send after it took them.
constexpr std::size_t kLarge = 64 << 10;

/// How many bytes the kernel has taken that the peer has not.
std::size_t unsentBytes(int fd) {
    int count = 0;
    return ioctl(fd, SIOCOUTQ, &count) == 0 ? static_cast<std::size_t>(std::max(count, 0)) : 0;
}

constexpr const char* kOutOfStep =
    "the replies of Redis are out of step with the commands: bytes that nobody asked for came in "
    "between";

Poco::Logger& logger() {
    return Poco::Logger::get("redis");
}

/// Returns true if Redis refused AUTH because it has no password. Redis 5 and older use the second text.
bool isUnaskedPassword(std::string_view error) {
    return error.find("called without any password configured") != std::string_view::npos ||
           error.rfind("ERR Client sent AUTH, but no password is set", 0) == 0;
}

std::string randomText() {
    return std::to_string(randomGenerator()());
}

/// Marks the connection broken unless the work inside ends normally.
class BreakOnThrow {
public:
    explicit BreakOnThrow(bool& broken) : broken_(broken), before_(broken) { broken_ = true; }
    void ok() { broken_ = before_; }

private:
    bool& broken_;
    bool before_;
};

}  // namespace

Connection::Connection(const RedisOptions& options, const std::string& clientName, Peer peer)
    : commandTimeout_(options.commandTimeout),
      where_(options.address()),
      time_(options.time),
      reader_(makeReplyReader()),
      sealPrefix_("drover-" + randomText() + "-") {
    // The parser's own buffer is kept between replies up to this size; 0 would never shrink it.
    reader_->maxbuf = 1 << 20;
    try {
        connect(options);
    } catch (const RedisAuthException& error) {
        throw RedisAuthException("connect to Redis at " + where_ + ": " + error.message());
    } catch (const Exception& error) {
        throw RedisIoException("connect to Redis at " + where_ + ": " + error.message());
    } catch (const Poco::Exception& error) {
        throw RedisIoException("connect to Redis at " + where_ + ": " + error.displayText());
    }
    const auto deadline = Clock::now() + std::max(options.connectTimeout, options.commandTimeout);
    authenticate(options, deadline);
    if (peer == Peer::Master) {
        handshake(options, clientName, deadline);
    }
}

Connection::~Connection() = default;

void Connection::connect(const RedisOptions& options) {
    const auto deadline = Clock::now() + options.connectTimeout;
    if (options.isUnixSocket()) {
        socket_.connect(
            Poco::Net::SocketAddress(Poco::Net::SocketAddress::UNIX_LOCAL, options.host),
            timespan(options.connectTimeout));
    } else {
        connectToAny(socket_, addressesOf(options.host), options.port, options.connectTimeout);
        socket_.setNoDelay(true);
        socket_.setKeepAlive(true);
    }
    // Children that are exec'd must not hold our sockets open (docs/pitfalls.md#h6).
    fcntl(fd(), F_SETFD, FD_CLOEXEC);
    // Non-blocking: every wait below is a poll with the time that is left, not a timeout per read (docs/pitfalls.md#h5).
    socket_.setBlocking(false);
    if (options.tls) {
        encrypt(options, deadline);
    } else {
        transport_ = std::make_unique<PlainTransport>(fd());
    }
}

void Connection::encrypt(const RedisOptions& options, Clock::time_point deadline) {
    auto tls = std::make_unique<TlsTransport>(fd(), *options.tls, options.host);
    for (auto step = tls->handshake(); step != TlsTransport::Step::Done; step = tls->handshake()) {
        if (!awaitSocket(step == TlsTransport::Step::Readable ? Poco::Net::Socket::SELECT_READ
                                                              : Poco::Net::Socket::SELECT_WRITE,
                         deadline)) {
            throw RedisTimeoutException(
                "Redis does not finish the handshake of TLS in time; perhaps it speaks no TLS on "
                "this port");
        }
    }
    transport_ = std::move(tls);
}

bool Connection::awaitSocket(Poco::Net::Socket::SelectMode mode, Clock::time_point deadline) {
    try {
        return socket_.poll(until(deadline), mode);
    } catch (const Poco::Exception& error) {
        throw RedisIoException("wait for Redis: " + error.displayText());
    }
}

std::size_t Connection::sendSome(const char* bytes, std::size_t count) {
    try {
        return transport_->send(bytes, count);
    } catch (const RedisIoException&) {
        // Redis may have sent the reason before it closed: too many clients, for example.
        requireInStep();
        throw;
    }
}

int Connection::fd() const {
    return socket_.impl()->sockfd();
}

Reply Connection::call(const Command& command) {
    return call(command, Clock::now() + commandTimeout_);
}

Reply Connection::call(const Command& command, Clock::time_point deadline) {
    const auto patience = deadline - Clock::now();
    send(command, deadline);
    return receive(std::max(deadline, Clock::now() + patience));
}

void Connection::send(const Command& command, Clock::time_point deadline) {
    BreakOnThrow guard(broken_);
    if (seals_.empty()) {
        requireInStep();
    }
    out_.clear();
    command.appendTo(out_);
    std::string seal;
    if (sealing_) {
        seal = nextSeal();
        Command{"ECHO", seal}.appendTo(out_);
    }
    transmit(deadline);
    // A small command behind a large one waits for it.
    unsent_ = out_.size() >= kLarge || unsent_ > 0 ? unsentBytes(fd()) : 0;
    seals_.push_back(std::move(seal));
    guard.ok();
}

void Connection::transmit(Clock::time_point deadline) {
    const auto patience = deadline - Clock::now();
    std::size_t sent = 0;
    std::size_t counted = 0;  // The bytes sent when the deadline was last moved.
    std::size_t unsent = 0;   // The bytes that the kernel had then.
    while (sent < out_.size()) {
        const std::size_t n = sendSome(out_.data() + sent, out_.size() - sent);
        if (n > 0) {
            sent += n;
            if (sent - counted >= kProgress) {
                counted = sent;
                unsent = unsentBytes(fd());
                deadline = std::max(deadline, Clock::now() + patience);
            }
        } else if (!awaitSocket(Poco::Net::Socket::SELECT_WRITE, deadline)) {
            // A buffer of megabytes counts as full until a third of it is free: over a slow link that takes longer.
            const std::size_t before = std::exchange(unsent, unsentBytes(fd()));
            if (unsent + kProgress > before) {
                throw RedisTimeoutException("Redis takes no more bytes");
            }
            deadline = Clock::now() + patience;
        }
    }
}

void Connection::post(const Command& command, Clock::time_point deadline) {
    BreakOnThrow guard(broken_);
    out_.clear();
    command.appendTo(out_);
    transmit(deadline);
    guard.ok();
}

std::optional<Reply> Connection::tryMessage() {
    BreakOnThrow guard(broken_);
    std::optional<Reply> message = parse();
    while (!message && readAvailable()) {
        message = parse();
    }
    guard.ok();
    return message;
}

bool Connection::sendProgressed() {
    if (unsent_ == 0) {
        return false;
    }
    const std::size_t before = std::exchange(unsent_, unsentBytes(fd()));
    return unsent_ == 0 || unsent_ + kProgress <= before;
}

Reply Connection::receive(Clock::time_point deadline) {
    BreakOnThrow guard(broken_);
    const auto patience = deadline - Clock::now();
    while (true) {
        if (std::optional<Reply> reply = sealedReply()) {
            guard.ok();
            return std::move(*reply);
        }
        if (readAvailable()) {
            continue;
        }
        deadline = std::max(deadline, lastProgress_ + patience);
        const bool ready = awaitSocket(Poco::Net::Socket::SELECT_READ, deadline);
        if (!ready && sendProgressed()) {
            deadline = Clock::now() + patience;
        } else if (!ready) {
            throw RedisTimeoutException("no reply from Redis within the deadline");
        }
    }
}

std::optional<Reply> Connection::tryReceive() {
    BreakOnThrow guard(broken_);
    std::optional<Reply> reply = sealedReply();
    while (!reply && readAvailable()) {
        reply = sealedReply();
    }
    guard.ok();
    return reply;
}

std::optional<std::string> Connection::unasked() {
    BreakOnThrow guard(broken_);
    const bool empty = !transport_->hasInput();
    if (empty && !hasUnread()) {
        guard.ok();
        return std::nullopt;
    }
    if (!empty) {
        readAvailable();  // Throws for a connection that is closed.
    }
    const std::optional<Reply> reply = parse();
    return reply && reply->isError() ? std::string(reply->text()) : std::string();
}

void Connection::requireInStep() {
    const std::optional<std::string> bytes = unasked();
    if (!bytes) {
        return;
    }
    if (!bytes->empty() && classifyError(*bytes) != ReplyClass::Other) {
        throwError("connect", *bytes);
    }
    throw RedisIoException(kOutOfStep);
}

bool Connection::hasUnread() const {
    return reader_->pos < reader_->len || reader_->ridx >= 0;
}

std::string Connection::nextSeal() {
    return sealPrefix_ + std::to_string(++sealNumber_);
}

std::optional<Reply> Connection::sealedReply() {
    while (!seals_.empty()) {
        std::optional<Reply> reply = parse();
        if (!reply) {
            return std::nullopt;
        }
        const std::string& seal = seals_.front();
        if (seal.empty()) {
            seals_.pop_front();
            if (seals_.empty() && hasUnread()) {
                throw RedisIoException(kOutOfStep);  // Nothing shows which of them is the reply.
            }
            return reply;
        }
        if (!unsealed_) {
            unsealed_ = std::move(reply);
            continue;
        }
        // A server that refuses everything for now (BUSY, LOADING) refuses the ECHO with the command.
        if (reply->text() != seal && !(reply->isError() && unsealed_->isError())) {
            throw RedisIoException(kOutOfStep);
        }
        seals_.pop_front();
        return std::exchange(unsealed_, std::nullopt);
    }
    return std::nullopt;
}

bool Connection::readAvailable() {
    char buffer[64 * 1024];
    const std::size_t n = transport_->receive(buffer, sizeof(buffer));
    if (n == 0) {
        return false;
    }
    arrived_ += n;
    if (arrived_ >= kProgress) {
        arrived_ = 0;
        lastProgress_ = Clock::now();
    }
    if (redisReaderFeed(reader_.get(), buffer, n) != REDIS_OK) {
        throw RedisIoException(std::string("reply of Redis: ") + reader_->errstr);
    }
    return true;
}

std::optional<Reply> Connection::parse() {
    void* reply = nullptr;
    if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
        throw RedisIoException(std::string("reply of Redis: ") + reader_->errstr);
    }
    if (reply == nullptr) {
        return std::nullopt;
    }
    return Reply(static_cast<redisReply*>(reply));
}

void Connection::requireOk(const Reply& reply, const std::string& operation) const {
    if (!reply.isError()) {
        return;
    }
    if (classifyError(reply.text()) != ReplyClass::Other) {
        throwError(operation, reply.text());
    }
    // Nothing that waiting cures (no such database, no such command). Without the reply's own words for AUTH: Redis
    // quotes the arguments of a command that it does not know.
    throw RedisAuthException(
        operation + " was refused by Redis at " + where_ +
            (operation == "AUTH" ? std::string() : ": " + std::string(reply.text())),
        operation.rfind("SELECT", 0) == 0 ? kNoSuchDatabase : 0);
}

void Connection::authenticate(const RedisOptions& options, Clock::time_point deadline) {
    if (options.password.empty()) {
        return;
    }
    Command auth{"AUTH"};
    if (!options.user.empty()) {
        auth.add(options.user);
    }
    const Reply reply = call(auth.add(options.password), deadline);
    if (!reply.isError() || !isUnaskedPassword(reply.text())) {
        requireOk(reply, "AUTH");
    } else if (options.refusal->claimPasswordWarning()) {
        // As BullMQ's clients do: a password too many opens no door that was shut.
        logger().warning("Redis at %s asks for no password; the configured one is not used",
                         where_);
    }
}

void Connection::handshake(const RedisOptions& options,
                           const std::string& clientName,
                           Clock::time_point deadline) {
    if (options.database != 0) {
        requireOk(call(Command{"SELECT"}.add(options.database), deadline),
                  "SELECT " + std::to_string(options.database));
    }
    if (!clientName.empty()) {
        // Refused for blanks and non-ASCII characters, or by the access list: that costs the name in CLIENT LIST only.
        call(Command{"CLIENT", "SETNAME", clientName}, deadline);
    }
    // After a failover an address may lead to a replica: it would take reads and refuse every script.
    const Reply role = call(Command{"ROLE"}, deadline);
    if (role.isError()) {
        // A server that keeps ROLE from us (NOPERM, a renamed command) may work all the same; the rest is a refusal.
        if (role.text().rfind("NOPERM", 0) != 0 &&
            classifyError(role.text()) != ReplyClass::Other) {
            throwError("ROLE", role.text());
        }
    } else if (role.size() > 0 && role.at(0).text() != "master") {
        throw RedisIoException("Redis at " + where_ + " is a " + std::string(role.at(0).text()) +
                               ", a master is needed");
    }
    const std::string seal = nextSeal();
    const Reply echo = call(Command{"ECHO", seal}, deadline);
    if (!echo.isError() && echo.text() != seal) {
        throw RedisIoException(kOutOfStep);
    }
    sealing_ = !echo.isError();
    // Always: after a failover it may be another server with another clock.
    measureTime(deadline);
}

void Connection::measureTime() {
    if (time_->due()) {
        measureTime(Clock::now() + commandTimeout_);
    }
}

void Connection::measureTime(Clock::time_point deadline) {
    const auto asked = time_->machine().monotonic();
    const Reply reply = call(Command{"TIME"}, deadline);
    const auto answered = time_->machine().monotonic();
    if (!reply.isError()) {
        constexpr std::int64_t kSecond = 1'000'000;
        time_->measured(
            reply.at(0).integer() * kSecond + reply.at(1).integer(), asked, answered, where_);
        return;
    }
    const ReplyClass kind = classifyError(reply.text());
    if (kind == ReplyClass::Auth || kind == ReplyClass::Other) {
        time_->untold(std::string(reply.text()));  // NOPERM, or the command is renamed.
    }
}

}  // namespace drover
