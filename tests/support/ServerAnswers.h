#pragma once

#include <string>
#include <vector>

#include "support/Await.h"

namespace drover::test {

/// Sends one command to a server on loopback, and returns its reply as text: each element of an array as a line. An error
/// reply begins with '-'. Throws std::exception if the server is away.
[[nodiscard]] std::string ask(int port, const std::vector<std::string>& args);

}  // namespace drover::test
