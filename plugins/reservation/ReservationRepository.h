#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "Reservation.h"
#include "drover/Unavailable.h"
#include "store/Session.h"

namespace drover::reservation {

/// The database answered, and did not decide a batch: a trigger raised, a constraint from outside the schema is violated, a
/// sequence is behind its table, the function is another one. Deciding fewer requests at once may still work.
///
/// No request is at fault, unless requestAtFault() returns true. Nothing is lost by deciding the batch again.
class DecisionRefused : public Unavailable {
public:
    DecisionRefused(const std::string& reason, bool requestAtFault)
        : Unavailable(reason), requestAtFault_(requestAtFault) {}

    /// Returns true if a value of a request can be stored in no database: an id that is not UTF-8.
    [[nodiscard]] bool requestAtFault() const { return requestAtFault_; }

private:
    bool requestAtFault_;
};

/// Every statement on the tables of schema/0001_reservation, on a session of the caller's. Cheap to make.
///
/// Errors are the session's: Unavailable for infrastructure, SqlError for the rest.
/// Threads: as its session.
class ReservationRepository {
public:
    explicit ReservationRepository(store::Session& session) : session_(session) {}

    /// Decides the requests of one queue in their order: one call, one transaction, every outcome stored. A request that
    /// was RESERVED before gets that outcome again; one that was rejected is decided anew.
    /// Serialization failures, deadlocks and lock timeouts are run again, five times in all, with jitter.
    /// Throws DecisionRefused for every other error of the server, and for an answer that does not fit the requests; plain
    /// Unavailable if it does not answer. Never SqlError.
    std::vector<Decision> decide(std::string_view queue, const std::vector<SeatRequest>& requests);

    /// Stores a rejection that was not the database's: data that cannot be read, a job that was given up. `request` needs
    /// no event and no user (0). A reserved request stays; an earlier rejection is replaced.
    void reject(std::string_view queue, const SeatRequest& request, std::string_view reason);

    /// Returns the stored outcome of exactly this job; std::nullopt: never decided.
    std::optional<Decision> outcome(std::string_view queue,
                                    std::string_view jobId,
                                    std::int64_t jobTimestampMs);
    /// Returns the newest outcome under this id, with any timestamp.
    std::optional<NewestOutcome> newestOutcome(std::string_view queue, std::string_view jobId);
    /// Returns how many requests with this id and another timestamp have an outcome.
    std::int64_t otherOutcomes(std::string_view queue,
                               std::string_view jobId,
                               std::int64_t jobTimestampMs);

    /// std::nullopt: no live reservation.
    std::optional<Reservation> reservation(std::int64_t eventId, std::int64_t userId);

    /// Returns the new id; std::nullopt: the email exists already.
    std::optional<std::int64_t> addUser(std::string_view name, std::string_view email);
    std::optional<User> user(std::int64_t id);

    /// Returns a date as the database parses it: epoch milliseconds; std::nullopt: infinite. SqlError of class BadData if
    /// it is not a date.
    std::optional<std::int64_t> timeMs(std::string_view date);

    /// Returns the new id; std::nullopt: the name exists already. `date`: ISO 8601 with a zone; SqlError of class BadData
    /// if it is not a date.
    std::optional<std::int64_t> addEvent(std::string_view name,
                                         std::string_view date,
                                         std::string_view location,
                                         std::int64_t maxTickets);
    std::optional<Event> event(std::int64_t id);

    /// Removes at most `limit` outcomes decided more than `retentionSeconds` ago; returns how many.
    std::int64_t pruneOutcomes(std::int64_t retentionSeconds, std::int64_t limit);

private:
    std::vector<Decision> decideOnce(const store::Params& params, std::size_t count);

    store::Session& session_;
};

}  // namespace drover::reservation
