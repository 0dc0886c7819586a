#pragma once

#include <functional>
#include <string>
#include <vector>

namespace drover::test {

/// Sends one command to a server on loopback, and returns its reply as text: each element of an array as a line. An error
/// reply begins with '-'. Throws std::exception if the server is away.
[[nodiscard]] std::string ask(int port, const std::vector<std::string>& args);

/// Waits until `condition` returns true; what it throws counts as false. Throws std::runtime_error after kPatience.
void await(const std::string& what, const std::function<bool()>& condition);

[[nodiscard]] inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace drover::test
