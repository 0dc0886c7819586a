#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <thread>
#include <unistd.h>

#include "plugin/PluginFixture.h"
#include "support/Assert.h"
#include "support/LogCapture.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using namespace drover;
using drover::test::FakeRunningJob;
using drover::test::LogCapture;
using drover::test::PluginFixture;
using Kind = JobOutcome::Kind;
using std::chrono::milliseconds;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAddressSanitizer = true;  ///< Its shadow memory is beyond every limit.
#else
constexpr bool kAddressSanitizer = false;
#endif

}  // namespace

/// Handlers in processes of their own: the end of such a process costs one job one attempt.
class ProcessHandlerTest : public PluginFixture {
    CPPUNIT_TEST_SUITE(ProcessHandlerTest);
    CPPUNIT_TEST(handlersAnswerAsInAThread);
    CPPUNIT_TEST(hostCallsReachTheRunningJob);
    CPPUNIT_TEST(answersReachTheHandler);
    CPPUNIT_TEST(refusedHostCallsReachTheHandler);
    CPPUNIT_TEST(jobsOfAnySizePass);
    CPPUNIT_TEST(configurationAndReloadReachTheProcess);
    CPPUNIT_TEST(nothingOfThePluginRunsInTheEngine);
    CPPUNIT_TEST(refusalsRetainTheirText);
    CPPUNIT_TEST(processThatEndsFailsItsJobWithTheWayItEnded);
    CPPUNIT_TEST(processThatHangsIsKilled);
    CPPUNIT_TEST(processThatLeaksEndsAtItsLimit);
    CPPUNIT_TEST(processWithoutMemoryIsReplacedBeforeTheNextJob);
    CPPUNIT_TEST(processThatSendsGarbageIsKilled);
    CPPUNIT_TEST(outcomeBeforeTheEndStands);
    CPPUNIT_TEST(callsBeforeTheEndAreServed);
    CPPUNIT_TEST(matesOfACrasherRunAgainAlone);
    CPPUNIT_TEST(lostJobsOfABatchDoNotRunAgain);
    CPPUNIT_TEST(aPassedTimeoutDoesNotCountForAMateThatRunsAgain);
    CPPUNIT_TEST(cancelTokenReachesTheHandler);
    CPPUNIT_TEST(reasonOfACancelReachesTheHandler);
    CPPUNIT_TEST(outcomeOfAndBackoffGoThroughTheProcess);
    CPPUNIT_TEST(outcomeOfAndBackoffSurviveACrash);
    CPPUNIT_TEST(restartWaitsOnlyAfterDeathsInARow);
    CPPUNIT_TEST(jobsOfAProcessThatCannotStartAreNotToBlame);
    CPPUNIT_TEST(processEndsWithItsInstance);
    CPPUNIT_TEST(processGetsNoDescriptorOfTheEngine);
    CPPUNIT_TEST(logLinesArriveAlsoBetweenRuns);
    CPPUNIT_TEST(linesAboutAJobHaveItsFields);
    CPPUNIT_TEST(garbledLogLinesDoNotEndTheLog);
    CPPUNIT_TEST(outputOfAProcessIsLoggedLineByLine);
    CPPUNIT_TEST(handlerHostIsNotACommand);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        // The sanitizer would turn these signals into exit codes.
        setenv("ASAN_OPTIONS", "handle_segv=0:handle_abort=0:detect_leaks=0", 1);
        isolation_ = ProcessIsolation();
        isolation_.program = DROVER_BINARY_DIR "/engine/drover";
    }
    void tearDown() override {
        instance_.reset();
        batch_.clear();
    }

    void handlersAnswerAsInAThread() {
        run("throwing");
        assertOutcome(Kind::Completed, "null", outcome("1"));
        const JobOutcome nested = outcome("\"nested\"");
        assertOutcome(Kind::Failed, "cannot read", nested);
        assertEqual("app::BadRequest: cannot read\nstd::out_of_range: row 7\nint", nested.trace);
        const JobOutcome away = outcome("\"away\"");
        assertOutcome(Kind::Unavailable, "database restarting", away);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1500}, away.ms);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{250}, outcome("\"unset\"").ms);
        run("throwing", 1);
        runBatch({"1", "\"bad\"", "\"forgotten\"", "\"early\""});
        assertOutcome(Kind::Completed, "null", batch_[0]->outcome);
        assertOutcome(Kind::Failed, "a bad job in a batch of 1", batch_[1]->outcome);
        assertOutcome(Kind::Unset, "", batch_[2]->outcome);
        assertOutcome(Kind::Completed, "\"early\"", batch_[3]->outcome);
    }

    void hostCallsReachTheRunningJob() {
        run("throwing");
        runBatch({"\"family\""});
        const FakeRunningJob& job = *batch_[0];
        assertOutcome(Kind::Completed, "null", job.outcome);
        CPPUNIT_ASSERT(job.children == std::vector<std::string>{"[]"});
        CPPUNIT_ASSERT(job.logs == (std::vector<std::string>{R"(["7"])", R"({"bull:test:7":1})"}));
        CPPUNIT_ASSERT(job.written == std::vector<std::string>{R"({"a":1})"});
        CPPUNIT_ASSERT(job.progress == std::vector<std::string>{"50"});
    }

    void answersReachTheHandler() {
        run("throwing");
        FakeRunningJob job("\"calls\"");
        job.claimed.token = "token:";
        job.results = {{HostCall::AddJobs,
                        R"([{"status":"added","id":"8"},{"status":"rejected","message":"no"}])"},
                       {HostCall::Dependencies, R"({"failed":["a:b:1"],"nextFailedCursor":9})"},
                       {HostCall::FailedChildren, R"({"failed":{"a:b:1":null},"ignored":{}})"},
                       {HostCall::DependenciesCount, R"({"ignored":3})"},
                       {HostCall::StoredJob, R"({"id":"1"})"}};
        process(job);
        assertOutcome(Kind::WaitingChildren, "bull:x:1", job.outcome);
        CPPUNIT_ASSERT(job.logs ==
                       (std::vector<std::string>{
                           "8", "no", "a:b:19", "a:b:1?", "3", R"({"id":"1"})", "row", "token:7"}));
        CPPUNIT_ASSERT(
            job.calls ==
            (std::vector<std::pair<HostCall, std::string>>{
                {HostCall::AddJobs,
                 R"([{"queue":"q","name":"x","data":{},"opts":{}},{"name":"y","data":1,"opts":{}}])"},
                {HostCall::Dependencies, R"({"failed":{"cursor":7,"count":5}})"},
                {HostCall::FailedChildren, ""},
                {HostCall::DependenciesCount, ""},
                {HostCall::StoredJob, ""}}));
    }

    void refusedHostCallsReachTheHandler() {
        run("throwing");
        FakeRunningJob job("\"log\"");
        job.answer = HostStatus::Unavailable;
        process(job);
        CPPUNIT_ASSERT(job.outcome.kind == Kind::Unavailable);
        FakeRunningJob lost("\"log\"");
        lost.answer = HostStatus::Lost;
        process(lost);
        assertContains(lost.outcome.trace, "drover::JobLost: addLog job 1");
    }

    void jobsOfAnySizePass() {
        run("crashing");
        const std::string large = "\"" + std::string(5000000, 'x') + "\"";
        assertOutcome(Kind::Completed, large, outcome(large));
    }

    void configurationAndReloadReachTheProcess() {
        std::map<std::string, std::string> values = {{"configured.size", "7"},
                                                     {"configured.loud", "true"},
                                                     {"database.url", "postgresql://h/d"}};
        run("configured", 0, values);
        assertOutcome(
            Kind::Completed, "\"hello 7 0.500000 loud unset postgresql://h/d\"", outcome("1"));
        values["configured.greeting"] = "hi";
        generation_->reconfigure(lookupIn(values));
        assertOutcome(
            Kind::Completed, "\"hi 7 0.500000 loud unset postgresql://h/d\"", outcome("1"));
    }

    void nothingOfThePluginRunsInTheEngine() {
        run("crashing");
        const std::string pid = outcome("\"pid\"").text;
        CPPUNIT_ASSERT(pid != std::to_string(getpid()));
        CPPUNIT_ASSERT_EQUAL(pid, outcome("\"pid\"").text);
        // In a thread this init would refuse the generation.
        CPPUNIT_ASSERT(makeGeneration("init-fails"));
    }

    void refusalsRetainTheirText() {
        assertContains(refusalOfCreate("init-fails"),
                       "init-fails.so: its init refuses: the licence expired");
        assertContains(
            refusalOfCreate("create-fails"),
            "create-fails.so: the handler create-fails/plain cannot be made: no room at the inn");
        isolation_.program = "/bin/false";
        assertContains(
            refusalOfCreate("plain"),
            "plain.so: the handler plain/plain cannot be made: handler process ended with exit "
            "code 1");
        isolation_.program = "/nowhere/drover";
        assertContains(refusalOfCreate("plain"),
                       "/nowhere/drover: cannot be started as a child process: No such file");
    }

    void processThatEndsFailsItsJobWithTheWayItEnded() {
        run("crashing");
        const std::pair<const char*, const char*> cases[] = {
            {"\"segv\"", "handler process ended by SIGSEGV"},
            {"\"abort\"", "handler process ended by SIGABRT"},
            {"\"exit\"", "handler process ended with exit code 3"}};
        for (const auto& [what, reason] : cases) {
            const std::string before = outcome("\"pid\"").text;
            assertOutcome(Kind::Failed, reason, outcome(what));
            const std::string after = outcome("\"pid\"").text;
            CPPUNIT_ASSERT_MESSAGE(after, !after.empty() && after != before);
        }
    }

    void processThatHangsIsKilled() {
        isolation_.hardTimeout = milliseconds(200);
        run("crashing");
        assertOutcome(Kind::Failed,
                      "handler process ended by SIGKILL: no outcome within hardTimeoutMs (200)",
                      outcome("\"hang\""));
        assertOutcome(Kind::Completed, "2", outcome("2"));
    }

    void processThatLeaksEndsAtItsLimit() {
        if (kAddressSanitizer) {
            return;
        }
        isolation_.memoryLimitMb = 64;
        run("crashing");
        assertOutcome(Kind::Failed,
                      "handler process ended with exit code 99: memoryLimitMb (64) is used up",
                      outcome("\"leak\""));
        assertOutcome(Kind::Completed, "2", outcome("2"));
    }

    void processWithoutMemoryIsReplacedBeforeTheNextJob() {
        if (kAddressSanitizer) {
            return;
        }
        isolation_.memoryLimitMb = 64;
        run("crashing");
        const std::string before = outcome("\"pid\"").text;
        assertOutcome(Kind::Failed, "full", outcome("\"fill\""));
        const JobOutcome after = outcome("\"pid\"");
        CPPUNIT_ASSERT(after.kind == Kind::Completed);
        CPPUNIT_ASSERT(before != after.text);
    }

    void processThatSendsGarbageIsKilled() {
        run("crashing");
        assertOutcome(Kind::Failed,
                      "handler process ended by SIGKILL: it sends a message of 4294967295 bytes",
                      outcome("\"garbage\""));
        assertOutcome(Kind::Failed,
                      "handler process ended by SIGKILL: it has closed its connection",
                      outcome("\"disconnect\""));
        assertOutcome(Kind::Completed, "2", outcome("2"));
    }

    void outcomeBeforeTheEndStands() {
        run("crashing");
        assertOutcome(Kind::Completed, "1", outcome("\"decided\""));
        assertOutcome(Kind::Completed, "2", outcome("2"));
    }

    void callsBeforeTheEndAreServed() {
        run("crashing");
        FakeRunningJob job("\"log\"");
        process(job);
        assertOutcome(Kind::Failed, "handler process ended by SIGABRT", job.outcome);
        CPPUNIT_ASSERT(job.logs == std::vector<std::string>{"a row"});
    }

    void matesOfACrasherRunAgainAlone() {
        run("crashing", 1);
        runBatch({"1", "2", "\"segv\"", "4", "\"abort\"", "6"});
        // The answer is the size of the batch.
        assertOutcome(Kind::Completed, "6", batch_[0]->outcome);
        assertOutcome(Kind::Completed, "6", batch_[1]->outcome);
        assertOutcome(Kind::Failed, "handler process ended by SIGSEGV", batch_[2]->outcome);
        assertOutcome(Kind::Completed, "1", batch_[3]->outcome);
        assertOutcome(Kind::Failed, "handler process ended by SIGABRT", batch_[4]->outcome);
        assertOutcome(Kind::Completed, "1", batch_[5]->outcome);
    }

    void lostJobsOfABatchDoNotRunAgain() {
        run("crashing", 1);
        const std::shared_ptr<FakeRunningJob> lost = makeJob("1");
        lost->cancel = CancelReason::Lost;
        const std::shared_ptr<FakeRunningJob> ending = makeJob("1");
        ending->cancel = CancelReason::Shutdown;
        batch_ = {makeJob("\"segv\""), lost, ending, makeJob("4")};
        processBatch();
        assertOutcome(Kind::Unset, "", lost->outcome);
        assertOutcome(Kind::Unset, "", ending->outcome);
        assertOutcome(Kind::Completed, "1", batch_[3]->outcome);
    }

    void aPassedTimeoutDoesNotCountForAMateThatRunsAgain() {
        isolation_.hardTimeout = milliseconds(200);
        run("crashing", 1);
        batch_ = {makeJob("\"hang\""), makeJob("\"token\"")};
        batch_[1]->cancel = CancelReason::Timeout;
        processBatch();
        assertContains(batch_[0]->outcome.text, "hardTimeoutMs");
        assertOutcome(Kind::Completed, "0", batch_[1]->outcome);
    }

    void cancelTokenReachesTheHandler() {
        run("crashing", 1);
        for (const CancelReason reason :
             {CancelReason::Lost, CancelReason::Timeout, CancelReason::Remote}) {
            FakeRunningJob job("\"wait\"");
            job.cancel = reason;
            process(job);
            assertOutcome(Kind::Completed, std::to_string(static_cast<int>(reason)), job.outcome);
        }
    }

    void reasonOfACancelReachesTheHandler() {
        run("crashing", 1);
        FakeRunningJob job("\"reason\"");
        job.cancel = CancelReason::Remote;
        job.why = "a typing error";
        process(job);
        assertOutcome(Kind::Completed, "\"a typing error\"", job.outcome);
    }

    void outcomeOfAndBackoffGoThroughTheProcess() {
        run("crashing");
        FakeRunningJob job("1");
        instance_->outcomeOf(job);
        assertOutcome(Kind::Completed, "\"known\"", job.outcome);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2305},
                             instance_->backoff(job.claimed, 2, "own", "12345").value_or(-7));
        // A handler without these functions is not called.
        run("plain");
        FakeRunningJob other("1");
        instance_->outcomeOf(other);
        assertOutcome(Kind::Unset, "", other.outcome);
        CPPUNIT_ASSERT(!instance_->backoff(other.claimed, 2, "own", ""));
    }

    void outcomeOfAndBackoffSurviveACrash() {
        isolation_.hardTimeout = milliseconds(200);
        run("crashing");
        for (const char* what : {"\"segv\"", "\"hang\""}) {
            FakeRunningJob job(what);
            instance_->outcomeOf(job);
            assertOutcome(Kind::Unset, "", job.outcome);
            CPPUNIT_ASSERT(!instance_->backoff(job.claimed, 1, "own", ""));
        }
        assertOutcome(Kind::Completed, "2", outcome("2"));
    }

    void restartWaitsOnlyAfterDeathsInARow() {
        run("crashing");
        const auto timeOf = [this](const char* what) {
            const auto began = std::chrono::steady_clock::now();
            outcome(what);
            return std::chrono::steady_clock::now() - began;
        };
        outcome("\"abort\"");
        outcome("\"abort\"");
        outcome("\"abort\"");
        // The third death in a row: 200 ms, of which half may be drawn away.
        CPPUNIT_ASSERT(timeOf("1") >= milliseconds(100));
        // A handler that is to end during the wait ends the wait.
        outcome("\"abort\"");
        outcome("\"abort\"");
        outcome("\"abort\"");
        FakeRunningJob ending("1");
        ending.cancel = CancelReason::Shutdown;
        process(ending);
        assertOutcome(Kind::Unset, "", ending.outcome);
    }

    void jobsOfAProcessThatCannotStartAreNotToBlame() {
        const std::string flag = "/tmp/drover-refuse-" + std::to_string(getpid());
        run("crashing", 0, {{"crashing.refuseIf", flag}});
        std::ofstream(flag) << "x";
        outcome("\"abort\"");
        const JobOutcome refused = outcome("1");
        std::filesystem::remove(flag);
        CPPUNIT_ASSERT(refused.kind == Kind::Unavailable);
        assertContains(refused.text,
                       "the handler crashing/crash cannot be made: std::runtime_error: not now");
        assertOutcome(Kind::Completed, "1", outcome("1"));
    }

    void processEndsWithItsInstance() {
        run("crashing");
        const pid_t pid = std::stoi(outcome("\"pid\"").text);
        CPPUNIT_ASSERT_EQUAL(0, kill(pid, 0));
        instance_.reset();
        CPPUNIT_ASSERT_EQUAL(-1, kill(pid, 0));
    }

    void processGetsNoDescriptorOfTheEngine() {
        // Not closed on exec, as a careless library may leave it.
        const int careless = dup(STDERR_FILENO);
        run("crashing");
        // The standard ones, the connection, the plugin and the log.
        const std::string count = outcome("\"descriptors\"").text;
        close(careless);
        assertEqual("6", count);
    }

    void logLinesArriveAlsoBetweenRuns() {
        const LogCapture log("plugin.crashing");
        run("crashing");
        outcome("\"talk\"");
        awaitLines(log, "after the run");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("after the run"));
        // Its thread ends before the capture does.
        instance_.reset();
        generation_.reset();
    }

    void linesAboutAJobHaveItsFields() {
        const LogCapture log("plugin.crashing");
        run("crashing");
        FakeRunningJob job("\"last words\"", "farewell");
        job.claimed.id = std::string(70000, '7');  // More than a datagram holds.
        job.claimed.attemptsStarted = 2;
        job.worker = "here";
        process(job);
        const std::string line = "last words queue=test job=" + std::string(300, '7') +
                                 "... jobName=farewell attempt=2 plugin=crashing worker=here";
        awaitLines(log, line);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count(line));
        instance_.reset();
        generation_.reset();
    }

    void garbledLogLinesDoNotEndTheLog() {
        const LogCapture log("plugin.crashing");
        run("crashing");
        outcome("\"garbled lines\"");
        awaitLines(log, "a whole line");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("a whole line"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, log.count("a handler process has sent"));
        instance_.reset();
        generation_.reset();
    }

    void outputOfAProcessIsLoggedLineByLine() {
        const LogCapture log("plugin.crashing");
        run("crashing");
        assertOutcome(Kind::Completed, "\"print\"", outcome("\"print\""));
        awaitLines(log, "printed line 19999");
        CPPUNIT_ASSERT_EQUAL(std::size_t{20000}, log.count("printed line "));
        instance_.reset();
        generation_.reset();
    }

    void handlerHostIsNotACommand() {
        const int status =
            std::system(DROVER_BINARY_DIR "/engine/drover --handler-host 2>/dev/null 3>&-");
        CPPUNIT_ASSERT_EQUAL(64, WEXITSTATUS(status));
    }

