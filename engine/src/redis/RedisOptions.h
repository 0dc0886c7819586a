#pragma once

#include <chrono>
#include <string>

namespace drover {

/// Where Redis is and how long it may take. A value.
struct RedisOptions {
    std::string host = "127.0.0.1";
    int port = 6379;
    std::string user;      ///< Empty: the default user.
    std::string password;  ///< Empty: none. Never in a log or an error.
    int database = 0;
    std::chrono::milliseconds connectTimeout{1000};
    /// How long Redis may take to answer; a transfer may take longer while it gets on.
    std::chrono::milliseconds commandTimeout{2000};
};

}  // namespace drover
