#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace drover::api {

/// A numeric IP address. A value: copyable, no I/O.
class Address {
public:
    /// Parses `192.0.2.1` or `2001:db8::1`; the zone of a link-local address (`%eth0`) does not count, and
    /// `::ffff:192.0.2.1` is the IPv4 address. std::nullopt for any other text.
    [[nodiscard]] static std::optional<Address> parse(std::string_view text);

    /// Returns the address with all bits behind the first `bits` 0; `bits` may be more than there are.
    [[nodiscard]] Address network(int bits) const;
    /// Returns the network of one client: an IPv4 address itself, of IPv6 the first 64 bits, which one client has whole.
    [[nodiscard]] Address client() const { return isV4() ? *this : network(64); }

    [[nodiscard]] bool isV4() const { return v4_; }
    [[nodiscard]] int bits() const { return v4_ ? 32 : 128; }
    [[nodiscard]] std::string text() const;

    friend bool operator==(const Address&, const Address&) = default;

private:
    friend struct std::hash<Address>;

    bool v4_ = false;
    std::array<unsigned char, 16> bytes_{};  ///< IPv4 uses the first four; the rest is 0.
};

}  // namespace drover::api

template <>
struct std::hash<drover::api::Address> {
    [[nodiscard]] std::size_t operator()(const drover::api::Address& address) const noexcept {
        return std::hash<std::string_view>()(
            {reinterpret_cast<const char*>(address.bytes_.data()), address.bytes_.size()});
    }
};
