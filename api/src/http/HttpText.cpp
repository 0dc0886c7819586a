#include "http/HttpText.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/Timestamp.h>

#include "drover/JsonWriter.h"

namespace drover::api {

namespace {

/// Writes the object around its first member, which `message` writes.
template <typename Message>
Response errorWith(int status, Message message) {
    JsonWriter json;
    json.beginObject();
    json.key("message");
    message(json);
    json.key("error").text(reasonPhrase(status));
    json.key("statusCode").number(status);
    json.endObject();
    Response response;
    response.status = status;
    response.body = std::move(json).str();
    return response;
}

constexpr std::array<bool, 256> tokenTable() {
    std::array<bool, 256> table{};
    constexpr std::string_view kAllowed =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const unsigned char c : kAllowed) {
        table[c] = true;
    }
    return table;
}

constexpr std::array<bool, 256> kToken = tokenTable();

/// Returns the time for the header Date, formatted once a second by each thread.
const std::string& dateNow() {
    thread_local std::time_t second = 0;
    thread_local std::string text;
    if (const std::time_t now = std::time(nullptr); now != second) {
        second = now;
        text = Poco::DateTimeFormatter::format(Poco::Timestamp::fromEpochTime(now),
                                               Poco::DateTimeFormat::HTTP_FORMAT);
    }
    return text;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

const char* reasonPhrase(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 207:
            return "Multi-Status";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 411:
            return "Length Required";
        case 413:
            return "Payload Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Entity";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        default:
            return "Error";
    }
}

Response errorResponse(int status, std::string_view message, std::optional<int> retryAfterSeconds) {
    Response response = errorWith(status, [message](JsonWriter& json) { json.text(message); });
    if (retryAfterSeconds) {
        response.headers.emplace_back("Retry-After", std::to_string(*retryAfterSeconds));
    }
    return response;
}

Response validationResponse(const std::vector<std::string>& messages) {
    return errorWith(400, [&messages](JsonWriter& json) {
        json.beginArray();
        for (const std::string& message : messages) {
            json.text(message);
        }
        json.endArray();
    });
}

std::string answerBytes(const Response& response, AnswerForm form) {
    const bool bodiless = response.status == 204 || response.status == 304;
    std::string text;
    text.reserve(256 + response.body.size());
    text.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    text.append(reasonPhrase(response.status)).append("\r\n");
    const auto header = [&text](std::string_view name, std::string_view value) {
        text.append(name).append(": ").append(value).append("\r\n");
    };
    header("Date", dateNow());
    if (!bodiless) {
        header("Content-Type", response.contentType);
        header("Content-Length", std::to_string(response.body.size()));
    }
    header("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : response.headers) {
        header(name, value);
    }
    header("Connection", form.keepAlive ? "keep-alive" : "close");
    text.append("\r\n");
    if (!bodiless && !form.headOnly) {
        text.append(response.body);
    }
    return text;
}

std::string streamHead(std::string_view contentType,
                       const std::vector<std::pair<std::string, std::string>>& headers) {
    std::string text = "HTTP/1.1 200 OK\r\nDate: " + dateNow() + "\r\nContent-Type: ";
    text.append(contentType)
        .append("\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n");
    for (const auto& [name, value] : headers) {
        text.append(name).append(": ").append(value).append("\r\n");
    }
    return text + "Connection: close\r\n\r\n";
}

bool isSendableHeader(std::string_view name, std::string_view value) {
    return !name.empty() && std::all_of(name.begin(), name.end(), isTokenCharacter) &&
           std::none_of(value.begin(), value.end(), [](char c) {
               const auto byte = static_cast<unsigned char>(c);
               return (byte < 0x20 && c != '\t') || byte == 0x7F;
           });
}

bool isTokenCharacter(char c) {
    return kToken[static_cast<unsigned char>(c)];
}

int hexValue(char c) {
    const std::size_t at = std::string_view("0123456789abcdefABCDEF").find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at < 16 ? at : at - 6);
}

bool equalsIgnoringCase(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return lower(x) == lower(y);
           });
}

}  // namespace drover::api
