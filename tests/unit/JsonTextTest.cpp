#include <string>
#include <string_view>

#include <cppunit/extensions/HelperMacros.h>

#include "core/JsonText.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using namespace std::string_literals;

/// JSON as bytes: checked strictly, escaped as JSON.stringify does, taken apart without being rewritten.
class JsonTextTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(JsonTextTest);
    CPPUNIT_TEST(everyKindOfValueIsJson);
    CPPUNIT_TEST(textThatJsonParseRefusesIsNotJson);
    CPPUNIT_TEST(aNulByteIsNeverJson);
    CPPUNIT_TEST(badUtf8IsNotJson);
    CPPUNIT_TEST(halfASurrogatePairIsAcceptedAsAnEscapeOnly);
    CPPUNIT_TEST(aMillionOpenBracketsNeitherCrashNorPass);
    CPPUNIT_TEST(objectAndArrayDiffer);
    CPPUNIT_TEST(stringsAreEscapedAsJsonStringifyDoes);
    CPPUNIT_TEST(bytesThatAreNotUtf8BecomeReplacementCharacters);
    CPPUNIT_TEST(membersRetainTheirBytesAndOrder);
    CPPUNIT_TEST(onlyAnObjectComesApart);
    CPPUNIT_TEST(aStringValueIsUnescaped);
    CPPUNIT_TEST(repairReplacesOnlyWhatIsBroken);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyKindOfValueIsJson() {
        for (const char* text : {"null",
                                 "true",
                                 "0",
                                 "-1.5e-3",
                                 "1E+2",
                                 "9007199254740993",
                                 "123456789012345678901234567890",
                                 "1e400",
                                 "1.234567890123456789e-331",
                                 "\"\"",
                                 "\"\xED\x95\x9C\"",
                                 "[]",
                                 " { \"a\" : [ 1 , { } ] } \r\n\t",
                                 "{\"a\":1,\"a\":2}"}) {
            CPPUNIT_ASSERT_MESSAGE(text, drover::isJson(text));
        }
    }

    void textThatJsonParseRefusesIsNotJson() {
        for (const char* text : {"",         " ",        "{",          "{}{}",
                                 "{} x",     "[1,]",     "{\"a\":1,}", "{a:1}",
                                 "{'a':1}",  "01",       "+1",         ".5",
                                 "1.",       "1e",       "-",          "0x10",
                                 "NaN",      "Infinity", "undefined",  "True",
                                 "nul",      "\"a",      "\"\\x\"",    "\"\\u12g4\"",
                                 "\"a\nb\"", "// c\n1",  "/* c */1",   "\xEF\xBB\xBF{}"}) {
            CPPUNIT_ASSERT_MESSAGE(text, !drover::isJson(text));
        }
    }

    void aNulByteIsNeverJson() {
        CPPUNIT_ASSERT(!drover::isJson("{}\0"s));
        CPPUNIT_ASSERT(!drover::isJson("{}\0garbage"s));
        CPPUNIT_ASSERT(!drover::isJson("\"a\0b\""s));
        CPPUNIT_ASSERT(drover::isJson("\"a\\u0000b\""));
    }

    void badUtf8IsNotJson() {
        for (const char* bytes : {"\xFF",
                                  "\x80",
                                  "\xC0\xAF",          // overlong slash
                                  "\xE0\x80\xAF",      // the same in three bytes
                                  "\xED\xA0\x80",      // a surrogate
                                  "\xF4\x90\x80\x80",  // above U+10FFFF
                                  "\xF5\x80\x80\x80",
                                  "\xE2\x82"}) {  // cut short
            CPPUNIT_ASSERT(!drover::isJson("\"" + std::string(bytes) + "\""));
            CPPUNIT_ASSERT(!drover::isUtf8(bytes));
        }
        CPPUNIT_ASSERT(drover::isUtf8("\xF0\x9F\x98\x80 \xE2\x82\xAC"));
        CPPUNIT_ASSERT(drover::isJson("\"\xF0\x9F\x98\x80 \xE2\x82\xAC\""));
    }

    void halfASurrogatePairIsAcceptedAsAnEscapeOnly() {
        CPPUNIT_ASSERT(drover::isJson("{\"cut\":\"\\ud83d\"}"));
        CPPUNIT_ASSERT(drover::isJson("{\"cut\":\"\\ud83d and \\uDE00\"}"));
        CPPUNIT_ASSERT(drover::isJson("[\"\\ude00\",\"\\ud83d\\ude00\"]"));
        CPPUNIT_ASSERT(!drover::isJson("{\"cut\":\"\\ud83d\""));
        CPPUNIT_ASSERT(!drover::isJson("[\"\\ud83d\",\"\\ud8g0\"]"));
        CPPUNIT_ASSERT_EQUAL("\\ud83d"s, drover::parseJsonString("\"\\\\ud83d\"").value());
    }

    void aMillionOpenBracketsNeitherCrashNorPass() {
        const std::string open(1'000'000, '[');
        CPPUNIT_ASSERT(!drover::isJson(open));
        CPPUNIT_ASSERT(drover::isJson(open + std::string(1'000'000, ']')));
    }

    void objectAndArrayDiffer() {
        CPPUNIT_ASSERT(drover::splitJsonObject(" {}").has_value());
        CPPUNIT_ASSERT(!drover::splitJsonObject("[]").has_value());
        CPPUNIT_ASSERT(!drover::splitJsonObject("{").has_value());
        CPPUNIT_ASSERT(drover::isJsonArray("\n[1]"));
        CPPUNIT_ASSERT(!drover::isJsonArray("{}"));
        CPPUNIT_ASSERT(!drover::isJsonArray(""));
    }

    void stringsAreEscapedAsJsonStringifyDoes() {
        CPPUNIT_ASSERT_EQUAL("\"a/b \\\"c\\\" \\\\ \\b\\f\\n\\r\\t\\u0000\\u001f\x7F\""s,
                             drover::jsonString("a/b \"c\" \\ \b\f\n\r\t\0\x1F\x7F"s));
        CPPUNIT_ASSERT_EQUAL("\"\xED\x95\x9C\xE2\x80\xA8\""s,
                             drover::jsonString("\xED\x95\x9C\xE2\x80\xA8"));
        std::string out = "{\"a\":";
        drover::appendJsonString(out, "b");
        CPPUNIT_ASSERT_EQUAL("{\"a\":\"b\""s, out);
    }

    void bytesThatAreNotUtf8BecomeReplacementCharacters() {
        const std::string bad = "\xEF\xBF\xBD";
        CPPUNIT_ASSERT_EQUAL("\"a" + bad + "b\"",
                             drover::jsonString("a\xFF"
                                                "b"));
        // Three bytes of four are one broken character; a surrogate is three broken bytes.
        CPPUNIT_ASSERT_EQUAL("\"" + bad + "x\"", drover::jsonString("\xF0\x9F\x98x"));
        CPPUNIT_ASSERT_EQUAL("\"" + bad + bad + bad + "\"", drover::jsonString("\xED\xA0\x80"));
        CPPUNIT_ASSERT(drover::isJson(drover::jsonString("\xC3\x28\xE2\x82")));
    }

    void membersRetainTheirBytesAndOrder() {
        const auto members = drover::splitJsonObject(
            " {\"z\" : 9.007199254741e+15 ,\"a\\/b\":{\"x\":[\"}\",\"\\\"]\"]},\"s\":\"\\/\", "
            "\"n\":null,\"z\":[ ]}");
        CPPUNIT_ASSERT(members.has_value());
        CPPUNIT_ASSERT_EQUAL(std::size_t{5}, members->size());
        expectMember(members->at(0), "z", "9.007199254741e+15");
        expectMember(members->at(1), "a/b", "{\"x\":[\"}\",\"\\\"]\"]}");
        expectMember(members->at(2), "s", "\"\\/\"");
        expectMember(members->at(3), "n", "null");
        expectMember(members->at(4), "z", "[ ]");
        CPPUNIT_ASSERT(drover::splitJsonObject(" { } ")->empty());
    }

    void onlyAnObjectComesApart() {
        CPPUNIT_ASSERT(!drover::splitJsonObject("[]").has_value());
        CPPUNIT_ASSERT(!drover::splitJsonObject("{\"a\":}").has_value());
        CPPUNIT_ASSERT(!drover::splitJsonObject("").has_value());
    }

    void aStringValueIsUnescaped() {
        CPPUNIT_ASSERT_EQUAL("a/\n\xED\x95\x9C"s,
                             drover::parseJsonString("\"a\\/\\n\\ud55c\"").value());
        CPPUNIT_ASSERT(!drover::parseJsonString("5").has_value());
        CPPUNIT_ASSERT(!drover::parseJsonString("[\"a\"]").has_value());
        CPPUNIT_ASSERT(!drover::parseJsonString("\"a").has_value());
    }

private:
    static void expectMember(const drover::JsonMember& member,
                             std::string_view name,
                             std::string_view value) {
        assertEqual(name, member.first);
        assertEqual(value, member.second);
    }

    void repairReplacesOnlyWhatIsBroken() {
        assertEqual("\xC3\xA9t\xEF\xBF\xBD!", drover::repairedUtf8("\xC3\xA9t\xE9!"));
        assertEqual("\xEF\xBF\xBD", drover::repairedUtf8("\xE2\x82"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JsonTextTest);
