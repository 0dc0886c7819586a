#include "support/ServerAnswers.h"

#include "redis/Connection.h"

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

}  // namespace drover::test
