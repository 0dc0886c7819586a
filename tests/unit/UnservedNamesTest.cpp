#include <string>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "support/ManualClock.h"
#include "worker/UnservedNames.h"

namespace {

using namespace drover;
using drover::test::ManualClock;

}  // namespace

/// The log hears of a name that nobody serves once a minute, and of every job.
class UnservedNamesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(UnservedNamesTest);
    CPPUNIT_TEST(aNameIsToldAtOnceAndThenOncePerMinute);
    CPPUNIT_TEST(eachNameHasItsOwnMinute);
    CPPUNIT_TEST(manyNamesAreToldTogether);
    CPPUNIT_TEST(namesOfLongAgoMakeRoom);
    CPPUNIT_TEST_SUITE_END();

public:
    void aNameIsToldAtOnceAndThenOncePerMinute() {
        CPPUNIT_ASSERT_EQUAL(std::string("a 3"), told("a", 3));
        clock_.advance(std::chrono::seconds(30));
        CPPUNIT_ASSERT_EQUAL(std::string(), told("a", 50000));
        clock_.advance(std::chrono::seconds(29));
        CPPUNIT_ASSERT_EQUAL(std::string(), told("a", 2));
        clock_.advance(std::chrono::seconds(1));
        CPPUNIT_ASSERT_EQUAL(std::string("a 50003"), told("a", 1));
        CPPUNIT_ASSERT_EQUAL(std::string(), told("a", 1));
    }

    void eachNameHasItsOwnMinute() {
        CPPUNIT_ASSERT_EQUAL(std::string("a 1"), told("a", 1));
        clock_.advance(std::chrono::seconds(30));
        CPPUNIT_ASSERT_EQUAL(std::string("b 1"), told("b", 1));
        clock_.advance(std::chrono::seconds(30));
        CPPUNIT_ASSERT_EQUAL(std::string("a 1"), told("a", 1));
        CPPUNIT_ASSERT_EQUAL(std::string(), told("b", 1));
    }

    void manyNamesAreToldTogether() {
        std::vector<std::pair<std::string, std::size_t>> names;
        for (std::size_t i = 0; i < UnservedNames::kMostNames + 50; ++i) {
            names.emplace_back("name " + std::to_string(i), 2);
        }
        const auto lines = names_.add(names, clock_.monotonic());
        CPPUNIT_ASSERT_EQUAL(UnservedNames::kMostNames + 1, lines.size());
        CPPUNIT_ASSERT_EQUAL(std::string(), lines.back().name);
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, lines.back().jobs);
        CPPUNIT_ASSERT(names_.add(names, clock_.monotonic()).empty());
    }

    void namesOfLongAgoMakeRoom() {
        for (std::size_t i = 0; i < UnservedNames::kMostNames; ++i) {
            told("old " + std::to_string(i), 1);
        }
        CPPUNIT_ASSERT_EQUAL(std::string(" 1"), told("new", 1));
        clock_.advance(UnservedNames::kPause);
        CPPUNIT_ASSERT_EQUAL(std::string("new 1"), told("new", 1));
    }

private:
    std::string told(const std::string& name, std::size_t jobs) {
        std::string all;
        for (const auto& line : names_.add({{name, jobs}}, clock_.monotonic())) {
            all += line.name + " " + std::to_string(line.jobs);
        }
        return all;
    }

    ManualClock clock_;
    UnservedNames names_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(UnservedNamesTest);
