#include "auth/HostList.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "auth/Lists.h"
#include "drover/Exceptions.h"

namespace drover::api {

HostList::HostList(std::string_view list) {
    constexpr std::string_view kBelow = "*.";
    for (const std::string_view entry : commaList(list)) {
        const bool below = entry.substr(0, kBelow.size()) == kBelow;
        std::optional<Authority> authority =
            Authority::parse(below ? entry.substr(kBelow.size()) : entry);
        if (!authority) {
            throw ConfigException(
                "api.hosts: " + std::string(entry) +
                " is not a host; example.com, example.com:8443, *.example.com and "
                "[::1] are some, and an empty list is every host");
        }
        entries_.push_back({std::move(*authority), below});
    }
}

bool HostList::Entry::matches(const Authority& host) const {
    if (authority.port && authority.port != host.port) {
        return false;
    }
    return below ? host.host.ends_with("." + authority.host) : host.host == authority.host;
}

bool HostList::serves(std::string_view host) const {
    if (entries_.empty()) {
        return true;
    }
    const std::optional<Authority> parsed = Authority::parse(host);
    return parsed && std::any_of(entries_.begin(), entries_.end(), [&parsed](const Entry& entry) {
               return entry.matches(*parsed);
           });
}

}  // namespace drover::api
