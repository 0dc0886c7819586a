#pragma once

#include <optional>
#include <string>

namespace drover {

/// Where Redis is, as one text: redis://[[user]:password@]host[:port][/database]. A value.
///
/// User and password are percent-encoded. An IPv6 address stands in brackets.
struct RedisUrl {
    std::string host;
    std::optional<int> port;
    std::optional<std::string> user;
    std::optional<std::string> password;
    std::optional<int> database;

    /// Throws ConfigException with what would be right; never with the password.
    [[nodiscard]] static RedisUrl parse(const std::string& url);
};

}  // namespace drover
