#include <algorithm>
#include <array>
#include <memory>
#include <span>

#include "plugin/PluginFixture.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using namespace drover;
using drover::test::FakeRunningJob;
using drover::test::PluginFixture;
using Kind = JobOutcome::Kind;

/// Jobs run through loaded plugins: values and exceptions of handlers become outcomes.
class PluginHandlerTest : public PluginFixture {
    CPPUNIT_TEST_SUITE(PluginHandlerTest);
    CPPUNIT_TEST(echoCompletesWithItsData);
    CPPUNIT_TEST(echoFailsSleepsAndReportsByItsData);
    CPPUNIT_TEST(echoEndsEarlyWhenCancelled);
    CPPUNIT_TEST(plainCPluginWorks);
    CPPUNIT_TEST(pluginOfAnOlderMinorVersionWorks);
    CPPUNIT_TEST(moreJobsThanBatchMaxComeInSeveralRuns);
    CPPUNIT_TEST(handlerTypeHasThePluginsDeclaration);
    CPPUNIT_TEST(initThatFailsRefusesThePlugin);
    CPPUNIT_TEST(createThatFailsRefusesTheHandler);
    CPPUNIT_TEST(classesOfTheSameNameStayApart);
    CPPUNIT_TEST(thrownExceptionFailsTheJobWithTypeAndMessage);
    CPPUNIT_TEST(nestedExceptionsAreOneLineEachOutermostFirst);
    CPPUNIT_TEST(exceptionOfAnyTypeFailsTheJob);
    CPPUNIT_TEST(unavailableIsNotTheJobsFault);
    CPPUNIT_TEST(outcomeSetFirstStands);
    CPPUNIT_TEST(resultThatIsNotJsonFailsTheJob);
    CPPUNIT_TEST(lostRedisInAHostCallIsUnavailable);
    CPPUNIT_TEST(lostJobInAHostCallEndsTheRun);
    CPPUNIT_TEST(hostCallsReachTheRunningJob);
    CPPUNIT_TEST(batchIsHalvedUntilOneJobIsToBlame);
    CPPUNIT_TEST(batchLeavesDecidedJobsAlone);
    CPPUNIT_TEST(unavailableBatchHandsBackAllUndecided);
    CPPUNIT_TEST(jobForgottenByItsBatchHasNoOutcome);
    CPPUNIT_TEST(outcomeOfAnswersOrLeavesAlone);
    CPPUNIT_TEST(backoffIsTheHandlersOwn);
    CPPUNIT_TEST(configurationReachesInitAndConstructor);
    CPPUNIT_TEST(reloadReachesTheInstanceBeforeItsNextRun);
    CPPUNIT_TEST_SUITE_END();

public:
    void echoCompletesWithItsData() {
        const auto echo = start(DROVER_ECHO_PLUGIN)->handlerTypes().at(0)->create();
        for (const std::string data : {R"({"a":[1,2]})", "null", R"("text")", "17"}) {
            assertOutcome(Kind::Completed, data, outcomeOfRun(*echo, data));
        }
    }

