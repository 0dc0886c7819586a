#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "chaos/Fleet.h"
#include "support/PostgresServer.h"
#include "support/RedisServer.h"

using drover::test::Answer;
using drover::test::Ask;
using drover::test::eventually;
using drover::test::Fleet;
using drover::test::PostgresServer;
using drover::test::RedisServer;

/// A server that goes away under load and comes back: an outage, and not a failure of any job.
class RestartTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RestartTest);
    CPPUNIT_TEST(redisRestartsUnderLoad);
    CPPUNIT_TEST(postgresRestartsUnderLoad);
    CPPUNIT_TEST_SUITE_END();

public:
    void redisRestartsUnderLoad() {
        // TERM: a clean end, which writes the AOF. A killed server may lose its last second, by the rule of everysec.
        restartUnderLoad(
            "redis-server",
            [] { RedisServer::shared().stop(SIGTERM); },
            [] { RedisServer::shared().start(); });
    }

    void postgresRestartsUnderLoad() {
        restartUnderLoad(
            "PostgreSQL",
            [] { PostgresServer::shared().stop(SIGINT); },
            [] { PostgresServer::shared().start(); });
    }

private:
    using Clock = std::chrono::steady_clock;

    static constexpr int kPerSecond = 400;
    static constexpr std::chrono::milliseconds kResumeLimit{2000};

    static void restartUnderLoad(const std::string& server,
                                 const std::function<void()>& stop,
                                 const std::function<void()>& start) {
        const int restarts = drover::test::countFrom("DROVER_CHAOS_RESTARTS", 3);
        std::mt19937 random = drover::test::seededRandom("restarts of " + server);
        // An attempt that is burned is not the last, so that it would be seen in the finished job and not in a failure.
        Fleet::Settings settings;
        settings.jobOptions = R"({"attempts":3})";
        Fleet fleet(settings);
        std::vector<Ask> asks;
        for (std::int64_t user = 1; user <= Fleet::kUsers; ++user) {
            asks.push_back({Fleet::kBigEvent, user});
        }
        const auto load = fleet.startLoad(asks, 8, kPerSecond);
        std::chrono::milliseconds longest{0};
        for (int i = 0; i < restarts; ++i) {
            const std::size_t before = load->acceptedCount();
            eventually("load before restart " + std::to_string(i + 1),
                       [&] { return load->acceptedCount() >= before + kPerSecond / 2; });
            stop();
            // The length of the outage is the subject of the test, not a wait for an event.
            std::this_thread::sleep_for(
                std::chrono::milliseconds(std::uniform_int_distribution<int>(100, 1500)(random)));
            start();
            // A request that came after the return and has its row: everything in between works again.
            const auto back = Clock::now();
            eventually(
                "work resumes after restart " + std::to_string(i + 1) + " of " + server,
                [&] {
                    const std::optional<Answer> answer = load->firstAcceptedAfter(back);
                    return answer && fleet.ledger().decided(*answer);
                },
                kResumeLimit);
            longest = std::max(
                longest,
                std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - back));
        }
        load->stop();
        const std::chrono::milliseconds took = fleet.waitUntilSettled(fleet.recoveryLimit());

        const std::vector<Answer> answers = load->answers();
        std::cerr << "  " << restarts << " restarts of " << server << ", " << answers.size()
                  << " requests, " << load->acceptedCount() << " accepted, "
                  << fleet.rows(Fleet::kBigEvent) << " rows; work resumed at most "
                  << longest.count() << " ms after a return; all done " << took.count()
                  << " ms after the last request\n";
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, fleet.rejections(Fleet::kBigEvent));
        fleet.queue().assertFirstAttempts(fleet.rows(Fleet::kBigEvent));
        fleet.assertExact(answers);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RestartTest);
