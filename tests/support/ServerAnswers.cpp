#include "support/ServerAnswers.h"

#include <chrono>
#include <stdexcept>
#include <thread>

#include "redis/Connection.h"
#include "support/Patience.h"

namespace drover::test {

namespace {

std::string textOf(const ReplyView& reply) {
    if (reply.isInteger()) {
        return std::to_string(reply.integer());
    }
    if (!reply.isArray()) {
        return (reply.isError() ? "-" : "") + std::string(reply.text());
    }
    std::string lines;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        lines += textOf(reply.at(i)) + "\n";
    }
    return lines;
}

}  // namespace

std::string ask(int port, const std::vector<std::string>& args) {
    RedisOptions options;
    options.port = port;
    Connection link(options, "", Connection::Peer::Informant);
    Command command;
    for (const std::string& arg : args) {
        command.add(arg);
    }
    return textOf(link.call(command));
}

void await(const std::string& what, const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (true) {
        try {
            if (condition()) {
                return;
            }
        } catch (const std::exception&) {
            // Not up yet, or down for a moment.
        }
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error("not within the deadline: " + what);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

}  // namespace drover::test
