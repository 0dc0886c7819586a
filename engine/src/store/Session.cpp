#include "store/Session.h"

#include <array>
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

std::string conninfo(const SessionSettings& settings) {
    // UTC: the connector and many clients ignore the offset of a timestamptz (pitfall P11).
    // client_connection_check_interval: a statement that waits for a lock ends soon after its client was killed.
    std::string options = "-c TimeZone=UTC -c client_connection_check_interval=1000";
    options += option("statement_timeout", milliseconds(settings.statementTimeout));
    options += option("lock_timeout", milliseconds(settings.lockTimeout));
    options += option("idle_in_transaction_session_timeout",
                      milliseconds(settings.idleInTransactionTimeout));
    if (!settings.url.schema.empty()) {
        options += option("search_path", quoteIdentifier(settings.url.schema));
    }
    return settings.url.conninfo(
        {{"options", options},
         {"application_name", settings.applicationName},
         {"client_encoding", "UTF8"},
         {"connect_timeout", "2"},
         {"keepalives", "1"},
         {"keepalives_idle", "5"},
         {"keepalives_interval", "2"},
         {"keepalives_count", "2"},
         {"tcp_user_timeout", "6000"},
         // After a failover the old primary may still answer, read-only (SQLSTATE 25006).
         {"target_session_attrs", "read-write"}});
}

/// Pitfall P16: by default libpq writes notices to stderr.
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

/// The parameters in the form that libpq's functions take; points into the `Params`.
struct Session::Bound {
    explicit Bound(const Params& params) : formats(params.size(), kBinary) {
        for (const Params::Value& value : params.values_) {
            types.push_back(value.type);
            values.push_back(value.isNull ? nullptr : value.bytes.data());
            lengths.push_back(static_cast<int>(value.bytes.size()));
        }
    }

    [[nodiscard]] int count() const { return static_cast<int>(values.size()); }

    std::vector<Oid> types;
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;
};

Canceller::Canceller(pg_cancel* key) : key_(key) {}

bool Canceller::cancel() const noexcept {
    std::array<char, 256> error{};
    return key_ && PQcancel(key_.get(), error.data(), error.size()) == 1;
}

void Canceller::Free::operator()(pg_cancel* key) const noexcept {
    PQfreeCancel(key);
}

Session::Session(const SessionSettings& settings)
    : target_(settings.url.target()),
      answerTimeout_(settings.statementTimeout.count() == 0
                         ? std::chrono::milliseconds{0}
                         : settings.statementTimeout + settings.answerMargin),
      onNotice_(settings.onNotice),
      connection_(conninfo(settings), target_) {
    PQsetNoticeProcessor(connection_.raw(), &onNotice, &onNotice_);
    // Sending must not block either: a server that stopped reading would hold the thread for ever.
    PQsetnonblocking(connection_.raw(), 1);
}

Session::~Session() = default;

Result Session::execute(const std::string& sql, const Params& params) {
    requireUsable();
    rejectNul(sql);
    const Bound bound(params);
    const std::string what = sql.substr(0, 40);
    checkSent(PQsendQueryParams(connection_.raw(),
                                sql.c_str(),
                                bound.count(),
                                bound.types.data(),
                                bound.values.data(),
                                bound.lengths.data(),
                                bound.formats.data(),
                                kBinary),
              what);
    return await(what, false);
}

Result Session::execute(const Statement& statement, const Params& params) {
    send(statement, params);
    return receive();
}

void Session::send(const Statement& statement, const Params& params) {
    requireUsable();
    if (prepared_.count(statement.name) == 0) {
        prepare(statement, params);
    }
    const Bound bound(params);
    checkSent(PQsendQueryPrepared(connection_.raw(),
                                  statement.name,
                                  bound.count(),
                                  bound.values.data(),
                                  bound.lengths.data(),
                                  bound.formats.data(),
                                  kBinary),
              statement.name);
    // A small statement leaves with this call; what the socket does not take now leaves in receive().
    PQflush(connection_.raw());
    sent_ = statement.name;
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
    checkSent(PQsendQuery(connection_.raw(), sql.c_str()), "script");
    await("script", false);
}

bool Session::usable() const {
    return !broken_ && PQstatus(connection_.raw()) == CONNECTION_OK;
}

bool Session::probe() {
    if (!usable()) {
        return false;
    }
    // A server that shut down has sent its farewell and closed; the status alone stays good until somebody reads past
    // the farewell (pitfall P15: each dead session of the connector's pool is handed out once).
    pollfd socket{PQsocket(connection_.raw()), POLLIN, 0};
    while (usable() && poll(&socket, 1, 0) > 0) {
        broken_ = PQconsumeInput(connection_.raw()) == 0;
    }
    return usable();
}

bool Session::inTransaction() const {
    return PQtransactionStatus(connection_.raw()) != PQTRANS_IDLE;
}

Canceller Session::canceller() {
    return Canceller(PQgetCancel(connection_.raw()));
}

void Session::prepare(const Statement& statement, const Params& params) {
    const Bound bound(params);
    const std::string what = std::string("prepare ") + statement.name;
    checkSent(
        PQsendPrepare(
            connection_.raw(), statement.name, statement.sql, bound.count(), bound.types.data()),
        what);
    await(what, true);
    // Only after success: a statement that was refused, say before its table existed, is tried again.
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
    PGconn* const connection = connection_.raw();
    for (int left = PQflush(connection); left != 0; left = PQflush(connection)) {
        if (left < 0) {
            linkLost(what);
        }
        waitForSocket(true, what);
        // The server may want its own answers taken before it reads on.
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
                break;  // PQgetResult makes an error of it, with what the server said last.
            }
        }
        PGresult* const next = PQgetResult(connection);
        if (next == nullptr) {
            break;
        }
        last.reset(next);
        const ExecStatusType status = PQresultStatus(next);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            broken_ = true;  // The protocol is in a state that this class does not speak.
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
                // The server ends a slow statement by itself, earlier: this one does not answer at all.
                broken_ = true;
                throw Unavailable("database " + target_ + ": no answer to " + what + " within " +
                                  milliseconds(answerTimeout_) +
                                  " ms; whether it took effect is unknown");
            }
            wait = static_cast<int>(left.count()) + 1;
        }
        pollfd socket{PQsocket(connection_.raw()),
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
    std::string reason = PQerrorMessage(connection_.raw());
    reason = reason.substr(0, reason.find('\n'));
    throw Unavailable("database " + target_ + ", " + what + ": " +
                      (reason.empty() ? "connection lost" : reason));
}

void Session::raise(const pg_result* result, const std::string& what, bool prepared) {
    const auto field = [result](int code) {
        const char* text = PQresultErrorField(result, code);
        return std::string(text == nullptr ? "" : text);
    };
    const std::string state = field(PG_DIAG_SQLSTATE);
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
    // A prepared statement that the server forgot, or whose table changed under it, is cured by a new session.
    const bool stale = prepared && (state == "26000" || state == "0A000");
    if (endsSession(state) || stale) {
        broken_ = true;
    }
    if (stale || classify(state) == ErrorClass::Infrastructure) {
        throw Unavailable("database " + target_ + ", " + message);
    }
    throw SqlError(message, state, constraint);
}

}  // namespace drover::store
