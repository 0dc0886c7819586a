#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "redis/Refusal.h"
#include "redis/ServerTime.h"

namespace drover {

/// Where Redis is and how long it may take. A value; copies share what is known of the server.
struct RedisOptions {
    std::string host = "127.0.0.1";
    int port = 6379;
    std::string user;      ///< Empty: the default user.
    std::string password;  ///< Empty: none. Never in a log or an error.
    int database = 0;
    std::chrono::milliseconds connectTimeout{1000};
    /// How long Redis may take to answer; a transfer may take longer while it gets on.
    std::chrono::milliseconds commandTimeout{2000};
    /// What every connection measures, and every stored time comes from.
    std::shared_ptr<ServerTime> time = std::make_shared<ServerTime>();
    /// What every client of the server finds out, and all wait for.
    std::shared_ptr<Refusal> refusal = std::make_shared<Refusal>();
};

}  // namespace drover
