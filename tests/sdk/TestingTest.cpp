#include <chrono>
#include <drover/Handler.h>
#include <drover/Testing.h>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "core/ClaimedJob.h"
#include "core/JsonText.h"
#include "plugin/abi/AbiJob.h"
#include "plugin/abi/HostFunctions.h"
#include "plugin/loading/PluginGeneration.h"
#include "plugin/loading/PluginLoader.h"
#include "support/Assert.h"
#include "support/FakeRunningJob.h"
#include "worker/HandlerJobs.h"

using drover::test::assertEqual;

using drover::CancelCause;
using drover::test::FakeRunningJob;
using drover::testing::Instance;
using drover::testing::Job;
using drover::testing::Plugin;
using drover::testing::toString;
using std::chrono::milliseconds;
using Strings = std::vector<std::string>;

namespace {

/// Acts as its data says.
class Obedient : public drover::Handler {
public:
    drover::Outcome process(drover::ActiveJob& job) override {
        if (job.data() == "fields") {
            job.addLog(std::string(job.id()) + " " + std::string(job.name()) + " " +
                       std::string(job.queue()) + " " + std::string(job.opts()) + " " +
                       std::string(job.progress()) + " " + std::string(job.parentKey()) + " " +
                       std::string(job.scheduler()) + " " + std::string(job.deduplicationId()));
            job.addLog(std::to_string(job.timestampMs()) + " " + std::to_string(job.delayMs()) +
                       " " + std::to_string(job.priority()) + " " + std::to_string(job.attempts()) +
                       " " + std::to_string(job.attemptsMade()) + " " +
                       std::to_string(job.attemptsStarted()) + " " +
                       std::to_string(job.stalledCount()));
        } else if (job.data() == "work") {
            job.updateProgress("40");
            job.updateProgress(R"({"part":2})");
            job.updateData("[1]");
            job.addLog("a row");
            job.log().warning("a line");
            job.addLog(job.addChildren(
                R"([{"name":"a"},{"queue":"x:y","name":"b","data":[7],"opts":{"delay":5}}])"));
            job.addLog(job.childrenValues());
        } else if (job.data() == "add") {
            job.addLog(job.addJob({.name = "mail", .data = "[1]", .queue = "mails"}));
            const drover::JobToAdd two[] = {{.name = "a"}, {.name = "b", .queue = "no queue:"}};
            for (const drover::AddedJob& added : job.addJobs(two)) {
                job.addLog(added.id + added.message);
            }
            job.addLog(job.stored());
            return drover::waitForChild("bull:mails:1");
        } else if (job.data() == "add badly") {
            job.addJob({.name = "mail", .data = "half"});
        } else if (job.data() == "children") {
            const drover::JobChildren all = job.dependencies();
            job.addLog(all.processed.at(0).second + all.unprocessed.at(0) +
                       all.ignored.at(0).second + all.failed.at(0));
            job.addLog(std::to_string(job.dependenciesCount().unprocessed));
            drover::ChildPages pages;
            pages.failed.emplace();
            job.addLog(job.dependencies(pages).children.failed.at(0));
            const drover::FailedChildren failed = job.failedChildren();
            job.addLog(failed.failed.at(0).second.value_or("gone") + failed.ignored.at(0).second);
        } else if (job.data() == "schedule") {
            const auto run = job.upsertScheduler(
                {.id = "nightly", .repeat = R"({"every":5})", .jobs = R"({"name":"x"})"});
            job.upsertScheduler({.id = "other", .repeat = R"({"every":7})", .queue = "mails"});
            job.addLog(run->jobId + " " + std::to_string(run->dueMs));
            job.addLog(job.removeScheduler("nightly") ? "removed" : "none");
            job.addLog(job.removeScheduler("nightly") ? "removed" : "none");
            job.addLog(std::to_string(job.removeUnprocessedChildren()));
        } else if (job.data() == "wait") {
            while (!job.waitCancelled(milliseconds(100))) {
            }
            return drover::failed("cancelled by " +
                                  std::to_string(static_cast<int>(job.cancelCause())) +
                                  job.cancelReason());
        }
        return drover::completed();
    }
};

/// The engine's side of the same handler functions: a loaded plugin.
std::unique_ptr<drover::HandlerInstance> engineInstance(const std::string& file,
                                                        std::size_t index) {
    return drover::PluginGeneration::start(drover::PluginLoader().load(file),
                                           [](const std::string&) { return std::nullopt; })
        ->handlerTypes()
        .at(index)
        ->create();
}

const drover_plugin_descriptor* descriptorOf(const std::string& file) {
    return std::get<const drover_plugin_descriptor*>(drover::PluginLoader().load(file).descriptor);
}

std::string textOf(const drover::JobOutcome& outcome) {
    return std::to_string(static_cast<int>(outcome.kind)) + "|" + outcome.text + "|" +
           outcome.trace + "|" + std::to_string(outcome.ms);
}

/// Both kinds have the same order, but for Unset in front.
std::string textOf(const std::optional<drover::Outcome>& outcome) {
    return outcome ? std::to_string(static_cast<int>(outcome->kind) + 1) + "|" + outcome->text +
                         "|" + outcome->trace + "|" + std::to_string(outcome->ms)
                   : "0|||0";
}

drover_bytes bytes(std::string_view text) {
    return {text.data(), text.size()};
}

void keep(void* context, drover_bytes answer) {
    static_cast<std::string*>(context)->assign(answer.data, answer.size);
}

/// Every host function with arguments that are right and wrong, in an order in which each answer shows something.
std::vector<std::int32_t> answersOf(const drover_host_api& host, drover_call* call) {
    std::string answer;
    std::vector<std::int32_t> answers;
    for (const std::string_view text : {"1", "{", "", "\xFF", "\"a\"", "[]"}) {
        answers.push_back(host.update_progress(call, 0, bytes(text)));
        answers.push_back(host.update_data(call, 0, bytes(text)));
        answers.push_back(host.add_log(call, 0, bytes(text)));
    }
    answers.push_back(host.add_children(call, 0, bytes("[]"), &keep, &answer));
    answers.push_back(host.add_children(call, 0, bytes("[1"), &keep, &answer));
    answers.push_back(host.add_children(call, 0, bytes("[]"), nullptr, nullptr));
    answers.push_back(host.children_values(call, 0, &keep, &answer));
    answers.push_back(host.update_progress(call, 99, bytes("1")));
    answers.push_back(host.add_log(nullptr, 0, bytes("x")));
    answers.push_back(host.cancelled(call, 0));
    answers.push_back(host.cancelled(call, 99));
    answers.push_back(host.wait_cancelled(call, 0, -1));
    answers.push_back(host.wait_cancelled(nullptr, 0, 1));
    answers.push_back(host.cancel_reason(call, 0, &keep, &answer));
    answers.push_back(host.cancel_reason(call, 0, nullptr, nullptr));
    answers.push_back(host.cancel_reason(call, 99, &keep, &answer));
    answers.push_back(host.cancel_reason(nullptr, 0, &keep, &answer));
    answers.push_back(host.write_log_about(call, 0, DROVER_LOG_DEBUG, bytes("\xFF")));
    answers.push_back(host.write_log_about(call, 99, DROVER_LOG_DEBUG, bytes("x")));
    answers.push_back(host.write_log_about(nullptr, 0, DROVER_LOG_DEBUG, bytes("x")));
    answers.push_back(host.add_jobs(call, 0, bytes("[]"), &keep, &answer));
    answers.push_back(host.add_jobs(call, 0, bytes("[1"), &keep, &answer));
    answers.push_back(host.add_jobs(call, 99, bytes("[]"), &keep, &answer));
    answers.push_back(host.stored_job(call, 0, &keep, &answer));
    answers.push_back(host.stored_job(call, 99, &keep, &answer));
    answers.push_back(host.dependencies(call, 0, bytes(""), &keep, &answer));
    answers.push_back(host.dependencies(call, 0, bytes("{}"), nullptr, nullptr));
    answers.push_back(host.dependencies(call, 0, bytes("{"), &keep, &answer));
    answers.push_back(host.dependencies_count(call, 0, &keep, &answer));
    answers.push_back(host.failed_children(call, 0, &keep, &answer));
    std::int64_t rows = 0;
    answers.push_back(host.append_log(call, 0, bytes("x"), &rows));
    answers.push_back(host.append_log(call, 0, bytes("\xFF"), &rows));
    answers.push_back(host.append_log(call, 99, bytes("x"), nullptr));
    answers.push_back(static_cast<std::int32_t>(rows));
    answers.push_back(host.remove_unprocessed_children(call, 0, nullptr));
    answers.push_back(host.remove_unprocessed_children(call, 99, &rows));
    answers.push_back(host.upsert_scheduler(call, 0, bytes("{"), &keep, &answer));
    answers.push_back(host.upsert_scheduler(call, 0, bytes(R"({"id":"a"})"), &keep, &answer));
    answers.push_back(host.remove_scheduler(call, 0, bytes(R"({"id":"a"})"), &keep, &answer));
    answers.push_back(host.remove_scheduler(call, 99, bytes("{}"), &keep, &answer));
    answers.push_back(host.move_to_waiting_child(call, 0, bytes("")));
    answers.push_back(host.request(call, 0, bytes("weather"), bytes(""), &keep, &answer));
    answers.push_back(host.complete(call, 0, bytes("{")));
    answers.push_back(host.unavailable(call, 0, bytes("x"), -1));
    answers.push_back(host.move_to_delayed(call, 0, -1));
    answers.push_back(host.rate_limit(call, 0, -1));
    answers.push_back(host.put_off(call, 0, -1, bytes("x")));
    answers.push_back(host.put_off(call, 99, 1, bytes("x")));
    answers.push_back(host.complete(call, 99, bytes("1")));
    answers.push_back(host.complete(call, 0, {nullptr, 0}));
    answers.push_back(host.complete(call, 0, bytes("1")));
    answers.push_back(host.fail(call, 0, bytes("caf\xE9"), bytes("\xFF"), 1));
    answers.push_back(host.fail(call, 1, bytes("caf\xE9"), bytes("\xFF"), 1));
    answers.push_back(host.unavailable(call, 2, bytes("away"), 7));
    answers.push_back(host.move_to_delayed(call, 3, 1700000000000));
    answers.push_back(host.move_to_wait(call, 4));
    answers.push_back(host.move_to_waiting_children(call, 5));
    answers.push_back(host.rate_limit(call, 6, 30));
    answers.push_back(host.fail(call, 7, bytes("no"), bytes("line"), 0));
    answers.push_back(host.put_off(call, 8, 1700000000000, bytes("caf\xE9")));
    answers.push_back(host.move_to_waiting_child(call, 9, bytes("bull:x:1")));
    return answers;
}

constexpr std::size_t kCallJobs = 10;

std::vector<std::int32_t> gAnswers;  ///< Written by the handler below.
const drover_host_api* gHost = nullptr;

/// A handler in C functions that calls everything.
const drover_plugin_descriptor* callingPlugin() {
    static drover_handler handler{};
    static const drover_handler* handlers[] = {&handler};
    static drover_plugin_descriptor plugin{};
    handler.struct_size = sizeof(handler);
    handler.batch_max = kCallJobs;
    handler.name = "calling";
    handler.default_queue = "calling";
    handler.create = [](const drover_host_api* host, const drover_config*, drover_sink, void*) {
        gHost = host;
        return static_cast<void*>(&handler);
    };
    handler.destroy = [](void*) {};
    handler.process = [](void*, drover_call* call, const drover_job* const*, std::uint32_t) {
        gAnswers = answersOf(*gHost, call);
    };
    plugin.magic = DROVER_ABI_MAGIC;
    plugin.abi_major = DROVER_ABI_MAJOR;
    plugin.abi_minor = DROVER_ABI_MINOR;
    plugin.struct_size = sizeof(plugin);
    plugin.handler_count = 1;
    plugin.handlers = handlers;
    plugin.name = "calling";
    plugin.version = "1";
    return &plugin;
}

/// Returns the text of the exception that `action` throws.
template <typename Action>
std::string refusalOf(Action action) {
    try {
        action();
    } catch (const std::exception& error) {
        return error.what();
    }
    return "(nothing was thrown)";
}

}  // namespace

