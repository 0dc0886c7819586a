#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/JobHash.h"
#include "redis/Reply.h"

namespace drover {

/// A job that could not go on, for something under its own keys: it has failed, or its id is in `drover:set-aside`.
struct JobProblem {
    std::string id;  ///< Empty: something of the queue's own, such as its metrics.
    std::string text;
};

namespace ops {

/// Returns the codes of a script, one per job. Throws ScriptException for fewer than `expected`.
[[nodiscard]] std::vector<int> codesOf(const ReplyView& reply,
                                       std::size_t expected,
                                       const std::string& operation,
                                       const std::string& queue);

/// Reads id, text, id, text, …
[[nodiscard]] std::vector<JobProblem> problemsOf(const ReplyView& reply);

/// Reads a list of texts.
[[nodiscard]] std::vector<std::string> textsOf(const ReplyView& reply);

/// Reads what HGETALL answers.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> pairsOf(const ReplyView& reply);

/// Sets the fields of field, value, field, value, … The hash refers to the reply.
void setFields(JobHash& hash, const ReplyView& pairs);

}  // namespace ops

}  // namespace drover
