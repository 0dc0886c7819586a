#include <cstdlib>

#include <cppunit/extensions/HelperMacros.h>

#include "compat/CompatFixture.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

constexpr Side kBoth[] = {Side::Ours, Side::Node};

Side otherOf(Side side) {
    return side == Side::Ours ? Side::Node : Side::Ours;
}

}  // namespace

/// Jobs that wait: for their time, and for another attempt. Either side adds them, either side fails them.
class CompatRetry : public CompatFixture {
    CPPUNIT_TEST_SUITE(CompatRetry);
    CPPUNIT_TEST(aSleepingWorkerRunsADelayedJobOnTime);
    CPPUNIT_TEST(aDelayedJobFromBeforeTheWorkerRunsOnTime);
    CPPUNIT_TEST(delayedJobsOfOneMomentRunInTheOrderOfTheirAdds);
    CPPUNIT_TEST(theDelayedEventHasTheMomentItIsDue);
    CPPUNIT_TEST(fixedAndExponentialBackoffHaveTheSameSteps);
    CPPUNIT_TEST(withoutBackoffTheNextAttemptFollowsAtOnce);
    CPPUNIT_TEST(attemptsAreCountedTogether);
    CPPUNIT_TEST(aFailedJobReadsAlikeOnBothSides);
    CPPUNIT_TEST(waitUntilFinishedRejectsWithOurReason);
    CPPUNIT_TEST(anUnrecoverableJobIsNotRetried);
    CPPUNIT_TEST(stackTraceLimitHoldsOnBothSides);
    CPPUNIT_TEST(retryOfAFailedJobRunsAgainInOurs);
    CPPUNIT_TEST_SUITE_END_ABSTRACT();

public:
    void aSleepingWorkerRunsADelayedJobOnTime() {
        for (const Side producer : kBoth) {
            startWorker(otherOf(producer));
            untilIdle();
            const std::string id = add(producer, "mail", "{}", R"({"delay":300})");
            untilState(id, "completed");
            expectLateness(id, 300);
            stopWorker(otherOf(producer));
        }
    }

    void aDelayedJobFromBeforeTheWorkerRunsOnTime() {
        for (const Side producer : kBoth) {
            const std::string id = add(producer, "mail", "{}", R"({"delay":400})");
            startWorker(otherOf(producer));
            untilState(id, "completed");
            expectLateness(id, 400);
            stopWorker(otherOf(producer));
        }
    }

    void delayedJobsOfOneMomentRunInTheOrderOfTheirAdds() {
        for (const Side consumer : kBoth) {
            const std::string opts =
                R"({"delay":500,"timestamp":)" + std::to_string(clock_.wallMs()) + "}";
            std::vector<std::string> ids;
            for (int i = 0; i < 12; ++i) {
                ids.push_back(add(i % 3 == 0 ? Side::Ours : Side::Node, "mail", "{}", opts));
            }
            startWorker(consumer);
            untilState(ids.back(), "completed");
            CPPUNIT_ASSERT_EQUAL(joined(ids), joined(begun(consumer)));
            stopWorker(consumer);
        }
    }

