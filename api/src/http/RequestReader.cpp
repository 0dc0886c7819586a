#include "http/RequestReader.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "http/HttpText.h"

namespace drover::api {

namespace {

constexpr std::string_view kBlank = " \t";
/// The most empty lines before a request.
constexpr std::size_t kMaxEmptyBytes = 1024;

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

bool isControl(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

/// Returns the bytes of an encoded word's text; malformed parts stay as they are, as in other readers.
std::string decodedWord(char encoding, std::string_view text) {
    std::string bytes;
    if (encoding == 'q' || encoding == 'Q') {
        for (std::size_t i = 0; i < text.size(); ++i) {
            const bool escape = text[i] == '=' && i + 2 < text.size() &&
                                hexValue(text[i + 1]) >= 0 && hexValue(text[i + 2]) >= 0;
            bytes += escape ? static_cast<char>(hexValue(text[i + 1]) * 16 + hexValue(text[i + 2]))
                            : text[i];
            i += escape ? 2 : 0;
        }
        return bytes;
    }
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const std::size_t digit = kDigits.find(c);
        if (digit == std::string_view::npos) {
            continue;  // Padding, or a character that a lenient reader skips.
        }
        bits = (bits << 6U) | static_cast<std::uint32_t>(digit);
        if ((count += 6) >= 8) {
            count -= 8;
            bytes += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xFFU);
        }
    }
    return bytes;
}

/// Returns true if an encoded word (RFC 2047: "=?utf-8?q?Ren=C3=A9?=") in `value` stands for a control character: a reader
/// that decodes it would find the end of the header there. UTF-16 and UTF-32 have NUL bytes, so they count.
bool hidesControl(std::string_view value) {
    for (std::size_t at = value.find("=?"); at != std::string_view::npos;
         at = value.find("=?", at + 2)) {
        const std::size_t encoding = value.find('?', at + 2);
        if (encoding == std::string_view::npos || encoding + 2 >= value.size() ||
            value[encoding + 2] != '?' ||
            std::string_view("qQbB").find(value[encoding + 1]) == std::string_view::npos) {
            continue;
        }
        const std::string_view text = value.substr(encoding + 3);
        const std::size_t end = text.find("?=");
        if (end == std::string_view::npos) {
            continue;
        }
        const std::string bytes = decodedWord(value[encoding + 1], text.substr(0, end));
        if (std::any_of(
                bytes.begin(), bytes.end(), [](char c) { return isControl(c) && c != '\t'; })) {
            return true;
        }
    }
    return false;
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) {
        return text.substr(0, 0);
    }
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// Returns true for lines of JSON, the type whose bodies may have any length.
bool isLines(std::string_view contentType) {
    return equalsIgnoringCase(trimmed(contentType.substr(0, contentType.find(';'))),
                              "application/x-ndjson");
}

bool sendsBody(std::string_view method) {
    return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

std::optional<std::string> WholeRequest::header(std::string_view name) const {
    std::optional<std::string> found;
    const std::string_view head = std::string_view(bytes_).substr(0, parts_.bodyOffset);
    for (std::size_t line = parts_.headersOffset; line < head.size();) {
        const std::size_t end = head.find("\r\n", line);
        const std::size_t colon = head.find(':', line);
        if (colon == line + name.size() &&
            equalsIgnoringCase(head.substr(line, name.size()), name)) {
            const std::string_view value = trimmed(head.substr(colon + 1, end - colon - 1));
            found = found ? *found + ", " : std::string();
            found->append(value);
        }
        line = end + 2;
    }
    return found;
}

std::string WholeRequest::headForPoco() const {
    std::string head =
        bytes_.substr(parts_.method.offset, parts_.bodyOffset - parts_.method.offset);
    for (std::size_t at = head.find("=?"); at != std::string::npos; at = head.find("=?", at)) {
        head[at + 1] = '_';
    }
    return head;
}

RequestReader::State RequestReader::advance() {
    if (state_ == State::Empty && !buffer_.empty()) {
        state_ = State::Partial;
    }
    while (state_ == State::Partial) {
        if (parsed_.stage == Stage::Body) {
            if (buffer_.size() - parsed_.headEnd < parsed_.bodyBytes) {
                break;
            }
            state_ = State::Complete;
            break;
        }
        const auto newline = buffer_.find('\n', parsed_.scanned);
        if (newline == std::string::npos) {
            checkUnfinishedLine();
            parsed_.scanned = buffer_.size();
            break;
        }
        acceptLine(newline);
    }
    return state_;
}

void RequestReader::acceptLine(std::size_t newline) {
    if (newline == parsed_.lineStart || buffer_[newline - 1] != '\r') {
        return refuse(400, "A line of the request's head ends in LF without CR");
    }
    const std::string_view line =
        std::string_view(buffer_).substr(parsed_.lineStart, newline - 1 - parsed_.lineStart);
    parsed_.lineStart = parsed_.scanned = newline + 1;
    if (parsed_.stage == Stage::RequestLine) {
        if (line.empty()) {
            // RFC 9112, 2.2: at least one empty line before a request is ignored; Node ignores all of them.
            parsed_.requestStart = newline + 1;
            if (parsed_.requestStart > kMaxEmptyBytes) {
                refuse(400, "There are too many empty lines before the request");
            }
            return;
        }
        parseRequestLine(line);
    } else if (line.empty()) {
        parsed_.headEnd = newline + 1;
        endHead();
    } else {
        parseHeader(line);
    }
    if (state_ != State::Refused &&
        parsed_.lineStart - parsed_.requestStart > limits_->maxHeadBytes) {
        refuse(431,
               "The head of the request is larger than " + std::to_string(limits_->maxHeadBytes) +
                   " bytes");
    }
}

void RequestReader::checkUnfinishedLine() {
    const std::string_view line = std::string_view(buffer_).substr(parsed_.lineStart);
    if (parsed_.stage == Stage::RequestLine) {
        if (line.empty() || line == "\r") {
            return;
        }
        const auto space = line.find(' ');
        const std::string_view method = line.substr(0, std::min(space, line.size()));
        if (method.empty() || method.size() > limits_->maxMethodBytes ||
            !std::all_of(method.begin(), method.end(), isTokenCharacter)) {
            return refuse(400, "This is not an HTTP request");
        }
        if (space != std::string_view::npos) {
            const std::string_view target = line.substr(space + 1);
            const auto end = std::min(target.find(' '), target.size());
            if (end > limits_->maxTargetBytes) {
                return refuse(414,
                              "The request target is longer than " +
                                  std::to_string(limits_->maxTargetBytes) + " bytes");
            }
            if (target.size() - end > 10) {
                return refuse(400, "The request line does not end in HTTP/1.1 or HTTP/1.0");
            }
        }
        return;
    }
    if (!line.empty() && kBlank.find(line.front()) != std::string_view::npos) {
        return refuse(400, "A header continues on a second line (obs-fold)");
    }
    const auto colon = line.find(':');
    const std::size_t nameBytes = std::min(colon, line.size());
    if (nameBytes > limits_->maxNameBytes) {
        return refuse(
            431,
            "A header name is longer than " + std::to_string(limits_->maxNameBytes) + " bytes");
    }
    // Two blanks and the CR may stand beside the value.
    if (line.size() - nameBytes > limits_->maxValueBytes + 4) {
        return refuse(
            431,
            "A header value is longer than " + std::to_string(limits_->maxValueBytes) + " bytes");
    }
    if (buffer_.size() - parsed_.requestStart > limits_->maxHeadBytes) {
        return refuse(431,
                      "The head of the request is larger than " +
                          std::to_string(limits_->maxHeadBytes) + " bytes");
    }
}

void RequestReader::parseRequestLine(std::string_view line) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last || first == 0 ||
        first > limits_->maxMethodBytes) {
        return refuse(400, "The request line is not: method, blank, target, blank, version");
    }
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!std::all_of(method.begin(), method.end(), isTokenCharacter)) {
        return refuse(400, "The method is not a token");
    }
    if (target.size() > limits_->maxTargetBytes) {
        return refuse(414,
                      "The request target is longer than " +
                          std::to_string(limits_->maxTargetBytes) + " bytes");
    }
    // Printable ASCII only; everything else travels percent-encoded. No fragment: it never leaves a client.
    if (target.empty() || std::any_of(target.begin(), target.end(), [](char c) {
            return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F ||
                   c == '#';
        })) {
        return refuse(400, "The request target has a character that must be percent-encoded");
    }
    if (version == "HTTP/1.1") {
        parsed_.http11 = true;
    } else if (version == "HTTP/1.0") {
        parsed_.http11 = false;
    } else {
        return refuse(400, "The version is neither HTTP/1.1 nor HTTP/1.0");
    }
    parsed_.method = {offsetOf(method), method.size()};
    parsed_.target = {offsetOf(target), target.size()};
    parsed_.headersStart = parsed_.lineStart;
    parsed_.stage = Stage::Headers;
}

