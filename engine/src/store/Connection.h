#pragma once

#include <memory>
#include <string>

struct pg_conn;

namespace Poco::Data::PostgreSQL {
class SessionHandle;
}

namespace drover::store {

/// Owns one connection of Poco::Data's PostgreSQL connector, and frees it in every state.
///
/// It holds the connector's SessionHandle rather than a Poco::Data::Session, because only the handle gives its PGconn
/// back after a connect that failed: docs/pitfalls.md#p6.
/// The handle accepts libpq's connection string as it is, so that blanks and quotes in values work
/// (docs/pitfalls.md#p13).
/// Threads: used by one at a time.
class Connection {
public:
    /// Connects. `target` is for messages and has no secret. Throws Unavailable, and then nothing stays open.
    Connection(const std::string& conninfo, const std::string& target);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    [[nodiscard]] pg_conn* raw() const { return raw_; }

private:
    void release() noexcept;

    std::unique_ptr<Poco::Data::PostgreSQL::SessionHandle> handle_;
    pg_conn* raw_ = nullptr;  ///< Owned by handle_.
};

}  // namespace drover::store
