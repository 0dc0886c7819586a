#include <atomic>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "core/JobFields.h"
#include "support/FakeHandler.h"
#include "support/TcpProxy.h"
#include "support/WorkerFixture.h"

using namespace drover;
using namespace drover::test;

namespace {

FakeHandler::Behaviour always(JobOutcome outcome) {
    return [outcome](std::span<RunningJob* const> jobs) {
        for (RunningJob* job : jobs) {
            job->setOutcome(outcome);
        }
    };
}

}  // namespace

/// The log and the health of a process name the jobs that were lost to a fault, and the reason why none runs.
class WorkerTroubleTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(WorkerTroubleTest);
    CPPUNIT_TEST(aJobThatFailsForGoodIsLoggedOnceWithItsReason);
    CPPUNIT_TEST(aHandlersOwnDecisionIsNotAWarning);
    CPPUNIT_TEST(aJobThatStalledTooOftenIsLogged);
    CPPUNIT_TEST(manyFailuresAreFewLinesAndCounted);
    CPPUNIT_TEST(theReasonOfAnOpenBreakerIsReported);
    CPPUNIT_TEST(aProbeThatIsPutOffDoesNotCloseTheBreaker);
    CPPUNIT_TEST(aWorkerWhoseFetchesAreNotAnsweredIsUnfit);
    CPPUNIT_TEST_SUITE_END();

public:
    void aWorkerWhoseFetchesAreNotAnsweredIsUnfit() {
        TcpProxy proxy(options().port);
        settings_.drainDelay = std::chrono::milliseconds(3000);
        auto handler = std::make_shared<FakeHandler>(completeAll);
        run(handler, optionsAt(proxy.port()));
        untilBlocked();
        eventually("fit", [&] { return worker_->stats().isFit(); });
        // Connections stand and may be made anew; no reply comes through.
        proxy.inject({NetworkFault::Kind::BlackHole, Way::ToClient});
        eventually(
            "unfit", [&] { return !worker_->stats().progresses; }, std::chrono::seconds(60));
        CPPUNIT_ASSERT(!worker_->stats().isFit());
        CPPUNIT_ASSERT(worker_->stats().sinceProgress >= 2 * settings_.drainDelay);
        Metrics metrics;
        worker_->measure(metrics);
        const auto value = [&metrics](const std::string& name) {
            return metrics.families().at(name).samples.front().value;
        };
        CPPUNIT_ASSERT_EQUAL(0.0, value("drover_worker_fit"));
        CPPUNIT_ASSERT(value("drover_worker_since_fetch_seconds") >= 6);
        proxy.heal();
        eventually(
            "fit again", [&] { return worker_->stats().isFit(); }, std::chrono::seconds(60));
        addJob();
        eventually(
            "it works", [&] { return handler->seen() == 1; }, std::chrono::seconds(60));
    }

    void aJobThatFailsForGoodIsLoggedOnceWithItsReason() {
        addJob("send", "{}", R"({"attempts":2,"removeOnFail":true})");
        run(std::make_shared<FakeHandler>(
            always({JobOutcome::Kind::Failed, "no route\nto host", "", 0})));
        eventually("failed", [&] { return worker_->stats().failed == 1; });
        eventually("logged", [&] { return log_->count("failed for good") == 1; });
        CPPUNIT_ASSERT_EQUAL(
            std::size_t{1},
            log_->count("the job failed for good after 2 of 2 attempts: no route to "
                        "host queue=" +
                        queueNameOf(keys().qualifiedName()) + " job=1 jobName=send attempt=2"));
    }

    void aHandlersOwnDecisionIsNotAWarning() {
        log_->setLevel(Poco::Message::PRIO_INFORMATION);
        addJob("reserve", "{}", R"({"removeOnFail":true})");
        run(std::make_shared<FakeHandler>(
            always({JobOutcome::Kind::Unrecoverable, "sold out", "", 0})));
        eventually("failed", [&] { return worker_->stats().failed == 1; });
        worker_.reset();
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log_->count("failed for good"));
    }

    void aJobThatStalledTooOftenIsLogged() {
        const std::string id = addJob("send");
        redis({"HSET", keys().job(id), "defa", "job stalled more than allowable limit"});
        log_->setLevel(Poco::Message::PRIO_INFORMATION);
        run(std::make_shared<FakeHandler>(completeAll));
        eventually("failed", [&] { return worker_->stats().failed == 1; });
        eventually("logged",
                   [&] { return log_->count("job stalled more than allowable limit") == 1; });
    }

    void manyFailuresAreFewLinesAndCounted() {
        for (int i = 0; i < 500; ++i) {
            addJob("send", "{}", R"({"removeOnFail":true})");
        }
        run(std::make_shared<FakeHandler>(
            always({JobOutcome::Kind::Failed, "wrong password", "", 0})));
        eventually("failed", [&] { return worker_->stats().failed == 500; });
        // Some may begin a second window on a slow machine.
        CPPUNIT_ASSERT(log_->count("wrong password") >= FailureLog::kRule.lines);
        CPPUNIT_ASSERT(log_->count("wrong password") < 100);
        eventually(
            "told together",
            [&] { return log_->count("more jobs failed for good") > 0; },
            std::chrono::seconds(30));
    }

    void theReasonOfAnOpenBreakerIsReported() {
        std::atomic<bool> away{true};
        run(std::make_shared<FakeHandler>([&away](std::span<RunningJob* const> jobs) {
            always(away ? JobOutcome{JobOutcome::Kind::Unavailable, "disk full", "", 0}
                        : JobOutcome{JobOutcome::Kind::Completed, "1", "", 0})(jobs);
        }));
        addJob();
        eventually("told",
                   [&] { return worker_->stats().trouble == "handler fake/handler: disk full"; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("is unavailable: disk full"));
        away = false;
        eventually("over", [&] { return worker_->stats().trouble.empty(); });
    }

    void aProbeThatIsPutOffDoesNotCloseTheBreaker() {
        std::atomic<int> probes{0};
        run(std::make_shared<FakeHandler>([&probes](std::span<RunningJob* const> jobs) {
            // Job 1 is put off as soon as it probes alone; no other job works either.
            for (RunningJob* job : jobs) {
                const bool putOff = job->job().id == "1" && probes > 0;
                job->setOutcome(putOff ? JobOutcome{JobOutcome::Kind::Delayed, "", "", 1LL << 50}
                                       : JobOutcome{JobOutcome::Kind::Unavailable, "away", "", 0});
            }
            ++probes;
        }));
        addJob();
        addJob();
        eventually("put off", [&] { return stateOf("1") == JobState::Delayed; });
        eventually("the other one probes", [&] { return probes > 4; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log_->count("works again"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("is unavailable"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(WorkerTroubleTest);
