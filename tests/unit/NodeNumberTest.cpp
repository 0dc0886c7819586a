#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include <cppunit/extensions/HelperMacros.h>

#include "core/NodeNumber.h"

using namespace drover;

/// Values as JavaScript reads them. The expected ones are what Node 20 prints.
class NodeNumberTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(NodeNumberTest);
    CPPUNIT_TEST(textCountsAsNumberOfText);
    CPPUNIT_TEST(textThatIsNotANumberIsNaN);
    CPPUNIT_TEST(otherTypesHaveNumbersToo);
    CPPUNIT_TEST(endlessNestingIsNotANumber);
    CPPUNIT_TEST(theBeginningOfATextCountsAsParseInt);
    CPPUNIT_TEST(fewValuesAreFalse);
    CPPUNIT_TEST(wholeNumbersSaturate);
    CPPUNIT_TEST_SUITE_END();

public:
    void textCountsAsNumberOfText() {
        constexpr double kInfinity = std::numeric_limits<double>::infinity();
        const std::pair<const char*, double> texts[] = {{"", 0},
                                                        {" \t\n", 0},
                                                        {" 12 ", 12},
                                                        {"\xC2\xA0 7", 7},
                                                        {"+3", 3},
                                                        {"-3", -3},
                                                        {"1.", 1},
                                                        {".5", 0.5},
                                                        {"1e3", 1000},
                                                        {"0x1F", 31},
                                                        {"0b101", 5},
                                                        {"0o17", 15},
                                                        {"007", 7},
                                                        {"Infinity", kInfinity},
                                                        {"-Infinity", -kInfinity},
                                                        {"1e400", kInfinity},
                                                        {"1e-400", 0},
                                                        {"-1e99999999999999999999", -kInfinity},
                                                        {"0.0000001e-99999999999999999999", 0},
                                                        {"9007199254740993", 9007199254740992.0}};
        for (const auto& [text, number] : texts) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(text, number, nodeNumberOfText(text));
        }
        CPPUNIT_ASSERT(std::signbit(nodeNumberOfText("-0")));
        CPPUNIT_ASSERT_EQUAL(kInfinity, nodeNumberOfText("1" + std::string(400, '0')));
        CPPUNIT_ASSERT_EQUAL(0.0, nodeNumberOfText("0." + std::string(400, '0') + "1"));
    }

    void textThatIsNotANumberIsNaN() {
        for (const char* text : {"abc",
                                 "1a",
                                 "1 2",
                                 "--1",
                                 "+-1",
                                 "-0x1",
                                 "0x",
                                 "0b2",
                                 "1e",
                                 "e5",
                                 ".",
                                 "1_000",
                                 "NaN",
                                 "nan",
                                 "inf",
                                 "infinity",
                                 "1,5",
                                 "true"}) {
            CPPUNIT_ASSERT_MESSAGE(text, std::isnan(nodeNumberOfText(text)));
        }
    }

    void otherTypesHaveNumbersToo() {
        const std::pair<const char*, double> values[] = {{"3", 3},
                                                         {"-2.5", -2.5},
                                                         {"\"3\"", 3},
                                                         {"\"\"", 0},
                                                         {"true", 1},
                                                         {"false", 0},
                                                         {"null", 0},
                                                         {"[]", 0},
                                                         {"[4]", 4},
                                                         {"[\"4\"]", 4},
                                                         {"[[4]]", 4},
                                                         {"[null]", 0},
                                                         {"[[]]", 0},
                                                         {"\"\\u0033\"", 3}};
        for (const auto& [json, number] : values) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(json, number, nodeNumber(json));
        }
        for (const char* json : {"{}", "{\"a\":1}", "[1,2]", "[true]", "[{}]", "\"x\""}) {
            CPPUNIT_ASSERT_MESSAGE(json, std::isnan(nodeNumber(json)));
        }
    }

    void endlessNestingIsNotANumber() {
        const std::string deep = std::string(200000, '[') + "4" + std::string(200000, ']');
        CPPUNIT_ASSERT(std::isnan(nodeNumber(deep)));
    }

    void theBeginningOfATextCountsAsParseInt() {
        const std::pair<const char*, std::int64_t> texts[] = {
            {"12", 12},
            {" 12x", 12},
            {"2.7", 2},
            {"1e308", 1},
            {"-1", -1},
            {"+5", 5},
            {"+-5", 0},
            {"abc", 0},
            {"", 0},
            {"0x2", 0},
            {"Infinity", 0},
            {"99999999999999999999", std::numeric_limits<std::int64_t>::max()},
            {"-99999999999999999999", std::numeric_limits<std::int64_t>::min()}};
        for (const auto& [text, number] : texts) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(text, number, nodeLeadingInteger(text));
        }
    }

    void fewValuesAreFalse() {
        for (const char* json : {"false", "null", "0", "-0", "0.0", "\"\""}) {
            CPPUNIT_ASSERT_MESSAGE(json, !nodeTruth(json));
        }
        for (const char* json :
             {"true", "1", "-1", "5e-324", "\"0\"", "\"false\"", "[]", "{}", "\" \""}) {
            CPPUNIT_ASSERT_MESSAGE(json, nodeTruth(json));
        }
    }

    void wholeNumbersSaturate() {
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-2}, wholePart(-2.9));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, roundedUp(2.1));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, roundedUp(std::nan("")));
        CPPUNIT_ASSERT_EQUAL(std::numeric_limits<std::int64_t>::max(), wholePart(1e300));
        CPPUNIT_ASSERT_EQUAL(std::numeric_limits<std::int64_t>::min(), roundedUp(-1e300));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NodeNumberTest);
