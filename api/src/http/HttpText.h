#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/Routes.h"

namespace drover::api {

inline constexpr const char* kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// Returns the reason phrase of a status: 404 is "Not Found"; a status without one is "Error".
[[nodiscard]] const char* reasonPhrase(int status);

/// An error in the shape of every error of the front: {"message": string, "error": string, "statusCode": int}.
/// `retryAfterSeconds` becomes the header Retry-After.
[[nodiscard]] Response errorResponse(int status,
                                     std::string_view message,
                                     std::optional<int> retryAfterSeconds = std::nullopt);
/// The same with a list, as a body with several mistakes gets it: {"message": [string], ...}. Always 400.
[[nodiscard]] Response validationResponse(const std::vector<std::string>& messages);

/// How an answer leaves.
struct AnswerForm {
    bool keepAlive = false;  ///< The connection stays open after it.
    bool headOnly = false;   ///< The body is left out, as HEAD wants it.
};

/// Returns a whole answer as bytes. Its headers must be sendable.
[[nodiscard]] std::string answerBytes(const Response& response, AnswerForm form);

/// Returns the head of an answer of status 200 that is sent piece by piece and ends with its connection.
[[nodiscard]] std::string streamHead(
    std::string_view contentType, const std::vector<std::pair<std::string, std::string>>& headers);

/// Returns true if a header may be sent: `name` is a token and `value` has no CR, LF, NUL or other control character.
[[nodiscard]] bool isSendableHeader(std::string_view name, std::string_view value);

/// Returns true if `c` may be part of a token (method, header name): RFC 9110, 5.6.2.
[[nodiscard]] bool isTokenCharacter(char c);

/// Returns the value of a hexadecimal digit in any case; -1 for another character.
[[nodiscard]] int hexValue(char c);

/// ASCII only; header names and the values that matter are.
[[nodiscard]] bool equalsIgnoringCase(std::string_view a, std::string_view b);

}  // namespace drover::api
