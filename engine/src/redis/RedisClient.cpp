#include "redis/RedisClient.h"

#include <utility>

#include <Poco/Exception.h>
#include <Poco/Logger.h>

#include "drover/Exceptions.h"
#include "redis/RedisFigures.h"

namespace drover {

namespace {

Poco::Logger& logger() {
    return Poco::Logger::get("redis");
}

/// How often a client logs that bytes come without a command.
constexpr std::chrono::minutes kStrayPause{1};

/// Returns the name of the script of a command made by RedisClient::script, for messages.
std::string operationOf(const Command& command) {
    return command.args().empty() ? "command" : std::string(command.args().front());
}

/// Returns the hash that a command made by RedisClient::script calls, before it is sent by its text.
std::string_view shaOf(const Command& command) {
    return command.args()[1];
}

/// Returns a key of the command, for a probe of its kind; empty if it has none.
std::string keyOf(const Command& command) {
    const auto& args = command.args();
    const bool script = args.size() > 3 && (args[0] == "EVALSHA" || args[0] == "EVAL");
    const std::size_t at = script ? 3 : 1;
    return at < args.size() ? std::string(args[at]) : std::string();
}

bool isUnknownScript(const Reply& reply) {
    return reply.isError() && classifyError(reply.text()) == ReplyClass::NoScript;
}

}  // namespace

RedisClient::RedisClient(RedisOptions options, std::string label, std::string clientName)
    : options_(std::move(options)), label_(std::move(label)), clientName_(std::move(clientName)) {}

std::string RedisClient::where() const {
    return options_.address();
}

template <typename Work>
auto RedisClient::guarded(Work work) {
    try {
        return work();
    } catch (const RedisBusyException& error) {
        refused(error.message(), "", false);
        throw;
    } catch (const RedisAuthException& error) {
        failed(error.message(), true);
        throw;
    } catch (const RedisIoException& error) {
        failed(error.message(), false);
        throw;
    }
}

void RedisClient::failed(const std::string& why, bool slow) {
    ++options_.figures->failures;
    drop();
    healthy_ = false;
    // Once when it begins, not once per attempt; and again when the reason becomes one that a person must cure.
    if (!std::exchange(away_, true) || (slow && why != lastError_)) {
        logger().warning("%s: Redis is away: %s", label_, why);
    }
    lastError_ = why;
    reconnect_.failed(Clock::now(), slow);
}

void RedisClient::refused(const std::string& why, const std::string& key, bool keepConnection) {
    if (!keepConnection) {
        drop();
    }
    ++options_.figures->refusals;
    healthy_ = false;
    refusedHere_ = true;
    lastError_ = why;
    const auto now = Clock::now();
    reconnect_.failed(now);
    options_.refusal->begin(where(), why, key, now);
}

void RedisClient::raise(const std::string& operation,
                        std::string_view error,
                        const std::string& key) {
    try {
        throwError(operation, error);
    } catch (const RedisBusyException&) {
        const ReplyClass kind = classifyError(error);
        refused(std::string(error), key, kind == ReplyClass::Wait || kind == ReplyClass::Pressure);
        throw;
    } catch (const RedisIoException& fault) {
        failed(fault.message(), classifyError(error) == ReplyClass::Auth);
        throw;
    }
}

void RedisClient::accepted() {
    healthy_ = true;
    if (refusedHere_) {
        options_.refusal->end(where(), Clock::now());
        recovered();
    }
}

void RedisClient::recovered() {
    const auto outage = reconnect_.succeeded(Clock::now());
    refusedHere_ = false;
    healthy_ = true;
    if (std::exchange(away_, false)) {
        logger().information(
            "%s: Redis is back after %Ld ms", label_, static_cast<Poco::Int64>(outage.count()));
    }
}

void RedisClient::requireAccepted() {
    Refusal& refusal = *options_.refusal;
    const auto now = Clock::now();
    if (refusal.mayProbe(now)) {
        const Probe found = probe(refusal.key());
        cannotProbe_ = found == Probe::Unknown;
        if (found == Probe::Accepted) {
            refusal.end(where(), now);
        }
    }
    if (!refusedHere_) {
        return;
    }
    if (!refusal.active()) {
        recovered();
        return;
    }
    const bool due = reconnect_.due(now);
    if (due) {
        reconnect_.failed(now);
    }
    if (!connection_ || !due || !cannotProbe_) {
        throw RedisBusyException(label_ + ": Redis refuses for now: " + refusal.why());
    }
}

RedisClient::Probe RedisClient::probe(const std::string& key) {
    // Nothing is written: an empty text changes no key and makes none, and a key of another type is an error as ever. But
    // Redis looks first whether it takes writes that need memory.
    const Command command =
        key.empty() ? Command{"DBSIZE"} : Command{"SETRANGE", key, "0", std::string_view()};
    const Reply reply = guarded([&] { return connection_->call(command); });
    if (!reply.isError()) {
        return Probe::Accepted;
    }
    switch (classifyError(reply.text())) {
        case ReplyClass::Topology:
        case ReplyClass::TooMany:
            drop();
            [[fallthrough]];
        case ReplyClass::Wait:
        case ReplyClass::Pressure:
            options_.refusal->begin(where(), std::string(reply.text()), key, Clock::now());
            return Probe::Refused;
        case ReplyClass::WrongType:
            return Probe::Accepted;
        default:
            return Probe::Unknown;
    }
}

Connection& RedisClient::connection() {
    if (!connection_ || connection_->broken() || !inStep()) {
        drop();
        open();
    }
    if (connection_->owed() == 0) {
        requireAccepted();
    }
    if (!connection_) {
        throw RedisIoException(label_ + ": Redis is away: " + lastError_);
    }
    return *connection_;
}

void RedisClient::open() {
    if (!reconnect_.due(Clock::now())) {
        const std::string what = label_ + ": Redis is away: " + lastError_;
        if (refusedHere_) {
            throw RedisBusyException(what);
        }
        throw RedisIoException(what);
    }
    guarded([&] { connection_ = std::make_unique<Connection>(options_, clientName_); });
    if (std::exchange(connectedBefore_, true)) {
        ++options_.figures->reconnects;
    }
    if (refusedHere_) {
        return;  // A connection alone does not end a refusal.
    }
    if (away_ && probe("") == Probe::Refused) {
        // It is up and loads its data, say.
        const std::string why = options_.refusal->why();
        refused(why, "", connection_ != nullptr);
        throw RedisBusyException(label_ + ": Redis refuses for now: " + why);
    }
    recovered();
}

bool RedisClient::inStep() {
    if (connection_->owed() > 0) {
        return true;  // The bytes may belong to an owed reply; its seal decides.
    }
    const std::optional<std::string> bytes = guarded([&] { return connection_->unasked(); });
    if (!bytes) {
        guarded([&] { connection_->measureTime(); });
        return true;
    }
    // Nothing was sent yet, so that no reply is lost: the caller goes on.
    const auto now = Clock::now();
    ++strays_;
    if (!strayLogged_ || now - *strayLogged_ >= kStrayPause) {
        logger().warning(
            "%s: Redis, or a proxy before it, sent bytes that nobody asked for%s; they answer "
            "nothing, the connection is replaced (%d so far)",
            label_,
            bytes->empty() ? std::string() : " (\"" + *bytes + "\")",
            strays_);
        strayLogged_ = now;
    }
    return false;
}

Reply RedisClient::call(const Command& command) {
    return call(command, Clock::now() + options_.commandTimeout);
}

Reply RedisClient::call(const Command& command, Clock::time_point deadline) {
    Connection& link = idleConnection();
    const auto began = Clock::now();
    Reply reply = guarded([&] { return link.call(command, deadline); });
    options_.figures->roundTrips.observe(Clock::now() - began);
    if (reply.isError()) {
        raise(operationOf(command), reply.text(), keyOf(command));
    }
    accepted();
    return reply;
}

Command RedisClient::script(const std::string& name) const {
    const Script& script = options_.scripts->get(name);
    Command command{"EVALSHA", script.sha1};
    command.add(script.keyCount);
    return command;
}

Reply RedisClient::run(Command& command) {
    Connection& link = idleConnection();
    const std::string& name = options_.scripts->bySha1(shaOf(command)).name;
    const auto began = Clock::now();
    Reply reply = guarded([&] {
        Reply first = link.call(command);
        if (!isUnknownScript(first)) {
            return first;
        }
        sendByText(link, command, Clock::now() + options_.commandTimeout);
        return link.receive(Clock::now() + options_.commandTimeout);
    });
    options_.figures->roundTrips.observe(Clock::now() - began);
    if (reply.isError()) {
        raise(name, reply.text(), keyOf(command));
    }
    accepted();
    return reply;
}

std::vector<Reply> RedisClient::runAll(std::vector<Command>& commands) {
    Connection& link = idleConnection();
    std::vector<Reply> replies;
    replies.reserve(commands.size());
    const auto began = Clock::now();
    guarded([&] {
        const auto deadline = [this] { return Clock::now() + options_.commandTimeout; };
        for (const Command& command : commands) {
            link.send(command, deadline());
        }
        for (std::size_t i = 0; i < commands.size(); ++i) {
            replies.push_back(link.receive(deadline()));
        }
        for (std::size_t i = 0; i < commands.size(); ++i) {
            if (isUnknownScript(replies[i])) {
                sendByText(link, commands[i], deadline());
                replies[i] = link.receive(deadline());
            }
        }
    });
    options_.figures->roundTrips.observe(Clock::now() - began);
    return replies;
}

void RedisClient::send(Command& call) {
    Connection& link = connection();
    guarded([&] { link.send(call, Clock::now() + options_.commandTimeout); });
    underWay_.push_back({&call, Clock::now()});
}

std::optional<RedisClient::Answered> RedisClient::receive() {
    Connection& link = connection();
    return guarded([&]() -> std::optional<Answered> {
        while (std::optional<Reply> reply = link.tryReceive()) {
            Command* const call = underWay_.front().command;
            const auto began = underWay_.front().at;
            underWay_.pop_front();
            if (!isUnknownScript(*reply)) {
                options_.figures->roundTrips.observe(Clock::now() - began);
                if (reply->isError()) {
                    refusedKey_ = keyOf(*call);
                } else {
                    accepted();
                }
                return Answered{call, std::move(*reply)};
            }
            sendByText(link, *call, Clock::now() + options_.commandTimeout);
            underWay_.push_back({call, began});
        }
        return std::nullopt;
    });
}

void RedisClient::require(const Reply& reply,
                          const std::string& operation,
                          const std::string& key) {
    if (reply.isError()) {
        raise(operation, reply.text(), key.empty() ? refusedKey_ : key);
    }
}

Connection& RedisClient::idleConnection() {
    Connection& link = connection();
    if (!underWay_.empty()) {
        throw Poco::IllegalStateException(label_ + ": called while replies to others are awaited");
    }
    return link;
}

void RedisClient::sendByText(Connection& link, Command& call, Clock::time_point deadline) const {
    const Script& script = options_.scripts->bySha1(shaOf(call));
    call.set(0, "EVAL");
    call.set(1, script.text);
    link.send(call, deadline);
}

void RedisClient::drop() {
    connection_.reset();
    underWay_.clear();
}

}  // namespace drover
