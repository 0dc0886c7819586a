#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "drover/Export.h"

namespace drover {

/// A Redis server, as the classes of queues are made from it.
///
/// A handle: copies share a few connections for reads and commands, the scripts, and what is found out about the server,
/// such as its clock and that it refuses writes. Make one for each server. Opens no connection by itself.
/// Threads: copies may be made and used on any thread.
class DROVER_API Redis {
public:
    struct Settings {
        std::string host = "127.0.0.1";
        int port = 6379;
        std::string user;      ///< Empty: the default user.
        std::string password;  ///< Empty: none. Appears in no log and no error.
        int database = 0;
        std::chrono::milliseconds connectTimeout{1000};
        /// How long Redis may take to answer; a transfer may take longer while bytes arrive.
        std::chrono::milliseconds commandTimeout{2000};
    };

    /// Throws Poco::InvalidArgumentException if the host is empty, the port is outside [1, 65535], the database is negative
    /// or a timeout is below 1 ms.
    explicit Redis(const Settings& settings);

    /// The engine's own view of the handle; opaque outside.
    class Shared;
    explicit Redis(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
    [[nodiscard]] Shared& shared() const { return *shared_; }

private:
    std::shared_ptr<Shared> shared_;
};

}  // namespace drover
