#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/RequestReader.h"

namespace drover::api {

/// A complete, checked request before routing. The texts are views into it, valid until it is moved or destroyed.
class HttpRequest {
public:
    HttpRequest(WholeRequest whole, std::string remoteAddress)
        : whole_(std::move(whole)), remoteAddress_(std::move(remoteAddress)) {}

    [[nodiscard]] std::string_view method() const { return whole_.method(); }
    [[nodiscard]] std::string_view target() const { return whole_.target(); }
    [[nodiscard]] std::string_view contentType() const { return whole_.contentType(); }
    [[nodiscard]] std::string_view contentEncoding() const {
        return decoded_ ? std::string_view() : whole_.contentEncoding();
    }
    /// Returns the body as received, or behind its Content-Encoding once decode() was called.
    [[nodiscard]] std::string_view body() const {
        return decoded_ ? std::string_view(*decoded_) : whole_.body();
    }
    [[nodiscard]] bool hasLength() const { return whole_.hasLength(); }
    [[nodiscard]] std::optional<std::string> header(std::string_view name) const {
        return whole_.header(name);
    }
    [[nodiscard]] const std::string& remoteAddress() const { return remoteAddress_; }
    [[nodiscard]] const WholeRequest& whole() const { return whole_; }

    /// Replaces the body by its content behind Content-Encoding, if it has one. Throws HttpError: 413 beyond `maxBytes`, 415
    /// for an encoding that is not known, 400 for a damaged body.
    void decode(std::size_t maxBytes);

private:
    WholeRequest whole_;
    std::string remoteAddress_;  ///< Numeric, without port.
    std::optional<std::string> decoded_;
};

}  // namespace drover::api
