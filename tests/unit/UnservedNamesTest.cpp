#include <string>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"
#include "support/ManualClock.h"
#include "worker/UnservedNames.h"

using drover::test::assertEqual;

namespace {

using namespace drover;
using drover::test::ManualClock;

}  // namespace

/// The log has one line a minute for a name without handler, and counts every job.
class UnservedNamesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(UnservedNamesTest);
    CPPUNIT_TEST(aNameIsLoggedAtOnceAndThenOncePerMinute);
    CPPUNIT_TEST(eachNameHasItsOwnMinute);
    CPPUNIT_TEST(manyNamesShareALine);
    CPPUNIT_TEST(namesOfLongAgoMakeRoom);
    CPPUNIT_TEST(jobsOfForgottenNamesAreCounted);
    CPPUNIT_TEST_SUITE_END();

public:
    void aNameIsLoggedAtOnceAndThenOncePerMinute() {
        assertEqual("a 3", logged("a", 3));
        clock_.advance(std::chrono::seconds(30));
        CPPUNIT_ASSERT_EQUAL(std::string(), logged("a", 50000));
        clock_.advance(std::chrono::seconds(29));
        CPPUNIT_ASSERT_EQUAL(std::string(), logged("a", 2));
        clock_.advance(std::chrono::seconds(1));
        assertEqual("a 50003", logged("a", 1));
        CPPUNIT_ASSERT_EQUAL(std::string(), logged("a", 1));
    }

    void eachNameHasItsOwnMinute() {
        assertEqual("a 1", logged("a", 1));
        clock_.advance(std::chrono::seconds(30));
        assertEqual("b 1", logged("b", 1));
        clock_.advance(std::chrono::seconds(30));
        assertEqual("a 1", logged("a", 1));
        CPPUNIT_ASSERT_EQUAL(std::string(), logged("b", 1));
    }

    void manyNamesShareALine() {
        std::vector<std::pair<std::string, std::size_t>> names;
        for (std::size_t i = 0; i < UnservedNames::kMostNames + 50; ++i) {
            names.emplace_back("name " + std::to_string(i), 2);
        }
        const auto lines = names_.add(names);
        CPPUNIT_ASSERT_EQUAL(UnservedNames::kMostNames + 1, lines.size());
        CPPUNIT_ASSERT_EQUAL(std::string(), lines.back().name);
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, lines.back().jobs);
        CPPUNIT_ASSERT(names_.add(names).empty());
    }

    void namesOfLongAgoMakeRoom() {
        for (std::size_t i = 0; i < UnservedNames::kMostNames; ++i) {
            logged("old " + std::to_string(i), 1);
        }
        assertEqual("1", logged("new", 1));
        clock_.advance(UnservedNames::kRule.window);
        assertEqual("new 1", logged("new", 1));
    }

    void jobsOfForgottenNamesAreCounted() {
        for (std::size_t i = 0; i < UnservedNames::kMostNames; ++i) {
            logged("old " + std::to_string(i), 1);
        }
        CPPUNIT_ASSERT_EQUAL(std::string(), logged("old 1", 500));
        clock_.advance(UnservedNames::kRule.window);
        assertEqual("new 1, 500", logged("new", 1));
    }

private:
    std::string logged(const std::string& name, std::size_t jobs) {
        std::string all;
        for (const auto& line : names_.add({{name, jobs}})) {
            all += (all.empty() ? "" : ", ") + line.name + (line.name.empty() ? "" : " ") +
                   std::to_string(line.jobs);
        }
        return all;
    }

    ManualClock clock_;
    UnservedNames names_{clock_};
};

CPPUNIT_TEST_SUITE_REGISTRATION(UnservedNamesTest);
