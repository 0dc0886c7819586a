#include "redis/RedisClient.h"

#include <Poco/Logger.h>

#include "drover/Exceptions.h"

namespace drover {

namespace {

Poco::Logger& logger() {
    return Poco::Logger::get("redis");
}

/// The name of the script of a command made by RedisClient::script, for messages.
std::string operationOf(const Command& command) {
    return command.args().empty() ? "command" : std::string(command.args().front());
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
    connection_.reset();
    healthy_ = false;
    // Once when it begins, not once per attempt; and again when the reason becomes one that a person must cure.
    if (!reconnect_.inOutage() || (slow && why != lastError_)) {
        logger().warning("%s: Redis is away: %s", label_, why);
    }
    lastError_ = why;
    reconnect_.failed(Clock::now(), slow);
}

Connection& RedisClient::connection() {
    if (connection_ && !connection_->broken()) {
        return *connection_;
    }
    connection_.reset();
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
    Connection& link = connection();
    try {
        auto result = work(link);
        healthy_ = true;
        return result;
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

Reply RedisClient::call(const Command& command) {
    return call(command, Clock::now() + options_.commandTimeout);
}

Reply RedisClient::call(const Command& command, Clock::time_point deadline) {
    return guarded([&](Connection& link) {
        Reply reply = link.call(command, deadline);
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

Reply RedisClient::run(Command& command, const std::function<void()>& meanwhile) {
    return guarded([&](Connection& link) {
        const auto deadline = Clock::now() + options_.commandTimeout;
        link.send(command, deadline);
        if (meanwhile) {
            try {
                meanwhile();
            } catch (...) {
                connection_.reset();  // Its reply would answer the next command.
                throw;
            }
        }
        Reply reply = link.receive(deadline);
        const std::string_view sha1 = command.args()[1];
        const Script& script = scripts_->bySha1(sha1);
        if (reply.isError() && classifyError(reply.text()) == ReplyClass::NoScript) {
            command.set(0, "EVAL");
            command.set(1, script.text);
            reply = link.call(command, deadline);
        }
        if (reply.isError()) {
            throwError(script.name, reply.text());
        }
        return reply;
    });
}

void RedisClient::drop() {
    connection_.reset();
}

}  // namespace drover
