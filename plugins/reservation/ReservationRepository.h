#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "Reservation.h"
#include "store/Session.h"

namespace drover::reservation {

/// Every statement on the tables of schema/0001_reservation, on a session of the caller's. Cheap to make.
///
/// Errors are the session's: Unavailable for infrastructure, SqlError for the rest.
/// Threads: as its session.
class ReservationRepository {
public:
    explicit ReservationRepository(store::Session& session) : session_(session) {}

    /// Decides the requests of one queue in their order: one call, one transaction, every outcome stored. A request that
    /// was RESERVED before gets that outcome again; one that was rejected is decided anew.
    /// Serialization failures, deadlocks and lock timeouts are run again, five times in all, with jitter; if they stay,
    /// and if the schema is not there, Unavailable: no job is to blame. SqlError: nothing was written.
    std::vector<Decision> decide(std::string_view queue, const std::vector<SeatRequest>& requests);

    /// The stored outcome of exactly this job; std::nullopt: never decided.
    std::optional<Decision> outcome(std::string_view queue,
                                    std::string_view jobId,
                                    std::int64_t jobTimestampMs);
    /// The newest outcome under this id, whatever its timestamp.
    std::optional<Decision> newestOutcome(std::string_view queue, std::string_view jobId);

    /// std::nullopt: no live reservation.
    std::optional<Reservation> reservation(std::int64_t eventId, std::int64_t userId);

    /// The new id; std::nullopt: the email is known already.
    std::optional<std::int64_t> addUser(std::string_view name, std::string_view email);
    std::optional<User> user(std::int64_t id);

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
