// The main of every test executable. Usage: EXECUTABLE [Suite...]; without names all suites run.
// Exit: 0 passed, 1 failed, 77 skipped because a service is missing (a failure under DROVER_REQUIRE_SERVICES=1).
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>

#include <cppunit/BriefTestProgressListener.h>
#include <cppunit/CompilerOutputter.h>
#include <cppunit/Exception.h>
#include <cppunit/TestFailure.h>
#include <cppunit/TestResult.h>
#include <cppunit/TestResultCollector.h>
#include <cppunit/TestSuite.h>
#include <cppunit/extensions/TestFactoryRegistry.h>

#include "support/Skip.h"

namespace {

/// Counts what MissingService reported; CppUnit has passed and failed only.
class SkipListener : public CppUnit::TestListener {
public:
    void addFailure(const CppUnit::TestFailure& failure) override {
        const CppUnit::Exception* error = failure.thrownException();
        if (error != nullptr &&
            std::string(error->what()).find(drover::test::kMissingServiceMark) !=
                std::string::npos) {
            ++skipped;
        }
    }
    int skipped = 0;
};

}  // namespace

int main(int argc, char** argv) {
    // A peer that closes its socket must be an error code, not the end of the process (docs/pitfalls.md#h3).
    std::signal(SIGPIPE, SIG_IGN);

    CppUnit::Test* all = CppUnit::TestFactoryRegistry::getRegistry().makeTest();
    CppUnit::TestResult controller;
    CppUnit::TestResultCollector results;
    CppUnit::BriefTestProgressListener progress;
    SkipListener skips;
    controller.addListener(&results);
    controller.addListener(&progress);
    controller.addListener(&skips);

    if (argc < 2) {
        all->run(&controller);
    }
    for (int i = 1; i < argc; ++i) {
        try {
            all->findTest(argv[i])->run(&controller);
        } catch (const std::invalid_argument&) {
            std::cerr << argv[0] << ": no suite or test named " << argv[i] << '\n';
            return 1;
        }
    }

    CppUnit::CompilerOutputter outputter(&results, std::cerr);
    outputter.write();  // Names the failed tests: they must still be there.
    delete all;
    if (results.runTests() == 0) {
        std::cerr << "no test was run\n";
        return 1;
    }
    if (skips.skipped > 0 && skips.skipped == results.testFailuresTotal() &&
        std::getenv("DROVER_REQUIRE_SERVICES") == nullptr) {
        return 77;
    }
    return results.wasSuccessful() ? 0 : 1;
}
