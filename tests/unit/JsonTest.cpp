#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Json.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using drover::JsonException;
using drover::JsonView;
using namespace std::string_literals;

/// The one reader of JSON: no text harms it, numbers are exact, mistakes have a reason and a place.
class JsonTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(JsonTest);
    CPPUNIT_TEST(anyNumberTextHasAValue);
    CPPUNIT_TEST(integersAreExactOrNothing);
    CPPUNIT_TEST(nestingHasALimitAndNeedsNoStack);
    CPPUNIT_TEST(mistakesHaveAReasonAndAPlace);
    CPPUNIT_TEST(everyCutAndEveryWrongByteIsRefusedOrJson);
    CPPUNIT_TEST(valuesAreReadByTheirType);
    CPPUNIT_TEST(halfSurrogatesAreReportedAndReplaced);
    CPPUNIT_TEST(theLastOfSeveralMembersCounts);
    CPPUNIT_TEST(valuesAreFoundBetweenBlanksAndBrackets);
    CPPUNIT_TEST_SUITE_END();

public:
    void anyNumberTextHasAValue() {
        const double infinite = std::numeric_limits<double>::infinity();
        const std::string zeros(400, '0');
        const std::vector<std::pair<std::string, double>> numbers = {
            {"0", 0.0},
            {"-0", -0.0},
            {"0e99999999999999999999", 0.0},
            {"-0.0e-99999999999999999999", -0.0},
            {"0.1", 0.1},
            {"1.234567890123456789e-331", 0.0},
            {"-1.234567890123456789e-331", -0.0},
            {"4.9406564584124654e-324", std::numeric_limits<double>::denorm_min()},
            {"2.2250738585072011e-308", 2.2250738585072011e-308},
            {"1.7976931348623157e308", std::numeric_limits<double>::max()},
            {"9007199254740993", 9007199254740992.0},
            {"1e400", infinite},
            {"-1e400", -infinite},
            {"1e-400", 0.0},
            {"1e99999999999999999999", infinite},
            {"1e+99999999999999999999", infinite},
            {"1e-99999999999999999999", 0.0},
            {"0." + zeros + "1", 0.0},
            {"0." + zeros + "1e401", 1.0},
            {"1" + zeros, infinite},
            {"1" + zeros + "e-400", 1.0},
            {std::string(100'000, '9'), infinite},
            {"0." + std::string(100'000, '9'), 1.0},
            {"123456789012345678901234567890", 123456789012345678901234567890.0}};
        for (const auto& [text, value] : numbers) {
            const auto read = JsonView::parse(text).number();
            CPPUNIT_ASSERT_MESSAGE(text.substr(0, 80), read == value);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                text.substr(0, 80), std::signbit(value), std::signbit(*read));
        }
    }

    void integersAreExactOrNothing() {
        const std::vector<std::pair<std::string, std::optional<std::int64_t>>> numbers = {
            {"0", 0},
            {"-0", 0},
            {"0.000e7", 0},
            {"1.0", 1},
            {"-30e-1", -3},
            {"1.5e1", 15},
            {"1e18", 1'000'000'000'000'000'000},
            {"9007199254740993", 9007199254740993},
            {"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
            {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
            {"9223372036854775807.0", std::numeric_limits<std::int64_t>::max()},
            {"0.00000000000000000012e21", 120},
            {"5" + std::string(400, '0') + "e-400", 5},
            {"9223372036854775808", std::nullopt},
            {"-9223372036854775809", std::nullopt},
            {"18446744073709551617", std::nullopt},
            {"1.5", std::nullopt},
            {"1e-1", std::nullopt},
            {"9223372036854775807.5", std::nullopt},
            {"1e400", std::nullopt},
            {"1e9223372036854775807", std::nullopt},
            {"1e-9223372036854775808", std::nullopt},
            {"1e99999999999999999999", std::nullopt},
            {"1.234567890123456789e-331", std::nullopt},
            {std::string(100'000, '9'), std::nullopt}};
        for (const auto& [text, value] : numbers) {
            CPPUNIT_ASSERT_MESSAGE(text.substr(0, 80), JsonView::parse(text).integer() == value);
        }
        CPPUNIT_ASSERT(!JsonView::parse("\"1\"").integer());
    }

    void nestingHasALimitAndNeedsNoStack() {
        const auto nested = [](std::size_t levels) {
            std::string text;
            for (std::size_t i = 0; i < levels; ++i) {
                text += i % 3 == 0 ? "{\"a\":" : "[";
            }
            text += "7";
            for (std::size_t i = levels; i-- > 0;) {
                text += i % 3 == 0 ? "}" : "]";
            }
            return text;
        };
        for (const std::size_t levels : {1U, 63U, 64U, 65U, 127U, 128U, 129U, 512U}) {
            const std::string text = nested(levels);
            CPPUNIT_ASSERT(JsonView::tryParse(text));
            CPPUNIT_ASSERT(!JsonView::tryParse(text, levels - 1));
            // One bracket of the wrong kind, at the innermost and the outermost level.
            CPPUNIT_ASSERT(!drover::isJson(text.substr(0, text.size() - 1) + "]"));
            CPPUNIT_ASSERT(!drover::isJson(text.substr(0, text.size() - 1)));
        }
        CPPUNIT_ASSERT_EQUAL("nested deeper than 512 levels (at byte 1196)"s, mistake(nested(513)));
        const std::string deep = nested(1'000'000);
        CPPUNIT_ASSERT(drover::isJson(deep));
        CPPUNIT_ASSERT(!JsonView::tryParse(deep));
        const auto all = JsonView::tryParse(deep, 1'000'000);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, all->members().size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, (*all)["a"].elements().size());
    }

    void mistakesHaveAReasonAndAPlace() {
        const std::vector<std::pair<std::string, std::string>> mistakes = {
            {"", "the text ends too early (at byte 0)"},
            {" \n", "the text ends too early (at byte 2)"},
            {"{\"a\":1", "the text ends too early (at byte 6)"},
            {"\"abc", "the text ends too early (at byte 4)"},
            {"-", "the text ends too early (at byte 1)"},
            {"[1,]", "a value expected (at byte 3)"},
            {"{\"a\":1,}", "a member's name in double quotes expected (at byte 7)"},
            {"{a:1}", "a member's name in double quotes expected (at byte 1)"},
            {"{\"a\" 1}", "':' expected after a member's name (at byte 5)"},
            {"{\"a\":1 \"b\":2}", "',' or '}' expected (at byte 7)"},
            {"[1 2]", "',' or ']' expected (at byte 3)"},
            {"[1}", "',' or ']' expected (at byte 2)"},
            {"{}x", "nothing may follow the value (at byte 2)"},
            {"{}\0"s, "nothing may follow the value (at byte 2)"},
            {"{} \0{}"s, "nothing may follow the value (at byte 3)"},
            {"01", "nothing may follow the value (at byte 1)"},
            {"\0"s, "a value expected (at byte 0)"},
            {"\xEF\xBB\xBF{}", "a value expected (at byte 0)"},
            {"nul1", "a value expected; the only words are true, false and null (at byte 3)"},
            {"1.x", "a digit expected (at byte 2)"},
            {"1e+x", "a digit expected (at byte 3)"},
            {"\"a\0b\""s, "a control character in a string must be escaped (at byte 2)"},
            {"\"0123456789\n\"", "a control character in a string must be escaped (at byte 11)"},
            {"\"\\x\"", "unknown escape (at byte 2)"},
            {"\"\\u12g4\"", "four hexadecimal digits expected (at byte 5)"},
            {"\"0123456\xC3(\"", "this byte is not UTF-8 (at byte 8)"}};
        for (const auto& [text, wanted] : mistakes) {
            CPPUNIT_ASSERT_EQUAL(wanted, mistake(text));
        }
        try {
            static_cast<void>(JsonView::parse("[1,]"));
            CPPUNIT_FAIL("it was accepted");
        } catch (const JsonException& error) {
            CPPUNIT_ASSERT_EQUAL(std::size_t{3}, error.position());
        }
    }

    void everyCutAndEveryWrongByteIsRefusedOrJson() {
        const std::vector<std::string> texts = {
            R"({"a":[1,-2.5e+3,{}],"b\u00e9\ud83d\ude00\n":null," ":[[]],"c":"\\\""})"s,
            "[true , false\t,\"\xED\x95\x9C\xF0\x9F\x98\x80 and 24 plain characters\"] \r\n"s,
            "\"\\ud83d\""s,
            "-0"s,
            "0.0"s,
            "123456789012345678901234567890"s};
        const std::string bytes = "\0\x1F \"\\/{}[]:,.-+0eEu1dnt\x80\xC0\xED\xFF"s;
        int good = 0;
        int bad = 0;
        const auto walk = [&good, &bad](const std::string& text) {
            // A text of exactly this size: a byte behind its end is not there.
            const std::vector<char> exact(text.begin(), text.end());
            const auto value = JsonView::tryParse({exact.data(), exact.size()});
            ++(value ? good : bad);
            if (value) {
                static_cast<void>(value->string());
                static_cast<void>(value->number());
                static_cast<void>(value->integer());
                for (const auto& [name, member] : value->members()) {
                    CPPUNIT_ASSERT(drover::isUtf8(name) && drover::isJson(member.text()));
                }
                for (const JsonView& element : value->elements()) {
                    CPPUNIT_ASSERT(drover::isJson(element.text()));
                }
            }
        };
        for (const std::string& text : texts) {
            for (std::size_t at = 0; at <= text.size(); ++at) {
                walk(text.substr(0, at));
                for (const char c : bytes) {
                    walk(text.substr(0, at) + c + text.substr(std::min(at + 1, text.size())));
                }
            }
        }
        CPPUNIT_ASSERT(good > 100 && bad > 1000);
    }

    void valuesAreReadByTheirType() {
        const JsonView all = JsonView::parse(
            R"({"n":null,"t":true,"f":false,"i":-7,"s":"a\/\"\n\ud55c\ud83d\ude00","o":{},"a":[]})");
        CPPUNIT_ASSERT(all["n"].isNull() && all["missing"].isNull());
        CPPUNIT_ASSERT(all.member("n") && !all.member("missing"));
        CPPUNIT_ASSERT(all["t"].boolean() == true && all["f"].boolean() == false);
        CPPUNIT_ASSERT(all["i"].integer() == -7 && all["i"].number() == -7.0);
        CPPUNIT_ASSERT_EQUAL("a/\"\n\xED\x95\x9C\xF0\x9F\x98\x80"s, all["s"].string().value());
        CPPUNIT_ASSERT(all["o"].isObject() && all["o"].members().empty());
        CPPUNIT_ASSERT(all["a"].isArray() && all["a"].elements().empty());
        // Another type than the value's answers nothing.
        for (const auto& [name, value] : all.members()) {
            CPPUNIT_ASSERT(name == "t" || name == "f" || !value.boolean());
            CPPUNIT_ASSERT(name == "i" || (!value.integer() && !value.number()));
            CPPUNIT_ASSERT(name == "s" || !value.string());
            CPPUNIT_ASSERT(value["x"].isNull() && value.elements().empty());
        }
    }

    void halfSurrogatesAreReportedAndReplaced() {
        const std::vector<std::pair<std::string, std::string>> halves = {
            {R"("\ud800")", "\xEF\xBF\xBD"},
            {R"("\udc00")", "\xEF\xBF\xBD"},
            {R"("a\ud83dz")", "a\xEF\xBF\xBDz"},
            {R"("\ud83d\ud83d\ude00")", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
            {R"("\ud83d\u0041")",
             "\xEF\xBF\xBD"
             "A"},
            {R"("\ud83d\\ude00")", "\xEF\xBF\xBD\\ude00"},
            {R"("\ude00\ud83d")", "\xEF\xBF\xBD\xEF\xBF\xBD"}};
        for (const auto& [text, value] : halves) {
            const JsonView half = JsonView::parse(text);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(text, value, half.string().value());
            CPPUNIT_ASSERT_MESSAGE(text, half.hasHalfSurrogate());
            assertEqual(text, half.text());
        }
        CPPUNIT_ASSERT(!JsonView::parse(R"("\ud83d\ude00 \\ud83d")").hasHalfSurrogate());
        CPPUNIT_ASSERT(!JsonView::parse("7").hasHalfSurrogate());
    }

    void theLastOfSeveralMembersCounts() {
        const JsonView all = JsonView::parse(R"({"a":1,"b":2,"\u0061":3})");
        CPPUNIT_ASSERT(all["a"].integer() == 3);
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, all.members().size());
    }

    void valuesAreFoundBetweenBlanksAndBrackets() {
        const JsonView all = JsonView::parse(
            " { \"a\" : [ 1 , [ \"]\" , { \"}\" : \"\\\"]\" } ] ,-2 ] , \"b\":true } ");
        const std::vector<JsonView> elements = all["a"].elements();
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, elements.size());
        assertEqual("[ \"]\" , { \"}\" : \"\\\"]\" } ]"s, elements[1].text());
        assertEqual("-2"s, elements[2].text());
        assertEqual("true"s, all["b"].text());
        CPPUNIT_ASSERT_EQUAL('{', all.text().front());
        CPPUNIT_ASSERT_EQUAL('}', all.text().back());
    }

private:
    static std::string mistake(const std::string& text) {
        try {
            static_cast<void>(JsonView::parse(text));
        } catch (const JsonException& error) {
            return error.what();
        }
        return "";
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JsonTest);
