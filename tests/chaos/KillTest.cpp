#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <thread>
#include <vector>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "chaos/Fleet.h"

using drover::test::Answer;
using drover::test::Ask;
using drover::test::Fleet;

/// Consumers that die at any moment cost time, and nothing else.
class KillTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(KillTest);
    CPPUNIT_TEST(killedConsumersLoseAndRepeatNothing);
    CPPUNIT_TEST_SUITE_END();

public:
    void killedConsumersLoseAndRepeatNothing() {
        const int kills = drover::test::countFrom("DROVER_CHAOS_KILLS", 60);
        std::mt19937 random = drover::test::seededRandom("kills");
        Fleet fleet(Fleet::Settings{});
        // Half of them for seats that run out, half for seats that never do: rejections may be decided again, a second
        // seat may not be given.
        std::vector<Ask> asks;
        for (std::int64_t user = 1; user <= Fleet::kUsers; ++user) {
            asks.push_back({Fleet::kSmallEvent, user});
            asks.push_back({Fleet::kBigEvent, user});
        }
        const auto load = fleet.startLoad(asks, 8, kPerSecond);
        std::uniform_int_distribution<int> gapMs(20, 200);
        for (int i = 0; i < kills; ++i) {
            // The pause between two kills is the subject of the test, not a wait for an event.
            std::this_thread::sleep_for(std::chrono::milliseconds(gapMs(random)));
            fleet.killRandomConsumer(random);
        }
        const auto lastKill = std::chrono::steady_clock::now();
        load->stop();
        fleet.waitUntilSettled(fleet.recoveryLimit());
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - lastKill);

        const std::vector<Answer> answers = load->answers();
        const auto forTheSmall = std::count_if(answers.begin(), answers.end(), [](const Answer& a) {
            return a.ask.eventId == Fleet::kSmallEvent;
        });
        std::cerr << "  " << kills << " kills, " << answers.size() << " requests, "
                  << load->acceptedCount() << " accepted; all done " << took.count()
                  << " ms after the last kill; " << fleet.rows(Fleet::kBigEvent) << " and "
                  << fleet.rows(Fleet::kSmallEvent) << " rows, "
                  << fleet.rejections(Fleet::kSmallEvent) << " rejections\n";
        CPPUNIT_ASSERT_MESSAGE("too late: " + std::to_string(took.count()) + " ms",
                               took <= fleet.recoveryLimit());
        // Redis and the producer were there all the time: nothing was refused.
        CPPUNIT_ASSERT_EQUAL(answers.size(), load->acceptedCount());
        CPPUNIT_ASSERT_EQUAL(Fleet::kSmallEventSeats, fleet.rows(Fleet::kSmallEvent));
        CPPUNIT_ASSERT_EQUAL(Fleet::kSmallEventSeats, fleet.counter(Fleet::kSmallEvent));
        CPPUNIT_ASSERT_EQUAL(forTheSmall - Fleet::kSmallEventSeats,
                             fleet.rejections(Fleet::kSmallEvent));
        CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(answers.size()) - forTheSmall,
                             fleet.rows(Fleet::kBigEvent));
        fleet.assertExact(answers);
    }

private:
    /// Twice 10,000 users within 300 kills; less than the rate of three consumers of which one is always starting.
    static constexpr int kPerSecond = 700;
};

CPPUNIT_TEST_SUITE_REGISTRATION(KillTest);