void RequestReader::parseHeader(std::string_view line) {
    if (kBlank.find(line.front()) != std::string_view::npos) {
        return refuse(400, "A header continues on a second line (obs-fold)");
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
        return refuse(400, "A header line has no colon");
    }
    if (++parsed_.headerCount > limits_->maxHeaders) {
        return refuse(
            431, "The request has more than " + std::to_string(limits_->maxHeaders) + " headers");
    }
    const std::string_view name = line.substr(0, colon);
    if (name.size() > limits_->maxNameBytes) {
        return refuse(
            431,
            "A header name is longer than " + std::to_string(limits_->maxNameBytes) + " bytes");
    }
    if (name.empty() || !std::all_of(name.begin(), name.end(), isTokenCharacter)) {
        return refuse(400, "A header name is not a token");
    }
    std::string_view raw = line.substr(colon + 1);
    raw.remove_prefix(std::min(raw.find_first_not_of(kBlank), raw.size()));
    // Measured with the blanks behind it, since Poco counts them.
    if (raw.size() > limits_->maxValueBytes) {
        return refuse(
            431,
            "A header value is longer than " + std::to_string(limits_->maxValueBytes) + " bytes");
    }
    const std::string_view value = trimmed(raw);
    if (std::any_of(value.begin(), value.end(), [](char c) { return isControl(c) && c != '\t'; })) {
        return refuse(400, "A header value has a control character");
    }
    if (hidesControl(value)) {
        return refuse(400,
                      "The header " + std::string(name) +
                          " has an encoded word (RFC 2047) that stands for a control character");
    }
    applyHeader(name, value);
}

