#include "redis/RedisClient.h"

#include <utility>

#include <Poco/Exception.h>
#include <Poco/Logger.h>

#include "drover/Exceptions.h"
#include "redis/ClusterEndpoints.h"
#include "redis/RedisFigures.h"

namespace drover {

namespace {

Poco::Logger& logger() {
    return Poco::Logger::get("redis");
}

/// How often a call follows its slot before it counts as refused.
constexpr int kMostHops = 5;
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
    return options_.endpoints ? options_.at(at_).address() : options_.address();
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
    suspectServer();
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
        suspectServer();
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
    if (followMoved(error)) {
        throw RedisBusyException(operation + ": the slot is at another node now (" +
                                 std::string(error) + ")");
    }
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
    Command command;
    if (key.empty()) {
        command.add("DBSIZE");
    } else if (isPartOfSlot(options_.refusal->why())) {
        command.add("EXISTS").own(wholeSlotKey(key));
    } else {
        command.add("SETRANGE").add(key).add("0").add("");
    }
    const Reply reply = guarded([&] { return connection_->call(command); });
    if (!reply.isError()) {
        return Probe::Accepted;
    }
    if (followMoved(reply.text())) {
        return Probe::Refused;
    }
    switch (classifyError(reply.text())) {
        case ReplyClass::Topology:
        case ReplyClass::TooMany:
            suspectServer();
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

void RedisClient::suspectServer() {
    if (options_.endpoints) {
        options_.endpoints->suspect(options_.slot, at_);
    }
}

void RedisClient::leaveFormerMaster() {
    if (connection_ && connection_->owed() == 0 && socket_ && socket_->ended()) {
        drop();
    }
}

bool RedisClient::followMoved(std::string_view error) {
    if (options_.slot < 0 || error.rfind("MOVED ", 0) != 0) {
        return false;
    }
    const Redis::Address to = redirection(error, at_.host);
    if (to.port == 0) {
        return false;
    }
    options_.endpoints->onMoved(options_.slot, to);
    drop();
    return true;
}

template <typename Call>
Reply RedisClient::following(Call call) {
    Reply reply = call(idleConnection());
    for (int hop = 0; hop < kMostHops && reply.isError() && followMoved(reply.text()); ++hop) {
        reply = call(idleConnection());
    }
    return reply;
}

Connection& RedisClient::connection() {
    leaveFormerMaster();
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
    guarded([&] {
        if (!options_.endpoints) {
            connection_ = std::make_unique<Connection>(options_, clientName_);
            return;
        }
        at_ = options_.endpoints->find(options_.slot);
        connection_ = std::make_unique<Connection>(options_.at(at_), clientName_);
        socket_ = options_.endpoints->sockets().enter(connection_->fd(), at_);
    });
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
    const auto began = Clock::now();
    Reply reply = following(
        [&](Connection& link) { return guarded([&] { return link.call(command, deadline); }); });
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
    command.add(script.keyCount + (options_.isCluster() ? 1 : 0));
    return command;
}

void RedisClient::closeKeys(Command& command, const std::string& key) const {
    if (options_.isCluster()) {
        command.own(wholeSlotKey(key));
    }
}

Reply RedisClient::run(Command& command) {
    const std::string& name = options_.scripts->bySha1(shaOf(command)).name;
    const auto began = Clock::now();
    Reply reply = runToEnd(command);
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
    bool moved = false;
    for (std::size_t i = 0; i < commands.size() && options_.slot >= 0; ++i) {
        // Not run: each goes to the slot's node, behind those that were run.
        if (replies[i].isError() && replies[i].text().rfind("MOVED ", 0) == 0) {
            moved = moved || followMoved(replies[i].text());
            replies[i] = runToEnd(commands[i]);
        }
    }
    options_.figures->roundTrips.observe(Clock::now() - began);
    return replies;
}

Reply RedisClient::runToEnd(Command& command) {
    return following([&](Connection& link) {
        return guarded([&] {
            const auto deadline = [this] { return Clock::now() + options_.commandTimeout; };
            Reply reply = link.call(command, deadline());
            if (isUnknownScript(reply)) {
                sendByText(link, command, deadline());
                return link.receive(deadline());
            }
            return reply;
        });
    });
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
    socket_.reset();
    connection_.reset();
    underWay_.clear();
}

}  // namespace drover
