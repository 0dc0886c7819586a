#pragma once

#include <string>
#include <vector>

namespace drover::test {

/// One instruction of a Dockerfile, continuation lines joined.
struct DockerInstruction {
    std::string name;       ///< "RUN", "COPY" …
    std::string arguments;  ///< All that follows, blanks between lines reduced to one.
    std::string stage;      ///< Name of its stage; the last stage of Drover's has none: "".
};

/// Throws std::runtime_error for a line that is not an instruction.
[[nodiscard]] std::vector<DockerInstruction> parseDockerfile(const std::string& path);

/// The words of a text, split at blanks.
[[nodiscard]] std::vector<std::string> wordsOf(const std::string& text);

}  // namespace drover::test
