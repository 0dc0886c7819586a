#pragma once

#include <string>
#include <vector>

#include "drover/Redis.h"

namespace drover {

/// Parses addresses, separated by commas: "host", "host:port", an IPv6 address in brackets. An empty text has none.
/// `port`: of an address without one. Throws ConfigException, which names the address and the form.
[[nodiscard]] std::vector<Redis::Address> parseAddresses(const std::string& list, int port);

}  // namespace drover
