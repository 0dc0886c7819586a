#include <atomic>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include <Poco/AutoPtr.h>
#include <Poco/Logger.h>
#include <Poco/StreamChannel.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/ActiveJob.h"
#include "plugin/abi/AbiJob.h"
#include "plugin/abi/HostFunctions.h"
#include "support/Assert.h"
#include "support/FakeRunningJob.h"
#include "support/LogCapture.h"

using drover::test::assertEqual;

using namespace drover;
using drover::test::FakeRunningJob;
using drover::test::LogCapture;
using Kind = JobOutcome::Kind;

namespace {

drover_bytes bytes(std::string_view text) {
    return {text.data(), text.size()};
}

void keep(void* context, drover_bytes answer) {
    static_cast<std::string*>(context)->assign(answer.data, answer.size);
}

/// A running job whose engine side is broken.
class BrokenRunningJob : public FakeRunningJob {
public:
    bool setOutcome(JobOutcome) override { throw std::runtime_error("no outcome today"); }
    HostStatus call(HostCall, std::string_view, std::string&) override { throw 1; }
};

}  // namespace

/// The C table: arguments are checked, answers are the ABI's, nothing is thrown.
class HostApiTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(HostApiTest);
    CPPUNIT_TEST(everyFunctionIsThere);
    CPPUNIT_TEST(eachOutcomeReachesItsJob);
    CPPUNIT_TEST(secondOutcomeIsRefused);
    CPPUNIT_TEST(jobIndexOutOfRangeIsAnArgumentError);
    CPPUNIT_TEST(textThatIsNotJsonOrUtf8IsAnArgumentError);
    CPPUNIT_TEST(negativeTimesAreArgumentErrors);
    CPPUNIT_TEST(reasonThatIsNotUtf8IsRepaired);
    CPPUNIT_TEST(answersOfTheRunningJobPassThrough);
    CPPUNIT_TEST(requestsAndTheirAnswersPassThrough);
    CPPUNIT_TEST(rowsAreCounted);
    CPPUNIT_TEST(removedChildrenAreCounted);
    CPPUNIT_TEST(aChildToWaitForPassesThrough);
    CPPUNIT_TEST(aJobHasAllOfItsClaim);
    CPPUNIT_TEST(aJobOfAnOlderEngineHasWhatThatOffers);
    CPPUNIT_TEST(cancelTokenPassesThrough);
    CPPUNIT_TEST(reasonOfACancelPassesThrough);
    CPPUNIT_TEST(theTableOnlyGrowsAtItsEnd);
    CPPUNIT_TEST(aHandlerOnAShorterTableHasWhatThatOffers);
    CPPUNIT_TEST(nothingIsThrownAcrossTheBoundary);
    CPPUNIT_TEST(logLineGoesToThePluginsLogger);
    CPPUNIT_TEST(lineAboutAJobHasItsFields);
    CPPUNIT_TEST(unknownRequestIsUnsupported);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyFunctionIsThere() {
        CPPUNIT_ASSERT_EQUAL(static_cast<std::uint32_t>(sizeof(drover_host_api)), api_.struct_size);
        CPPUNIT_ASSERT_EQUAL(DROVER_ABI_MAJOR, static_cast<int>(api_.abi_major));
        CPPUNIT_ASSERT_EQUAL(DROVER_ABI_MINOR, static_cast<int>(api_.abi_minor));
        // The table holds nothing but function pointers behind its head; a member forgotten in it would be NULL.
        const auto* first = reinterpret_cast<void* const*>(&api_.complete);
        const auto* end = reinterpret_cast<void* const*>(&api_ + 1);
        for (const auto* function = first; function != end; ++function) {
            CPPUNIT_ASSERT(*function != nullptr);
        }
    }

    void eachOutcomeReachesItsJob() {
        FakeRunningJob completed, empty, failed, hopeless, away, delayed, wait, children, limited;
        FakeRunningJob refused;
        use({&completed,
             &empty,
             &failed,
             &hopeless,
             &away,
             &delayed,
             &wait,
             &children,
             &limited,
             &refused});
        CPPUNIT_ASSERT_EQUAL(0, api_.complete(&call_, 0, bytes("{\"a\":1}")));
        CPPUNIT_ASSERT_EQUAL(0, api_.complete(&call_, 1, {nullptr, 0}));
        CPPUNIT_ASSERT_EQUAL(0, api_.fail(&call_, 2, bytes("reason"), bytes("trace"), 0));
        CPPUNIT_ASSERT_EQUAL(0, api_.fail(&call_, 3, bytes("sold out"), {nullptr, 0}, 1));
        CPPUNIT_ASSERT_EQUAL(0, api_.unavailable(&call_, 4, bytes("away"), 10));
        CPPUNIT_ASSERT_EQUAL(0, api_.move_to_delayed(&call_, 5, 1700000000000));
        CPPUNIT_ASSERT_EQUAL(0, api_.move_to_wait(&call_, 6));
        CPPUNIT_ASSERT_EQUAL(0, api_.move_to_waiting_children(&call_, 7));
        CPPUNIT_ASSERT_EQUAL(0, api_.rate_limit(&call_, 8, 30));
        assertOutcome(Kind::Completed, "{\"a\":1}", "", 0, completed);
        assertOutcome(Kind::Completed, "null", "", 0, empty);
        assertOutcome(Kind::Failed, "reason", "trace", 0, failed);
        assertOutcome(Kind::Unrecoverable, "sold out", "", 0, hopeless);
        assertOutcome(Kind::Unavailable, "away", "", 10, away);
        assertOutcome(Kind::Delayed, "", "", 1700000000000, delayed);
        assertOutcome(Kind::Wait, "", "", 0, wait);
        assertOutcome(Kind::WaitingChildren, "", "", 0, children);
        assertOutcome(Kind::RateLimited, "", "", 30, limited);
        CPPUNIT_ASSERT_EQUAL(0, api_.put_off(&call_, 9, 1700000000000, bytes("caf\xE9")));
        assertOutcome(Kind::Delayed, "caf\xEF\xBF\xBD", "", 1700000000000, refused);
    }

    void secondOutcomeIsRefused() {
        FakeRunningJob job;
        use({&job});
        CPPUNIT_ASSERT_EQUAL(0, api_.complete(&call_, 0, bytes("1")));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_TWICE, api_.fail(&call_, 0, bytes("no"), bytes(""), 0));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_TWICE, api_.move_to_wait(&call_, 0));
        assertOutcome(Kind::Completed, "1", "", 0, job);
    }

    void jobIndexOutOfRangeIsAnArgumentError() {
        FakeRunningJob job;
        use({&job});
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.complete(&call_, 1, bytes("1")));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.fail(&call_, 7, bytes("x"), bytes(""), 0));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.add_log(nullptr, 0, bytes("x")));
        CPPUNIT_ASSERT_EQUAL(+DROVER_CANCELLED_LOST, api_.cancelled(&call_, 1));
        CPPUNIT_ASSERT_EQUAL(+DROVER_CANCELLED_LOST, api_.wait_cancelled(&call_, 1, 5));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.cancel_reason(&call_, 1, &keep, &answer_));
        CPPUNIT_ASSERT(job.outcome.kind == Kind::Unset);
    }

    void textThatIsNotJsonOrUtf8IsAnArgumentError() {
        FakeRunningJob job;
        use({&job});
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.complete(&call_, 0, bytes("{")));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.update_progress(&call_, 0, bytes("half")));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.update_data(&call_, 0, bytes("")));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT,
                             api_.add_children(&call_, 0, bytes("[1"), &keep, &answer_));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.add_log(&call_, 0, bytes("\xE9")));
        CPPUNIT_ASSERT(job.outcome.kind == Kind::Unset);
        CPPUNIT_ASSERT(job.progress.empty() && job.written.empty() && job.children.empty() &&
                       job.logs.empty());
    }

    void negativeTimesAreArgumentErrors() {
        FakeRunningJob job;
        use({&job});
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.unavailable(&call_, 0, bytes("x"), -1));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.move_to_delayed(&call_, 0, -1));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.put_off(&call_, 0, -1, bytes("x")));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.rate_limit(&call_, 0, -1));
        CPPUNIT_ASSERT(job.outcome.kind == Kind::Unset);
    }

    void reasonThatIsNotUtf8IsRepaired() {
        FakeRunningJob job;
        use({&job});
        CPPUNIT_ASSERT_EQUAL(0, api_.fail(&call_, 0, bytes("caf\xE9"), bytes("\xFF"), 0));
        assertOutcome(Kind::Failed, "caf\xEF\xBF\xBD", "\xEF\xBF\xBD", 0, job);
    }

    void answersOfTheRunningJobPassThrough() {
        FakeRunningJob job;
        use({&job});
        CPPUNIT_ASSERT_EQUAL(0, api_.add_children(&call_, 0, bytes("[]"), &keep, &answer_));
        assertEqual(R"(["7"])", answer_);
        CPPUNIT_ASSERT_EQUAL(0, api_.children_values(&call_, 0, &keep, &answer_));
        assertEqual(R"({"bull:test:7":1})", answer_);
        job.answer = HostStatus::Lost;
        answer_ = "untouched";
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_LOST, api_.update_progress(&call_, 0, bytes("1")));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_LOST, api_.children_values(&call_, 0, &keep, &answer_));
        assertEqual("untouched", answer_);
        job.answer = HostStatus::Unavailable;
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_UNAVAILABLE, api_.update_data(&call_, 0, bytes("1")));
    }

    void requestsAndTheirAnswersPassThrough() {
        FakeRunningJob job;
        job.results = {{HostCall::AddJobs, "[1]"},
                       {HostCall::StoredJob, "{}"},
                       {HostCall::Dependencies, "{\"a\":1}"},
                       {HostCall::DependenciesCount, "{\"b\":1}"},
                       {HostCall::FailedChildren, "{\"c\":1}"},
                       {HostCall::UpsertScheduler, "null"},
                       {HostCall::RemoveScheduler, "true"}};
        use({&job});
        std::string all;
        const auto answered = [&](std::int32_t status) {
            all += std::to_string(status) + answer_ + " ";
        };
        answered(api_.add_jobs(&call_, 0, bytes("[]"), &keep, &answer_));
        answered(api_.stored_job(&call_, 0, &keep, &answer_));
        answered(api_.dependencies(&call_, 0, {nullptr, 0}, &keep, &answer_));
        answered(api_.dependencies(&call_, 0, bytes("{}"), &keep, &answer_));
        answered(api_.dependencies_count(&call_, 0, &keep, &answer_));
        answered(api_.failed_children(&call_, 0, &keep, &answer_));
        answered(api_.upsert_scheduler(&call_, 0, bytes("{}"), &keep, &answer_));
        answered(api_.remove_scheduler(&call_, 0, bytes("[]"), &keep, &answer_));
        assertEqual(R"(0[1] 0{} 0{"a":1} 0{"a":1} 0{"b":1} 0{"c":1} 0null 0true )", all);
        const std::vector<std::pair<HostCall, std::string>> calls = {
            {HostCall::AddJobs, "[]"},
            {HostCall::StoredJob, ""},
            {HostCall::Dependencies, ""},
            {HostCall::Dependencies, "{}"},
            {HostCall::DependenciesCount, ""},
            {HostCall::FailedChildren, ""},
            {HostCall::UpsertScheduler, "{}"},
            {HostCall::RemoveScheduler, "[]"}};
        CPPUNIT_ASSERT(job.calls == calls);
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT,
                             api_.add_jobs(&call_, 0, bytes("[1"), &keep, &answer_));
        assertEqual("the argument is not JSON", answer_);
    }

    void rowsAreCounted() {
        FakeRunningJob job;
        use({&job});
        std::int64_t rows = 7;
        CPPUNIT_ASSERT_EQUAL(0, api_.append_log(&call_, 0, bytes("a"), &rows));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, rows);
        CPPUNIT_ASSERT_EQUAL(0, api_.append_log(&call_, 0, bytes("b"), nullptr));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.append_log(&call_, 0, bytes("\xE9"), &rows));
        job.answer = HostStatus::Lost;
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_LOST, api_.append_log(&call_, 0, bytes("c"), &rows));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, rows);
    }

    void removedChildrenAreCounted() {
        FakeRunningJob job;
        job.results = {{HostCall::RemoveUnprocessedChildren, "12"}};
        use({&job});
        std::int64_t removed = 7;
        CPPUNIT_ASSERT_EQUAL(0, api_.remove_unprocessed_children(&call_, 0, &removed));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{12}, removed);
        CPPUNIT_ASSERT_EQUAL(0, api_.remove_unprocessed_children(&call_, 0, nullptr));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT,
                             api_.remove_unprocessed_children(&call_, 1, &removed));
    }

    void aChildToWaitForPassesThrough() {
        FakeRunningJob job;
        use({&job});
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, api_.move_to_waiting_child(&call_, 0, bytes("")));
        CPPUNIT_ASSERT_EQUAL(0, api_.move_to_waiting_child(&call_, 0, bytes("bull:x:1")));
        assertOutcome(Kind::WaitingChildren, "bull:x:1", "", 0, job);
    }

    void aJobHasAllOfItsClaim() {
        ClaimedJob claimed;
        claimed.token = "token";
        claimed.stacktrace = "[]";
        claimed.failedReason = "boom";
        claimed.parent = "{}";
        claimed.processedOnMs = 5;
        const drover_job fields = abiJob(claimed);
        const JobInfo job(fields);
        assertEqual("token [] boom {} 5",
                    std::string(job.token()) + " " + std::string(job.stacktrace()) + " " +
                        std::string(job.failedReason()) + " " + std::string(job.parent()) + " " +
                        std::to_string(job.processedOnMs()));
    }

    /// An engine of minor version 0 has no members behind `progress`.
    void aJobOfAnOlderEngineHasWhatThatOffers() {
        ClaimedJob claimed;
        claimed.progress = "1";
        claimed.token = "token";
        drover_job older = abiJob(claimed);
        older.struct_size = offsetof(drover_job, processed_on_ms);
        const JobInfo job(older);
        assertEqual("1", std::string(job.progress()));
        CPPUNIT_ASSERT(job.token().empty() && job.stacktrace().empty() &&
                       job.failedReason().empty() && job.parent().empty());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, job.processedOnMs());
        CPPUNIT_ASSERT_EQUAL(std::size_t{40 + 9 * sizeof(drover_bytes)},
                             offsetof(drover_job, processed_on_ms));
    }

    void cancelTokenPassesThrough() {
        FakeRunningJob job;
        use({&job});
        CPPUNIT_ASSERT_EQUAL(+DROVER_NOT_CANCELLED, api_.cancelled(&call_, 0));
        job.cancel = CancelReason::Timeout;
        CPPUNIT_ASSERT_EQUAL(+DROVER_CANCELLED_TIMEOUT, api_.cancelled(&call_, 0));
        CPPUNIT_ASSERT_EQUAL(+DROVER_CANCELLED_TIMEOUT, api_.wait_cancelled(&call_, 0, -5));
        CPPUNIT_ASSERT(job.waited ==
                       std::vector<std::chrono::milliseconds>{std::chrono::milliseconds{0}});
    }

    void reasonOfACancelPassesThrough() {
        FakeRunningJob job;
        use({&job});
        answer_ = "untouched";
        CPPUNIT_ASSERT_EQUAL(+DROVER_OK, api_.cancel_reason(&call_, 0, &keep, &answer_));
        CPPUNIT_ASSERT_EQUAL(std::string(), answer_);
        job.cancel = CancelReason::Remote;
        job.why = "a typing error";
        CPPUNIT_ASSERT_EQUAL(+DROVER_OK, api_.cancel_reason(&call_, 0, &keep, &answer_));
        assertEqual("a typing error", answer_);
    }

    /// Plugins of minor version 0 have the functions at these places.
    void theTableOnlyGrowsAtItsEnd() {
        CPPUNIT_ASSERT_EQUAL(8 + 16 * sizeof(void*), offsetof(drover_host_api, cancel_reason));
        CPPUNIT_ASSERT_EQUAL(8 + 15 * sizeof(void*), offsetof(drover_host_api, request));
    }

    /// A plugin that is built against minor 1 and meets a table of minor 0.
    void aHandlerOnAShorterTableHasWhatThatOffers() {
        FakeRunningJob job;
        job.cancel = CancelReason::Remote;
        job.why = "a typing error";
        use({&job});
        drover_job fields{};
        fields.struct_size = sizeof(fields);
        std::atomic<bool> decided{false};
        drover_host_api older = api_;
        older.struct_size = offsetof(drover_host_api, cancel_reason);
        older.cancel_reason = nullptr;
        older.put_off = nullptr;
        older.write_log_about = nullptr;
        older.append_log = nullptr;
        CPPUNIT_ASSERT_EQUAL(
            std::string(),
            drover::ActiveJob(&older, &call_, "p", fields, 0, &decided).cancelReason());
        assertEqual("a typing error",
                    drover::ActiveJob(&api_, &call_, "p", fields, 0, &decided).cancelReason());
        const std::chrono::system_clock::time_point until{std::chrono::seconds(7)};
        drover::ActiveJob(&older, &call_, "p", fields, 0, &decided).putOff(until, "refused");
        assertOutcome(Kind::Delayed, "", "", 7000, job);
        const LogCapture log("plugin.p");
        drover::ActiveJob(&older, &call_, "p", fields, 0, &decided).log().info("a line");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("a line plugin=p"));
        drover::ActiveJob handler(&older, &call_, "p", fields, 0, &decided);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, handler.addLog("a row"));
        CPPUNIT_ASSERT(job.logs == std::vector<std::string>{"a row"});
        // A test of each kind of missing function: one that reads, one with an argument, an outcome.
        for (const std::function<void()>& missing :
             std::initializer_list<std::function<void()>>{[&] { (void)handler.stored(); },
                                                          [&] { handler.addJob({.name = "x"}); },
                                                          [&] { handler.waitForChild("a:b:1"); }}) {
            CPPUNIT_ASSERT_THROW(missing(), std::runtime_error);
        }
        CPPUNIT_ASSERT(job.calls.empty());
        FakeRunningJob newer;
        use({&newer});
        drover::ActiveJob(&api_, &call_, "p", fields, 0, &decided).putOff(until, "refused");
        assertOutcome(Kind::Delayed, "refused", "", 7000, newer);
    }

    void nothingIsThrownAcrossTheBoundary() {
        BrokenRunningJob job;
        use({&job});
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_UNAVAILABLE, api_.complete(&call_, 0, bytes("1")));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_UNAVAILABLE, api_.add_log(&call_, 0, bytes("x")));
    }

    void logLineGoesToThePluginsLogger() {
        std::ostringstream out;
        Poco::Logger& logger = Poco::Logger::get("plugin.mail");
        logger.setChannel(Poco::AutoPtr<Poco::Channel>(new Poco::StreamChannel(out)));
        logger.setLevel(Poco::Message::PRIO_INFORMATION);
        api_.write_log("mail", DROVER_LOG_WARNING, bytes("slow \xFF"));
        api_.write_log("mail", DROVER_LOG_DEBUG, bytes("chatter"));
        logger.setChannel(nullptr);
        assertEqual("slow \xEF\xBF\xBD\n", out.str());
    }

    void lineAboutAJobHasItsFields() {
        FakeRunningJob first, second;
        second.claimed.id = "42";
        second.claimed.attemptsStarted = 3;
        second.worker = "here";
        use({&first, &second});
        call_.plugin = "mail";
        const LogCapture log("plugin.mail");
        CPPUNIT_ASSERT_EQUAL(
            0, api_.write_log_about(&call_, 1, DROVER_LOG_WARNING, bytes("slow \xFF")));
        CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT,
                             api_.write_log_about(&call_, 2, DROVER_LOG_WARNING, bytes("none")));
        drover_job fields{};
        std::atomic<bool> decided{false};
        drover::ActiveJob(&api_, &call_, "mail", fields, 0, &decided).log().debug("fine");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             log.count("slow \xEF\xBF\xBD queue=test job=42 jobName=echo attempt=3 "
                                       "plugin=mail worker=here"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             log.count("fine queue=test job=1 jobName=echo plugin=mail"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, log.count(""));
    }

    void unknownRequestIsUnsupported() {
        FakeRunningJob job;
        use({&job});
        CPPUNIT_ASSERT_EQUAL(
            +DROVER_E_UNSUPPORTED,
            api_.request(&call_, 0, bytes("weather"), bytes("{}"), &keep, &answer_));
    }

private:
    void use(std::vector<RunningJob*> jobs) {
        jobs_ = std::move(jobs);
        call_.jobs = jobs_;
    }

    static void assertOutcome(Kind kind,
                              const std::string& text,
                              const std::string& trace,
                              std::int64_t ms,
                              const FakeRunningJob& job) {
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(kind), static_cast<int>(job.outcome.kind));
        CPPUNIT_ASSERT_EQUAL(text, job.outcome.text);
        CPPUNIT_ASSERT_EQUAL(trace, job.outcome.trace);
        CPPUNIT_ASSERT_EQUAL(ms, job.outcome.ms);
    }

    const drover_host_api& api_ = hostApi();
    std::vector<RunningJob*> jobs_;
    drover_call call_{};
    std::string answer_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(HostApiTest);
