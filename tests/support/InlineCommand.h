#pragma once

#include <string>

namespace drover::test {

/// Sends one command inline to a server on loopback, without TLS. Returns as much of its reply as arrives at once, as Redis
/// writes it. Throws std::exception if there is none.
[[nodiscard]] std::string askInline(int port, const std::string& line);

}  // namespace drover::test
