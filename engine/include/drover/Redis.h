#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "drover/Export.h"

namespace drover {

struct RedisOptions;

/// A Redis server as Queue and QueueEvents are made from it.
///
/// A handle: copies share what their connections learn of the server, such as its clock and that it refuses writes. Make
/// one for each server and pass it wherever a constructor takes `const RedisOptions&`. Opens no connection by itself.
/// Threads: immutable, from any thread.
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

    // NOLINTNEXTLINE(google-explicit-constructor): the options are what the engine's classes take; outside they are opaque.
    operator const RedisOptions&() const { return *options_; }

private:
    std::shared_ptr<const RedisOptions> options_;
};

}  // namespace drover