void RequestReader::applyHeader(std::string_view name, std::string_view value) {
    switch (name.size()) {
        case 4:
            if (equalsIgnoringCase(name, "Host")) {
                ++parsed_.hosts;
                parsed_.host = {offsetOf(value), value.size()};
            }
            break;
        case 6:
            if (equalsIgnoringCase(name, "Expect")) {
                if (!equalsIgnoringCase(value, "100-continue")) {
                    return refuse(417, "The only expectation that can be met is 100-continue");
                }
                parsed_.expectContinue = true;
            } else if (equalsIgnoringCase(name, "Origin")) {
                store(parsed_.origin, name, value);
            }
            break;
        case 10:
            if (equalsIgnoringCase(name, "Connection")) {
                parseConnection(value);
            }
            break;
        case 12:
            if (equalsIgnoringCase(name, "Content-Type")) {
                parsed_.contentType = {offsetOf(value), value.size()};
            }
            break;
        case 13:
            if (equalsIgnoringCase(name, "Authorization")) {
                store(parsed_.authorization, name, value);
            }
            break;
        case 14:
            if (equalsIgnoringCase(name, "Content-Length")) {
                parseContentLength(value);
            } else if (equalsIgnoringCase(name, "Sec-Fetch-Site")) {
                store(parsed_.fetchSite, name, value);
            }
            break;
        case 16:
            if (equalsIgnoringCase(name, "Content-Encoding")) {
                store(parsed_.contentEncoding, name, value);
            }
            break;
        case 17:
            if (equalsIgnoringCase(name, "Transfer-Encoding")) {
                parsed_.chunked =
                    !parsed_.hasTransferEncoding && equalsIgnoringCase(value, "chunked");
                parsed_.hasTransferEncoding = true;
            }
            break;
        default:
            break;
    }
}

