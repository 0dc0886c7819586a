#include "ReservationRepository.h"

#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include "drover/Failpoint.h"
#include "drover/Unavailable.h"
#include "store/SqlState.h"

namespace drover::reservation {

namespace {

using store::Params;
using store::Result;
using store::Statement;

const Statement kDecide{"reservation_decide",
                        "SELECT outcome_reason, outcome_reservation_id, request_position"
                        " FROM reserve_seats($1, $2, $3, $4, $5) ORDER BY request_position"};

const Statement kReject{"reservation_reject",
                        "INSERT INTO reservation_outcomes AS o"
                        " (queue, job_id, job_timestamp_ms, event_id, user_id, state, reason)"
                        " VALUES ($1, $2, $3, $4, $5, 'REJECTED', $6)"
                        " ON CONFLICT ON CONSTRAINT reservation_outcomes_pkey DO UPDATE"
                        " SET reason = excluded.reason, attempt = o.attempt + 1,"
                        " decided_at = excluded.decided_at WHERE o.state = 'REJECTED'"};

const Statement kOutcome{"reservation_outcome",
                         "SELECT reason, reservation_id FROM reservation_outcomes"
                         " WHERE queue = $1 AND job_id = $2 AND job_timestamp_ms = $3"};

const Statement kNewestOutcome{"reservation_newest_outcome",
                               "SELECT reason, reservation_id, job_timestamp_ms, count(*) OVER ()"
                               " FROM reservation_outcomes WHERE queue = $1 AND job_id = $2"
                               " ORDER BY job_timestamp_ms DESC LIMIT 1"};

const Statement kOtherOutcomes{"reservation_other_outcomes",
                               "SELECT count(*) FROM reservation_outcomes"
                               " WHERE queue = $1 AND job_id = $2 AND job_timestamp_ms <> $3"};

// Times leave as milliseconds (docs/pitfalls.md#p11): microseconds do not fit a bigint for every year that PostgreSQL
// has. extract() is exact, a numeric.
const Statement kReservation{
    "reservation_live",
    "SELECT id, user_id, status, CASE WHEN isfinite(reserved_at)"
    " THEN floor(extract(epoch FROM reserved_at) * 1000)::bigint END"
    " FROM reservations WHERE event_id = $1 AND user_id = $2 AND status = 'RESERVED'"};

const Statement kAddUser{"reservation_add_user",
                         "INSERT INTO users (name, email) VALUES ($1, $2)"
                         " ON CONFLICT ON CONSTRAINT users_email_unique DO NOTHING RETURNING id"};

const Statement kUser{"reservation_user", "SELECT id, name, email FROM users WHERE id = $1"};

const Statement kTime{"reservation_time",
                      "SELECT CASE WHEN isfinite(t)"
                      " THEN floor(extract(epoch FROM t) * 1000)::bigint END"
                      " FROM (SELECT $1::text::timestamptz AS t) AS given"};

const Statement kAddEvent{"reservation_add_event",
                          "INSERT INTO events (name, date, location, max_tickets)"
                          " VALUES ($1, $2::text::timestamptz, $3, $4)"
                          " ON CONFLICT ON CONSTRAINT events_name_unique DO NOTHING RETURNING id"};

const Statement kEvent{
    "reservation_event",
    "SELECT id, name, CASE WHEN isfinite(date)"
    " THEN floor(extract(epoch FROM date) * 1000)::bigint END, location, max_tickets, reserved"
    " FROM events WHERE id = $1"};

const Statement kPrune{"reservation_prune",
                       "SELECT prune_reservation_outcomes($1::bigint * interval '1 second', $2)"};

constexpr int kTries = 5;

/// Returns true if the batch may simply be run again: nothing was written.
bool isRepeatable(const store::SqlError& error) {
    // The key: another delivery of one of the requests was decided between lookup and insert (docs/pitfalls.md#q6).
    return error.errorClass() == store::ErrorClass::Retry ||
           error.constraint() == "reservation_outcomes_pkey";
}

/// Returns the cure for an error of the server; empty: none is known.
std::string cureOf(const store::SqlError& error) {
    if (error.errorClass() == store::ErrorClass::Schema) {
        return "; is the schema there (drover db migrate)?";
    }
    if (error.constraint() == "reservations_pkey") {
        return "; the sequence is behind its table, as after a restore: SELECT "
               "setval('reservations_id_seq', (SELECT max(id) FROM reservations))";
    }
    return "";
}

/// Ids are the only text of a request: no other value can be wrong for every database.
bool isRequestsFault(const store::SqlError& error) {
    return error.sqlState() == "22021" || error.sqlState() == "22P05";
}

/// 5 to 10 ms before the second try, doubling; at random, since two batches that met once would meet again.
void pauseBefore(int nextTry) {
    static thread_local std::minstd_rand random(std::random_device{}());
    const int longest = 5 << (nextTry - 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(
        std::uniform_int_distribution<int>(longest / 2, longest)(random)));
}

Decision readDecision(const Result& rows, int row) {
    return {rows.optionalBigint(row, 1), rows.optionalText(row, 0).value_or("")};
}

std::optional<Decision> firstDecision(const Result& rows) {
    if (rows.rows() == 0) {
        return std::nullopt;
    }
    return readDecision(rows, 0);
}

std::optional<std::int64_t> firstId(const Result& rows) {
    if (rows.rows() == 0) {
        return std::nullopt;
    }
    return rows.bigint(0, 0);
}

}  // namespace

std::vector<Decision> ReservationRepository::decide(std::string_view queue,
                                                    const std::vector<SeatRequest>& requests) {
    std::vector<std::string_view> jobIds;
    std::vector<std::int64_t> timestamps;
    std::vector<std::int64_t> events;
    std::vector<std::int64_t> users;
    for (const SeatRequest& request : requests) {
        jobIds.push_back(request.jobId);
        timestamps.push_back(request.jobTimestampMs);
        events.push_back(request.eventId);
        users.push_back(request.userId);
    }
    Params params;
    params.text(queue)
        .textArray(jobIds)
        .bigintArray(timestamps)
        .bigintArray(events)
        .bigintArray(users);
    for (int attempt = 1;; ++attempt) {
        try {
            return decideOnce(params, requests.size());
        } catch (const store::SqlError& error) {
            if (!isRepeatable(error)) {
                throw DecisionRefused(error.message() + cureOf(error), isRequestsFault(error));
            }
            if (attempt == kTries) {
                throw DecisionRefused(
                    error.message() + ", " + std::to_string(kTries) + " times in a row", false);
            }
        } catch (const StoreException& error) {
            // Not the requested rows: the function in the database is another one. Its effects are in the ledger, and the
            // next call finds them there.
            throw DecisionRefused(error.message() + "; is the schema the one of this version?",
                                  false);
        }
        pauseBefore(attempt + 1);
    }
}

std::vector<Decision> ReservationRepository::decideOnce(const Params& params, std::size_t count) {
    failpoint("before-statement");
    session_.send(kDecide, params);
    failpoint("statement-sent");
    const Result rows = session_.receive();
    failpoint("committed");
    if (static_cast<std::size_t>(rows.rows()) != count) {
        throw StoreException("reserve_seats answered " + std::to_string(rows.rows()) +
                             " rows for " + std::to_string(count) + " requests");
    }
    std::vector<Decision> decisions;
    decisions.reserve(count);
    for (int row = 0; row < rows.rows(); ++row) {
        Decision decision = readDecision(rows, row);
        if (rows.bigint(row, 2) != row + 1 || decision.reserved() != decision.reason.empty()) {
            throw StoreException("reserve_seats answered for request " + std::to_string(row + 1) +
                                 " with position " + std::to_string(rows.bigint(row, 2)) +
                                 ", and not with either a reservation or a reason");
        }
        decisions.push_back(std::move(decision));
    }
    return decisions;
}

void ReservationRepository::reject(std::string_view queue,
                                   const SeatRequest& request,
                                   std::string_view reason) {
    session_.execute(kReject,
                     Params()
                         .text(queue)
                         .text(request.jobId)
                         .bigint(request.jobTimestampMs)
                         .bigint(request.eventId)
                         .bigint(request.userId)
                         .text(reason));
}

std::optional<Decision> ReservationRepository::outcome(std::string_view queue,
                                                       std::string_view jobId,
                                                       std::int64_t jobTimestampMs) {
    return firstDecision(
        session_.execute(kOutcome, Params().text(queue).text(jobId).bigint(jobTimestampMs)));
}

std::optional<NewestOutcome> ReservationRepository::newestOutcome(std::string_view queue,
                                                                  std::string_view jobId) {
    const Result rows = session_.execute(kNewestOutcome, Params().text(queue).text(jobId));
    if (rows.rows() == 0) {
        return std::nullopt;
    }
    return NewestOutcome{readDecision(rows, 0), rows.bigint(0, 2), rows.bigint(0, 3)};
}

std::int64_t ReservationRepository::otherOutcomes(std::string_view queue,
                                                  std::string_view jobId,
                                                  std::int64_t jobTimestampMs) {
    return session_.execute(kOtherOutcomes, Params().text(queue).text(jobId).bigint(jobTimestampMs))
        .bigint(0, 0);
}

std::optional<Reservation> ReservationRepository::reservation(std::int64_t eventId,
                                                              std::int64_t userId) {
    const Result rows = session_.execute(kReservation, Params().bigint(eventId).bigint(userId));
    if (rows.rows() == 0) {
        return std::nullopt;
    }
    return Reservation{rows.bigint(0, 0),
                       rows.bigint(0, 1),
                       std::string(rows.text(0, 2)),
                       rows.optionalBigint(0, 3)};
}

std::optional<std::int64_t> ReservationRepository::addUser(std::string_view name,
                                                           std::string_view email) {
    return firstId(session_.execute(kAddUser, Params().text(name).text(email)));
}

std::optional<User> ReservationRepository::user(std::int64_t id) {
    const Result rows = session_.execute(kUser, Params().bigint(id));
    if (rows.rows() == 0) {
        return std::nullopt;
    }
    return User{rows.bigint(0, 0), std::string(rows.text(0, 1)), std::string(rows.text(0, 2))};
}

std::optional<std::int64_t> ReservationRepository::timeMs(std::string_view date) {
    return session_.execute(kTime, Params().text(date)).optionalBigint(0, 0);
}

std::optional<std::int64_t> ReservationRepository::addEvent(std::string_view name,
                                                            std::string_view date,
                                                            std::string_view location,
                                                            std::int64_t maxTickets) {
    return firstId(session_.execute(
        kAddEvent, Params().text(name).text(date).text(location).bigint(maxTickets)));
}

std::optional<Event> ReservationRepository::event(std::int64_t id) {
    const Result rows = session_.execute(kEvent, Params().bigint(id));
    if (rows.rows() == 0) {
        return std::nullopt;
    }
    return Event{rows.bigint(0, 0),
                 std::string(rows.text(0, 1)),
                 rows.optionalBigint(0, 2),
                 std::string(rows.text(0, 3)),
                 rows.bigint(0, 4),
                 rows.bigint(0, 5)};
}

std::int64_t ReservationRepository::pruneOutcomes(std::int64_t retentionSeconds,
                                                  std::int64_t limit) {
    return session_.execute(kPrune, Params().bigint(retentionSeconds).bigint(limit)).bigint(0, 0);
}

}  // namespace drover::reservation
