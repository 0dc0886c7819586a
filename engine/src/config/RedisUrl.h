#pragma once

#include <optional>
#include <string>

namespace drover {

/// The address of Redis as one text: redis://[[user]:password@]host[:port][/database], with rediss:// for TLS, or
/// unix://[[user]:password@]/path[?db=database]. A value.
///
/// User, password and path are percent-encoded. An IPv6 address stands in brackets.
struct RedisUrl {
    std::string host;  ///< Or the path of a Unix socket.
    bool tls = false;  ///< The scheme is rediss.
    std::optional<int> port;
    std::optional<std::string> user;
    std::optional<std::string> password;
    std::optional<int> database;

    /// Parses an address. Throws ConfigException, which names the cure and never the password.
    [[nodiscard]] static RedisUrl parse(const std::string& url);
};

}  // namespace drover