private:
    /// Waits for the first line with this text; the log's thread writes it.
    static void awaitLines(const LogCapture& log, const std::string& text) {
        for (int i = 0; i < 1000 && log.count(text) == 0; ++i) {
            std::this_thread::sleep_for(milliseconds(10));
        }
    }

    std::shared_ptr<PluginGeneration> makeGeneration(
        const std::string& name, const std::map<std::string, std::string>& config = {}) {
        return PluginGeneration::start(
            PluginLoader().load(modulePath(name)), lookupIn(config), isolation_);
    }

    void run(const std::string& name,
             std::size_t handler = 0,
             const std::map<std::string, std::string>& config = {}) {
        instance_.reset();
        generation_ = makeGeneration(name, config);
        instance_ = generation_->handlerTypes().at(handler)->create();
    }

    std::string refusalOfCreate(const std::string& name) {
        try {
            (void)makeGeneration(name)->handlerTypes().at(0)->create();
        } catch (const PluginException& error) {
            return error.message();
        }
        CPPUNIT_FAIL(name + " was not refused");
        return "";
    }

    static std::shared_ptr<FakeRunningJob> makeJob(const std::string& data) {
        return std::make_shared<FakeRunningJob>(data, "plain");
    }

    void process(FakeRunningJob& job) {
        RunningJob* const jobs[] = {&job};
        instance_->process(jobs);
    }

    JobOutcome outcome(const std::string& data) { return outcomeOfRun(*instance_, data); }

    void processBatch() {
        std::vector<RunningJob*> jobs;
        for (const auto& job : batch_) {
            jobs.push_back(job.get());
        }
        instance_->process(jobs);
    }
    void runBatch(const std::vector<std::string>& data) {
        batch_.clear();
        for (const std::string& one : data) {
            batch_.push_back(makeJob(one));
        }
        processBatch();
    }

    ProcessIsolation isolation_;
    std::shared_ptr<PluginGeneration> generation_;
    std::unique_ptr<HandlerInstance> instance_;
    std::vector<std::shared_ptr<FakeRunningJob>> batch_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ProcessHandlerTest);
