#pragma once

#include <string>
#include <string_view>

#include "Reservation.h"

namespace drover::reservation {

/// Reads the data of a `reserveEvent` job, `{"userId": int, "eventId": int}`, both in [1, 2^63); other members are
/// ignored. The key of the request stays empty.
/// Throws std::invalid_argument that names the wrong member: decimal strings, fractions and exponents are refused.
[[nodiscard]] SeatRequest parseSeatRequest(std::string_view data);

/// Returns the result of a reserved job: `{"reservationId": int, "status": "RESERVED"}`.
[[nodiscard]] std::string reservedResult(std::int64_t reservationId);

/// Returns the reservation id of such a result; 0 for JSON of another shape.
[[nodiscard]] std::int64_t reservationIdOf(std::string_view result);

}  // namespace drover::reservation
