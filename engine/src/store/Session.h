#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "store/Connection.h"
#include "store/DatabaseUrl.h"
#include "store/Params.h"
#include "store/Result.h"

struct pg_result;

namespace drover::store {

/// How sessions are opened. The server's own defaults wait for ever (docs/pitfalls.md#q1); these do not.
struct SessionSettings {
    DatabaseUrl url;
    std::string applicationName = "drover";  ///< Shown in pg_stat_activity.
    std::chrono::milliseconds statementTimeout{
        5000};  ///< The server ends a statement after this; 0: never.
    std::chrono::milliseconds lockTimeout{
        2000};  ///< The server gives up waiting for a lock; 0: never.
    std::chrono::milliseconds idleInTransactionTimeout{10000};  ///< 0: never.
    /// How much longer than statementTimeout the client waits for the answer, before the link counts as dead.
    std::chrono::milliseconds answerMargin{1000};
    /// Gets the server's notices; null drops them. Called while a statement runs; must not throw.
    std::function<void(std::string_view)> onNotice;
};

/// A statement that is prepared once per session. Both texts are literals; `name` is unique in the program.
struct Statement {
    const char* name;
    const char* sql;
};

/// One session with the database: times in UTC, limits on every wait, statements straight through libpq on the
/// connection that Poco::Data's connector opened (one round trip instead of the connector's four: docs/pitfalls.md#p8).
///
/// Behind a pooler that gives each transaction another server connection (PgBouncer, pool_mode = transaction) nothing of a
/// session lasts: there statements have no names, and every one carries the settings for its own transaction, in the same
/// round trip. database.statements or `?pgbouncer=` in the URL decides; without them the session notices a pooler when it
/// connects, or by the first statement that is not where it was prepared.
///
/// Errors: drover::Unavailable for infrastructure, SqlError for a statement that the server refuses,
/// Poco::InvalidArgumentException for a NUL byte. After Unavailable check usable(): a session whose link broke stays
/// unusable for good (docs/pitfalls.md#p5), is destroyed, and a new one opened, with a backoff that is the caller's.
/// Threads: used by one thread at a time; it may wander between calls.
class Session {
public:
    /// Connects; at most about 2 s per host that swallows packets. Throws Unavailable.
    explicit Session(const SessionSettings& settings);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Runs a statement once. One round trip, no name left on the server.
    Result execute(const std::string& sql, const Params& params = {});
    /// Runs a prepared statement; prepares it first where this session has not yet. May be repeated after any error
    /// (the connector's own prepared statements free their result twice: docs/pitfalls.md#p1).
    Result execute(const Statement& statement, const Params& params);

    /// execute() in two halves, for callers that do something while the server works. Between them nothing else is
    /// called; receive() follows each send() that returned.
    void send(const Statement& statement, const Params& params);
    Result receive();

    /// Runs BEGIN, COMMIT, ROLLBACK and their kin: a text without parameters that no setting need precede.
    /// Returns the server's tag: "COMMIT".
    std::string control(const char* sql);

    /// Runs a text of several statements without parameters, such as a migration. Returns nothing.
    void script(const std::string& sql);

    /// Returns false after the link broke or was given up. Looks at memory only.
    [[nodiscard]] bool usable() const;
    /// Returns usable(), after it read the server's last message: false if an idle link has ended. No round trip.
    [[nodiscard]] bool probe();
    /// Makes the session unusable. For a state that cannot be trusted, such as a transaction that could not be ended.
    void giveUp() noexcept { broken_ = true; }
    /// Returns true if a BEGIN is open on the server's side.
    [[nodiscard]] bool inTransaction() const;

private:
    using Clock = std::chrono::steady_clock;
    struct Bound;

    void prepare(const Statement& statement, const Params& params);
    void sendUnnamed(const char* sql, const Params& params, const std::string& what);
    void requireUsable() const;
    /// Flushes, waits and reads every result; returns the last, throws for the first error.
    Result await(const std::string& what, bool prepared);
    void waitForSocket(bool alsoWritable, const std::string& what);
    [[noreturn]] void linkLost(const std::string& what);
    [[noreturn]] void raise(const pg_result* result, const std::string& what, bool prepared);
    void checkSent(int sent, const std::string& what);

    std::string target_;
    std::chrono::milliseconds answerTimeout_;  ///< 0: none.
    std::function<void(std::string_view)> onNotice_;
    const bool mayFindPooler_;    ///< The URL does not decide it.
    const std::string prologue_;  ///< The settings, before each statement behind a pooler.
    bool pooled_;
    bool piped_ = false;  ///< Between the sending of a pipeline and its sync.
    std::unique_ptr<Connection> connection_;
    std::unordered_set<std::string> prepared_;
    const char* sent_ = nullptr;  ///< Name of the statement between send() and receive().
    Clock::time_point deadline_;
    bool broken_ = false;
};

}  // namespace drover::store