void RequestReader::store(Range& range, std::string_view name, std::string_view value) {
    if (range.size != 0) {
        return refuse(400, "The request has more than one " + std::string(name));
    }
    range = {offsetOf(value), value.size()};
}

void RequestReader::parseContentLength(std::string_view value) {
    if (parsed_.hasLength) {
        return refuse(400, "The request has two Content-Length headers");
    }
    // 18 digits fit 64 bits whatever they are.
    if (value.empty() || value.size() > 18 || !std::all_of(value.begin(), value.end(), isDigit)) {
        return refuse(400, "Content-Length is not a decimal number in range");
    }
    parsed_.hasLength = true;
    for (const char c : value) {
        parsed_.bodyBytes = parsed_.bodyBytes * 10 + static_cast<std::uint64_t>(c - '0');
    }
}

void RequestReader::parseConnection(std::string_view value) {
    while (!value.empty()) {
        const auto comma = std::min(value.find(','), value.size());
        const std::string_view option = trimmed(value.substr(0, comma));
        if (equalsIgnoringCase(option, "close")) {
            parsed_.keepAlive = false;  // Wins over keep-alive, in any order.
        } else if (equalsIgnoringCase(option, "keep-alive") && !parsed_.keepAlive) {
            parsed_.keepAlive = true;
        }
        value.remove_prefix(std::min(comma + 1, value.size()));
    }
}

void RequestReader::endHead() {
    if (parsed_.hosts > 1 || (parsed_.http11 && parsed_.hosts == 0)) {
        return refuse(400, "The request needs one Host header");
    }
    if (parsed_.hasTransferEncoding) {
        if (parsed_.hasLength) {
            return refuse(400, "The request has both Content-Length and Transfer-Encoding");
        }
        if (!parsed_.chunked || !parsed_.http11) {
            return refuse(400, "The Transfer-Encoding is not supported; send Content-Length");
        }
        return leaveOpen(411, "Chunked bodies are not accepted; send Content-Length");
    }
    if (!parsed_.http11 && !parsed_.hasLength && sendsBody(partOf(parsed_.method))) {
        return refuse(411, "The request needs Content-Length");
    }
    if (parsed_.bodyBytes > limits_->maxBodyBytes) {
        return leaveOpen(
            413, "The body is larger than " + std::to_string(limits_->maxBodyBytes) + " bytes");
    }
    parsed_.stage = Stage::Body;
}

void RequestReader::leaveOpen(int status, std::string message) {
    if (!isLines(partOf(parsed_.contentType))) {
        return refuse(status, std::move(message));
    }
    parsed_.openBody = OpenBody{.chunked = parsed_.chunked,
                                .bytes = parsed_.bodyBytes,
                                .expectsContinue = parsed_.expectContinue,
                                .refusalStatus = status,
                                .refusalMessage = std::move(message)};
    state_ = State::Head;
}

bool RequestReader::popExpectContinue() {
    return parsed_.stage == Stage::Body && state_ == State::Partial &&
           std::exchange(parsed_.expectContinue, false);
}

WholeRequest RequestReader::pop() {
    WholeRequest request;
    request.parts_ = {parsed_.method,
                      parsed_.target,
                      parsed_.contentType,
                      parsed_.contentEncoding,
                      parsed_.host,
                      parsed_.authorization,
                      parsed_.origin,
                      parsed_.fetchSite,
                      parsed_.headersStart,
                      parsed_.headEnd,
                      parsed_.hasLength,
                      !parsed_.openBody && parsed_.keepAlive.value_or(parsed_.http11),
                      std::move(parsed_.openBody)};
    const std::size_t end =
        parsed_.headEnd + (state_ == State::Head ? std::uint64_t{0} : parsed_.bodyBytes);
    std::string rest = buffer_.substr(end);
    buffer_.resize(end);
    request.bytes_ = std::exchange(buffer_, std::move(rest));
    parsed_ = Parsed{};
    state_ = State::Empty;
    return request;
}

void RequestReader::refuse(int status, std::string message) {
    state_ = State::Refused;
    refusalStatus_ = status;
    refusalMessage_ = std::move(message);
}

}  // namespace drover::api
