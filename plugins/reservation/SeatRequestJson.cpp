#include "SeatRequestJson.h"

#include <rapidjson/document.h>
#include <stdexcept>
#include <utility>

namespace drover::reservation {

namespace {

// Iterative: how deep somebody nests his JSON must not be how deep our stack grows.
bool parse(rapidjson::Document& document, std::string_view text) {
    document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(
        text.data(), text.size());
    return !document.HasParseError() && document.IsObject();
}

std::int64_t idMember(const rapidjson::Document& document, const char* name) {
    const auto member = document.FindMember(name);
    if (member == document.MemberEnd()) {
        throw std::invalid_argument(std::string("job data has no ") + name);
    }
    if (!member->value.IsInt64() || member->value.GetInt64() < 1) {
        throw std::invalid_argument(std::string("job data: ") + name +
                                    " is not an integer in [1, 2^63)");
    }
    return member->value.GetInt64();
}

}  // namespace

SeatRequest parseSeatRequest(std::string_view data) {
    rapidjson::Document document;
    if (!parse(document, data)) {
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
    rapidjson::Document document;
    if (!parse(document, result)) {
        return 0;
    }
    const auto member = std::as_const(document).FindMember("reservationId");
    return member != document.MemberEnd() && member->value.IsInt64() ? member->value.GetInt64() : 0;
}

}  // namespace drover::reservation
