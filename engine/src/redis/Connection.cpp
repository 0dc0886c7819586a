#include "redis/Connection.h"

#include <fcntl.h>

#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Timespan.h>
#include <hiredis/hiredis.h>

#include "drover/Exceptions.h"

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

void Connection::FreeReader::operator()(redisReader* reader) const {
    redisReaderFree(reader);
}

Connection::Connection(const RedisOptions& options, const std::string& clientName)
    : commandTimeout_(options.commandTimeout), reader_(redisReaderCreate()) {
    // The parser's own buffer is kept between replies up to this size; 0 would never shrink it.
    reader_->maxbuf = 1024 * 1024;
    const std::string where = options.host + ":" + std::to_string(options.port);
    try {
        socket_.connect(
            Poco::Net::SocketAddress(options.host, static_cast<Poco::UInt16>(options.port)),
            timespan(options.connectTimeout));
        socket_.setNoDelay(true);
        socket_.setKeepAlive(true);
        // Children that are exec'd must not hold our sockets open (pitfall H6).
        fcntl(socket_.impl()->sockfd(), F_SETFD, FD_CLOEXEC);
        // Non-blocking: every wait below is a poll with the time that is left, not a timeout per read (pitfall H5).
        socket_.setBlocking(false);
    } catch (const Poco::Exception& error) {
        throw RedisIoException("connect to Redis at " + where + ": " + error.displayText());
    }
    handshake(options, clientName);
}

Connection::~Connection() = default;

int Connection::fd() const {
    return socket_.impl()->sockfd();
}

Reply Connection::call(const Command& command) {
    return call(command, Clock::now() + commandTimeout_);
}

Reply Connection::call(const Command& command, Clock::time_point deadline) {
    send(command, deadline);
    return receive(deadline);
}

void Connection::send(const Command& command, Clock::time_point deadline) {
    BreakOnThrow guard(broken_);
    out_.clear();
    command.appendTo(out_);
    std::size_t sent = 0;
    try {
        while (sent < out_.size()) {
            const int n =
                socket_.sendBytes(out_.data() + sent, static_cast<int>(out_.size() - sent));
            if (n > 0) {
                sent += static_cast<std::size_t>(n);
            } else if (!socket_.poll(until(deadline), Poco::Net::Socket::SELECT_WRITE)) {
                throw RedisTimeoutException("Redis takes no more bytes");
            }
        }
    } catch (const Exception&) {
        throw;
    } catch (const Poco::Exception& error) {
        throw RedisIoException("send to Redis: " + error.displayText());
    }
    guard.ok();
}

Reply Connection::receive(Clock::time_point deadline) {
    BreakOnThrow guard(broken_);
    while (true) {
        if (std::optional<Reply> reply = parse()) {
            guard.ok();
            return std::move(*reply);
        }
        if (readAvailable()) {
            continue;
        }
        bool ready = false;
        try {
            ready = socket_.poll(until(deadline), Poco::Net::Socket::SELECT_READ);
        } catch (const Poco::Exception& error) {
            throw RedisIoException("wait for Redis: " + error.displayText());
        }
        if (!ready) {
            throw RedisTimeoutException("no reply from Redis within the deadline");
        }
    }
}

std::optional<Reply> Connection::tryReceive() {
    BreakOnThrow guard(broken_);
    std::optional<Reply> reply = parse();
    while (!reply && readAvailable()) {
        reply = parse();
    }
    guard.ok();
    return reply;
}

bool Connection::readAvailable() {
    char buffer[64 * 1024];
    int n = 0;
    try {
        n = socket_.receiveBytes(buffer, sizeof(buffer));
    } catch (const Poco::Exception& error) {
        throw RedisIoException("receive from Redis: " + error.displayText());
    }
    if (n == 0) {
        throw RedisIoException("Redis closed the connection");
    }
    if (n < 0) {
        return false;
    }
    if (redisReaderFeed(reader_.get(), buffer, static_cast<std::size_t>(n)) != REDIS_OK) {
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

void Connection::handshake(const RedisOptions& options, const std::string& clientName) {
    const auto deadline = Clock::now() + std::max(options.connectTimeout, options.commandTimeout);
    const auto require = [&](const Command& command, const char* operation) {
        const Reply reply = call(command, deadline);
        if (reply.isError()) {
            throwError(operation, reply.text());
        }
    };
    if (!options.password.empty()) {
        Command auth{"AUTH"};
        if (!options.user.empty()) {
            auth.add(options.user);
        }
        require(auth.add(options.password), "AUTH");
    }
    if (options.database != 0) {
        require(Command{"SELECT"}.add(options.database), "SELECT");
    }
    if (!clientName.empty()) {
        require(Command{"CLIENT", "SETNAME", clientName}, "CLIENT SETNAME");
    }
    // After a failover an address may lead to a replica: it would take reads and refuse every script.
    const Reply role = call(Command{"ROLE"}, deadline);
    if (role.isError()) {
        // A user without permission for ROLE is no reason to refuse a server that works; the rest is.
        if (role.text().rfind("NOPERM", 0) != 0) {
            throwError("ROLE", role.text());
        }
    } else if (role.size() > 0 && role.at(0).text() != "master") {
        throw RedisIoException("Redis at " + options.host + ":" + std::to_string(options.port) +
                               " is a " + std::string(role.at(0).text()) + ", a master is needed");
    }
}

}  // namespace drover
