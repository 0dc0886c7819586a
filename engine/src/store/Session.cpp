#include "store/Session.h"

#include <cerrno>
#include <libpq-fe.h>
#include <poll.h>
#include <utility>
#include <vector>

#include <Poco/Exception.h>

#include "drover/Unavailable.h"
#include "store/SqlState.h"

namespace drover::store {

namespace {

constexpr int kBinary = 1;

std::string milliseconds(std::chrono::milliseconds value) {
    return std::to_string(value.count());
}

/// One `-c name=value` of the libpq keyword `options`, in which blanks and backslashes are escaped.
std::string option(const std::string& name, const std::string& value) {
    std::string out = " -c " + name + "=";
    for (const char c : value) {
        if (c == ' ' || c == '\\') {
            out.push_back('\\');
        }
        out.push_back(c);
    }
    return out;
}

std::string quoteIdentifier(const std::string& name) {
    std::string out = "\"";
    for (const char c : name) {
        out.append(c == '"' ? 2 : 1, c);
    }
    return out + "\"";
}

/// Returns the settings of a session by name. UTC: the connector and many clients ignore the offset of a timestamptz
/// (docs/pitfalls.md#p11).
DatabaseUrl::Keywords serverSettings(const SessionSettings& settings) {
    DatabaseUrl::Keywords all = {
        {"TimeZone", "UTC"},
        {"statement_timeout", milliseconds(settings.statementTimeout)},
        {"lock_timeout", milliseconds(settings.lockTimeout)},
        {"idle_in_transaction_session_timeout", milliseconds(settings.idleInTransactionTimeout)}};
    if (!settings.url.schema.empty()) {
        all.emplace_back("search_path", quoteIdentifier(settings.url.schema));
    }
    return all;
}

// Shows whether the startup parameter `options` reached the server: a pooler may be configured to swallow it.
constexpr const char* kMarker = "drover.session";

std::string conninfo(const SessionSettings& settings, bool pooled) {
    DatabaseUrl::Keywords defaults = {
        {"application_name", settings.applicationName},
        {"client_encoding", "UTF8"},
        {"connect_timeout", "2"},
        {"keepalives", "1"},
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "2"},
        {"tcp_user_timeout", "6000"},
        // After a failover the old primary may still answer, read-only (SQLSTATE 25006).
        {"target_session_attrs", "read-write"}};
    if (!pooled) {
        // Limits on every wait (docs/pitfalls.md#q1); with this one a statement that waits for a lock ends soon after its client.
        std::string options = "-c client_connection_check_interval=1000";
        options += option(kMarker, "on");
        for (const auto& [name, value] : serverSettings(settings)) {
            options += option(name, value);
        }
        defaults.emplace_back("options", options);
    }
    return settings.url.conninfo(defaults);
}

/// A statement that gives the rest of its transaction the settings, which no other client of the pooler then sees.
std::string prologueOf(const SessionSettings& settings) {
    std::string sql = "SELECT ";
    for (const auto& [name, value] : serverSettings(settings)) {
        std::string literal;
        for (const char c : value) {
            literal.append(c == '\'' ? 2 : 1, c);
        }
        sql += (sql.back() == ' ' ? "" : ", ");
        sql += "set_config('" + name + "', '" + literal + "', true)";
    }
    return sql;
}

/// Connects. Sets `pooled` if a pooler refuses the startup parameter `options`, as PgBouncer does.
///
/// libpq tries the hosts in their order, but gives up at a host that accepts and then hangs up, as a proxy before a dead
/// server does (docs/pitfalls.md#q7): then the hosts behind the first are tried.
std::unique_ptr<Connection> connect(const SessionSettings& settings, bool& pooled) {
    SessionSettings left = settings;
    std::string reasons;
    while (true) {
        try {
            return std::make_unique<Connection>(conninfo(left, pooled), left.url.target());
        } catch (const Unavailable& error) {
            const std::string reason = error.what();
            const bool refused =
                !pooled && reason.find("unsupported startup parameter") != std::string::npos;
            if (refused && settings.url.pgbouncer) {
                throw Unavailable(reason +
                                  "; a pooler is between, but the URL has ?pgbouncer=false, or "
                                  "database.statements is named");
            }
            if (refused) {
                pooled = true;
                continue;
            }
            reasons += (reasons.empty() ? "" : "; ") + reason;
            if (!left.url.dropFirstHost()) {
                throw Unavailable(reasons);
            }
        }
    }
}

/// Without it libpq writes notices to stderr (docs/pitfalls.md#p16).
void onNotice(void* context, const char* message) {
    const auto& receiver = *static_cast<const std::function<void(std::string_view)>*>(context);
    if (receiver) {
        receiver(message);
    }
}

void rejectNul(const std::string& sql) {
    if (sql.find('\0') != std::string::npos) {
        throw Poco::InvalidArgumentException("the statement's text holds a NUL byte");
    }
}

}  // namespace

