#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cppunit/TestCase.h>
#include <cppunit/TestSuite.h>
#include <cppunit/extensions/TestFactory.h>
#include <cppunit/extensions/TestFactoryRegistry.h>

#include "support/Skip.h"

namespace drover::test {

inline constexpr const char* kVersions[] = {"6.7.0", "5.81.5", "5.48.1"};

/// The number in front of a test's name: 57 of "c057_ourPlainAddWakesNode".
int statementOf(const std::string& test);

/// Whether statements.tsv wants that statement tested with that version of BullMQ. With DROVER_CONFORMANCE_PENDING=1 the
/// other way round: those that it lists with a reason why they have no result yet.
/// Throws std::invalid_argument if the list has no such number.
bool isTested(int statement, const std::string& version);

/// Writes what became of a statement below the build folder, for report.awk.
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

/// Registers the tests of one section, as one suite for each version: "D-6.7.0". A section is a fixture that is made from
/// the version.
template <class Section>
class SectionSuites : public CppUnit::TestFactory {
public:
    using Method = void (Section::*)();

    SectionSuites(std::string letter, std::vector<std::pair<const char*, Method>> tests)
        : letter_(std::move(letter)), tests_(std::move(tests)) {
        CppUnit::TestFactoryRegistry::getRegistry().registerFactory(this);
    }
    ~SectionSuites() override {
        CppUnit::TestFactoryRegistry::getRegistry().unregisterFactory(this);
    }
    SectionSuites(const SectionSuites&) = delete;
    SectionSuites& operator=(const SectionSuites&) = delete;

    CppUnit::Test* makeTest() override {
        auto all = std::make_unique<CppUnit::TestSuite>(letter_);
        for (const std::string version : kVersions) {
            auto suite = std::make_unique<CppUnit::TestSuite>(letter_ + "-" + version);
            for (const auto& [name, method] : tests_) {
                if (isTested(statementOf(name), version)) {
                    suite->addTest(new StatementTest<Section>(name, method, version));
                }
            }
            all->addTest(suite.release());
        }
        return all.release();
    }

private:
    const std::string letter_;
    const std::vector<std::pair<const char*, Method>> tests_;
};

}  // namespace drover::test

/// An entry for SectionSuites.
#define STATEMENT(section, method) \
    { #method, &section::method }
