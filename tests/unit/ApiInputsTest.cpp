#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Json.h"
#include "drover/Routes.h"
#include "http/Target.h"
#include "routes/Inputs.h"
#include "routes/JsonTemplate.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using drover::HttpError;
using drover::isUtf8;
using drover::Parameter;
using drover::ParameterType;
using drover::api::isDateTime;
using drover::api::JsonTemplate;
using drover::api::readBody;
using drover::api::readText;
using drover::api::Target;
using drover::api::Values;

/// Text from outside becomes typed values, or is refused.
class ApiInputsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiInputsTest);
    CPPUNIT_TEST(integersAreCanonicalAndInRange);
    CPPUNIT_TEST(negativeIntegersAreAcceptedOnlyWhereARouteDeclaresThem);
    CPPUNIT_TEST(numbersAndBooleansHaveOneForm);
    CPPUNIT_TEST(anErrorNamesParameterValueAndRange);
    CPPUNIT_TEST(datesAreRealAndHaveAZone);
    CPPUNIT_TEST(utf8IsStrict);
    CPPUNIT_TEST(targetIsSplitAndDecoded);
    CPPUNIT_TEST(bodyMembersAreTyped);
    CPPUNIT_TEST(numbersOfABodyAreTheirValueWhateverTheirText);
    CPPUNIT_TEST(halfASurrogatePairIsRefused);
    CPPUNIT_TEST(templateAcceptsTypedValues);
    CPPUNIT_TEST(templateRetainsTheTextOfItsNumbers);
    CPPUNIT_TEST(templateLeavesOutWhatWasNotGiven);
    CPPUNIT_TEST(templateThatIsNotJsonIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void integersAreCanonicalAndInRange() {
        Parameter parameter = of(ParameterType::Integer);
        CPPUNIT_ASSERT_EQUAL(std::numeric_limits<std::int64_t>::max(),
                             std::get<std::int64_t>(readText(parameter, "9223372036854775807")));
        for (const char* text : {"",
                                 "-",
                                 "-1",
                                 "9223372036854775808",
                                 "00",
                                 "01",
                                 "+1",
                                 " 1",
                                 "1 ",
                                 "1e3",
                                 "1.0",
                                 "\xef\xbc\x97"}) {
            CPPUNIT_ASSERT_THROW_MESSAGE(text, readText(parameter, text), HttpError);
        }
        parameter.minimum = 5;
        parameter.maximum = 7;
        CPPUNIT_ASSERT_THROW(readText(parameter, "4"), HttpError);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, std::get<std::int64_t>(readText(parameter, "5")));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, std::get<std::int64_t>(readText(parameter, "7")));
        CPPUNIT_ASSERT_THROW(readText(parameter, "8"), HttpError);
    }

    void negativeIntegersAreAcceptedOnlyWhereARouteDeclaresThem() {
        Parameter parameter = of(ParameterType::Integer);
        parameter.minimum = -5;
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-5}, std::get<std::int64_t>(readText(parameter, "-5")));
        for (const char* text : {"-0", "-05", "-6", "--5"}) {
            CPPUNIT_ASSERT_THROW_MESSAGE(text, readText(parameter, text), HttpError);
        }
    }

    void numbersAndBooleansHaveOneForm() {
        CPPUNIT_ASSERT_EQUAL(-1500.0,
                             std::get<double>(readText(of(ParameterType::Number), "-1.5e3")));
        for (const char* text : {"", "-", "nan", "inf", "1e999", "0x1p3", ".5", "1,5", "1 "}) {
            CPPUNIT_ASSERT_THROW_MESSAGE(
                text, readText(of(ParameterType::Number), text), HttpError);
        }
        CPPUNIT_ASSERT(std::get<bool>(readText(of(ParameterType::Boolean), "true")));
        CPPUNIT_ASSERT(!std::get<bool>(readText(of(ParameterType::Boolean), "false")));
        CPPUNIT_ASSERT_THROW(readText(of(ParameterType::Boolean), "1"), HttpError);
    }

    void anErrorNamesParameterValueAndRange() {
        const auto error = [](const Parameter& parameter, const std::string& text) -> std::string {
            try {
                (void)readText(parameter, text);
            } catch (const HttpError& refused) {
                return refused.what();
            }
            return "";
        };
        Parameter ranged = of(ParameterType::Integer);
        // An id: the text of Nest, which clients compare.
        assertEqual("Validation failed (numeric string is expected)", error(ranged, "a"));
        ranged.maximum = 60000;
        assertEqual("p=70000: expected an integer in [0, 60000]", error(ranged, "70000"));
        assertEqual("p=soon: expected an integer in [0, 60000]", error(ranged, "soon"));
        assertEqual("p: expected an integer in [0, 60000]", error(ranged, std::string(41, '9')));
        assertEqual("p=maybe: expected true or false", error(of(ParameterType::Boolean), "maybe"));
        assertEqual("p=1,5: expected a number", error(of(ParameterType::Number), "1,5"));
    }

    void datesAreRealAndHaveAZone() {
        for (const char* text : {"2026-01-31T09:30:00Z",
                                 "2024-02-29T23:59:59.123456789+09:00",
                                 "0001-01-01T00:00:00-23:59"}) {
            CPPUNIT_ASSERT_MESSAGE(text, isDateTime(text));
        }
        for (const char* text : {"2026-01-31",
                                 "2026-01-31T09:30:00",
                                 "2026-02-29T00:00:00Z",
                                 "2026-13-01T00:00:00Z",
                                 "2026-01-00T00:00:00Z",
                                 "2026-01-01T24:00:00Z",
                                 "2026-01-01T00:60:00Z",
                                 "2026-01-01T00:00:00.Z",
                                 "2026-01-01T00:00:00+0900",
                                 "2026-01-01T00:00:00+24:00",
                                 "2026-01-01 00:00:00Z",
                                 "x"}) {
            CPPUNIT_ASSERT_MESSAGE(text, !isDateTime(text));
        }
    }

    void utf8IsStrict() {
        for (const char* text :
             {"", "a", "\xc3\xa9", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf", "\xea\xb0\x80"}) {
            CPPUNIT_ASSERT(isUtf8(text));
        }
        for (const char* text : {"\x80",
                                 "\xc0\xaf",
                                 "\xc1\xbf",
                                 "\xe0\x80\xaf",
                                 "\xed\xa0\x80",
                                 "\xf0\x80\x80\xaf",
                                 "\xf4\x90\x80\x80",
                                 "\xf5\x80\x80\x80",
                                 "\xc3",
                                 "\xe2\x82",
                                 "\xff",
                                 "a\xc3z"}) {
            CPPUNIT_ASSERT(!isUtf8(text));
        }
    }

    void targetIsSplitAndDecoded() {
        const Target target = Target::parse("/a/%C3%A9%20b/?x=1&y=%26&x=2&z&&=e");
        assertEqual("/a/%C3%A9%20b/", target.path);
        CPPUNIT_ASSERT((target.segments == std::vector<std::string>{"a", "\xc3\xa9 b"}));
        CPPUNIT_ASSERT(
            (target.query == std::vector<std::pair<std::string, std::string>>{
                                 {"x", "1"}, {"y", "&"}, {"x", "2"}, {"z", ""}, {"", "e"}}));
        CPPUNIT_ASSERT(Target::parse("/").segments.empty());
        // Encoded characters are a part of the value, as in Express.
        const Target odd = Target::parse("/a%2F..%5Cb/c%0Ad?x=1%0D%0A2%7F");
        CPPUNIT_ASSERT((odd.segments == std::vector<std::string>{"a/..\\b", "c\nd"}));
        assertEqual("1\r\n2\x7f", odd.query.at(0).second);
        assertEqual("/p", Target::parse("http://host:1/p?q").path);
        assertEqual("/", Target::parse("https://host").path);
        for (const char* text : {"",
                                 "*",
                                 "a",
                                 "/%",
                                 "/%2",
                                 "/%0g",
                                 "/%00",
                                 "/a/../b",
                                 "/.",
                                 "/a//b",
                                 "/a//",
                                 "//",
                                 "/a\\b",
                                 "/?a=%00"}) {
            CPPUNIT_ASSERT_THROW_MESSAGE(text, Target::parse(text), HttpError);
        }
    }

    void bodyMembersAreTyped() {
        std::vector<Parameter> all;
        for (const auto type : {ParameterType::Integer,
                                ParameterType::Number,
                                ParameterType::Boolean,
                                ParameterType::String,
                                ParameterType::DateTime}) {
            all.push_back(of(type));
            all.back().name = "m" + std::to_string(all.size());
        }
        all[0].maximum = 9;
        all[3].minLength = 2;
        all[3].maxLength = 3;
        std::vector<const Parameter*> parameters;
        for (const Parameter& parameter : all) {
            parameters.push_back(&parameter);
        }
        Values values;
        const auto good =
            readBody(parameters,
                     R"({"m1":9,"m2":1,"m3":true,"m4":"abc","m5":"2026-01-31T09:30:00Z"})",
                     values);
        CPPUNIT_ASSERT(good.empty());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{9}, std::get<std::int64_t>(values.at("m1")));
        CPPUNIT_ASSERT_EQUAL(1.0, std::get<double>(values.at("m2")));
        assertEqual("abc", std::get<std::string>(values.at("m4")));
        const auto bad =
            readBody(parameters, R"({"m1":10,"m2":"1","m3":0,"m4":"a","m5":"today"})", values);
        CPPUNIT_ASSERT_EQUAL(std::size_t{5}, bad.size());
        assertEqual("m1 must not be greater than 9, got 10", bad[0]);
        assertEqual("m4 must be longer than or equal to 2 bytes", bad[3]);
    }

    void numbersOfABodyAreTheirValueWhateverTheirText() {
        Parameter integer = of(ParameterType::Integer);
        integer.minimum = -5;
        Parameter number = of(ParameterType::Number);
        // As in JSON.parse, there is one type of number: 1.0 is the integer 1.
        for (const auto& [text, value] : std::vector<std::pair<std::string, std::int64_t>>{
                 {"1.0", 1},
                 {"-0", 0},
                 {"1e3", 1000},
                 {"-50e-1", -5},
                 {"9223372036854775807", std::numeric_limits<std::int64_t>::max()}}) {
            Values values;
            CPPUNIT_ASSERT(readBody({&integer}, "{\"p\":" + text + "}", values).empty());
            CPPUNIT_ASSERT_EQUAL(value, std::get<std::int64_t>(values.at("p")));
        }
        const auto mistake = [](const Parameter& parameter, const std::string& text) {
            Values values;
            const auto mistakes = readBody({&parameter}, "{\"p\":" + text + "}", values);
            return mistakes.empty() ? "" : mistakes.at(0);
        };
        const std::string whole = "p must be an integer number, got ";
        CPPUNIT_ASSERT_EQUAL(whole + "1.5", mistake(integer, "1.5"));
        CPPUNIT_ASSERT_EQUAL(whole + "1.234567890123456789e-331",
                             mistake(integer, "1.234567890123456789e-331"));
        CPPUNIT_ASSERT_EQUAL(whole + "null", mistake(integer, "null"));
        // For an optional member null is the same as none.
        Values none;
        number.required = false;
        CPPUNIT_ASSERT(readBody({&number}, R"({"p":null})", none).empty() && none.empty());
        assertEqual(R"(p must be a number, got "null")", mistake(number, "\"null\""));
        assertEqual("p is too large, got 1e400", mistake(integer, "1e400"));
        assertEqual("p is too large, got 9223372036854775808",
                    mistake(integer, "9223372036854775808"));
        assertEqual("p is too small", mistake(integer, "-" + std::string(400, '9')));
        assertEqual("", mistake(number, "1.234567890123456789e-331"));
        assertEqual("p is beyond what a double holds", mistake(number, "-1e400"));
    }

    void halfASurrogatePairIsRefused() {
        const Parameter text = of(ParameterType::String);
        Values values;
        const auto mistakes = readBody({&text}, R"({"p":"\ud800"})", values);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, mistakes.size());
        assertEqual("p must not contain half of a surrogate pair", mistakes[0]);
        CPPUNIT_ASSERT(readBody({&text}, R"({"p":"\ud83d\ude00"})", values).empty());
        assertEqual("\xF0\x9F\x98\x80", std::get<std::string>(values.at("p")));
    }

    void templateAcceptsTypedValues() {
        const JsonTemplate data(
            R"({"userId":"{userId}","list":["{name}",1.5,"{"],"text":"to {name}","deep":{"on":"{on}"}})");
        CPPUNIT_ASSERT((data.names() == std::set<std::string>{"userId", "name", "on"}));
        assertEqual(
            R"({"userId":9223372036854775807,"list":["a\"b",1.5,"{"],"text":"to {name}","deep":{"on":true}})",
            data.render({{"userId", std::numeric_limits<std::int64_t>::max()},
                         {"name", std::string("a\"b")},
                         {"on", true}}));
    }

    void templateRetainsTheTextOfItsNumbers() {
        const JsonTemplate data(
            R"( { "big" : 123456789012345678901234567890 , "small" : 1.234567890123456789e-331,
                  "list" : [ 1e400 , "\ud83d" ] , "x" : "{x}" } )");
        assertEqual(R"({"big":123456789012345678901234567890,)"
                    R"("small":1.234567890123456789e-331,"list":[1e400,"\ud83d"],"x":0.5})",
                    data.render({{"x", 0.5}}));
    }

    void templateLeavesOutWhatWasNotGiven() {
        const JsonTemplate data(R"({"a":"{a}","b":["{b}"],"c":1})");
        assertEqual(R"({"b":[null],"c":1})", data.render({}));
    }

    void templateThatIsNotJsonIsRefused() {
        for (const char* text : {"", "{", "{\"a\":1,\"a\":2}", "{a:1}", "{} x", "{\"a\":[}"}) {
            CPPUNIT_ASSERT_THROW_MESSAGE(text, JsonTemplate{text}, Poco::SyntaxException);
        }
    }

private:
    static Parameter of(ParameterType type) {
        Parameter parameter;
        parameter.name = "p";
        parameter.type = type;
        return parameter;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiInputsTest);
