#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::store {

/// The address of a database and its user: a checked `postgresql://user:password@host:port/database?schema=x`.
///
/// A value without I/O (docs/pitfalls.md#p13). Hosts may be a comma-separated list with a port each, an IPv6 address in brackets, or a folder
/// with a Unix socket (percent-encoded, or `?host=`). Every part is percent-decoded.
/// Secret: `password` and conninfo() only. No exception of this class holds text of the part before the path, since a
/// password with a stray '/' or '@' would be in it.
struct DatabaseUrl {
    using Keywords = std::vector<std::pair<std::string, std::string>>;

    std::string host;      ///< "a,b" for several; empty: libpq's default socket.
    std::string port;      ///< As many as hosts, or one; empty: 5432.
    std::string user;      ///< Empty: libpq's default.
    std::string password;  ///< Secret.
    std::string database;  ///< Empty: the user's name.
    std::string schema;    ///< The only schema on the search path; empty: the server's default.
    /// `?pgbouncer=`: true for a pooler that gives each transaction another server connection, false for none; absent: found
    /// out when connecting.
    std::optional<bool> pgbouncer;
    Keywords parameters;  ///< Further libpq keywords of the query (sslmode, …), checked by name.

    /// Throws ConfigException that names the mistake and the cure, without showing a secret.
    /// Blanks and line breaks around the text do not count. Parameters that only configure other clients (Prisma's
    /// `connection_limit`, …) are ignored; those that would change the connection (`sslaccept`, …) are refused with the
    /// name they have here.
    ///
    /// `statements` is the key database.statements: "named" is the same as `?pgbouncer=false`, "unnamed" as
    /// `?pgbouncer=true`, and "auto" leaves it to the URL. A text that contradicts the URL is refused.
    static DatabaseUrl parse(std::string_view text, std::string_view statements = "auto");

    /// Returns a libpq connection string; `defaults` apply to keywords that the URL lacks. Holds the password.
    [[nodiscard]] std::string conninfo(const Keywords& defaults = {}) const;

    /// Removes the first of several hosts, with its port; returns false if there is only one.
    bool dropFirstHost();

    /// Returns "host:port/database" for logs and errors, without user and password.
    [[nodiscard]] std::string target() const;
};

}  // namespace drover::store
