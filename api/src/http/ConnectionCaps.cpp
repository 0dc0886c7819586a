#include "http/ConnectionCaps.h"

#include <utility>

#include <Poco/Net/IPAddress.h>

namespace drover::api {

namespace {

/// Connections beyond the caps that get an answer; further ones are closed without one.
constexpr std::size_t kMaxTurnedAway = 1024;

/// Returns the unit of the cap per address: an IPv4 address, or an IPv6 /64, which one customer gets.
std::string groupOf(const Poco::Net::SocketAddress& peer) {
    const Poco::Net::IPAddress host = peer.host();
    const auto* bytes = static_cast<const char*>(host.addr());
    if (host.family() == Poco::Net::IPAddress::IPv4) {
        return {bytes, 4};
    }
    // An IPv4 client of a socket for both is ::ffff:a.b.c.d, whose first half all of them share.
    return host.isIPv4Mapped() ? std::string(bytes + 12, 4) : std::string(bytes, 8);
}

}  // namespace

ConnectionCaps::ConnectionCaps(Settings settings,
                               const Connections& connections,
                               std::function<bool(Connection&)> closeWaiting)
    : settings_(settings), connections_(connections), closeWaiting_(std::move(closeWaiting)) {}

ConnectionCaps::Place ConnectionCaps::admit(Connection& connection,
                                            const Poco::Net::SocketAddress& peer,
                                            bool isProxy,
                                            Clock::time_point now) {
    connection.group = groupOf(peer);
    const std::size_t most = isProxy ? settings_.connections : settings_.connectionsPerAddress;
    Group& fromThere = perAddress_[connection.group];
    ++fromThere.count;  // So that the group stays while others of it make room.
    if (fromThere.count > most) {
        makeRoom(&connection.group, fromThere.roomAgain, now);
    }
    if (admitted_ >= settings_.connections) {
        makeRoom(nullptr, roomAgain_, now);
    }
    const bool full = admitted_ >= settings_.connections;
    if (!full && fromThere.count <= most) {
        ++admitted_;
        return Place::Given;
    }
    leaveGroup(connection);
    if (turnedAway_ >= kMaxTurnedAway) {
        return Place::NoAnswer;
    }
    connection.turnedAway = true;
    ++turnedAway_;
    return full ? Place::NoneAtAll : Place::NoneForAddress;
}

void ConnectionCaps::leave(const Connection& connection) {
    if (connection.turnedAway) {
        --turnedAway_;
    } else {
        --admitted_;
        leaveGroup(connection);
    }
}

/// Closes the connection that waits longest for its client, of those from `group` unless it is nullptr. If no connection
/// may be closed, stores in `notBefore` until when, so that a flood does not search for each new one.
void ConnectionCaps::makeRoom(const std::string* group,
                              Clock::time_point& notBefore,
                              Clock::time_point now) {
    using Phase = Connection::Phase;
    while (now >= notBefore) {
        Connection* longest = nullptr;
        for (const auto& connection : connections_) {
            if (!connection || connection->turnedAway ||
                (group != nullptr && connection->group != *group)) {
                continue;
            }
            const Phase phase = connection->phase;
            const bool waits = phase == Phase::Waiting || phase == Phase::Lingering ||
                               (phase == Phase::Reading && settings_.partialGivesWay);
            if (waits && (longest == nullptr || connection->since < longest->since)) {
                longest = connection.get();
            }
        }
        const auto since = longest == nullptr ? now : longest->since;
        if (longest == nullptr || now < since + settings_.idleGivesWayAfter) {
            notBefore = since + settings_.idleGivesWayAfter;
            return;
        }
        if (closeWaiting_(*longest)) {
            return;
        }
    }
}

void ConnectionCaps::leaveGroup(const Connection& connection) {
    const auto found = perAddress_.find(connection.group);
    if (--found->second.count == 0) {
        perAddress_.erase(found);
    }
}

}  // namespace drover::api