/// The parameters in the form of libpq's functions; points into the `Params`.
struct Session::Bound {
    explicit Bound(const Params& params) : formats(params.size(), kBinary) {
        for (const Params::Value& value : params.values_) {
            types.push_back(value.type);
            values.push_back(value.bytes.data());
            lengths.push_back(static_cast<int>(value.bytes.size()));
        }
    }

    [[nodiscard]] int count() const { return static_cast<int>(values.size()); }

    std::vector<Oid> types;
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;
};

Session::Session(const SessionSettings& settings)
    : target_(settings.url.target()),
      answerTimeout_(settings.statementTimeout.count() == 0
                         ? std::chrono::milliseconds{0}
                         : settings.statementTimeout + settings.answerMargin),
      onNotice_(settings.onNotice),
      mayFindPooler_(!settings.url.pgbouncer),
      prologue_(prologueOf(settings)),
      pooled_(settings.url.pgbouncer.value_or(false)),
      connection_(connect(settings, pooled_)) {
    PQsetNoticeProcessor(connection_->raw(), &onNotice, &onNotice_);
    // Sending must not block either: a server that stopped reading would hold the thread for ever.
    PQsetnonblocking(connection_->raw(), 1);
    if (!pooled_ && mayFindPooler_) {
        pooled_ =
            execute(std::string("SELECT current_setting('") + kMarker + "', true)").isNull(0, 0);
    }
}

Session::~Session() = default;

Result Session::execute(const std::string& sql, const Params& params) {
    requireUsable();
    rejectNul(sql);
    const std::string what = sql.substr(0, 40);
    sendUnnamed(sql.c_str(), params, what);
    return await(what, false);
}

Result Session::execute(const Statement& statement, const Params& params) {
    send(statement, params);
    return receive();
}

void Session::send(const Statement& statement, const Params& params) {
    requireUsable();
    if (!pooled_ && prepared_.count(statement.name) == 0) {
        try {
            prepare(statement, params);
        } catch (const Unavailable&) {
            // A statement of another client has the name: a pooler is between, as raise() has noticed.
            if (!pooled_ || inTransaction()) {
                throw;
            }
        }
    }
    if (pooled_) {
        sendUnnamed(statement.sql, params, statement.name);
    } else {
        const Bound bound(params);
        checkSent(PQsendQueryPrepared(connection_->raw(),
                                      statement.name,
                                      bound.count(),
                                      bound.values.data(),
                                      bound.lengths.data(),
                                      bound.formats.data(),
                                      kBinary),
                  statement.name);
    }
    // A small statement leaves with this call; bytes that the socket does not accept now leave in receive().
    PQflush(connection_->raw());
    sent_ = statement.name;
}

