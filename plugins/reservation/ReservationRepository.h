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

/// The database answered, and would not decide a batch: a trigger raised, a constraint that is not of the schema said no, a
/// sequence is behind its table, the function is another one. Deciding fewer requests at once may still work.
///
/// No request is to blame for it, unless requestAtFault() says so. Nothing is lost by deciding the batch again.
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
    /// Throws DecisionRefused for whatever else the server says, and for an answer that does not fit the requests; plain
    /// Unavailable if it does not answer. Never SqlError.
    std::vector<Decision> decide(std::string_view queue, const std::vector<SeatRequest>& requests);

    /// Stores a rejection that was not the database's: data that cannot be read, a job that was given up. `request` needs
    /// no event and no user (0). What is RESERVED stays; an earlier rejection is replaced.
    void reject(std::string_view queue, const SeatRequest& request, std::string_view reason);

    /// The stored outcome of exactly this job; std::nullopt: never decided.
    std::optional<Decision> outcome(std::string_view queue,
                                    std::string_view jobId,
                                    std::int64_t jobTimestampMs);
    /// The newest outcome under this id, whatever its timestamp.
    std::optional<NewestOutcome> newestOutcome(std::string_view queue, std::string_view jobId);
    /// How many requests with this id and another timestamp have an outcome.
    std::int64_t otherOutcomes(std::string_view queue,
                               std::string_view jobId,
                               std::int64_t jobTimestampMs);

    /// std::nullopt: no live reservation.
    std::optional<Reservation> reservation(std::int64_t eventId, std::int64_t userId);

    /// The new id; std::nullopt: the email is known already.
    std::optional<std::int64_t> addUser(std::string_view name, std::string_view email);
    std::optional<User> user(std::int64_t id);

    /// What the database makes of a date: epoch milliseconds; std::nullopt: infinite. SqlError of class BadData if it is
    /// no date.
    std::optional<std::int64_t> timeMs(std::string_view date);

    /// The new id; std::nullopt: the name is known already. `date`: ISO 8601 with a zone; SqlError of class BadData if
    /// it is no date.
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
