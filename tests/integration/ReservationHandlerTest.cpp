#include <deque>
#include <dlfcn.h>
#include <map>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/PluginAbi.h"
#include "integration/ReservationFixture.h"
#include "plugin/loading/PluginLoader.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;

using drover::reservation::SeatRequest;
using drover::store::Params;
using drover::store::Session;

namespace {

/// Outcome of a job, by its index in the call: "completed {...}", or "failed", "unrecoverable", "unavailable" with
/// the reason.
using Outcomes = std::map<std::uint32_t, std::string>;

/// Lines about jobs: the index in the call, and the text.
std::vector<std::string> gLines;

std::string text(drover_bytes bytes) {
    return {bytes.data, bytes.size};
}

/// The engine's side of the ABI, as far as this plugin uses it; a call is a table of outcomes.
drover_host_api makeHost() {
    drover_host_api host{};
    host.struct_size = sizeof(host);
    host.abi_major = DROVER_ABI_MAJOR;
    host.abi_minor = DROVER_ABI_MINOR;
    host.complete = [](drover_call* call, std::uint32_t job, drover_bytes result) {
        const bool lost = (*reinterpret_cast<Outcomes*>(call))[job] == "lost";
        (*reinterpret_cast<Outcomes*>(call))[job] = lost ? "lost" : "completed " + text(result);
        return std::int32_t{lost ? DROVER_E_LOST : DROVER_OK};
    };
    host.fail = [](drover_call* call,
                   std::uint32_t job,
                   drover_bytes reason,
                   drover_bytes,
                   std::int32_t final) {
        (*reinterpret_cast<Outcomes*>(call))[job] =
            (final != 0 ? "unrecoverable " : "failed ") + text(reason);
        return std::int32_t{DROVER_OK};
    };
    host.unavailable = [](drover_call* call, std::uint32_t job, drover_bytes reason, std::int64_t) {
        (*reinterpret_cast<Outcomes*>(call))[job] = "unavailable " + text(reason);
        return std::int32_t{DROVER_OK};
    };
    host.move_to_delayed = [](drover_call* call, std::uint32_t job, std::int64_t) {
        (*reinterpret_cast<Outcomes*>(call))[job] = "delayed";
        return std::int32_t{DROVER_OK};
    };
    host.put_off = [](drover_call* call, std::uint32_t job, std::int64_t, drover_bytes reason) {
        (*reinterpret_cast<Outcomes*>(call))[job] = "put off " + text(reason);
        return std::int32_t{DROVER_OK};
    };
    host.write_log_about = [](drover_call*, std::uint32_t job, std::int32_t, drover_bytes line) {
        gLines.push_back(std::to_string(job) + " " + text(line));
        return std::int32_t{DROVER_OK};
    };
    return host;
}

const drover_host_api kHost = makeHost();

}  // namespace