    void echoFailsSleepsAndReportsByItsData() {
        const auto echo = start(DROVER_ECHO_PLUGIN)->handlerTypes().at(0)->create();
        FakeRunningJob job(R"({"fail":"on purpose","sleepMs":25,"progress":40})");
        RunningJob* const jobs[] = {&job};
        echo->process(jobs);
        assertOutcome(Kind::Failed, "on purpose", job.outcome);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, job.waited.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{25}, static_cast<std::int64_t>(job.waited[0].count()));
        assertEqual("40", job.progress.at(0));
    }

    void echoEndsEarlyWhenCancelled() {
        const auto echo = start(DROVER_ECHO_PLUGIN)->handlerTypes().at(0)->create();
        FakeRunningJob job(R"({"sleepMs":60000})");
        job.cancel = CancelReason::Remote;
        FakeRunningJob ending(R"({"sleepMs":60000})");
        ending.cancel = CancelReason::Shutdown;
        RunningJob* const jobs[] = {&job, &ending};
        echo->process(jobs);
        assertOutcome(Kind::Failed, "cancelled", job.outcome);
        assertOutcome(Kind::Wait, "", ending.outcome);
    }

    void pluginOfAnOlderMinorVersionWorks() {
        const auto older = instanceOf("older-minor");
        assertOutcome(Kind::Completed, "[1]", outcomeOfRun(*older, "[1]", "plain"));
    }

    void plainCPluginWorks() {
        const auto plain = instanceOf("plain");
        assertOutcome(Kind::Completed, "[1]", outcomeOfRun(*plain, "[1]", "plain"));
        assertOutcome(Kind::Unset, "", outcomeOfRun(*plain, "[1]", "skip"));
        const JobOutcome failed = outcomeOfRun(*plain, "[1]", "fail");
        assertOutcome(Kind::Unrecoverable, "as asked \xEF\xBF\xBD", failed);
        assertEqual("plain.c", failed.trace);
    }

    void moreJobsThanBatchMaxComeInSeveralRuns() {
        const auto plain = instanceOf("plain");  // batch_max 2
        std::array<FakeRunningJob, 5> jobs;
        std::array<RunningJob*, 5> pointers{};
        std::transform(
            jobs.begin(), jobs.end(), pointers.begin(), [](FakeRunningJob& job) { return &job; });
        plain->process(pointers);
        for (const FakeRunningJob& job : jobs) {
            assertOutcome(Kind::Completed, "{}", job.outcome);
        }
    }

    void handlerTypeHasThePluginsDeclaration() {
        const auto plain = start(modulePath("plain"))->handlerTypes();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, plain.size());
        assertEqual("plain/plain", plain[0]->name());
        assertEqual("plain 0.9", plain[0]->pluginVersion());
        assertEqual("plain-queue", plain[0]->defaultQueue());
        CPPUNIT_ASSERT(plain[0]->jobNames() == (std::vector<std::string>{"plain", "skip", "fail"}));
        CPPUNIT_ASSERT_EQUAL(2U, plain[0]->batchMax());
        const std::map<std::string, std::string> options = {
            {"maxStalledCount", "10"}, {"workerName", "p"}, {"flag", "true"}};
        CPPUNIT_ASSERT(plain[0]->defaultOptions() == options);

        const auto throwing = start(modulePath("throwing"))->handlerTypes();
        CPPUNIT_ASSERT(throwing.at(0)->jobNames() == std::vector<std::string>{"single"});
        CPPUNIT_ASSERT(throwing.at(1)->jobNames() == (std::vector<std::string>{"b1", "b2"}));
        CPPUNIT_ASSERT(throwing.at(2)->jobNames().empty());
        CPPUNIT_ASSERT_EQUAL(1U, throwing.at(0)->batchMax());
        CPPUNIT_ASSERT_EQUAL(8U, throwing.at(1)->batchMax());
        CPPUNIT_ASSERT(throwing.at(0)->defaultOptions().empty());
    }

    void initThatFailsRefusesThePlugin() {
        assertContains(refusalOfStart("init-fails"),
                       "init-fails.so: its init refuses: the licence expired");
        assertContains(
            refusalOfStart("configured",
                           {{"configured.size", "1"}, {"configured.greeting", "no init"}}),
            "its init refuses: std::runtime_error: not today");
    }

    void createThatFailsRefusesTheHandler() {
        assertContains(
            refusalOfStart("create-fails"),
            "create-fails.so: the handler create-fails/plain cannot be made: no room at the inn");
        assertContains(
            refusalOfStart("configured",
                           {{"configured.size", "1"}, {"configured.greeting", "refuse"}}),
            "cannot be made: std::runtime_error: this greeting is rude");
    }

    void classesOfTheSameNameStayApart() {
        const auto a = instanceOf("same-a");
        const auto b = instanceOf("same-b");
        assertOutcome(Kind::Completed, "[1,1,1]", outcomeOfRun(*a, "{}"));
        assertOutcome(Kind::Completed, "[2,1,1]", outcomeOfRun(*b, "{}"));
        assertOutcome(Kind::Completed, "[1,1,2]", outcomeOfRun(*a, "{}"));
    }

    void thrownExceptionFailsTheJobWithTypeAndMessage() {
        const JobOutcome outcome = outcomeOfRun(*instanceOf("throwing"), "\"std\"");
        assertOutcome(Kind::Failed, "no such\nuser", outcome);
        assertEqual("app::BadRequest: no such user", outcome.trace);
    }

    void nestedExceptionsAreOneLineEachOutermostFirst() {
        const JobOutcome outcome = outcomeOfRun(*instanceOf("throwing"), "\"nested\"");
        assertOutcome(Kind::Failed, "cannot read", outcome);
        assertEqual("app::BadRequest: cannot read\nstd::out_of_range: row 7\nint", outcome.trace);
    }

    void exceptionOfAnyTypeFailsTheJob() {
        const auto instance = instanceOf("throwing");
        const JobOutcome number = outcomeOfRun(*instance, "\"int\"");
        assertOutcome(Kind::Failed, "an exception of type int was thrown", number);
        assertEqual("int", number.trace);
        const JobOutcome memory = outcomeOfRun(*instance, "\"memory\"");
        assertOutcome(Kind::Failed, "std::bad_alloc", memory);
    }

    void unavailableIsNotTheJobsFault() {
        const JobOutcome outcome = outcomeOfRun(*instanceOf("throwing"), "\"away\"");
        assertOutcome(Kind::Unavailable, "database restarting", outcome);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1500}, outcome.ms);
    }

    void outcomeSetFirstStands() {
        assertOutcome(Kind::Completed, "1", outcomeOfRun(*instanceOf("throwing"), "\"decided\""));
    }

    void resultThatIsNotJsonFailsTheJob() {
        const JobOutcome outcome = outcomeOfRun(*instanceOf("throwing"), "\"not json\"");
        CPPUNIT_ASSERT(outcome.kind == Kind::Failed);
        assertContains(outcome.text, "complete job 1 of bull:test");
    }

    void lostRedisInAHostCallIsUnavailable() {
        const auto instance = instanceOf("throwing");
        FakeRunningJob job("\"log\"");
        job.answer = HostStatus::Unavailable;
        RunningJob* const jobs[] = {&job};
        instance->process(jobs);
        CPPUNIT_ASSERT(job.outcome.kind == Kind::Unavailable);
        assertContains(job.outcome.text, "addLog job 1 of bull:test: Redis cannot be reached");
    }

    void lostJobInAHostCallEndsTheRun() {
        const auto instance = instanceOf("throwing");
        FakeRunningJob job("\"log\"");
        job.answer = HostStatus::Lost;
        RunningJob* const jobs[] = {&job};
        instance->process(jobs);
        assertContains(job.outcome.trace, "drover::JobLost: addLog job 1");
    }

    void hostCallsReachTheRunningJob() {
        const auto instance = instanceOf("throwing");
        FakeRunningJob job("\"family\"");
        RunningJob* const jobs[] = {&job};
        instance->process(jobs);
        assertOutcome(Kind::Completed, "null", job.outcome);
        CPPUNIT_ASSERT(job.children == std::vector<std::string>{"[]"});
        CPPUNIT_ASSERT(job.logs == (std::vector<std::string>{R"(["7"])", R"({"bull:test:7":1})"}));
        CPPUNIT_ASSERT(job.written == std::vector<std::string>{R"({"a":1})"});
        CPPUNIT_ASSERT(job.progress == std::vector<std::string>{"50"});
        const JobOutcome limited = outcomeOfRun(*instance, "\"unset\"");
        CPPUNIT_ASSERT(limited.kind == Kind::RateLimited);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{250}, limited.ms);
    }

    void batchIsHalvedUntilOneJobIsToBlame() {
        runBatch({"1", "2", "\"bad\"", "4", "5"});
        for (const std::size_t good : {0U, 1U, 3U, 4U}) {
            assertOutcome(Kind::Completed, "null", batch_[good]->outcome);
        }
        assertOutcome(Kind::Failed, "a bad job in a batch of 1", batch_[2]->outcome);
        assertEqual("std::runtime_error: a bad job in a batch of 1", batch_[2]->outcome.trace);
        // 5 jobs: halves of 3 and 2, the 3 into 2 and the bad one.
        CPPUNIT_ASSERT(batch_[0]->logs == (std::vector<std::string>{"5", "3", "2"}));
        CPPUNIT_ASSERT(batch_[2]->logs == (std::vector<std::string>{"5", "3", "1"}));
        CPPUNIT_ASSERT(batch_[4]->logs == (std::vector<std::string>{"5", "2"}));
    }

    void batchLeavesDecidedJobsAlone() {
        runBatch({"\"early\"", "\"bad\"", "\"early\"", "4"});
        assertOutcome(Kind::Completed, "\"early\"", batch_[0]->outcome);
        assertOutcome(Kind::Completed, "\"early\"", batch_[2]->outcome);
        CPPUNIT_ASSERT(batch_[0]->logs == std::vector<std::string>{"4"});
        CPPUNIT_ASSERT(batch_[1]->outcome.kind == Kind::Failed);
        CPPUNIT_ASSERT(batch_[3]->logs == (std::vector<std::string>{"4", "1"}));
        assertOutcome(Kind::Completed, "null", batch_[3]->outcome);
    }

    void unavailableBatchHandsBackAllUndecided() {
        runBatch({"1", "\"early\"", "\"away\""});
        assertOutcome(Kind::Unavailable, "away", batch_[0]->outcome);
        assertOutcome(Kind::Completed, "\"early\"", batch_[1]->outcome);
        assertOutcome(Kind::Unavailable, "away", batch_[2]->outcome);
        CPPUNIT_ASSERT(batch_[0]->logs == std::vector<std::string>{"3"});
    }

    void jobForgottenByItsBatchHasNoOutcome() {
        runBatch({"1", "\"forgotten\""});
        CPPUNIT_ASSERT(batch_[0]->outcome.kind == Kind::Completed);
        CPPUNIT_ASSERT(batch_[1]->outcome.kind == Kind::Unset);
    }

    void outcomeOfAnswersOrLeavesAlone() {
        const auto instance = instanceOf("throwing", 1);
        FakeRunningJob known("\"known\"");
        instance->outcomeOf(known);
        assertOutcome(Kind::Completed, "\"kept\"", known.outcome);
        FakeRunningJob unknown("\"unknown\"");
        instance->outcomeOf(unknown);
        CPPUNIT_ASSERT(unknown.outcome.kind == Kind::Unset);
        FakeRunningJob broken("\"throw\"");
        instance->outcomeOf(broken);
        CPPUNIT_ASSERT(broken.outcome.kind == Kind::Unset);
        FakeRunningJob notAsked("\"known\"");
        instanceOf("throwing", 0)->outcomeOf(notAsked);
        CPPUNIT_ASSERT(notAsked.outcome.kind == Kind::Unset);
    }

    void backoffIsTheHandlersOwn() {
        const auto instance = instanceOf("throwing", 1);
        const FakeRunningJob job("1", "four");
        CPPUNIT_ASSERT(instance->backoff(job.job(), 3, "mine", "x") ==
                       std::optional<std::int64_t>(304));
        CPPUNIT_ASSERT(instance->backoff(job.job(), 3, "mine", "hopeless") ==
                       std::optional<std::int64_t>(-1));
        CPPUNIT_ASSERT(instance->backoff(job.job(), 3, "throw", "x") ==
                       std::optional<std::int64_t>(0));
        CPPUNIT_ASSERT(!instanceOf("throwing", 0)->backoff(job.job(), 3, "mine", "x"));
    }

    void configurationReachesInitAndConstructor() {
        const auto bare = instanceOf("configured", 0, {{"configured.size", "7"}});
        assertOutcome(
            Kind::Completed, "\"hello 7 0.500000 quiet unset none\"", outcomeOfRun(*bare, "{}"));
        const auto full = instanceOf("configured",
                                     0,
                                     {{"configured.size", "100"},
                                      {"configured.greeting", "hi"},
                                      {"configured.ratio", "1e-1"},
                                      {"configured.loud", "true"},
                                      {"configured.optional", ""},
                                      {"database.url", "postgresql://x"}});
        assertOutcome(Kind::Completed,
                      "\"hi 100 0.100000 loud set postgresql://x\"",
                      outcomeOfRun(*full, "{}"));
    }

    void reloadReachesTheInstanceBeforeItsNextRun() {
        const auto generation = start(modulePath("configured"), {{"configured.size", "7"}});
        const auto instance = generation->handlerTypes().at(0)->create();
        generation->reconfigure(
            lookupIn({{"configured.size", "9"}, {"configured.greeting", "good day"}}));
        // The size is not reloadable: its value stays.
        assertContains(outcomeOfRun(*instance, "{}").text, "good day 7");
        CPPUNIT_ASSERT_THROW(generation->reconfigure(lookupIn({})), ConfigException);
        assertContains(outcomeOfRun(*instance, "{}").text, "good day 7");
        assertContains(outcomeOfRun(*generation->handlerTypes().at(0)->create(), "{}").text,
                       "good day 7");
    }

private:
    static std::string refusalOfStart(const std::string& module,
                                      std::map<std::string, std::string> config = {}) {
        try {
            (void)start(modulePath(module), std::move(config))->handlerTypes().at(0)->create();
        } catch (const PluginException& error) {
            return error.message();
        }
        CPPUNIT_FAIL(module + " was not refused");
        return "";
    }

    /// One batch of the batch handler; its jobs stay in batch_.
    void runBatch(const std::vector<std::string>& data) {
        const auto instance = instanceOf("throwing", 1);
        std::vector<RunningJob*> jobs;
        batch_.clear();
        for (const std::string& text : data) {
            batch_.push_back(std::make_unique<FakeRunningJob>(text));
            jobs.push_back(batch_.back().get());
        }
        instance->process(jobs);
    }

    std::vector<std::unique_ptr<FakeRunningJob>> batch_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(PluginHandlerTest);
