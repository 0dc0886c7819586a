#include <cstdint>
#include <vector>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "chaos/Fleet.h"

using drover::test::Answer;
using drover::test::Ask;
using drover::test::Fleet;

/// All clients at once without a fault: the figures that the other suites require during faults as well.
class ExactnessTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ExactnessTest);
    CPPUNIT_TEST(tenThousandUsersForAHundredSeats);
    CPPUNIT_TEST(sameUserAThousandTimesHasOneRow);
    CPPUNIT_TEST(eventsThatSellOutInSeveralConsumersAtOnceAreNotOversold);
    CPPUNIT_TEST_SUITE_END();

public:
    void tenThousandUsersForAHundredSeats() {
        Fleet fleet(Fleet::Settings{});
        std::vector<Ask> asks;
        for (std::int64_t user = 1; user <= 10000; ++user) {
            asks.push_back({Fleet::kSmallEvent, user});
        }
        const std::vector<Answer> answers = fleet.postReservations(asks, 16);
        assertAllAccepted(answers, 10000);
        fleet.waitUntilSettled(std::chrono::seconds(30));

        CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, fleet.rows(Fleet::kSmallEvent));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, fleet.counter(Fleet::kSmallEvent));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{9900}, fleet.rejections(Fleet::kSmallEvent));
        fleet.assertExact(answers);
    }

    void sameUserAThousandTimesHasOneRow() {
        Fleet fleet(Fleet::Settings{});
        const std::vector<Answer> answers =
            fleet.postReservations(std::vector<Ask>(1000, {Fleet::kBigEvent, 15001}), 16);
        assertAllAccepted(answers, 1000);
        fleet.waitUntilSettled(std::chrono::seconds(30));

        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, fleet.rows(Fleet::kBigEvent));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, fleet.counter(Fleet::kBigEvent));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{999}, fleet.rejections(Fleet::kBigEvent));
        fleet.assertExact(answers);
    }

    void eventsThatSellOutInSeveralConsumersAtOnceAreNotOversold() {
        constexpr std::int64_t kSeats = 300;
        Fleet fleet(Fleet::Settings{});
        const std::vector<std::int64_t> events = fleet.addEvents(10, kSeats);
        std::vector<Ask> asks;
        for (std::int64_t user = 1; user <= 1000; ++user) {
            for (const std::int64_t event : events) {
                asks.push_back({event, user});
            }
        }
        // All jobs wait before the first consumer begins: then each has full batches, of the same events.
        for (std::size_t i = 0; i < 3; ++i) {
            fleet.killConsumer(i);
        }
        const std::vector<Answer> answers = fleet.postReservations(asks, 16);
        assertAllAccepted(answers, asks.size());
        for (std::size_t i = 0; i < 3; ++i) {
            fleet.startConsumer(i);
        }
        fleet.waitUntilSettled(std::chrono::seconds(30));

        for (const std::int64_t event : events) {
            CPPUNIT_ASSERT_EQUAL(kSeats, fleet.rows(event));
            CPPUNIT_ASSERT_EQUAL(kSeats, fleet.counter(event));
            CPPUNIT_ASSERT_EQUAL(1000 - kSeats, fleet.rejections(event));
        }
        fleet.assertExact(answers);
    }

private:
    static void assertAllAccepted(const std::vector<Answer>& answers, std::size_t count) {
        CPPUNIT_ASSERT_EQUAL(count, answers.size());
        for (const Answer& answer : answers) {
            CPPUNIT_ASSERT_EQUAL(201, answer.status);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ExactnessTest);
