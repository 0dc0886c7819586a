#include "redis/RedisClient.h"

#include <utility>

#include <Poco/Exception.h>
#include <Poco/Logger.h>

#include "drover/Exceptions.h"

namespace drover {

namespace {

Poco::Logger& logger() {
    return Poco::Logger::get("redis");
}

/// How often a client tells that bytes come which nobody asked for.
constexpr std::chrono::minutes kStrayPause{1};

/// The name of the script of a command made by RedisClient::script, for messages.
std::string operationOf(const Command& command) {
    return command.args().empty() ? "command" : std::string(command.args().front());
}

/// What a command made by RedisClient::script calls, before it is sent by its text.
std::string_view shaOf(const Command& command) {
    return command.args()[1];
}

bool isUnknownScript(const Reply& reply) {
    return reply.isError() && classifyError(reply.text()) == ReplyClass::NoScript;
}

}  // namespace

RedisClient::RedisClient(RedisOptions options,
                         std::shared_ptr<const ScriptRegistry> scripts,
                         std::string label,
                         std::string clientName)
    : options_(std::move(options)),
      scripts_(std::move(scripts)),
      label_(std::move(label)),
      clientName_(std::move(clientName)) {}

void RedisClient::failed(const std::string& why, bool slow) {
    drop();
    healthy_ = false;
    // Once when it begins, not once per attempt; and again when the reason becomes one that a person must cure.
    if (!reconnect_.inOutage() || (slow && why != lastError_)) {
        logger().warning("%s: Redis is away: %s", label_, why);
    }
    lastError_ = why;
    reconnect_.failed(Clock::now(), slow);
}

Connection& RedisClient::connection() {
    if (connection_ && !connection_->broken() && inStep()) {
        return *connection_;
    }
    drop();
    const auto now = Clock::now();
    if (!reconnect_.due(now)) {
        throw RedisIoException(label_ + ": Redis is away: " + lastError_);
    }
    try {
        connection_ = std::make_unique<Connection>(options_, clientName_);
    } catch (const RedisAuthException& error) {
        failed(error.message(), true);
        throw;
    } catch (const RedisIoException& error) {
        failed(error.message(), false);
        throw;
    }
    const auto outage = reconnect_.succeeded(Clock::now());
    if (outage.count() > 0) {
        logger().information(
            "%s: Redis is back after %Ld ms", label_, static_cast<Poco::Int64>(outage.count()));
    }
    healthy_ = true;
    return *connection_;
}

template <typename Work>
auto RedisClient::guarded(Work work) {
    try {
        return work();
    } catch (const RedisBusyException& error) {
        // The connection is sound, the server is not ready or no master any more. A new connection after the backoff
        // finds out when that ends: its handshake asks for the role.
        failed(error.message(), false);
        throw;
    } catch (const RedisAuthException& error) {
        failed(error.message(), true);
        throw;
    } catch (const RedisIoException& error) {
        failed(error.message(), false);
        throw;
    }
}

bool RedisClient::inStep() {
    if (connection_->owed() > 0) {
        return true;  // What comes may be what is owed; its seal tells.
    }
    const std::optional<std::string> bytes = guarded([&] { return connection_->unasked(); });
    if (!bytes) {
        guarded([&] { connection_->measureTime(); });
        return true;
    }
    // Nothing was sent yet and nothing is answered with them: the caller need not know.
    const auto now = Clock::now();
    ++strays_;
    if (!strayTold_ || now - *strayTold_ >= kStrayPause) {
        logger().warning(
            "%s: Redis, or a proxy before it, sent bytes that nobody asked for%s; they answer "
            "nothing, the connection is replaced (%d so far)",
            label_,
            bytes->empty() ? std::string() : " (\"" + *bytes + "\")",
            strays_);
        strayTold_ = now;
    }
    return false;
}

Reply RedisClient::call(const Command& command) {
    return call(command, Clock::now() + options_.commandTimeout);
}

Reply RedisClient::call(const Command& command, Clock::time_point deadline) {
    Connection& link = idleConnection();
    return guarded([&] {
        Reply reply = link.call(command, deadline);
        healthy_ = true;
        if (reply.isError()) {
            throwError(operationOf(command), reply.text());
        }
        return reply;
    });
}

Command RedisClient::script(const std::string& name) const {
    const Script& script = scripts_->get(name);
    Command command{"EVALSHA", script.sha1};
    command.add(script.keyCount);
    return command;
}

Reply RedisClient::run(Command& command) {
    Connection& link = idleConnection();
    return guarded([&] {
        const std::string& name = scripts_->bySha1(shaOf(command)).name;
        Reply reply = link.call(command);
        if (isUnknownScript(reply)) {
            sendByText(link, command, Clock::now() + options_.commandTimeout);
            reply = link.receive(Clock::now() + options_.commandTimeout);
        }
        healthy_ = true;
        if (reply.isError()) {
            throwError(name, reply.text());
        }
        return reply;
    });
}

void RedisClient::send(Command& call) {
    Connection& link = connection();
    guarded([&] { link.send(call, Clock::now() + options_.commandTimeout); });
    underWay_.push_back(&call);
}

std::optional<RedisClient::Answered> RedisClient::receive() {
    Connection& link = connection();
    return guarded([&]() -> std::optional<Answered> {
        while (std::optional<Reply> reply = link.tryReceive()) {
            healthy_ = true;
            Command* const call = underWay_.front();
            underWay_.pop_front();
            if (!isUnknownScript(*reply)) {
                return Answered{call, std::move(*reply)};
            }
            sendByText(link, *call, Clock::now() + options_.commandTimeout);
            underWay_.push_back(call);
        }
        return std::nullopt;
    });
}

void RedisClient::require(const Reply& reply, const std::string& operation) {
    guarded([&] {
        if (reply.isError()) {
            throwError(operation, reply.text());
        }
    });
}

Connection& RedisClient::idleConnection() {
    Connection& link = connection();
    if (!underWay_.empty()) {
        throw Poco::IllegalStateException(label_ + ": called while replies to others are awaited");
    }
    return link;
}

void RedisClient::sendByText(Connection& link, Command& call, Clock::time_point deadline) const {
    const Script& script = scripts_->bySha1(shaOf(call));
    call.set(0, "EVAL");
    call.set(1, script.text);
    link.send(call, deadline);
}

void RedisClient::drop() {
    connection_.reset();
    underWay_.clear();
}

}  // namespace drover
