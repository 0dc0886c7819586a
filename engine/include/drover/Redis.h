#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drover/Export.h"

namespace drover {

class Tracer;

/// A Redis server, as the classes of queues are made from it; or a master behind sentinels, or a cluster.
///
/// A handle: copies share a few connections for reads and commands, the scripts, and what is found out about the server,
/// such as its clock and that it refuses writes. Make one for each server. Opens no connection by itself.
/// Threads: copies may be made and used on any thread.
class DROVER_API Redis {
public:
    /// TLS towards Redis. The files are in PEM format, and are read for each connection.
    struct Tls {
        enum class Version { V12, V13 };

        std::string ca;           ///< Certificates to trust; empty: those of the machine.
        std::string certificate;  ///< The client's, for a server that demands one, with its chain.
        std::string key;          ///< The private key of `certificate`, without a passphrase.
        /// The name, or the address, that the server's certificate must have; empty: the host.
        std::string serverName;
        Version minVersion = Version::V12;
    };
    /// The address of a server.
    struct Address {
        std::string host;  ///< A name or an address.
        int port = 0;

        friend bool operator==(const Address&, const Address&) = default;
    };
    /// Sentinels, and the master that they watch. `Settings::tls` holds for connections to them, too.
    struct Sentinel {
        /// At least one; those that do not answer are passed over.
        std::vector<Address> addresses;
        std::string master;    ///< Its name in the configuration of the sentinels.
        std::string user;      ///< A user of the sentinels; empty: their default user.
        std::string password;  ///< The user's; empty: none. Appears in no log and no error.
    };
    struct Settings {
        /// A name, an address, or the path of a Unix socket, which begins with '/'.
        std::string host = "127.0.0.1";
        int port = 6379;       ///< Not for a Unix socket.
        std::string user;      ///< Empty: the default user.
        std::string password;  ///< Empty: none. Appears in no log and no error.
        int database = 0;
        std::chrono::milliseconds connectTimeout{1000};
        /// How long Redis may take to answer; a transfer may take longer while bytes arrive.
        std::chrono::milliseconds commandTimeout{2000};
        std::optional<Tls> tls{};  ///< Absent: the connection is not encrypted.
        /// Finds the master, in place of `host` and `port`, and each new one after a failover.
        std::optional<Sentinel> sentinel{};
        /// Some nodes of a cluster, in place of `host` and `port`; they name the rest. Empty: Redis is no cluster. The keys
        /// of a queue must share a slot: braces in the prefix or in the name, as in {bull}.
        std::vector<Address> cluster{};
        /// Gets the spans of adds and of jobs of everything that is made from the handle; nullptr: there are none, and no
        /// context is passed on.
        std::shared_ptr<Tracer> tracer{};
    };

    /// Throws Poco::InvalidArgumentException if a host is empty, a port is outside [1, 65535], the database is negative, a
    /// timeout is below 1 ms, of certificate and key one is given alone, a sentinel has no master's name, or a cluster has
    /// sentinels or another database than 0.
    explicit Redis(const Settings& settings);

    [[nodiscard]] const std::shared_ptr<Tracer>& tracer() const;
    /// Returns the fields of INFO by name, as the server writes them. Throws RedisIoException (or a child) when Redis is away.
    [[nodiscard]] std::map<std::string, std::string> info() const;

    /// The engine's own view of the handle; opaque outside.
    class Shared;
    explicit Redis(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
    [[nodiscard]] Shared& shared() const { return *shared_; }

private:
    std::shared_ptr<Shared> shared_;
};

}  // namespace drover
