#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace drover::test {

/// What a run of one fault showed. In a folder of results each is a file of that name with one line, fields separated by
/// tabs, in the order of the members below.
struct FaultResult {
    std::string name;
    std::string command;  ///< What made it.
    std::int64_t accepted = 0;
    std::int64_t refused = 0;  ///< Answered otherwise, and not answered.
    std::int64_t lost = 0;
    std::int64_t lostByServer = 0;  ///< By the server itself; not in `lost`.
    std::int64_t doubled = 0;
    std::int64_t repeated = 0;  ///< Said twice by the wire; not in `doubled`.
    std::int64_t recoveryMs = 0;
    std::string failure;  ///< Empty: everything as promised.
};

void writeResult(const std::string& folder, const FaultResult& result);
[[nodiscard]] std::map<std::string, FaultResult> readResults(const std::string& folder);

/// docs/faults.md of what the folder holds; a fault without result stands there as not run.
[[nodiscard]] std::string makeDocument(const std::map<std::string, FaultResult>& results);
/// What is wrong with a document: a fault that it lacks or tells otherwise than the code does, a row of no fault, a row
/// without figures. Empty: nothing.
[[nodiscard]] std::vector<std::string> checkDocument(const std::string& document);

}  // namespace drover::test
