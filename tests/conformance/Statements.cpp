#include "conformance/Statements.h"

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <sys/stat.h>

#include <cppunit/TestSuite.h>
#include <cppunit/extensions/TestFactory.h>
#include <cppunit/extensions/TestFactoryRegistry.h>

namespace drover::test {

namespace {

constexpr const char* kVersions[] = {"6.7.0", "5.81.5", "5.48.1"};

struct Statement {
    std::string section;   ///< The letter.
    std::string versions;  ///< Empty: all.
    std::string
        whyNot;  ///< Empty: tested; "[version] reason": not with that version; "in part: …": tested.
};

std::map<int, Statement> read() {
    std::map<int, Statement> all;
    std::ifstream file(DROVER_SOURCE_DIR "/tests/conformance/statements.tsv");
    std::string section;
    for (std::string line; std::getline(file, line);) {
        if (line.rfind("# ", 0) == 0 && line.find(' ', 2) == 3) {
            section = line.substr(2, 1);
        }
        if (line.empty() || line[0] == '#') {
            continue;
        }
        std::istringstream columns(line);
        std::string number;
        std::string words;
        Statement statement;
        statement.section = section;
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

bool isTested(const Statement& statement, const std::string& version) {
    static const bool kPending = std::getenv("DROVER_CONFORMANCE_PENDING") != nullptr;
    const auto& [section, versions, whyNot] = statement;
    if (!versions.empty() && versions.find(version) == std::string::npos) {
        return false;
    }
    const bool missing = !whyNot.empty() && whyNot.rfind("in part: ", 0) != 0 &&
                         (whyNot[0] != '[' || whyNot.compare(1, version.size(), version) == 0);
    return missing == kPending;
}

/// The suites by their names, with what makes their tests.
class Suites : public CppUnit::TestFactory {
public:
    static Suites& all() {
        static Suites suites;
        return suites;
    }

    CppUnit::Test* makeTest() override {
        auto everything = std::make_unique<CppUnit::TestSuite>("statements");
        for (const auto& [name, tests] : suites) {
            auto suite = std::make_unique<CppUnit::TestSuite>(name);
            for (const auto& make : tests) {
                suite->addTest(make.second());
            }
            everything->addTest(suite.release());
        }
        return everything.release();
    }

    std::map<std::string, std::map<int, std::function<CppUnit::Test*()>>> suites;

private:
    Suites() { CppUnit::TestFactoryRegistry::getRegistry().registerFactory(this); }
};

}  // namespace

int statementOf(const std::string& test) {
    return std::stoi(test.substr(1));
}

void addStatement(const std::string& test,
                  std::function<CppUnit::Test*(const std::string& version)> make) {
    static const std::map<int, Statement> kAll = read();
    const int number = statementOf(test);
    const auto found = kAll.find(number);
    if (found == kAll.end()) {
        throw std::invalid_argument("statements.tsv has no number for " + test);
    }
    for (const std::string version : kVersions) {
        if (isTested(found->second, version)) {
            const std::string suite = found->second.section + "-" + version;
            if (!Suites::all()
                     .suites[suite]
                     .emplace(number, [make, version] { return make(version); })
                     .second) {
                throw std::invalid_argument("a second test of the number of " + test);
            }
        }
    }
}

void record(int statement, const std::string& version, const std::string& result) {
    const std::string folder = DROVER_BINARY_DIR "/conformance";
    mkdir(folder.c_str(), 0777);
    std::ofstream(folder + "/" + std::to_string(statement) + "-" + version) << result << '\n';
}

}  // namespace drover::test
