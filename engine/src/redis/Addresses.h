#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <Poco/Net/IPAddress.h>
#include <Poco/Net/StreamSocket.h>

namespace drover {

/// Returns every address of a host name, or the address that the text is; IPv6 with or without brackets.
/// Throws Poco::Net::NetException.
[[nodiscard]] std::vector<Poco::Net::IPAddress> addressesOf(const std::string& host);

/// Connects the socket to the first address that answers. Each gets its share of what is left of the time, so that one that
/// drops every packet leaves time for the rest (docs/pitfalls.md#h10). Throws RedisIoException with the problem of each.
void connectToAny(Poco::Net::StreamSocket& socket,
                  const std::vector<Poco::Net::IPAddress>& addresses,
                  int port,
                  std::chrono::milliseconds timeout);

}  // namespace drover