void Session::sendUnnamed(const char* sql, const Params& params, const std::string& what) {
    PGconn* const connection = connection_->raw();
    const Bound bound(params);
    if (pooled_) {
        // One round trip, and one transaction of the server up to the sync: the settings hold for this statement, and for
        // the rest of a transaction that is open.
        checkSent(PQenterPipelineMode(connection), what);
        piped_ = true;
        checkSent(
            PQsendQueryParams(
                connection, prologue_.c_str(), 0, nullptr, nullptr, nullptr, nullptr, kBinary),
            what);
    }
    checkSent(PQsendQueryParams(connection,
                                sql,
                                bound.count(),
                                bound.types.data(),
                                bound.values.data(),
                                bound.lengths.data(),
                                bound.formats.data(),
                                kBinary),
              what);
    if (pooled_) {
        checkSent(PQpipelineSync(connection), what);
    }
}

std::string Session::control(const char* sql) {
    requireUsable();
    checkSent(PQsendQuery(connection_->raw(), sql), sql);
    return std::string(await(sql, false).commandTag());
}

Result Session::receive() {
    if (sent_ == nullptr) {
        throw Poco::IllegalStateException("receive() without send()");
    }
    return await(std::exchange(sent_, nullptr), true);
}

void Session::script(const std::string& sql) {
    requireUsable();
    rejectNul(sql);
    const std::string text = pooled_ ? prologue_ + ";\n" + sql : sql;
    checkSent(PQsendQuery(connection_->raw(), text.c_str()), "script");
    await("script", false);
}

bool Session::usable() const {
    return !broken_ && PQstatus(connection_->raw()) == CONNECTION_OK;
}

bool Session::probe() {
    if (!usable()) {
        return false;
    }
    // A server that shut down has sent its farewell and closed; the status stays good until the farewell has been read
    // (docs/pitfalls.md#p15: the connector's pool hands each dead session out once).
    pollfd socket{PQsocket(connection_->raw()), POLLIN, 0};
    while (usable() && poll(&socket, 1, 0) > 0) {
        broken_ = PQconsumeInput(connection_->raw()) == 0;
    }
    return usable();
}

bool Session::inTransaction() const {
    return PQtransactionStatus(connection_->raw()) != PQTRANS_IDLE;
}

void Session::prepare(const Statement& statement, const Params& params) {
    const Bound bound(params);
    const std::string what = std::string("prepare ") + statement.name;
    checkSent(
        PQsendPrepare(
            connection_->raw(), statement.name, statement.sql, bound.count(), bound.types.data()),
        what);
    await(what, true);
    // Only after success: a refused statement, for example before its table existed, is tried again.
    prepared_.insert(statement.name);
}

void Session::requireUsable() const {
    if (!usable()) {
        throw Unavailable("database " + target_ + ": this session is broken, open another");
    }
    if (sent_ != nullptr) {
        throw Poco::IllegalStateException(std::string("statement ") + sent_ +
                                          " was sent and not received");
    }
}

void Session::checkSent(int sent, const std::string& what) {
    if (sent != 1) {
        linkLost(what);
    }
    deadline_ = Clock::now() + answerTimeout_;
}

Result Session::await(const std::string& what, bool prepared) {
    PGconn* const connection = connection_->raw();
    for (int left = PQflush(connection); left != 0; left = PQflush(connection)) {
        if (left < 0) {
            linkLost(what);
        }
        waitForSocket(true, what);
        // The server may wait for its own answers to be read before it reads on.
        if (PQconsumeInput(connection) == 0) {
            linkLost(what);
        }
    }
    std::unique_ptr<PGresult, decltype(&PQclear)> last(nullptr, &PQclear);
    std::unique_ptr<PGresult, decltype(&PQclear)> error(nullptr, &PQclear);
    while (true) {
        while (PQisBusy(connection) != 0) {
            waitForSocket(false, what);
            if (PQconsumeInput(connection) == 0) {
                break;  // PQgetResult makes an error of it, with the server's last message.
            }
        }
        PGresult* const next = PQgetResult(connection);
        if (next == nullptr) {
            // In a pipeline this is the end of one of its statements.
            if (!piped_ || PQstatus(connection) != CONNECTION_OK) {
                break;
            }
            continue;
        }
        const ExecStatusType status = PQresultStatus(next);
        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(next);
            piped_ = false;
            if (PQexitPipelineMode(connection) != 1) {
                linkLost(what);
            }
            break;
        }
        last.reset(next);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            broken_ = true;  // The protocol is in a state that this class does not support.
            throw StoreException(what + ": COPY is not for this interface");
        }
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
            status != PGRES_EMPTY_QUERY && !error) {
            error = std::move(last);
        }
    }
    if (error) {
        raise(error.get(), what, prepared);
    }
    if (!last) {
        linkLost(what);
    }
    return Result(last.release());
}

