#pragma once

#include <string_view>
#include <vector>

#include "auth/Authority.h"

namespace drover::api {

/// The hosts of `api.hosts`, for which the front answers. Never changes.
///
/// A page whose name an attacker points to this machine (DNS rebinding) sends a Host that no list has.
/// Threads: any.
class HostList {
public:
    /// Every host, also none.
    HostList() = default;
    /// Parses hosts, parted by commas: `example.com` with any port, `example.com:8443`, `*.example.com` for all names below
    /// it, `[::1]`. An empty list is every host. Throws ConfigException, naming the key and the entry.
    explicit HostList(std::string_view list);

    /// Returns true if the front answers for the value of a header Host.
    [[nodiscard]] bool serves(std::string_view host) const;

private:
    struct Entry {
        Authority authority;
        bool below = false;  ///< For names below the host, not for itself.

        [[nodiscard]] bool matches(const Authority& host) const;
    };

    std::vector<Entry> entries_;
};

}  // namespace drover::api