DROVER_PLUGIN(drover::plugin("obedient", "1.0.0").handler<Obedient>("obey", {.queue = "orders"}))

/// A handler runs without engine and servers as it runs with them.
class TestingTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TestingTest);
    CPPUNIT_TEST(handlerSeesTheFieldsOfItsJob);
    CPPUNIT_TEST(attemptsAreReadAsTheEngineReadsThem);
    CPPUNIT_TEST(theCallsOfAHandlerCanBeLookedAt);
    CPPUNIT_TEST(addsCanBeLookedAtAndRejected);
    CPPUNIT_TEST(childrenCanBeSet);
    CPPUNIT_TEST(schedulersCanBeLookedAt);
    CPPUNIT_TEST(outcomesHaveWords);
    CPPUNIT_TEST(tokenIsSetAfterTheWaitsOfTheHandler);
    CPPUNIT_TEST(tokenIsSetFromAnotherThread);
    CPPUNIT_TEST(lostJobAndLostRedisAreAnswered);
    CPPUNIT_TEST(batchHasAsManyAsItMayAtOnce);
    CPPUNIT_TEST(outcomeOfAndBackoffAreCalled);
    CPPUNIT_TEST(configurationIsCheckedAndReloaded);
    CPPUNIT_TEST(textsThatTheEngineRefusesAreRefused);
    CPPUNIT_TEST(misuseIsReportedToTheTestsAuthor);
    CPPUNIT_TEST(hostAnswersAsTheEngineDoes);
    CPPUNIT_TEST(handlersEndAsTheyDoInTheEngine);
    CPPUNIT_TEST(echoHandlerSurvivesAnyData);
    CPPUNIT_TEST(childrenAreReadAsByTheEngine);
    CPPUNIT_TEST(exampleInCWorks);
    CPPUNIT_TEST(exampleInCIsLoaded);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { static_cast<void>(drover::testing::popLog()); }

    void handlerSeesTheFieldsOfItsJob() {
        Job fresh({.data = "fields"});
        obey(fresh);
        CPPUNIT_ASSERT(
            (fresh.logs() == Strings{"1 obey bull:orders {}    ", "1700000000000 0 0 0 0 1 0"}));
        Job job({.data = "fields",
                 .queue = "p:q",
                 .id = "7",
                 .opts = R"({"x":{"attempts":1},"attempts":5.0})",
                 .progress = "9",
                 .parentKey = "p:q:6",
                 .scheduler = "nightly",
                 .deduplicationId = "once",
                 .timestampMs = 11,
                 .delayMs = 22,
                 .priority = 33,
                 .attemptsMade = 2,
                 .stalledCount = 4});
        obey(job);
        assertEqual(R"(7 obey p:q {"x":{"attempts":1},"attempts":5.0} 9 p:q:6 nightly once)",
                    job.logs().at(0));
        assertEqual("11 22 33 5 2 3 4", job.logs().at(1));
    }

    void attemptsAreReadAsTheEngineReadsThem() {
        const std::pair<const char*, int> cases[] = {{R"("3")", 3},
                                                     {R"(" 0x10 ")", 16},
                                                     {"2.5", 3},
                                                     {"[4]", 4},
                                                     {R"(["5"])", 5},
                                                     {"true", 1},
                                                     {"null", 0},
                                                     {"-2", 0},
                                                     {R"("many")", 0},
                                                     {"{}", 0},
                                                     {"[1,2]", 0},
                                                     {"1e400", 2147483647},
                                                     {R"("1e9")", 1000000000},
                                                     {"2147483648", 2147483647}};
        for (const auto& [value, attempts] : cases) {
            drover::ClaimedJob claimed;
            claimed.opts = std::string("{\"attempts\":") + value + "}";
            CPPUNIT_ASSERT_EQUAL_MESSAGE(value, attempts, drover::abiJob(claimed).attempts);
            Job job({.data = "fields", .opts = claimed.opts});
            obey(job);
            CPPUNIT_ASSERT_EQUAL("1700000000000 0 0 " + std::to_string(attempts) + " 0 1 0",
                                 job.logs().at(1));
        }
    }

    void theCallsOfAHandlerCanBeLookedAt() {
        Job job({.data = "work"});
        job.setChildrenValues(R"({"bull:orders:9":true})");
        obey(job);
        CPPUNIT_ASSERT(job.outcome() == drover::completed());
        CPPUNIT_ASSERT((job.progress() == Strings{"40", R"({"part":2})"}));
        CPPUNIT_ASSERT((job.updatedData() == Strings{"[1]"}));
        CPPUNIT_ASSERT(
            (job.logs() == Strings{"a row", R"(["1","2"])", R"({"bull:orders:9":true})"}));
        CPPUNIT_ASSERT((job.children() == std::vector<drover::testing::Child>{
                                              {"bull:orders", "a", "{}", "{}"},
                                              {"x:y", "b", "[7]", R"({"delay":5})"}}));
        CPPUNIT_ASSERT(
            (drover::testing::popLog() == std::vector<drover::testing::LogLine>{
                                              {"obedient", DROVER_LOG_WARNING, "a line", "1"}}));
        CPPUNIT_ASSERT(drover::testing::popLog().empty());
    }

    void addsCanBeLookedAtAndRejected() {
        Job job({.data = "add"});
        job.setStored(R"({"id":"1"})");
        obey(job);
        assertEqual("waiting for bull:mails:1", toString(job.outcome()));
        CPPUNIT_ASSERT(
            (job.added() == std::vector<drover::testing::Child>{{"bull:mails", "mail", "[1]", "{}"},
                                                                {"bull:orders", "a", "{}", "{}"}}));
        CPPUNIT_ASSERT(
            (job.logs() == Strings{"1", "2", "not a job of the right form", R"({"id":"1"})"}));
        Job rejected({.data = "add"});
        rejected.rejectAdds("no such parent", -5);
        obey(rejected);
        assertEqual("failed: addJob mail: no such parent", toString(rejected.outcome()));
        CPPUNIT_ASSERT(rejected.added().empty());
        Job away({.data = "add"});
        away.loseRedis();
        obey(away);
        assertEqual("unavailable for 0 ms: addJobs job 1 of bull:orders: Redis cannot be reached",
                    toString(away.outcome()));
        Job bad({.data = "add badly"});
        obey(bad);
        assertEqual("failed: the data of the job \"mail\" is not JSON", toString(bad.outcome()));
    }

    void childrenCanBeSet() {
        Job job({.data = "children"});
        job.setDependencies(
            {{{"bull:x:1", "{}"}}, {"bull:x:2"}, {{"bull:x:3", "no"}}, {"bull:x:4"}});
        job.setFailedChildren({{{"bull:x:4", std::nullopt}}, {{"bull:x:3", "no"}}});
        obey(job);
        CPPUNIT_ASSERT((job.logs() == Strings{"{}bull:x:2nobull:x:4", "1", "bull:x:4", "goneno"}));
    }

    void schedulersCanBeLookedAt() {
        Job job({.data = "schedule"});
        job.setDependencies({{}, {"bull:x:1", "bull:x:2"}, {}, {}});
        CPPUNIT_ASSERT(!job.unprocessedChildrenRemoved());
        obey(job);
        CPPUNIT_ASSERT(
            (job.logs() ==
             Strings{"repeat:nightly:1700000000000 1700000000000", "removed", "none", "2"}));
        CPPUNIT_ASSERT((job.schedulers() == std::vector<drover::SchedulerToUpsert>{
                                                {"other", R"({"every":7})", "{}", "bull:mails"}}));
        CPPUNIT_ASSERT(job.unprocessedChildrenRemoved());
    }

    void outcomesHaveWords() {
        const std::vector<std::pair<std::optional<drover::Outcome>, std::string>> cases = {
            {drover::completed("\"x\""), "completed \"x\""},
            {drover::failed("no"), "failed: no"},
            {drover::unrecoverable("sold out"), "unrecoverable: sold out"},
            {drover::unavailable("away", milliseconds(5)), "unavailable for 5 ms: away"},
            {drover::delayed(std::chrono::system_clock::time_point(milliseconds(8))),
             "delayed until 8"},
            {drover::movedToWait(), "moved to wait"},
            {drover::waitForChildren(), "waiting for children"},
            {drover::rateLimited(milliseconds(3)), "rate limited for 3 ms"},
            {std::nullopt, "no outcome"}};
        for (const auto& [outcome, words] : cases) {
            CPPUNIT_ASSERT_EQUAL(words, toString(outcome));
        }
    }

    void tokenIsSetAfterTheWaitsOfTheHandler() {
        Job job({.data = "wait"});
        job.cancelAfter(std::chrono::hours(1) + milliseconds(50), CancelCause::Timeout);
        obey(job);
        assertEqual("failed: cancelled by 2", toString(job.outcome()));
        CPPUNIT_ASSERT(job.waited() == std::chrono::hours(1) + milliseconds(50));
        Job before({.data = "wait"});
        before.cancel(CancelCause::Shutdown).cancel(CancelCause::Remote);
        obey(before);
        assertEqual("failed: cancelled by 4", toString(before.outcome()));
        CPPUNIT_ASSERT(before.waited() == milliseconds(0));
    }

    void tokenIsSetFromAnotherThread() {
        Job job({.data = "wait"});
        std::thread other([&job] {
            while (job.waited() == milliseconds(0)) {
                std::this_thread::yield();
            }
            job.cancel(CancelCause::Remote, ": a typing error");
        });
        obey(job);
        other.join();
        assertEqual("failed: cancelled by 3: a typing error", toString(job.outcome()));
        Job later({.data = "wait"});
        later.cancelAfter(milliseconds(50), CancelCause::Remote, ": too late");
        obey(later);
        assertEqual("failed: cancelled by 3: too late", toString(later.outcome()));
    }

    void lostJobAndLostRedisAreAnswered() {
        Job lost({.data = "work"});
        lost.cancel(CancelCause::Timeout).cancel(CancelCause::Lost);
        obey(lost);
        assertEqual("failed: updateProgress job 1 of bull:orders: this worker has lost the job",
                    toString(lost.outcome()));
        Job away({.data = "work"});
        away.loseRedis();
        obey(away);
        assertEqual(
            "unavailable for 0 ms: updateProgress job 1 of "
            "bull:orders: Redis cannot be reached",
            toString(away.outcome()));
        CPPUNIT_ASSERT(lost.progress().empty() && away.progress().empty());
    }

    void batchHasAsManyAsItMayAtOnce() {
        const Plugin plugin(descriptorOf(DROVER_THROWING_PLUGIN));
        Instance batch = plugin.create("batch");
        std::vector<Job> jobs(9);
        jobs.emplace_back(drover::testing::JobFields{.data = "\"forgotten\"", .name = "b2"});
        batch.run(jobs);
        CPPUNIT_ASSERT((jobs[0].logs() == Strings{"8"}));
        CPPUNIT_ASSERT((jobs[8].logs() == Strings{"2"}));
        assertEqual("completed null", toString(jobs[8].outcome()));
        assertEqual("no outcome", toString(jobs[9].outcome()));
    }

    void outcomeOfAndBackoffAreCalled() {
        const Plugin plugin(descriptorOf(DROVER_THROWING_PLUGIN));
        Instance batch = plugin.create("batch");
        Job known({.data = "\"known\""});
        Job unknown;
        batch.outcomeOf(known);
        batch.outcomeOf(unknown);
        assertEqual("completed \"kept\"", toString(known.outcome()));
        CPPUNIT_ASSERT(!unknown.outcome());
        CPPUNIT_ASSERT(batch.backoff(unknown, 3, "own") == milliseconds(302));
        CPPUNIT_ASSERT(!batch.backoff(unknown, 3, "own", "hopeless"));
        Instance single = plugin.create("single");
        Job job;
        single.outcomeOf(job);
        CPPUNIT_ASSERT(!job.outcome());
        assertEqual("the handler single has no backoff of its own",
                    refusalOf([&] { static_cast<void>(single.backoff(job, 1, "own")); }));
    }

    void configurationIsCheckedAndReloaded() {
        const Plugin plugin(descriptorOf(DROVER_CONFIGURED_PLUGIN), {{"size", "3"}});
        Instance configured = plugin.create();
        const auto answer = [&configured] {
            Job job;
            configured.run(job);
            return toString(job.outcome());
        };
        assertEqual("completed \"hello 3 0.500000 quiet unset none\"", answer());
        configured.configure({{"greeting", "bye"}});
        assertEqual("completed \"bye 3 0.500000 quiet unset none\"", answer());

        const std::vector<std::pair<std::map<std::string, std::string>, std::string>> wrong = {
            {{}, "the configuration key size is required"},
            {{{"size", "0"}}, "the configuration key size cannot be '0'"},
            {{{"size", "x"}}, "the configuration key size cannot be 'x'"},
            {{{"size", "1"}, {"ratio", "1.5"}}, "the configuration key ratio cannot be '1.5'"},
            {{{"size", "1"}, {"loud", "yes"}}, "the configuration key loud cannot be 'yes'"},
            {{{"size", "1"}, {"siez", "1"}}, "a configuration key is given that is not declared"},
            {{{"size", "1"}, {"greeting", "no init"}},
             "the init of the plugin configured refuses: std::runtime_error: not today"}};
        for (const auto& [config, message] : wrong) {
            const auto& values = config;
            const std::string told = refusalOf([&values] {
                const Plugin refused(descriptorOf(DROVER_CONFIGURED_PLUGIN), values);
            });
            CPPUNIT_ASSERT_EQUAL(message, told.substr(0, message.size()));
        }
        assertEqual("the configuration key size is not reloadable", refusalOf([&] {
                        configured.configure({{"size", "4"}});
                    }));
        const Plugin rude(descriptorOf(DROVER_CONFIGURED_PLUGIN),
                          {{"size", "1"}, {"greeting", "refuse"}});
        assertEqual(
            "the handler configured cannot be made: std::runtime_error: this greeting "
            "is rude",
            refusalOf([&rude] { static_cast<void>(rude.create()); }));
    }

    void textsThatTheEngineRefusesAreRefused() {
        const Plugin plugin(descriptorOf(DROVER_THROWING_PLUGIN));
        Instance single = plugin.create("single");
        Job job({.data = "\"not json\""});
        single.run(job);
        assertEqual(
            "failed: complete job 1 of bull:t: the engine accepts only "
            "well-formed JSON and UTF-8 here",
            toString(job.outcome()));
    }

    void misuseIsReportedToTheTestsAuthor() {
        const Plugin plugin(drover_plugin());
        Instance handler = plugin.create("obey");
        Job other({.name = "oeby"});
        assertEqual("the handler obey does not serve jobs named oeby",
                    refusalOf([&] { handler.run(other); }));
        Job job;
        handler.run(job);
        assertEqual("job 1 has an outcome already; another attempt is another Job",
                    refusalOf([&] { handler.run(job); }));
        assertEqual("the plugin obedient has no handler oeby",
                    refusalOf([&] { static_cast<void>(plugin.create("oeby")); }));
        assertEqual("this is not a descriptor of the plugin ABI of this Testing.h",
                    refusalOf([] { const Plugin none(nullptr); }));
    }

    void hostAnswersAsTheEngineDoes() {
        const Plugin plugin(callingPlugin());
        Instance calling = plugin.create();
        std::vector<Job> jobs(kCallJobs);
        for (Job& job : jobs) {
            job = Job({.name = "x"});
        }
        calling.run(jobs);

        FakeRunningJob fakes[kCallJobs];
        std::vector<drover::RunningJob*> running;
        for (FakeRunningJob& fake : fakes) {
            running.push_back(&fake);
        }
        drover_call call{running};
        CPPUNIT_ASSERT(gAnswers == answersOf(drover::hostApi(), &call));
        for (std::size_t i = 0; i < kCallJobs; ++i) {
            CPPUNIT_ASSERT_EQUAL(textOf(fakes[i].outcome), textOf(jobs[i].outcome()));
        }
        CPPUNIT_ASSERT(fakes[0].progress == jobs[0].progress());
        CPPUNIT_ASSERT(fakes[0].written == jobs[0].updatedData());
        CPPUNIT_ASSERT(fakes[0].logs == jobs[0].logs());
    }

    void handlersEndAsTheyDoInTheEngine() {
        const Strings data = {"\"std\"",
                              "\"nested\"",
                              "\"int\"",
                              "\"memory\"",
                              "\"away\"",
                              "\"decided\"",
                              "\"not json\"",
                              "\"unset\"",
                              "1"};
        sameOutcomes(DROVER_THROWING_PLUGIN, 0, "single", data, false);
        // One of them is to blame, and found by halving.
        sameOutcomes(DROVER_THROWING_PLUGIN,
                     1,
                     "b1",
                     {"1", "\"early\"", "2", "\"bad\"", "\"forgotten\"", "3", "4", "5", "6"},
                     true);
        sameOutcomes(DROVER_THROWING_PLUGIN, 1, "b1", {"1", "\"away\"", "\"early\""}, true);
    }

    void echoHandlerSurvivesAnyData() {
        const Plugin plugin(descriptorOf(DROVER_ECHO_PLUGIN));
        Instance echo = plugin.create("echo");
        const std::size_t levels = 1'000'000;
        for (const std::string& data :
             {std::string(levels, '[') + std::string(levels, ']'),
              "{\"fail\":" + std::string(levels, '[') + std::string(levels, ']') + "}",
              std::string(R"({"progress":1.234567890123456789e-331})"),
              std::string(R"({"progress":1e400,"sleepMs":123456789012345678901234567890})"),
              std::string(R"({"cut":"\ud800"})")}) {
            Job job({.data = data});
            echo.run(job);
            CPPUNIT_ASSERT_MESSAGE(data.substr(0, 80), job.outcome() == drover::completed(data));
        }
        Job cut({.data = R"({"fail":"half \ud83d"})"});
        echo.run(cut);
        CPPUNIT_ASSERT(cut.outcome() == drover::failed("half \xEF\xBF\xBD"));
    }

    void childrenAreReadAsByTheEngine() {
        drover::ClaimedJob parent;
        parent.id = "1";
        parent.queue = "bull:orders";
        for (const std::string text :
             {"[]",
              "{}",
              "[1]",
              R"([{}])",
              R"([{"name":"a"}])",
              R"( [ { "name" : "a" , "data" : [ 1 , "x" ] } , {"name":"b"} ] )",
              R"([{"name":1}])",
              R"([{"name":"a","queue":"b"}])",
              R"([{"name":"a","queue":"b:"}])",
              R"([{"name":"a","queue":"x:y"}])",
              R"([{"name":"a\u0062","queue":"x\u003ay","opts":{"delay":5},"data":null}])",
              R"([{"name":"a","queue":7}])",
              R"([{"name":"a","opts":[]}])",
              R"([{"name":"a","opts":[1]}])",
              R"([{"name":"a","opts":"x"}])",
              R"([{"name":"a","extra":1}])",
              R"([{"name":"a"},{"queue":"x:y"}])",
              R"([{"name":"a"})"}) {
            std::string problem;
            const auto wanted = drover::parseChildren(text, parent, problem);
            const auto found = drover::testing::detail::parseChildren(text, parent.queue);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(text, wanted.has_value(), found.has_value());
            for (std::size_t i = 0; wanted && i < wanted->size(); ++i) {
                const drover::HandlerJob& child = (*wanted)[i];
                CPPUNIT_ASSERT_EQUAL(child.prefix + ":" + child.queue, found->at(i).queue);
                CPPUNIT_ASSERT_EQUAL(child.record.name, found->at(i).name);
                CPPUNIT_ASSERT_EQUAL(child.record.data, found->at(i).data);
            }
        }
    }

    void exampleInCWorks() {
        const Plugin plugin(descriptorOf(DROVER_ECHO_C_PLUGIN), {{"maxBytes", "20"}});
        Instance echo = plugin.create("echo");
        Job jobs[] = {Job({.data = R"({"a":[1,2]})"}),
                      Job({.data = R"("more than twenty bytes")"}),
                      Job({.data = "{"})};
        echo.run(jobs);
        CPPUNIT_ASSERT(jobs[0].outcome() == drover::completed(R"({"a":[1,2]})"));
        CPPUNIT_ASSERT(jobs[1].outcome() ==
                       drover::unrecoverable("24 bytes of data, at most 20 are accepted"));
        CPPUNIT_ASSERT(jobs[2].outcome() == drover::unrecoverable("its data is not JSON"));
        CPPUNIT_ASSERT((
            drover::testing::popLog() ==
            std::vector<drover::testing::LogLine>{
                {"echo-c", DROVER_LOG_WARNING, "24 bytes of data, at most 20 are accepted", "1"}}));

        echo.configure({{"waitMs", "300"}});
        Job waiting;
        Job cancelled;
        cancelled.cancelAfter(milliseconds(200), CancelCause::Remote);
        Job ending;
        ending.cancelAfter(milliseconds(299), CancelCause::Shutdown);
        echo.run(waiting);
        echo.run(cancelled);
        echo.run(ending);
        CPPUNIT_ASSERT(waiting.outcome() == drover::completed("{}"));
        CPPUNIT_ASSERT(waiting.waited() == milliseconds(300));
        CPPUNIT_ASSERT((waiting.progress() == Strings{"50"}));
        CPPUNIT_ASSERT(cancelled.outcome() == drover::failed("cancelled"));
        CPPUNIT_ASSERT(ending.outcome() == drover::movedToWait());
    }

    void exampleInCIsLoaded() {
        const drover::LoadedPlugin plugin = drover::PluginLoader().load(DROVER_ECHO_C_PLUGIN);
        assertEqual("echo-c", plugin.name);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, plugin.configKeys.size());
        const auto echo = engineInstance(DROVER_ECHO_C_PLUGIN, 0);
        FakeRunningJob job("[1]");
        drover::RunningJob* const jobs[] = {&job};
        echo->process(jobs);
        assertEqual("1|[1]||0", textOf(job.outcome));
    }

