#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace drover::reservation {

/// A request for a seat, as a job brought it. Queue, job id and job timestamp together are its key for good.
struct SeatRequest {
    std::string jobId;
    std::int64_t jobTimestampMs = 0;
    std::int64_t eventId = 0;
    std::int64_t userId = 0;
};

/// The outcome of a request: either a reservation or a reason.
struct Decision {
    std::optional<std::int64_t> reservationId;
    /// "sold out", "already reserved", "unknown event" or "unknown user"; empty if reserved.
    std::string reason;

    [[nodiscard]] bool reserved() const { return reservationId.has_value(); }
};

/// The newest outcome under a job id. The id may have been issued again, after Redis was restored from an older copy.
struct NewestOutcome : Decision {
    std::int64_t jobTimestampMs = 0;
    std::int64_t requests =
        0;  ///< How many requests with this id have an outcome, this one included.
};

/// A live reservation.
struct Reservation {
    std::int64_t id = 0;
    std::int64_t userId = 0;
    std::string status;
    std::optional<std::int64_t> reservedAtMs;  ///< Epoch milliseconds; absent: infinite.
};

struct User {
    std::int64_t id = 0;
    std::string name;
    std::string email;
};

struct Event {
    std::int64_t id = 0;
    std::string name;
    std::optional<std::int64_t> dateMs;  ///< Epoch milliseconds; absent: infinite.
    std::string location;
    std::int64_t maxTickets = 0;
    std::int64_t reserved = 0;
};

}  // namespace drover::reservation
