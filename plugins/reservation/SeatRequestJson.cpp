#include "SeatRequestJson.h"

#include <stdexcept>
#include <string>

#include "drover/Json.h"

namespace drover::reservation {

namespace {

std::int64_t idMember(const JsonView& data, const char* name) {
    const auto member = data.member(name);
    if (!member) {
        throw std::invalid_argument(std::string("job data has no ") + name);
    }
    const auto id = member->integer();
    if (!id || *id < 1) {
        throw std::invalid_argument(std::string("job data: ") + name +
                                    " is not an integer in [1, 2^63)");
    }
    return *id;
}

}  // namespace

SeatRequest parseSeatRequest(std::string_view data) {
    const JsonView document = JsonView::tryParse(data).value_or(JsonView());
    if (!document.isObject()) {
        throw std::invalid_argument("job data is not a JSON object with userId and eventId");
    }
    SeatRequest request;
    request.userId = idMember(document, "userId");
    request.eventId = idMember(document, "eventId");
    return request;
}

std::string reservedResult(std::int64_t reservationId) {
    return "{\"reservationId\":" + std::to_string(reservationId) + ",\"status\":\"RESERVED\"}";
}

std::int64_t reservationIdOf(std::string_view result) {
    const JsonView stored = JsonView::tryParse(result).value_or(JsonView());
    return stored["reservationId"].integer().value_or(0);
}

}  // namespace drover::reservation
