#include "conformance/Statements.h"

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <sys/stat.h>

namespace drover::test {

namespace {

struct Statement {
    std::string versions;  ///< Empty: all.
    std::string whyNot;    ///< Empty: tested; "[version] reason": not with that one.
};

std::map<int, Statement> read() {
    std::map<int, Statement> all;
    std::ifstream file(DROVER_SOURCE_DIR "/tests/conformance/statements.tsv");
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        std::istringstream columns(line);
        std::string number;
        std::string words;
        Statement statement;
        std::getline(columns, number, '\t');
        std::getline(columns, statement.versions, '\t');
        std::getline(columns, words, '\t');
        std::getline(columns, statement.whyNot, '\t');
        if (!all.emplace(std::stoi(number), statement).second) {
            throw std::invalid_argument("statements.tsv has number " + number + " twice");
        }
    }
    return all;
}

}  // namespace

int statementOf(const std::string& test) {
    return std::stoi(test.substr(1));
}

bool isTested(int statement, const std::string& version) {
    static const std::map<int, Statement> all = read();
    static const bool pending = std::getenv("DROVER_CONFORMANCE_PENDING") != nullptr;
    const auto found = all.find(statement);
    if (found == all.end()) {
        throw std::invalid_argument("statements.tsv has no number " + std::to_string(statement));
    }
    const auto& [versions, whyNot] = found->second;
    if (!versions.empty() && versions.find(version) == std::string::npos) {
        return false;
    }
    const bool missing =
        !whyNot.empty() && (whyNot[0] != '[' || whyNot.compare(1, version.size(), version) == 0);
    return missing == pending;
}

void record(int statement, const std::string& version, const std::string& result) {
    const std::string folder = DROVER_BINARY_DIR "/conformance";
    mkdir(folder.c_str(), 0777);
    std::ofstream(folder + "/" + std::to_string(statement) + "-" + version) << result << '\n';
}

}  // namespace drover::test
