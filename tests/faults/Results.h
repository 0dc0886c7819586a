#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace drover::test {

/// The result of a run of one fault. In a folder of results each is a file of that name with one line, fields
/// separated by tabs, in the order of the members below.
struct FaultResult {
    std::string name;
    std::string command;  ///< The command of the run.
    std::int64_t accepted = 0;
    std::int64_t refused = 0;  ///< Answered otherwise, and not answered.
    std::int64_t lost = 0;
    std::int64_t lostByServer = 0;  ///< By the server itself; not in `lost`.
    std::int64_t doubled = 0;
    std::int64_t repeated = 0;  ///< Carried twice by the wire; not in `doubled`.
    std::int64_t recoveryMs = 0;
    std::string failure;  ///< Empty: everything as promised.
};

void writeResult(const std::string& folder, const FaultResult& result);
[[nodiscard]] std::map<std::string, FaultResult> readResults(const std::string& folder);

/// Returns docs/faults.md for the results in the folder; a fault without result stands there as not run.
[[nodiscard]] std::string makeDocument(const std::map<std::string, FaultResult>& results);
/// Returns the mistakes of a document: a missing fault, another promise than that of the code, a row without a fault,
/// a row without figures. Empty: none.
[[nodiscard]] std::vector<std::string> checkDocument(const std::string& document);

}  // namespace drover::test
