#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/BodyReader.h"

namespace drover::api {

/// The limits of a request (docs/pitfalls.md#n6). None may exceed Poco's (32, 16384, 100, 256, 8192), or a request that
/// passed here would be refused there, without an answer of the front.
struct RequestLimits {
    std::size_t maxMethodBytes = 32;
    std::size_t maxTargetBytes = 16384;
    std::size_t maxHeaders = 100;
    std::size_t maxNameBytes = 256;
    std::size_t maxValueBytes = 8192;
    std::size_t maxHeadBytes = 32768;  ///< Request line, headers and the empty line together.
    std::size_t maxBodyBytes = 65536;
};

/// A request with its bytes: whole, or its head alone if its body is open. The texts are views into it, valid until it is moved or destroyed.
class WholeRequest {
public:
    [[nodiscard]] std::string_view method() const { return viewOf(parts_.method); }
    /// Returns path and query as received, still percent-encoded.
    [[nodiscard]] std::string_view target() const { return viewOf(parts_.target); }
    [[nodiscard]] std::string_view contentType() const { return viewOf(parts_.contentType); }
    [[nodiscard]] std::string_view contentEncoding() const {
        return viewOf(parts_.contentEncoding);
    }
    [[nodiscard]] std::string_view body() const {
        return std::string_view(bytes_).substr(parts_.bodyOffset);
    }
    [[nodiscard]] std::string_view host() const { return viewOf(parts_.host); }
    [[nodiscard]] std::string_view authorization() const { return viewOf(parts_.authorization); }
    [[nodiscard]] std::string_view origin() const { return viewOf(parts_.origin); }
    /// Returns the value of Sec-Fetch-Site.
    [[nodiscard]] std::string_view fetchSite() const { return viewOf(parts_.fetchSite); }
    /// Returns true if Content-Length was given, be it 0.
    [[nodiscard]] bool hasLength() const { return parts_.hasLength; }
    /// Has a value if the body is not here.
    [[nodiscard]] const std::optional<OpenBody>& openBody() const { return parts_.openBody; }
    /// Returns the client's wish; false with an open body.
    [[nodiscard]] bool keepAlive() const { return parts_.keepAlive; }
    /// Returns the value of a header by its name in any case, blanks around it cut; values of several headers of that name
    /// are joined by ", " (RFC 9110, 5.3). std::nullopt: there is none.
    [[nodiscard]] std::optional<std::string> header(std::string_view name) const;
    /// Returns the head for Poco: the beginning of an encoded word (RFC 2047), which Poco would decode from any character
    /// set (docs/pitfalls.md#n7, docs/pitfalls.md#n15), is "=_", not "=?".
    [[nodiscard]] std::string headForPoco() const;

private:
    friend class RequestReader;

    /// A part of bytes_.
    struct Range {
        std::size_t offset = 0;
        std::size_t size = 0;
    };
    struct Parts {
        Range method, target, contentType, contentEncoding, host, authorization, origin, fetchSite;
        std::size_t headersOffset = 0;
        std::size_t bodyOffset = 0;
        bool hasLength = false;
        bool keepAlive = true;
        std::optional<OpenBody> openBody;
    };

    [[nodiscard]] std::string_view viewOf(const Range& range) const {
        return std::string_view(bytes_).substr(range.offset, range.size);
    }

    std::string bytes_;
    Parts parts_;
};

/// Cuts the bytes of one connection into requests, strictly.
///
/// One request at a time: append() bytes as they come, advance(), and when the state is Complete, pop(). This class alone decides where a request ends, so an unread body never becomes a request
/// (docs/pitfalls.md#n3). Ambiguous lengths are refused (docs/pitfalls.md#n4). A mistake is reported with the byte that
/// makes it, as far as that is possible, not at the end of the head.
///
/// A request without Content-Length and Transfer-Encoding has no body (RFC 9112, 6.3), also a POST; only HTTP/1.0, where
/// such a body would last until the connection's end, gets 411. Whether a route can do without a body is the router's
/// question.
///
/// A chunked body is refused with 411 (docs/pitfalls.md#n5), and one beyond the limit with 413. If its type is
/// application/x-ndjson, the reader hands out the head alone, and a front that wants the body has it read by a BodyReader.
///
/// Threads: none of its own; one owner at a time.
class RequestReader {
public:
    enum class State {
        Empty,     ///< No byte of the next request is here.
        Partial,   ///< It has begun.
        Complete,  ///< Head and body are here.
        Head,      ///< The head is here; the body is open, and no further request follows.
        Refused    ///< See refusalStatus(); nothing that follows on this connection can be trusted.
    };

    explicit RequestReader(const RequestLimits& limits) : limits_(&limits) {}

    void append(const char* data, std::size_t size) { buffer_.append(data, size); }
    State advance();
    [[nodiscard]] State state() const { return state_; }

    /// Returns the complete request, or its head; bytes received behind it stay for the next one, or for popRest().
    [[nodiscard]] WholeRequest pop();
    /// Returns the bytes behind a head.
    [[nodiscard]] std::string popRest() { return std::exchange(buffer_, {}); }
    [[nodiscard]] const RequestLimits& limits() const { return *limits_; }

    /// Returns true if the client waits for "100 Continue" before it sends the body; once per request.
    [[nodiscard]] bool popExpectContinue();

    [[nodiscard]] int refusalStatus() const { return refusalStatus_; }
    [[nodiscard]] const std::string& refusalMessage() const { return refusalMessage_; }

private:
    enum class Stage { RequestLine, Headers, Body };

    void acceptLine(std::size_t newline);
    void checkUnfinishedLine();
    void parseRequestLine(std::string_view line);
    void parseHeader(std::string_view line);
    void applyHeader(std::string_view name, std::string_view value);
    /// Stores the value of a header that stands once.
    void store(WholeRequest::Range& range, std::string_view name, std::string_view value);
    void parseContentLength(std::string_view value);
    void parseConnection(std::string_view value);
    void endHead();
    /// Ends at the head if the type of the body allows that; else refuses the request.
    void leaveOpen(int status, std::string message);
    void refuse(int status, std::string message);
    [[nodiscard]] std::size_t offsetOf(std::string_view part) const {
        return static_cast<std::size_t>(part.data() - buffer_.data());
    }

    using Range = WholeRequest::Range;
    [[nodiscard]] std::string_view partOf(const Range& range) const {
        return std::string_view(buffer_).substr(range.offset, range.size);
    }

    /// The parsed part of the request under way; cleared as a whole by pop().
    struct Parsed {
        Stage stage = Stage::RequestLine;
        std::size_t requestStart = 0;  ///< Behind the empty lines that a sloppy client sent first.
        std::size_t lineStart = 0;
        std::size_t scanned = 0;  ///< No newline before this offset, from lineStart on.
        std::size_t headersStart = 0;
        std::size_t headEnd = 0;
        std::size_t headerCount = 0;
        std::uint64_t bodyBytes = 0;
        Range method, target, contentType, contentEncoding, host, authorization, origin, fetchSite;
        int hosts = 0;
        bool http11 = true;
        bool hasLength = false;
        bool hasTransferEncoding = false;
        bool chunked = false;
        bool expectContinue = false;
        std::optional<bool> keepAlive;
        std::optional<OpenBody> openBody;
    };

    const RequestLimits* limits_;
    std::string buffer_;
    Parsed parsed_;
    State state_ = State::Empty;
    int refusalStatus_ = 0;
    std::string refusalMessage_;
};

}  // namespace drover::api
