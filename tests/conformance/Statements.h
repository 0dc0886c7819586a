#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cppunit/TestCase.h>

#include "support/Skip.h"

namespace drover::test {

/// The number in front of a test's name: 57 of "c057_ourPlainAddWakesNode".
int statementOf(const std::string& test);

/// Puts a test into the suites of its section, for each version that statements.tsv wants it tested with. With
/// DROVER_CONFORMANCE_PENDING=1 the other way round: for the versions without a result, which have a reason there.
void addStatement(const std::string& test,
                  std::function<CppUnit::Test*(const std::string& version)> make);

/// Writes the result of a statement below the build folder, for report.awk.
void record(int statement, const std::string& version, const std::string& result);

/// One statement with one version of BullMQ: a fresh fixture around one method of it.
template <class Section>
class StatementTest : public CppUnit::TestCase {
public:
    using Method = void (Section::*)();

    StatementTest(const std::string& name, Method method, std::string version)
        : TestCase(name), method_(method), version_(std::move(version)) {}

    void setUp() override {
        record(statementOf(getName()), version_, "fail");
        passed_ = false;
        section_ = std::make_unique<Section>(version_);
        try {
            section_->setUp();
        } catch (const MissingService&) {
            record(statementOf(getName()), version_, "not run");
            throw;
        }
    }
    void runTest() override {
        ((*section_).*method_)();
        passed_ = true;
    }
    void tearDown() override {
        section_->tearDown();
        section_.reset();
        if (passed_) {
            record(statementOf(getName()), version_, "pass");
        }
    }

private:
    const Method method_;
    const std::string version_;
    std::unique_ptr<Section> section_;
    bool passed_ = false;
};

/// Registers the tests of one fixture. Each goes into the suites of the section that its number belongs to, one for each
/// version: "D-6.7.0". A section is a fixture that is made from the version.
template <class Section>
class Statements {
public:
    explicit Statements(std::vector<std::pair<const char*, void (Section::*)()>> tests) {
        for (const auto& [name, method] : tests) {
            addStatement(
                name, [name = name, method = method](const std::string& version) -> CppUnit::Test* {
                    return new StatementTest<Section>(name, method, version);
                });
        }
    }
};

}  // namespace drover::test

/// An entry for Statements.
#define STATEMENT(section, method) \
    { #method, &section::method }