private:
    static void obey(Job& job) {
        const Plugin plugin(drover_plugin());
        Instance handler = plugin.create("obey");
        handler.run(job);
    }

    /// Runs the data in both worlds, together or one by one.
    static void sameOutcomes(const std::string& file,
                             std::size_t index,
                             const std::string& name,
                             const Strings& data,
                             bool together) {
        const drover_plugin_descriptor* const descriptor = descriptorOf(file);
        const Plugin plugin(descriptor);
        Instance instance = plugin.create(descriptor->handlers[index]->name);
        const auto engine = engineInstance(file, index);
        std::vector<Job> jobs;
        std::vector<std::unique_ptr<FakeRunningJob>> fakes;
        std::vector<drover::RunningJob*> running;
        for (const std::string& text : data) {
            jobs.emplace_back(
                drover::testing::JobFields{.data = text, .name = name, .queue = "bull:test"});
            fakes.push_back(std::make_unique<FakeRunningJob>(text, name));
            running.push_back(fakes.back().get());
        }
        const std::size_t step = together ? data.size() : 1;
        for (std::size_t from = 0; from < data.size(); from += step) {
            instance.run(std::span(jobs).subspan(from, step));
            engine->process(std::span(running).subspan(from, step));
        }
        for (std::size_t i = 0; i < data.size(); ++i) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                data[i], textOf(fakes[i]->outcome), textOf(jobs[i].outcome()));
            CPPUNIT_ASSERT(fakes[i]->logs == jobs[i].logs());
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TestingTest);