void Session::waitForSocket(bool alsoWritable, const std::string& what) {
    while (true) {
        int wait = -1;
        if (answerTimeout_.count() != 0) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
            if (left.count() <= 0) {
                // The server ends a slow statement by itself, earlier: here it does not answer at all.
                broken_ = true;
                throw Unavailable("database " + target_ + ": no answer to " + what + " within " +
                                  milliseconds(answerTimeout_) +
                                  " ms; whether it took effect is unknown");
            }
            wait = static_cast<int>(left.count()) + 1;
        }
        pollfd socket{PQsocket(connection_->raw()),
                      static_cast<short>(alsoWritable ? POLLIN | POLLOUT : POLLIN),
                      0};
        const int ready = poll(&socket, 1, wait);
        if (ready > 0) {
            return;
        }
        if (ready < 0 && errno != EINTR) {
            linkLost(what);
        }
    }
}

void Session::linkLost(const std::string& what) {
    broken_ = true;
    std::string reason = PQerrorMessage(connection_->raw());
    reason = reason.substr(0, reason.find('\n'));
    throw Unavailable("database " + target_ + ", " + what + ": " +
                      (reason.empty() ? "connection lost" : reason));
}

void Session::raise(const pg_result* result, const std::string& what, bool prepared) {
    const auto field = [result](int code) {
        const char* text = PQresultErrorField(result, code);
        return std::string(text == nullptr ? "" : text);
    };
    const std::string state = field(PG_DIAG_SQLSTATE);  // docs/pitfalls.md#p4
    std::string primary = field(PG_DIAG_MESSAGE_PRIMARY);
    if (primary.empty()) {
        primary = PQresultErrorMessage(result);
        primary = primary.substr(0, primary.find('\n'));
    }
    const std::string constraint = field(PG_DIAG_CONSTRAINT_NAME);
    // DETAIL is left out: it quotes values of the row.
    const std::string message = what + ": " + primary +
                                (state.empty() ? "" : " (SQLSTATE " + state + ")") +
                                (constraint.empty() ? "" : ", constraint " + constraint);
    // A named statement that is missing, or was there before: behind a pooler, each transaction has another server
    // connection (docs/pitfalls.md#q3). From now on this session's statements have no names.
    const bool strange = prepared && (state == "26000" || state == "42P05");
    if (strange && mayFindPooler_) {
        pooled_ = true;
        throw Unavailable("database " + target_ + ", " + message +
                          "; a pooler seems to be between: statements have no names from now on");
    }
    // A statement whose table changed under it is cured by a new session.
    const bool stale = strange || (prepared && state == "0A000");
    if (endsSession(state) || stale) {
        broken_ = true;
    }
    if (stale || classify(state) == ErrorClass::Infrastructure) {
        throw Unavailable(
            "database " + target_ + ", " + message +
            (strange ? "; if a pooler is between, set database.statements = unnamed, or write "
                       "?pgbouncer=true in the URL"
                     : ""));
    }
    throw SqlError(message, state, constraint);
}

}  // namespace drover::store
