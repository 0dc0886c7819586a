#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "drover/Export.h"

namespace drover {

class Tracer;

/// A Redis server, as the classes of queues are made from it.
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
        /// Gets the spans of adds and of jobs of everything that is made from the handle; nullptr: there are none, and no
        /// context is passed on.
        std::shared_ptr<Tracer> tracer{};
    };

    /// Throws Poco::InvalidArgumentException if the host is empty, the port is outside [1, 65535], the database is negative,
    /// a timeout is below 1 ms, or of certificate and key one is given alone.
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