    void theDelayedEventHasTheMomentItIsDue() {
        subscribe();
        for (const Side producer : kBoth) {
            const std::string id =
                add(producer, "mail", "{}", R"({"delay":60000,"timestamp":1700000000000})");
            const auto event =
                node("events.wait", "\"event\": \"delayed\", \"job\": \"" + id + "\"");
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1700000060000}, dueOf(event));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, delivered("waiting"));
    }

    void fixedAndExponentialBackoffHaveTheSameSteps() {
        subscribe();
        for (const Side consumer : kBoth) {
            startWorker(consumer);
            expectBackoffs(
                consumer, R"({"attempts":3,"backoff":{"type":"fixed","delay":60}})", {60, 60});
            expectBackoffs(consumer, R"({"attempts":2,"backoff":70})", {70});
            expectBackoffs(consumer,
                           R"({"attempts":4,"backoff":{"type":"exponential","delay":50}})",
                           {50, 100, 200});
            stopWorker(consumer);
        }
    }

    void withoutBackoffTheNextAttemptFollowsAtOnce() {
        subscribe();
        for (const Side consumer : kBoth) {
            startWorker(consumer);
            const std::string id = add(otherOf(consumer), "twice", "{}", R"({"attempts":3})");
            untilState(id, "completed");
            const auto job = node("queue.getJob", "\"args\": [\"" + id + "\"]");
            CPPUNIT_ASSERT_EQUAL(3, job["attemptsMade"].GetInt());
            CPPUNIT_ASSERT_EQUAL(2u, job["stacktrace"].Size());
            // The traces of the failed attempts stay.
            assertEqual("told to fail", job["failedReason"].GetString());
            stopWorker(consumer);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, delivered("delayed"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, delivered("failed"));
    }

    void attemptsAreCountedTogether() {
        for (const Side first : kBoth) {
            const Side second = otherOf(first);
            startWorker(first);
            const std::string id = add(
                second, "twice", "{}", R"({"attempts":3,"backoff":{"type":"fixed","delay":400}})");
            untilState(id, "delayed");
            stopWorker(first);
            assertEqual("1", field(id, "atm"));
            // Visible between the attempts, finishedOn is not.
            const auto waiting = node("queue.getJob", "\"args\": [\"" + id + "\"]");
            assertEqual("told to fail", waiting["failedReason"].GetString());
            CPPUNIT_ASSERT_EQUAL(1u, waiting["stacktrace"].Size());
            CPPUNIT_ASSERT(!waiting.HasMember("finishedOn"));

            startWorker(second);
            untilState(id, "completed");
            const auto job = node("queue.getJob", "\"args\": [\"" + id + "\"]");
            CPPUNIT_ASSERT_EQUAL(3, job["attemptsMade"].GetInt());
            CPPUNIT_ASSERT_EQUAL(3, job["attemptsStarted"].GetInt());
            CPPUNIT_ASSERT_EQUAL(2u, job["stacktrace"].Size());
            stopWorker(second);

            // The last attempt is the other side's: it ends the chain.
            startWorker(first);
            const std::string last = add(
                second, "fail", "{}", R"({"attempts":2,"backoff":{"type":"fixed","delay":400}})");
            untilState(last, "delayed");
            stopWorker(first);
            startWorker(second);
            untilState(last, "failed");
            assertEqual("2", field(last, "atm"));
            stopWorker(second);
        }
    }

    void aFailedJobReadsAlikeOnBothSides() {
        std::string texts[2];
        for (const Side consumer : kBoth) {
            startWorker(consumer);
            const std::string id = add(Side::Node, "fail", R"({"seat":7})", R"({"attempts":2})");
            untilState(id, "failed");
            rapidjson::Document job;
            job.Parse(withoutIdAndTimes(jobJson(id)).c_str());
            CPPUNIT_ASSERT(job["stacktrace"].IsArray());
            CPPUNIT_ASSERT_EQUAL(2u, job["stacktrace"].Size());
            for (const auto& trace : job["stacktrace"].GetArray()) {
                assertStartsWith(std::string(trace.GetString()), "Error: told to fail\n");
            }
            job["stacktrace"].SetNull();
            texts[static_cast<int>(consumer)] = textOf(job);
            stopWorker(consumer);
        }
        CPPUNIT_ASSERT_EQUAL(texts[1], texts[0]);
        assertContains(texts[0], "\"failedReason\":\"told to fail\"");
    }

    void waitUntilFinishedRejectsWithOurReason() {
        subscribe();
        startWorker(Side::Ours);
        const std::string id = add(Side::Node, "fail", "{}", R"({"delay":200})");
        const int later = peer().begin("job.waitUntilFinished",
                                       "\"queue\": \"" + queueName() + "\", \"job\": " + id);
        const auto message = [&](const auto& wait) {
            try {
                wait();
            } catch (const PeerError& error) {
                return std::string(error.what());
            }
            return std::string("it resolved");
        };
        assertEqual("told to fail", message([&] { peer().finish(later); }));
        // One that has ended already.
        assertEqual("told to fail",
                    message([&] { node("job.waitUntilFinished", "\"job\": " + id); }));
    }

    void anUnrecoverableJobIsNotRetried() {
        subscribe();
        for (const Side consumer : kBoth) {
            startWorker(consumer);
            const std::string id =
                add(otherOf(consumer), "unrecoverable", "{}", R"({"attempts":5,"backoff":10})");
            untilState(id, "failed");
            assertEqual("1", field(id, "atm"));
            const auto event =
                node("events.wait", "\"event\": \"failed\", \"job\": \"" + id + "\"");
            assertEqual("told to fail", event["failedReason"].GetString());
            stopWorker(consumer);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, delivered("retries-exhausted"));
    }

    void stackTraceLimitHoldsOnBothSides() {
        for (const Side consumer : kBoth) {
            startWorker(consumer);
            const std::string two =
                add(otherOf(consumer), "fail", "{}", R"({"attempts":3,"stackTraceLimit":2})");
            const std::string none =
                add(otherOf(consumer), "fail", "{}", R"({"attempts":2,"stackTraceLimit":0})");
            untilState(two, "failed");
            untilState(none, "failed");
            CPPUNIT_ASSERT_EQUAL(
                2u, node("queue.getJob", "\"args\": [\"" + two + "\"]")["stacktrace"].Size());
            assertEqual("[]", field(none, "stacktrace"));
            stopWorker(consumer);
        }
    }

    void retryOfAFailedJobRunsAgainInOurs() {
        startWorker(Side::Ours);
        const std::string id = add(Side::Node, "flaky", R"({"seat":7})");
        untilState(id, "failed");
        node("job.retry", "\"job\": " + id);
        untilState(id, "completed");
        assertEqual(R"({"seat":7})", field(id, "returnvalue"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, seenByOurs().size());
    }

protected:
    using CompatFixture::CompatFixture;

private:
    /// 5.48.1 hands it on as the text that it is in the stream, 6.7.0 as a number.
    std::int64_t dueOf(const rapidjson::Value& event) {
        const rapidjson::Value& due = event["delay"];
        CPPUNIT_ASSERT_EQUAL(is548(), due.IsString());
        return is548() ? std::stoll(due.GetString()) : due.GetInt64();
    }

    /// Begun at timestamp + delay and not at the next poll, which is 5 s away.
    void expectLateness(const std::string& id, std::int64_t delayMs) {
        const std::int64_t due = std::stoll(field(id, "timestamp")) + delayMs;
        const std::int64_t late = std::stoll(field(id, "processedOn")) - due;
        CPPUNIT_ASSERT_MESSAGE(std::to_string(late) + " ms late", late >= 0 && late < 4000);
    }

    /// The attempts of a failing job wait that long, each counted from a little before the server's moment of its
    /// delayed event. A machine that is busy elsewhere makes that little long: another job then.
    void expectBackoffs(Side consumer,
                        const std::string& opts,
                        const std::vector<std::int64_t>& expected) {
        std::string waited;
        for (int tries = 0; tries < 5; ++tries) {
            const std::string id = add(otherOf(consumer), "fail", "{}", opts);
            untilState(id, "failed");
            CPPUNIT_ASSERT_EQUAL(std::to_string(expected.size() + 1), field(id, "atm"));
            CPPUNIT_ASSERT_EQUAL(std::to_string(expected.size() + 1), field(id, "ats"));
            const auto events =
                node("events.seen", "\"event\": \"delayed\", \"job\": \"" + id + "\"");
            bool asExpected = events.Size() == expected.size();
            waited.clear();
            for (rapidjson::SizeType i = 0; i < events.Size(); ++i) {
                const std::int64_t wait =
                    dueOf(events[i]) - std::strtoll(events[i]["id"].GetString(), nullptr, 10);
                asExpected = asExpected && wait <= expected[i] && wait > expected[i] - 40;
                waited += std::to_string(wait) + ' ';
            }
            if (asExpected) {
                return;
            }
        }
        CPPUNIT_FAIL(opts + " waited " + waited);
    }
};

class CompatRetry670Test : public CompatRetry {
    CPPUNIT_TEST_SUB_SUITE(CompatRetry670Test, CompatRetry);
    CPPUNIT_TEST_SUITE_END();

public:
    CompatRetry670Test() : CompatRetry("6.7.0") {}
};

class CompatRetry548Test : public CompatRetry {
    CPPUNIT_TEST_SUB_SUITE(CompatRetry548Test, CompatRetry);
    CPPUNIT_TEST_SUITE_END();

public:
    CompatRetry548Test() : CompatRetry("5.48.1") {}
};

CPPUNIT_TEST_SUITE_REGISTRATION(CompatRetry670Test);
CPPUNIT_TEST_SUITE_REGISTRATION(CompatRetry548Test);