/// reservation.so as the engine drives it, against a real database.
class ReservationHandlerTest : public drover::test::ReservationFixture {
    CPPUNIT_TEST_SUITE(ReservationHandlerTest);
    CPPUNIT_TEST(descriptorHasAllThatTheEngineNeeds);
    CPPUNIT_TEST(pluginPassesTheEnginesChecks);
    CPPUNIT_TEST(eachJobOfABatchGetsItsOwnOutcome);
    CPPUNIT_TEST(badDataFailsItsJobOnly);
    CPPUNIT_TEST(idThatNoLedgerCanHoldFailsItsJobOnly);
    CPPUNIT_TEST(redeliveredJobsCompleteAgain);
    CPPUNIT_TEST(jobsOfTwoQueuesAreTwoKeys);
    CPPUNIT_TEST(lostJobDoesNotDisturbItsNeighbours);
    CPPUNIT_TEST(jobThatTheDatabaseRefusesIsPutOffAlone);
    CPPUNIT_TEST(outcomeOfAnswersFromTheLedger);
    CPPUNIT_TEST(databaseAwayMakesAllUnavailableAndRecovers);
    CPPUNIT_TEST(badUrlRefusesTheHandlerWithoutShowingIt);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        ReservationFixture::setUp();
        void* library = dlopen(DROVER_BINARY_DIR "/plugins/reservation.so", RTLD_NOW | RTLD_LOCAL);
        CPPUNIT_ASSERT_MESSAGE(library == nullptr ? dlerror() : "", library != nullptr);
        const auto entry =
            reinterpret_cast<drover_plugin_function>(dlsym(library, DROVER_PLUGIN_SYMBOL));
        CPPUNIT_ASSERT(entry != nullptr);
        plugin_ = entry();
        handler_ = plugin_->handlers[0];
        instance_ = create(drover::test::PostgresServer::shared().url() + "?schema=" + schema_);
        CPPUNIT_ASSERT_MESSAGE(refusal_, instance_ != nullptr);
    }

    void tearDown() override {
        if (instance_ != nullptr) {
            handler_->destroy(instance_);
        }
        ReservationFixture::tearDown();
    }

    void descriptorHasAllThatTheEngineNeeds() {
        assertEqual("reservation", plugin_->name);
        assertEqual("reserveEvent", handler_->job_names[0]);
        assertEqual("reservation", handler_->default_queue);
        assertEqual(R"({"maxStalledCount": 10, "batchSize": 250, "concurrency": 1000})",
                    handler_->default_options);
        CPPUNIT_ASSERT_EQUAL(std::uint32_t{500}, handler_->batch_max);
        const drover_config_key& url = *plugin_->config_keys[0];
        assertEqual("database.url", url.name);
        CPPUNIT_ASSERT_EQUAL(
            unsigned{DROVER_CONFIG_REQUIRED | DROVER_CONFIG_SECRET | DROVER_CONFIG_SHARED},
            url.flags);
    }

    void pluginPassesTheEnginesChecks() {
        CPPUNIT_ASSERT(
            !drover::PluginLoader().load(DROVER_BINARY_DIR "/plugins/reservation.so").isService());
    }

    void eachJobOfABatchGetsItsOwnOutcome() {
        const std::int64_t event = addEvent(1);
        const Outcomes outcomes =
            run({job(event, 1), job(event, 1), job(event, 2), job(99999, 1), job(event, 99999)});
        CPPUNIT_ASSERT_EQUAL(
            "completed {\"reservationId\":" + std::to_string(reservationOf(event, 1)) +
                ",\"status\":\"RESERVED\"}",
            outcomes.at(0));
        assertEqual("unrecoverable already reserved", outcomes.at(1));
        assertEqual("unrecoverable sold out", outcomes.at(2));
        assertEqual("unrecoverable unknown event", outcomes.at(3));
        assertEqual("unrecoverable unknown user", outcomes.at(4));
    }

    void badDataFailsItsJobOnly() {
        const std::int64_t event = addEvent(5);
        TestJob bad = job(event, 1);
        bad.data = R"({"userId":"1","eventId":1})";
        const Outcomes outcomes = run({job(event, 1), bad, job(event, 2)});
        assertEqual("failed job data: userId is not an integer in [1, 2^63)", outcomes.at(1));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, reserved(event));
    }

    void idThatNoLedgerCanHoldFailsItsJobOnly() {
        const std::int64_t event = addEvent(5);
        TestJob notUtf8 = job(event, 1);
        notUtf8.id = "\xff\xfe";
        TestJob tooLong = job(event, 2);
        tooLong.id = std::string(5000, 'x');
        TestJob withNul = job(event, 3);
        withNul.id = std::string("a\0b", 3);
        const Outcomes outcomes = run({job(event, 4), notUtf8, tooLong, withNul, job(event, 5)});
        for (const std::uint32_t i : {1U, 2U, 3U}) {
            assertEqual("failed", outcomes.at(i).substr(0, 6));
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, reserved(event));
    }

    void redeliveredJobsCompleteAgain() {
        const std::int64_t event = addEvent(1);
        const TestJob once = job(event, 1);
        const Outcomes first = run({once});
        CPPUNIT_ASSERT(first == run({once}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, reserved(event));
    }

    void jobsOfTwoQueuesAreTwoKeys() {
        const std::int64_t event = addEvent(5);
        TestJob one = job(event, 1);
        TestJob other = one;
        other.queue = "bull:another";
        other.data = data(event, 2);
        const Outcomes outcomes = run({one, other});
        CPPUNIT_ASSERT(outcomes.at(0) != outcomes.at(1));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, reserved(event));
    }

    void lostJobDoesNotDisturbItsNeighbours() {
        const std::int64_t event = addEvent(2);
        const Outcomes outcomes = run({job(event, 1), job(event, 2), job(event, 3)}, {{0, "lost"}});
        assertEqual("lost", outcomes.at(0));
        assertEqual("completed", outcomes.at(1).substr(0, 9));
        assertEqual("unrecoverable sold out", outcomes.at(2));
        // A neighbour that was run again would have been rejected again.
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{1},
            number(*session_, "SELECT attempt FROM reservation_outcomes WHERE state = 'REJECTED'"));
    }

    void jobThatTheDatabaseRefusesIsPutOffAlone() {
        const std::int64_t event = addEvent(5);
        session_->execute(
            "ALTER TABLE reservation_outcomes ADD CONSTRAINT test_no_four CHECK (user_id <> 4)");
        gLines.clear();
        const Outcomes outcomes =
            run({job(event, 1), job(event, 2), job(event, 3), job(event, 4), job(event, 5)});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, gLines.size());
        assertEqual("3 the database refuses this job: ", gLines.front().substr(0, 33));
        assertEqual("put off ", outcomes.at(3).substr(0, 8));
        CPPUNIT_ASSERT(outcomes.at(3).find("test_no_four") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, reserved(event));
    }

    void outcomeOfAnswersFromTheLedger() {
        const std::int64_t event = addEvent(1);
        const TestJob winner = job(event, 1);
        const TestJob loser = job(event, 2);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, outcomeOf(winner).size());
        const Outcomes outcomes = run({winner, loser});
        CPPUNIT_ASSERT_EQUAL(outcomes.at(0), outcomeOf(winner).at(0));
        assertEqual("unrecoverable sold out", outcomeOf(loser).at(0));
    }

    void databaseAwayMakesAllUnavailableAndRecovers() {
        const std::int64_t event = addEvent(5);
        const std::vector<TestJob> jobs = {job(event, 1), job(event, 2)};
        run({job(event, 3)});
        drover::test::PostgresServer::shared().stop();
        const Outcomes away = run(jobs);
        drover::test::PostgresServer::shared().start();
        session_ = open();
        assertEqual("unavailable", away.at(0).substr(0, 11));
        assertEqual("unavailable", away.at(1).substr(0, 11));
        assertEqual("completed", run(jobs).at(1).substr(0, 9));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, reserved(event));
    }

    void badUrlRefusesTheHandlerWithoutShowingIt() {
        CPPUNIT_ASSERT(create("mysql://me:hunter2@h/d") == nullptr);
        assertContains(refusal_, "postgresql://");
        assertLacks(refusal_, "hunter2");
    }

