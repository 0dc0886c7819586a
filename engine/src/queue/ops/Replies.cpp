#include "queue/ops/Replies.h"

#include <Poco/Format.h>

#include "drover/Exceptions.h"

namespace drover::ops {

std::vector<int> codesOf(const ReplyView& reply,
                         std::size_t expected,
                         const std::string& operation,
                         const std::string& queue) {
    if (reply.size() < expected) {
        throw ScriptException(
            Poco::format("%s %s: %z codes for %z jobs", operation, queue, reply.size(), expected));
    }
    std::vector<int> codes;
    codes.reserve(expected);
    for (std::size_t i = 0; i < expected; ++i) {
        codes.push_back(static_cast<int>(reply.at(i).integer()));
    }
    return codes;
}

std::vector<JobProblem> problemsOf(const ReplyView& reply) {
    std::vector<JobProblem> problems;
    for (std::size_t i = 0; i + 1 < reply.size(); i += 2) {
        problems.push_back({std::string(reply.at(i).text()), std::string(reply.at(i + 1).text())});
    }
    return problems;
}

std::vector<std::string> textsOf(const ReplyView& reply) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        texts.emplace_back(reply.at(i).text());
    }
    return texts;
}

std::vector<std::pair<std::string, std::string>> pairsOf(const ReplyView& reply) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::size_t i = 0; i + 1 < reply.size(); i += 2) {
        pairs.emplace_back(reply.at(i).text(), reply.at(i + 1).text());
    }
    return pairs;
}

void setFields(JobHash& hash, const ReplyView& pairs) {
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
        hash.set(pairs.at(i).text(), pairs.at(i + 1).text());
    }
}

}  // namespace drover::ops
