#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <Poco/Net/SocketAddress.h>

#include "http/Connection.h"

namespace drover::api {

/// Counts the connections, altogether and by address, and decides which new ones get a place.
///
/// Beyond a cap the connection that has waited longest for its client gives way, so that idle connections do not lock out
/// new ones. If no connection may be closed, the new one is turned away.
///
/// Threads: the gate's alone.
class ConnectionCaps {
public:
    using Clock = Connection::Clock;
    /// By descriptor; nullptr where there is none.
    using Connections = std::vector<std::unique_ptr<Connection>>;

    struct Settings {
        std::size_t connections = 4096;
        std::size_t connectionsPerAddress = 2048;  ///< An IPv6 /64 counts as one address.
        /// A connection that has waited so long for its client is closed if another one needs its place.
        std::chrono::milliseconds idleGivesWayAfter{1000};
        /// The same for one whose request has begun and is not whole.
        bool partialGivesWay = false;
    };

    enum class Place {
        Given,
        NoneAtAll,       ///< Turned away, with an answer.
        NoneForAddress,  ///< The same.
        NoAnswer         ///< Turned away, and not counted: too many others get an answer.
    };

    /// `connections` outlives it. `closeWaiting` closes a connection that waits for its client, and calls leave() for it. It
    /// returns false if a request has come meanwhile.
    ConnectionCaps(Settings settings,
                   const Connections& connections,
                   std::function<bool(Connection&)> closeWaiting);

    /// Counts a connection from `peer`, which is not among the connections yet. A proxy has the cap of all connections.
    Place admit(Connection& connection,
                const Poco::Net::SocketAddress& peer,
                bool isProxy,
                Clock::time_point now);
    /// A counted connection is closed.
    void leave(const Connection& connection);

private:
    /// The connections from one address.
    struct Group {
        std::size_t count = 0;
        /// No connection of the group is idle for long enough before.
        Clock::time_point roomAgain = Clock::time_point::min();
    };

    void makeRoom(const std::string* group, Clock::time_point& notBefore, Clock::time_point now);
    void leaveGroup(const Connection& connection);

    const Settings settings_;
    const Connections& connections_;
    const std::function<bool(Connection&)> closeWaiting_;
    std::unordered_map<std::string, Group> perAddress_;
    std::size_t admitted_ = 0;
    std::size_t turnedAway_ = 0;
    Clock::time_point roomAgain_ = Clock::time_point::min();
};

}  // namespace drover::api
