#include "redis/Addresses.h"

#include <cstdint>

#include <Poco/Exception.h>
#include <Poco/Net/DNS.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Timespan.h>

#include "drover/Exceptions.h"

namespace drover {

std::vector<Poco::Net::IPAddress> addressesOf(const std::string& host) {
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    const std::string plain = brackets ? host.substr(1, host.size() - 2) : host;
    Poco::Net::IPAddress address;
    if (Poco::Net::IPAddress::tryParse(plain, address)) {
        return {address};  // DNS::resolve would ask for its name.
    }
    return Poco::Net::DNS::hostByName(plain).addresses();
}

void connectToAny(Poco::Net::StreamSocket& socket,
                  const std::vector<Poco::Net::IPAddress>& addresses,
                  int port,
                  std::chrono::milliseconds timeout) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + timeout;
    std::string problems = addresses.empty() ? "the host has no address" : "";
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const auto share = std::chrono::duration_cast<std::chrono::microseconds>(
            (deadline - Clock::now()) / static_cast<std::int64_t>(addresses.size() - i));
        if (share.count() <= 0) {
            problems += "; no time is left for the others";
            break;
        }
        try {
            socket = Poco::Net::StreamSocket();
            socket.connect(Poco::Net::SocketAddress(addresses[i], static_cast<Poco::UInt16>(port)),
                           Poco::Timespan(static_cast<Poco::Timespan::TimeDiff>(share.count())));
            return;
        } catch (const Poco::Exception& error) {
            problems += (problems.empty() ? "" : "; ") + addresses[i].toString() + ": " +
                        error.displayText();
        }
    }
    throw RedisIoException(problems);
}

}  // namespace drover
