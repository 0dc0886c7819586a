#include "redis/SentinelEndpoints.h"

#include <algorithm>
#include <charconv>
#include <poll.h>
#include <sstream>
#include <utility>

#include <Poco/Logger.h>

#include "core/Guarded.h"
#include "drover/Exceptions.h"
#include "redis/Connection.h"
#include "redis/Reconnect.h"

namespace drover {

namespace {

constexpr const char* kChannel = "+switch-master";
/// After this time without a message a sentinel is asked for a sign of life, and after three of them it counts as gone.
constexpr std::chrono::seconds kQuiet{1};
/// An answer younger than this is not asked for again: while the master is away, every client reports it.
constexpr std::chrono::milliseconds kFresh{100};

Poco::Logger& logger() {
    return Poco::Logger::get("redis");
}

std::string textOf(const Redis::Address& address) {
    return address.host + ":" + std::to_string(address.port);
}

std::optional<Redis::Address> addressOf(std::string_view host, std::string_view port) {
    Redis::Address address{std::string(host), 0};
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), address.port);
    return parsed.ec == std::errc() && !host.empty() ? std::optional(address) : std::nullopt;
}

RedisOptions sentinelOptions(Redis::Settings settings) {
    const Redis::Sentinel sentinel = *std::exchange(settings.sentinel, std::nullopt);
    settings.user = sentinel.user;
    settings.password = sentinel.password;
    settings.database = 0;
    return RedisOptions(settings);
}

}  // namespace

SentinelEndpoints::SentinelEndpoints(const Redis::Settings& settings)
    : master_(settings.sentinel->master),
      addresses_(settings.sentinel->addresses),
      options_(sentinelOptions(settings)),
      order_(addresses_) {}

SentinelEndpoints::~SentinelEndpoints() {
    stopping_ = true;
    wake_.raise();
    if (thread_.joinable()) {
        thread_.join();
    }
}

SentinelEndpoints::Address SentinelEndpoints::find(int /*slot*/) {
    const std::lock_guard one(asking_);
    if (!thread_.joinable()) {
        thread_ = std::thread([this] {
            while (!stopping_ && !runGuarded("sentinels", [this] { listen(); })) {
            }
        });
    }
    {
        const std::lock_guard lock(mutex_);
        if (known_ && (!suspect_ || Clock::now() - asked_ < kFresh)) {
            return *known_;
        }
    }
    Address master = ask();
    change(master);
    return master;
}

void SentinelEndpoints::suspect(int /*slot*/, const Address& address) {
    const std::lock_guard lock(mutex_);
    suspect_ = suspect_ || known_ == address;
}

SentinelEndpoints::Address SentinelEndpoints::ask() {
    std::string problems;
    for (std::size_t i = 0; i < order_.size(); ++i) {
        const Address sentinel = order_[i];
        std::string problem = "it does not know a master named " + master_;
        try {
            if (const std::optional<Address> master = askOne(sentinel)) {
                std::rotate(order_.begin(),
                            order_.begin() + static_cast<std::ptrdiff_t>(i),
                            order_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
                return *master;
            }
        } catch (const Exception& error) {
            problem = error.message();
        }
        problems += (problems.empty() ? "" : "; ") + textOf(sentinel) + ": " + problem;
    }
    throw RedisIoException("no sentinel names the master " + master_ + ": " + problems);
}

std::optional<SentinelEndpoints::Address> SentinelEndpoints::askOne(const Address& sentinel) const {
    Connection link(options_.at(sentinel), "", Connection::Peer::Informant);
    const Reply reply = link.call(Command{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_});
    if (reply.isError()) {
        throw RedisIoException("it refuses SENTINEL: " + std::string(reply.text()));
    }
    return reply.size() == 2 ? addressOf(reply.at(0).text(), reply.at(1).text()) : std::nullopt;
}

void SentinelEndpoints::change(const Address& master) {
    const std::lock_guard lock(mutex_);
    asked_ = Clock::now();
    suspect_ = false;
    if (known_ == master) {
        return;
    }
    if (known_) {
        logger().information("the sentinels name a new master of %s: %s in place of %s",
                             master_,
                             textOf(master),
                             textOf(*known_));
    }
    known_ = master;
    sockets().endAllBut(master);
}

void SentinelEndpoints::listen() {
    std::size_t next = 0;
    Reconnect pause;
    bool logged = false;
    while (!stopping_) {
        const Address sentinel = addresses_[next++ % addresses_.size()];
        const auto began = Clock::now();
        try {
            listenTo(sentinel);
        } catch (const Exception& error) {
            if (Clock::now() - began > kQuiet) {
                pause.succeeded(began);  // It was heard.
                logged = false;
            }
            if (!std::exchange(logged, true)) {
                logger().warning("the sentinel %s is left for the next one: %s",
                                 textOf(sentinel),
                                 error.message());
            }
            pause.failed(Clock::now());
            pollfd fd{wake_.fd(), POLLIN, 0};
            const auto wait =
                std::chrono::ceil<std::chrono::milliseconds>(pause.nextAttempt() - Clock::now());
            poll(&fd, 1, static_cast<int>(std::max<std::int64_t>(wait.count(), 0)));
        }
    }
}

void SentinelEndpoints::listenTo(const Address& sentinel) {
    Connection link(options_.at(sentinel), "", Connection::Peer::Informant);
    const auto patience = options_.commandTimeout;
    link.post(Command{"SUBSCRIBE", kChannel}, Clock::now() + patience);
    // Behind the subscription: a switch before it is found here, a later one is a message.
    if (const std::optional<Address> master = askOne(sentinel)) {
        change(*master);
    }
    auto heard = Clock::now();
    while (!stopping_) {
        while (const std::optional<Reply> message = link.tryMessage()) {
            heard = Clock::now();
            onMessage(*message);
        }
        pollfd fds[2] = {{link.fd(), POLLIN, 0}, {wake_.fd(), POLLIN, 0}};
        if (poll(fds, 2, static_cast<int>(std::chrono::milliseconds(kQuiet).count())) != 0) {
            continue;
        }
        if (Clock::now() - heard > 3 * kQuiet) {
            throw RedisTimeoutException("it is silent");
        }
        link.post(Command{"PING"}, Clock::now() + patience);
    }
}

void SentinelEndpoints::onMessage(const ReplyView& message) {
    if (message.isError()) {
        throw RedisIoException("it refuses the subscription: " + std::string(message.text()));
    }
    if (message.size() != 3 || message.at(0).text() != "message") {
        return;  // The reply to SUBSCRIBE or PING.
    }
    // "<name> <old host> <old port> <new host> <new port>"
    std::istringstream words{std::string(message.at(2).text())};
    std::string name, oldHost, oldPort, host, port;
    words >> name >> oldHost >> oldPort >> host >> port;
    const std::optional<Address> master = addressOf(host, port);
    if (name == master_ && master) {
        change(*master);
    }
}

}  // namespace drover
