#include "auth/Address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace drover::api {

std::optional<Address> Address::parse(std::string_view text) {
    static constexpr std::array<unsigned char, 12> kMapped = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    const bool colons = text.find(':') != std::string_view::npos;
    if (const std::size_t zone = text.find('%');
        colons && zone != std::string_view::npos && zone + 1 < text.size()) {
        text = text.substr(0, zone);
    }
    // inet_pton would stop at a NUL.
    if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    const std::string terminated(text);
    Address address;
    address.v4_ = !colons;
    if (::inet_pton(colons ? AF_INET6 : AF_INET, terminated.c_str(), address.bytes_.data()) != 1) {
        return std::nullopt;
    }
    if (colons && std::equal(kMapped.begin(), kMapped.end(), address.bytes_.begin())) {
        std::rotate(address.bytes_.begin(), address.bytes_.begin() + 12, address.bytes_.end());
        std::fill(address.bytes_.begin() + 4, address.bytes_.end(), 0);
        address.v4_ = true;
    }
    return address;
}

Address Address::network(int bits) const {
    Address masked = *this;
    for (std::size_t i = 0; i < masked.bytes_.size(); ++i) {
        const int left = std::clamp(bits - static_cast<int>(i) * 8, 0, 8);
        masked.bytes_[i] &= static_cast<unsigned char>(0xFF00U >> static_cast<unsigned>(left));
    }
    return masked;
}

std::string Address::text() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
    return text.data();
}

}  // namespace drover::api
