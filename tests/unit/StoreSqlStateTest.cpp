#include <string>
#include <utility>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "store/Params.h"
#include "store/SqlState.h"
#include "support/Assert.h"

using drover::test::assertContains;

using drover::store::classify;
using drover::store::endsSession;
using drover::store::ErrorClass;
using drover::store::Params;

/// The class of each SQLSTATE, and the values that may be bound.
class StoreSqlStateTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(StoreSqlStateTest);
    CPPUNIT_TEST(statesHaveTheClassesOfTheTable);
    CPPUNIT_TEST(onlyAnEndedLinkEndsTheSession);
    CPPUNIT_TEST(nulBytesAreRefusedWithTheParametersNumber);
    CPPUNIT_TEST_SUITE_END();

public:
    void statesHaveTheClassesOfTheTable() {
        const std::vector<std::pair<std::string, ErrorClass>> table = {
            {"40001", ErrorClass::Retry},          {"40P01", ErrorClass::Retry},
            {"55P03", ErrorClass::Retry},          {"57014", ErrorClass::Infrastructure},
            {"57P01", ErrorClass::Infrastructure}, {"57P03", ErrorClass::Infrastructure},
            {"08006", ErrorClass::Infrastructure}, {"25P03", ErrorClass::Infrastructure},
            {"53300", ErrorClass::Infrastructure}, {"53100", ErrorClass::Infrastructure},
            {"25006", ErrorClass::Infrastructure}, {"58030", ErrorClass::Infrastructure},
            {"", ErrorClass::Infrastructure},      {"23505", ErrorClass::Constraint},
            {"23514", ErrorClass::Constraint},     {"P0001", ErrorClass::BusinessRule},
            {"22P05", ErrorClass::BadData},        {"22003", ErrorClass::BadData},
            {"42P01", ErrorClass::Schema},         {"42501", ErrorClass::Schema},
            {"25001", ErrorClass::Other},          {"XX000", ErrorClass::Other}};
        for (const auto& [state, expected] : table) {
            CPPUNIT_ASSERT_MESSAGE(state, classify(state) == expected);
        }
    }

    void onlyAnEndedLinkEndsTheSession() {
        for (const char* state : {"", "57P01", "57P02", "57P03", "08006", "25P03", "25006"}) {
            CPPUNIT_ASSERT_MESSAGE(state, endsSession(state));
        }
        for (const char* state : {"57014", "53100", "40001", "55P03", "23505", "42P01"}) {
            CPPUNIT_ASSERT_MESSAGE(state, !endsSession(state));
        }
    }

    void nulBytesAreRefusedWithTheParametersNumber() {
        const std::string text("a\0b", 3);
        Params params;
        params.bigint(1);
        try {
            params.text(text);
            CPPUNIT_FAIL("accepted");
        } catch (const Poco::InvalidArgumentException& error) {
            assertContains(error.message(), "$2");
        }
        CPPUNIT_ASSERT_THROW(params.textArray({"fine", text}), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, params.size());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreSqlStateTest);
