#include <chrono>
#include <memory>

#include <cppunit/extensions/HelperMacros.h>

#include "redis/ServerTime.h"
#include "support/LogCapture.h"
#include "support/ManualClock.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kServerMs = 1'795'382'406'903;

}  // namespace

/// The time of a server is measured, unmoved by steps of the machine's date, and compared with it.
class ServerTimeTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ServerTimeTest);
    CPPUNIT_TEST(beforeAMeasurementTheMachinesClockStandsIn);
    CPPUNIT_TEST(halfTheRoundTripHasPassedSinceTheServerLooked);
    CPPUNIT_TEST(aStepOfTheMachinesDateMovesNothing);
    CPPUNIT_TEST(aMeasurementThatAgreesDoesNotMoveTheTime);
    CPPUNIT_TEST(anotherServerWithAnotherClockIsFollowed);
    CPPUNIT_TEST(measurementsAreDueNowAndThenAndAfterAStep);
    CPPUNIT_TEST(aDifferenceIsLoggedWhenItBeginsAndWhenItEnds);
    CPPUNIT_TEST(aSlowReplyIsNotADifference);
    CPPUNIT_TEST(aServerWithoutTimeIsLoggedOnce);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        log_ = std::make_unique<LogCapture>("redis");
        machine_ = std::make_shared<ManualClock>(kServerMs);
        time_ = std::make_unique<ServerTime>(machine_);
    }
    void tearDown() override {
        time_.reset();
        log_.reset();
    }

    void beforeAMeasurementTheMachinesClockStandsIn() {
        machine_->stepWall(hours(1));
        CPPUNIT_ASSERT_EQUAL(kServerMs + 3'600'000, time_->nowMs());
        CPPUNIT_ASSERT(time_->due());
    }

    void halfTheRoundTripHasPassedSinceTheServerLooked() {
        measure(kServerMs, milliseconds(40));
        CPPUNIT_ASSERT_EQUAL(kServerMs + 20, time_->nowMs());
        machine_->advance(milliseconds(5));
        CPPUNIT_ASSERT_EQUAL(kServerMs + 25, time_->nowMs());
    }

    void aStepOfTheMachinesDateMovesNothing() {
        for (const auto step : {hours(1), hours(-2)}) {
            measure(kServerMs, milliseconds(0));
            machine_->stepWall(step);
            CPPUNIT_ASSERT_EQUAL(kServerMs, time_->nowMs());
        }
    }

    void aMeasurementThatAgreesDoesNotMoveTheTime() {
        measure(kServerMs, milliseconds(2));
        machine_->advance(seconds(10));
        const std::int64_t before = time_->nowMs();
        measure(before + 10, milliseconds(40));
        CPPUNIT_ASSERT_EQUAL(before + 40, time_->nowMs());
        measure(before + 40, milliseconds(10));
        CPPUNIT_ASSERT_EQUAL(before + 50, time_->nowMs());
    }

    void anotherServerWithAnotherClockIsFollowed() {
        measure(kServerMs, milliseconds(2));
        measure(kServerMs - 5000, milliseconds(2));
        CPPUNIT_ASSERT_EQUAL(kServerMs - 4999, time_->nowMs());
    }

    void measurementsAreDueNowAndThenAndAfterAStep() {
        measure(kServerMs, milliseconds(2));
        CPPUNIT_ASSERT(!time_->due());
        machine_->advance(milliseconds(9990));
        CPPUNIT_ASSERT(!time_->due());
        machine_->advance(milliseconds(10));
        CPPUNIT_ASSERT(time_->due());
        measure(kServerMs, milliseconds(2));
        CPPUNIT_ASSERT(!time_->due());
        machine_->stepWall(milliseconds(-501));
        CPPUNIT_ASSERT(time_->due());
    }

    void aDifferenceIsLoggedWhenItBeginsAndWhenItEnds() {
        measure(kServerMs + 990, milliseconds(0));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log_->count(""));
        machine_->stepWall(hours(1));
        for (int i = 0; i < 3; ++i) {
            measure(kServerMs, milliseconds(0));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             log_->count("3600.0 s ahead of that of Redis at here"));
        machine_->stepWall(hours(-1));
        measure(kServerMs, milliseconds(0));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("agrees"));
        machine_->stepWall(seconds(-2));
        measure(kServerMs, milliseconds(0));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("2.0 s behind that of Redis"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, log_->count(""));
    }

    void aSlowReplyIsNotADifference() {
        // Redis looked before it was stopped for three seconds; half of them may be wrong.
        measure(kServerMs, milliseconds(3000));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log_->count(""));
    }

    void aServerWithoutTimeIsLoggedOnce() {
        time_->untold("NOPERM");
        time_->untold("NOPERM");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("does not tell its time"));
        CPPUNIT_ASSERT_EQUAL(kServerMs, time_->nowMs());
        CPPUNIT_ASSERT(!time_->due());
    }

private:
    void measure(std::int64_t serverMs, milliseconds roundTrip) {
        const auto sent = machine_->monotonic();
        machine_->advance(roundTrip);
        time_->measured(serverMs * 1000, sent, machine_->monotonic(), "here");
    }

    std::unique_ptr<LogCapture> log_;
    std::shared_ptr<ManualClock> machine_;
    std::unique_ptr<ServerTime> time_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ServerTimeTest);