private:
    struct TestJob {
        std::string id, queue, data;
        std::int64_t timestampMs = 0;
    };

    static std::string data(std::int64_t event, std::int64_t user) {
        return R"({"userId":)" + std::to_string(user) + R"(,"eventId":)" + std::to_string(event) +
               "}";
    }

    static TestJob job(std::int64_t event, std::int64_t user) {
        const SeatRequest key = request(event, user);
        return {key.jobId, kQueue, data(event, user), key.jobTimestampMs};
    }

    static drover_bytes bytes(const std::string& value) { return {value.data(), value.size()}; }

    static drover_job describe(const TestJob& job) {
        drover_job out{};
        out.struct_size = sizeof(out);
        out.timestamp_ms = job.timestampMs;
        out.id = bytes(job.id);
        out.queue = bytes(job.queue);
        out.data = bytes(job.data);
        return out;
    }

    void* create(const std::string& url) {
        std::vector<drover_bytes> values;
        std::deque<std::string> defaults;
        for (std::uint32_t i = 0; i < plugin_->config_key_count; ++i) {
            const drover_config_key& key = *plugin_->config_keys[i];
            defaults.emplace_back(key.default_value == nullptr ? "" : key.default_value);
            values.push_back(key.name == std::string("database.url") ? bytes(url)
                                                                     : bytes(defaults.back()));
        }
        const drover_config config{
            sizeof(config), static_cast<std::uint32_t>(values.size()), values.data()};
        return handler_->create(
            &kHost,
            &config,
            [](void* refusal, drover_bytes why) {
                *static_cast<std::string*>(refusal) = text(why);
            },
            &refusal_);
    }

    /// Runs the jobs as one batch; `outcomes`: those that the host has already.
    Outcomes run(const std::vector<TestJob>& jobs, Outcomes outcomes = {}) {
        std::vector<drover_job> described;
        std::vector<const drover_job*> pointers;
        described.reserve(jobs.size());
        pointers.reserve(jobs.size());
        for (const TestJob& job : jobs) {
            described.push_back(describe(job));
        }
        for (const drover_job& job : described) {
            pointers.push_back(&job);
        }
        handler_->process(instance_,
                          reinterpret_cast<drover_call*>(&outcomes),
                          pointers.data(),
                          static_cast<std::uint32_t>(pointers.size()));
        return outcomes;
    }

    Outcomes outcomeOf(const TestJob& job) {
        Outcomes outcomes;
        const drover_job described = describe(job);
        handler_->outcome_of(instance_, reinterpret_cast<drover_call*>(&outcomes), &described);
        return outcomes;
    }

    std::int64_t reservationOf(std::int64_t event, std::int64_t user) {
        return drover::reservation::ReservationRepository(*session_)
            .reservation(event, user)
            .value()
            .id;
    }

    const drover_plugin_descriptor* plugin_ = nullptr;
    const drover_handler* handler_ = nullptr;
    void* instance_ = nullptr;
    std::string refusal_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReservationHandlerTest);
