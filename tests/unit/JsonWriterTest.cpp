#include <limits>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/JsonWriter.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using drover::JsonWriter;

/// Every input becomes JSON.
class JsonWriterTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(JsonWriterTest);
    CPPUNIT_TEST(commasStandBetweenValuesAtEveryDepth);
    CPPUNIT_TEST(textIsEscapedAndRepaired);
    CPPUNIT_TEST(numbersReadBackAsTheyWere);
    CPPUNIT_TEST_SUITE_END();

public:
    void commasStandBetweenValuesAtEveryDepth() {
        JsonWriter json;
        json.beginObject();
        json.key("empty").beginObject().endObject();
        json.key("list").beginArray().number(1).text(":").beginArray().endArray().null().endArray();
        json.key("raw").raw(R"({"a":[1]})");
        json.key("last").boolean(false);
        json.endObject();
        const std::string expected =
            R"({"empty":{},"list":[1,":",[],null],"raw":{"a":[1]},"last":false})";
        CPPUNIT_ASSERT_EQUAL(expected, json.str());
    }

    void textIsEscapedAndRepaired() {
        JsonWriter json;
        json.beginArray()
            .text("[{:,")
            .text(std::string_view("\0\"\\\n", 4))
            .text("\xC3(")
            .endArray();
        assertEqual("[\"[{:,\",\"\\u0000\\\"\\\\\\n\",\"\xEF\xBF\xBD(\"]", json.str());
        CPPUNIT_ASSERT(drover::isJson(json.str()));
    }

    void numbersReadBackAsTheyWere() {
        JsonWriter json;
        json.beginArray();
        json.number(std::numeric_limits<std::int64_t>::min());
        json.number(std::numeric_limits<std::uint64_t>::max());
        json.number(0.1).number(1e300).number(-0.0);
        json.number(std::numeric_limits<double>::quiet_NaN());
        json.endArray();
        assertEqual("[-9223372036854775808,18446744073709551615,0.1,1e+300,-0,null]", json.str());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JsonWriterTest);
