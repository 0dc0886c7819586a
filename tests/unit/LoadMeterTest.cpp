#include <cppunit/TestAssert.h>
#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "queue/AdmissionControl.h"
#include "queue/LoadMeter.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;

}  // namespace

/// The estimate of a queue's load, and what the bounds refuse by it.
class LoadMeterTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(LoadMeterTest);
    CPPUNIT_TEST(nothingIsKnownBeforeTheFirstSample);
    CPPUNIT_TEST(theRateIsThatOfJobsThatLeaveWhileOthersWait);
    CPPUNIT_TEST(workersWithoutWorkDoNotLowerTheRate);
    CPPUNIT_TEST(workersThatStopMakeTheWaitGrow);
    CPPUNIT_TEST(addsCountBeforeTheNextSample);
    CPPUNIT_TEST(anObliteratedQueueBeginsAnew);
    CPPUNIT_TEST(depthBeyondItsBoundIsRefused);
    CPPUNIT_TEST(aWaitBeyondItsBoundIsRefused);
    CPPUNIT_TEST(memoryBeyondItsBoundIsRefused);
    CPPUNIT_TEST(theUnknownRefusesNothing);
    CPPUNIT_TEST_SUITE_END();

public:
    void nothingIsKnownBeforeTheFirstSample() {
        CPPUNIT_ASSERT(!meter_.load());
        sample(0, {0, 0, 0});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, load().waiting);
        CPPUNIT_ASSERT(!load().drainPerSecond);
        CPPUNIT_ASSERT(*load().wait == milliseconds(0));
    }

    void theRateIsThatOfJobsThatLeaveWhileOthersWait() {
        sample(0, {100, 110, 1000});
        CPPUNIT_ASSERT(!load().wait);
        // 50 came, and there are 30 more than before: 20 left within 200 ms.
        sample(200, {130, 140, 1050});
        CPPUNIT_ASSERT_DOUBLES_EQUAL(100, *load().drainPerSecond, 0.01);
        CPPUNIT_ASSERT(*load().wait == milliseconds(1300));
        // Another rate counts by and by.
        for (int i = 2; i < 200; ++i) {
            sample(i * 200, {130, 140, 1050 + 40 * (i - 1)});
        }
        CPPUNIT_ASSERT_DOUBLES_EQUAL(200, *load().drainPerSecond, 1);
    }

    void workersWithoutWorkDoNotLowerTheRate() {
        sample(0, {10, 10, 100});
        sample(1000, {10, 10, 200});
        sample(2000, {0, 0, 210});
        sample(3000, {0, 0, 210});
        sample(4000, {5, 5, 215});
        CPPUNIT_ASSERT_DOUBLES_EQUAL(100, *load().drainPerSecond, 0.01);
        CPPUNIT_ASSERT(*load().wait == milliseconds(50));
    }

    void workersThatStopMakeTheWaitGrow() {
        sample(0, {1000, 1000, 1000});
        sample(1000, {1000, 1000, 2000});
        CPPUNIT_ASSERT(*load().wait == milliseconds(1000));
        for (int i = 2; i < 62; ++i) {
            sample(i * 1000, {1000, 1000, 2000});
        }
        CPPUNIT_ASSERT(*load().wait > milliseconds(60000));
    }

    void addsCountBeforeTheNextSample() {
        sample(0, {10, 10, 100});
        meter_.onAdded(7);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{17}, load().waiting);
        sample(200, {12, 12, 107});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{12}, load().waiting);
    }

    void anObliteratedQueueBeginsAnew() {
        sample(0, {10, 10, 1000});
        sample(1000, {10, 10, 1100});
        sample(2000, {10, 10, 3});
        CPPUNIT_ASSERT_DOUBLES_EQUAL(100, *load().drainPerSecond, 0.01);
        sample(3000, {10, 10, 103});
        CPPUNIT_ASSERT_DOUBLES_EQUAL(100, *load().drainPerSecond, 0.01);
    }

    void depthBeyondItsBoundIsRefused() {
        const Queue::Admission bounds{.maxDepth = 100};
        const QueueLoad load{98, 0.5, milliseconds(196000)};
        CPPUNIT_ASSERT(!refusalOf(bounds, "q", load, {}, 2));
        const auto refused = refusalOf(bounds, "bull:q", load, {}, 3);
        CPPUNIT_ASSERT(refused->status == AddResult::Status::QueueFull);
        assertEqual(
            "98 jobs wait in the queue bull:q, 100 are allowed; a job would wait for about 196000 "
            "ms",
            refused->message);
        // One job has to leave, which takes two seconds.
        CPPUNIT_ASSERT(refused->retryAfter == milliseconds(2000));
        const auto unknown = refusalOf(bounds, "q", QueueLoad{100, {}, {}}, {}, 1);
        assertContains(unknown->message, "how long a job would wait is not known yet");
        CPPUNIT_ASSERT(unknown->retryAfter == milliseconds(60000));
        CPPUNIT_ASSERT(
            refusalOf(bounds, "q", QueueLoad{100, 1e6, milliseconds(1)}, {}, 1)->retryAfter ==
            milliseconds(1000));
    }

    void aWaitBeyondItsBoundIsRefused() {
        const Queue::Admission bounds{.maxWait = milliseconds(5000)};
        CPPUNIT_ASSERT(!refusalOf(bounds, "q", QueueLoad{50, 10.0, milliseconds(5000)}, {}, 1));
        const auto refused = refusalOf(bounds, "q", QueueLoad{80, 10.0, milliseconds(8000)}, {}, 1);
        CPPUNIT_ASSERT(refused->status == AddResult::Status::QueueFull);
        assertEqual(
            "80 jobs wait in the queue q; a job would wait for about 8000 ms, 5000 ms are allowed",
            refused->message);
        CPPUNIT_ASSERT(refused->retryAfter == milliseconds(3000));
    }

    void memoryBeyondItsBoundIsRefused() {
        const Queue::Admission bounds{.maxMemoryPercent = 90};
        CPPUNIT_ASSERT(!refusalOf(bounds, "q", {}, RedisMemory{899, 1000}, 1));
        const auto refused = refusalOf(bounds, "q", {}, RedisMemory{901, 1000}, 1);
        CPPUNIT_ASSERT(refused->status == AddResult::Status::MemoryFull);
        assertEqual(
            "Redis uses 90 % of its memory, 90 % are allowed; how long a job would wait is not "
            "known yet",
            refused->message);
        assertContains(
            refusalOf(bounds, "q", QueueLoad{8, 2.0, milliseconds(4000)}, RedisMemory{90, 100}, 1)
                ->message,
            "a job would wait for about 4000 ms");
    }

    void theUnknownRefusesNothing() {
        const Queue::Admission bounds{1, milliseconds(1), 1};
        CPPUNIT_ASSERT(!refusalOf(bounds, "q", {}, {}, 10));
        CPPUNIT_ASSERT(!refusalOf(bounds, "q", {}, RedisMemory{5, 0}, 10));
        CPPUNIT_ASSERT(!refusalOf({}, "q", QueueLoad{1000000, 1.0, milliseconds(1000)}, {}, 1));
        CPPUNIT_ASSERT(!refusalOf({.maxWait = milliseconds(1)}, "q", QueueLoad{9, {}, {}}, {}, 1));
    }

private:
    void sample(int ms, const LoadSample& sample) {
        meter_.onSample(sample, LoadMeter::Time(milliseconds(1'000'000 + ms)));
    }
    QueueLoad load() { return *meter_.load(); }

    LoadMeter meter_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(LoadMeterTest);
