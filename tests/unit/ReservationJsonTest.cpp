#include <limits>
#include <stdexcept>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "SeatRequestJson.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using drover::reservation::parseSeatRequest;
using drover::reservation::reservationIdOf;
using drover::reservation::reservedResult;

/// The data of a job, and its result.
class ReservationJsonTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ReservationJsonTest);
    CPPUNIT_TEST(idsAreReadExactly);
    CPPUNIT_TEST(otherDataIsRefusedWithTheMembersName);
    CPPUNIT_TEST(resultIsReadBack);
    CPPUNIT_TEST_SUITE_END();

public:
    void idsAreReadExactly() {
        const auto request =
            parseSeatRequest(R"({"userId":9223372036854775807,"note":[{}],"eventId":1})");
        CPPUNIT_ASSERT_EQUAL(std::numeric_limits<std::int64_t>::max(), request.userId);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, request.eventId);
        // Clients with one type for all numbers write an id so.
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7},
                             parseSeatRequest(R"({"userId":7.0,"eventId":1e3})").userId);
    }

    void otherDataIsRefusedWithTheMembersName() {
        for (const char* value :
             {"0", "-1", "9223372036854775808", "1.5", "1e-3", "\"7\"", "null", "true", "[1]"}) {
            const std::string message =
                refusal(std::string(R"({"eventId":1,"userId":)") + value + "}");
            CPPUNIT_ASSERT_MESSAGE(value, message.find("userId") != std::string::npos);
        }
        assertContains(refusal(R"({"userId":1})"), "eventId");
        for (const char* data : {"", "null", "[]", "{", "{\"userId\":1,\"eventId\":1}x", "7"}) {
            CPPUNIT_ASSERT_MESSAGE(data, !refusal(data).empty());
        }
        CPPUNIT_ASSERT(!refusal(std::string(1000000, '[')).empty());
    }

    void resultIsReadBack() {
        const std::string result = reservedResult(5000000000);
        assertEqual(R"({"reservationId":5000000000,"status":"RESERVED"})", result);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5000000000}, reservationIdOf(result));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, reservationIdOf("null"));
    }

private:
    static std::string refusal(const std::string& data) {
        try {
            static_cast<void>(parseSeatRequest(data));
        } catch (const std::invalid_argument& error) {
            return error.what();
        }
        return "";
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReservationJsonTest);
