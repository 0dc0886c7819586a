#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "ReservationRoutes.h"
#include "integration/ReservationFixture.h"
#include "plugin/loading/PluginGeneration.h"
#include "plugin/loading/PluginLoader.h"
#include "queue/ops/Add.h"
#include "queue/ops/Read.h"
#include "routes/ConfiguredRoutes.h"
#include "support/Assert.h"
#include "support/CapturedAnswer.h"
#include "support/LogCapture.h"
#include "support/PgBouncer.h"
#include "support/RedisFixture.h"
#include "worker/Worker.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using drover::JobState;
using drover::reservation::Decision;
using drover::reservation::ReservationRepository;
using drover::store::Params;
using drover::test::LogCapture;

namespace {

/// The queue of a test, with a worker that runs reservation.so.
class ReservationQueue : public drover::test::RedisFixture {
public:
    using RedisFixture::eventually;
    using RedisFixture::keys;
    using RedisFixture::list;
    using RedisFixture::number;

    std::string add(std::int64_t event, std::int64_t user) {
        return addJob(
            "reserveEvent",
            R"({"userId":)" + std::to_string(user) + R"(,"eventId":)" + std::to_string(event) + "}",
            R"({"attempts":0,"removeOnComplete":true,"removeOnFail":true})");
    }
    drover::AddResult add(const drover::NewJob& job) {
        drover::JobRecord item;
        item.name = job.name;
        item.data = job.data;
        item.opts = job.opts.toStoredJson();
        item.timestampMs = clock_.wallMs();
        const std::string id =
            drover::ops::addJobs(context(), client(), {item}, item.timestampMs).front().id;
        return {drover::AddResult::Status::Added, id, 0, "", item.timestampMs};
    }
    std::optional<drover::Job> find(const std::string& id) {
        return drover::ops::job(context(), client(), id);
    }
    /// As after a restore from a copy that is older than every job.
    void rewind() { redis({"DEL", keys().idCounter}); }
    void giveUp(const std::string& id) {
        redis({"HSET", keys().job(id), "defa", "job stalled more than allowable limit"});
    }

    void work(const std::string& url, const std::string& statements = "auto") {
        const auto lookup = [url, statements](const std::string& key) {
            return key == "database.url"          ? std::optional(url)
                   : key == "database.statements" ? std::optional(statements)
                                                  : std::nullopt;
        };
        const auto plugin = drover::PluginGeneration::start(
            drover::PluginLoader().load(DROVER_BINARY_DIR "/plugins/reservation.so"), lookup);
        drover::QueueSettings settings;
        settings.prefix = "bull";
        settings.name = keys().qualifiedName().substr(5);
        settings.threads = 2;
        settings.batchSize = 50;
        settings.concurrency = 200;
        worker_ =
            std::make_unique<drover::Worker>(settings, options(), clock_, plugin->handlerTypes());
        worker_->start();
    }
    void rest() { worker_.reset(); }
    [[nodiscard]] drover::Worker::Stats stats() const { return worker_->stats(); }
    /// Jobs that wait, run or were put off.
    std::int64_t open() {
        return number({"LLEN", keys().wait}) + number({"LLEN", keys().active}) +
               number({"ZCARD", keys().delayed});
    }
    /// Makes the jobs that were put off due.
    void promote() {
        for (const std::string& id : putOff()) {
            redis({"ZADD", keys().delayed, "0", id});
        }
        redis({"ZADD", keys().marker, "0", "0"});
    }
    std::vector<std::string> putOff() {
        std::vector<std::string> ids;
        const auto reply = redis({"ZRANGE", keys().delayed, "0", "-1"});
        for (std::size_t i = 0; i < reply.size(); ++i) {
            ids.emplace_back(reply.at(i).text());
        }
        return ids;
    }

private:
    std::unique_ptr<drover::Worker> worker_;
};

}  // namespace

/// A database that answers and will not decide loses no accepted request; the log and the health report the fault.
class ReservationFaultsTest : public drover::test::ReservationFixture {
    CPPUNIT_TEST_SUITE(ReservationFaultsTest);
    CPPUNIT_TEST(aTriggerThatRaisesLosesNothing);
    CPPUNIT_TEST(aSequenceBehindItsTableLosesNothing);
    CPPUNIT_TEST(aConstraintThatWasAddedLosesNothing);
    CPPUNIT_TEST(aFunctionThatAnswersTooFewRowsLosesNothing);
    CPPUNIT_TEST(aFunctionThatAnswersForOtherRequestsLosesNothing);
    CPPUNIT_TEST(requestsThatAreRefusedDoNotDelayOtherRequests);
    CPPUNIT_TEST(unreadableDataIsStoredAsARejection);
    CPPUNIT_TEST(aJobThatWasGivenUpIsStoredAsARejection);
    CPPUNIT_TEST(aJobThatWasGivenUpWaitsForTheDatabase);
    CPPUNIT_TEST(aPoolerBetweenIsNotAnOutage);
    CPPUNIT_TEST(aPoolerThatIsKilledUnderLoadCostsNoAttempt);
    CPPUNIT_TEST(aPromotedStandbyTakesOver);
    CPPUNIT_TEST(anIdThatARewoundRedisIssuedAgainStaysTwoRequests);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        ReservationFixture::setUp();
        queue_.setUp();
        workerLog_.emplace("worker");
        pluginLog_.emplace("plugin");
        url_ = drover::test::PostgresServer::shared().url() + "?schema=" + schema_;
    }
    void tearDown() override {
        queue_.rest();
        workerLog_.reset();
        pluginLog_.reset();
        queue_.tearDown();
        ReservationFixture::tearDown();
    }

    void aTriggerThatRaisesLosesNothing() {
        losesNothing(
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'audit table is gone'; END $$;"
            "CREATE TRIGGER broken BEFORE INSERT ON reservation_outcomes FOR EACH ROW EXECUTE"
            " FUNCTION broken()",
            "audit table is gone",
            "DROP TRIGGER broken ON reservation_outcomes");
    }

    void aSequenceBehindItsTableLosesNothing() {
        // As after a restore of the tables alone. Each statement that is refused draws ids as well, so that the sequence
        // would pass a few used ones by itself.
        losesNothing(
            "INSERT INTO reservations (id, user_id, event_id, status, cancelled_at)"
            " SELECT n, 1, (SELECT max(id) FROM events), 'CANCELLED', now()"
            " FROM generate_series(1, 20000) n",
            "setval('reservations_id_seq'",
            "SELECT setval('reservations_id_seq', (SELECT max(id) FROM reservations))");
    }

    void aConstraintThatWasAddedLosesNothing() {
        losesNothing(
            "ALTER TABLE reservation_outcomes ADD CONSTRAINT nobody CHECK (user_id > 1000)",
            "constraint nobody",
            "ALTER TABLE reservation_outcomes DROP CONSTRAINT nobody");
    }

    void aFunctionThatAnswersTooFewRowsLosesNothing() {
        losesNothing(wrapper("RETURN QUERY SELECT * FROM real_seats($1, $2, $3, $4, $5) LIMIT 0"),
                     "answered 0 rows",
                     kUnwrap);
    }

    void aFunctionThatAnswersForOtherRequestsLosesNothing() {
        losesNothing(
            wrapper("RETURN QUERY SELECT r.request_position + 1, r.outcome_state, r.outcome_reason,"
                    " r.outcome_reservation_id FROM real_seats($1, $2, $3, $4, $5) r"),
            "with position 2",
            kUnwrap);
    }

    void requestsThatAreRefusedDoNotDelayOtherRequests() {
        const std::int64_t event = addEvent(100);
        session_->execute(
            "ALTER TABLE reservation_outcomes ADD CONSTRAINT picky CHECK (user_id % 10 <> 1)");
        // User 1 is the first: alone, it would be the probe of the breaker for ever.
        queue_.work(url_);
        const std::string first = queue_.add(event, 1);
        eventuallyStored("the first is put off", [&] { return queue_.putOff().size() == 1; });
        for (std::int64_t user = 2; user <= 40; ++user) {
            queue_.add(event, user);
        }
        eventuallyStored("the others are decided", [&] { return stored("RESERVED") == 36; });
        eventuallyStored("four are put off", [&] { return queue_.putOff().size() == 4; });
        const drover::Worker::Stats stats = queue_.stats();
        CPPUNIT_ASSERT(stats.putOff >= 4);
        CPPUNIT_ASSERT_MESSAGE(stats.putOffReason,
                               stats.putOffReason.find("picky") != std::string::npos);
        CPPUNIT_ASSERT(pluginLog_->count("constraint picky") > 0);
        session_->execute("ALTER TABLE reservation_outcomes DROP CONSTRAINT picky");
        queue_.promote();
        eventuallyStored("all are decided", [&] { return stored("RESERVED") == 40; });
        eventuallyStored("the queue is empty", [&] { return queue_.open() == 0; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{40}, reserved(event));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, workerLog_->count("failed for good"));
    }

    void unreadableDataIsStoredAsARejection() {
        const std::string id = queue_.add(0, 1);
        queue_.work(url_);
        eventuallyStored("rejected", [&] { return stored("REJECTED") == 1; });
        const auto decision =
            ReservationRepository(*session_).newestOutcome(queue_.keys().qualifiedName(), id);
        assertEqual("job data: eventId is not an integer in [1, 2^63)", decision.value().reason);
        eventuallyStored("logged", [&] { return workerLog_->count("failed for good") == 1; });
    }

    void aJobThatWasGivenUpIsStoredAsARejection() {
        const std::string id = queue_.add(addEvent(1), 1);
        queue_.giveUp(id);
        queue_.work(url_);
        eventuallyStored("rejected", [&] { return stored("REJECTED") == 1; });
        eventuallyStored("gone", [&] { return queue_.open() == 0; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                             number(*session_,
                                    "SELECT count(*) FROM reservation_outcomes WHERE reason LIKE "
                                    "'%stalled too often' AND event_id > 0 AND user_id = 1"));
    }

    void aJobThatWasGivenUpWaitsForTheDatabase() {
        // Its effect may be there: it is not failed before the ledger was read.
        const std::int64_t event = addEvent(1);
        const std::string id = queue_.add(event, 1);
        queue_.giveUp(id);
        drover::test::PostgresServer::shared().stop();
        queue_.work(url_);
        eventuallyStored("unavailable", [&] { return !queue_.stats().trouble.empty(); });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, queue_.stats().failed);
        drover::test::PostgresServer::shared().start();
        session_ = open();
        eventuallyStored("rejected", [&] { return stored("REJECTED") == 1; });
    }

    void aPoolerBetweenIsNotAnOutage() {
        const drover::test::PgBouncer pooler;
        const std::int64_t event = addEvent(100);
        queue_.work(pooler.url() + "?schema=" + schema_);
        for (std::int64_t user = 1; user <= 500; ++user) {
            queue_.add(event, user);
        }
        eventuallyStored("all have an outcome",
                         [&] { return stored("RESERVED") + stored("REJECTED") == 500; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, reserved(event));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, workerLog_->count("is unavailable"));
    }

    void aPoolerThatIsKilledUnderLoadCostsNoAttempt() {
        drover::test::PgBouncer pooler;
        const std::int64_t event = addEvent(1000);
        queue_.work(pooler.url() + "?schema=" + schema_, "unnamed");
        std::int64_t user = 0;
        for (int round = 1; round <= 4; ++round) {
            while (user < 100 * round) {
                queue_.add(event, ++user);
            }
            eventuallyStored("some are decided",
                             [&] { return stored("RESERVED") > 100 * (round - 1); });
            pooler.kill();
            queue_.add(event, ++user);
            pooler.start();
        }
        eventuallyStored("all are decided", [&] { return stored("RESERVED") == user; });
        eventuallyStored("none is left", [&] { return queue_.open() == 0; });
        CPPUNIT_ASSERT_EQUAL(user, reserved(event));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, queue_.stats().failed);
    }

    void aPromotedStandbyTakesOver() {
        drover::test::PostgresServer& primary = drover::test::PostgresServer::shared();
        const std::int64_t event = addEvent(1000);
        const auto standby = primary.makeStandby();
        queue_.work(drover::test::PostgresServer::url("postgres", primary.port(), standby->port()) +
                    "?schema=" + schema_);
        for (std::int64_t user = 1; user <= 300; ++user) {
            queue_.add(event, user);
        }
        eventuallyStored("some are decided", [&] { return stored("RESERVED") > 0; });
        primary.stop(SIGQUIT);
        for (std::int64_t user = 301; user <= 400; ++user) {
            queue_.add(event, user);
        }
        standby->promote();
        auto there = settings();
        there.url = drover::store::DatabaseUrl::parse(standby->url() + "?schema=" + schema_);
        session_ = std::make_unique<drover::store::Session>(there);
        eventuallyStored("all are decided", [&] { return stored("RESERVED") == 400; });
        eventuallyStored("none is left", [&] { return queue_.open() == 0; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{400}, reserved(event));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, queue_.stats().failed);
        session_.reset();
        primary.start();
    }

    void anIdThatARewoundRedisIssuedAgainStaysTwoRequests() {
        const std::int64_t event = addEvent(1);
        const drover::api::Producer producer{
            [this](const std::vector<drover::NewJob>& jobs, const auto& done) {
                done({queue_.add(jobs.at(0))});
            },
            {},
            queue_.keys().qualifiedName(),
            "reservation"};
        const drover::Route post =
            drover::api::configuredRoutes(
                {{"r.path", "/reservation/{eventId}/{userId}"},
                 {"r.path.eventId", "integer 1.."},
                 {"r.path.userId", "integer 1.."},
                 {"r.queue", "reservation"},
                 {"r.job", "reserveEvent"},
                 {"r.data", R"({"userId":"{userId}","eventId":"{eventId}"})"},
                 {"r.options", R"({"removeOnComplete":true,"removeOnFail":true})"},
                 {"r.location", "/reservation/request/{id}?timestamp={timestamp}"}},
                [&producer](const std::string&) { return producer; },
                [](const std::string& key) { return key; })
                .at(0);
        const auto reserve = [&](std::int64_t user) {
            drover::Request request;
            request.values = {{"eventId", event}, {"userId", user}};
            const drover::test::CapturedAnswer answer;
            std::vector<drover::Exchange> turn;
            turn.push_back({std::move(request), answer.responder()});
            post.asyncHandler(std::move(turn));
            return answer.response().headers.at(0).second;
        };
        queue_.work(url_);
        const std::string first = reserve(1);
        eventuallyStored("the first is decided", [&] { return stored("RESERVED") == 1; });
        eventuallyStored("it is gone", [&] { return queue_.open() == 0; });
        queue_.rewind();
        const std::string second = reserve(2);
        eventuallyStored("the second is decided", [&] { return stored("REJECTED") == 1; });
        eventuallyStored("it is gone", [&] { return queue_.open() == 0; });

        assertEqual("/reservation/request/1?", first.substr(0, 23));
        assertEqual("/reservation/request/1?", second.substr(0, 23));
        CPPUNIT_ASSERT(first != second);
        drover::store::SessionPool pool(settings(), 1);
        drover::reservation::ReservationRoutes::Settings routeSettings;
        routeSettings.queue = queue_.keys().qualifiedName();
        drover::reservation::ReservationRoutes routes(
            pool, [this](const std::string& id) { return queue_.find(id); }, routeSettings);
        const auto ask = [&routes](const std::string& location) {
            drover::Request request;
            request.values = {{"jobId", std::string("1")}};
            if (const auto equals = location.find('='); equals != std::string::npos) {
                request.values["timestamp"] =
                    static_cast<std::int64_t>(std::stoll(location.substr(equals + 1)));
            }
            for (const drover::Route& route : routes.routes()) {
                if (route.path == "/reservation/request/{jobId}") {
                    return route.handler(request).body;
                }
            }
            return std::string();
        };
        assertContains(ask(first), "RESERVED");
        assertContains(ask(second), "sold out");
        assertContains(ask(""), "sold out");
        assertContains(ask(""), R"("newestOf":2)");
    }

private:
    static constexpr const char* kUnwrap =
        "DROP FUNCTION reserve_seats;"
        "ALTER FUNCTION real_seats RENAME TO reserve_seats";

    /// Puts another function in the place of reserve_seats, which is real_seats then.
    static std::string wrapper(const std::string& body) {
        return "ALTER FUNCTION reserve_seats RENAME TO real_seats;"
               "CREATE FUNCTION reserve_seats(text, text[], bigint[], bigint[], bigint[])"
               " RETURNS TABLE (request_position bigint, outcome_state text, outcome_reason text,"
               " outcome_reservation_id bigint) LANGUAGE plpgsql AS $wrapper$ BEGIN " +
               body + "; END $wrapper$";
    }

    void eventuallyStored(const std::string& what, const std::function<bool()>& holds) {
        ReservationQueue::eventually(what, holds, std::chrono::seconds(60));
    }

    std::int64_t stored(const std::string& state) {
        return session_
            ->execute("SELECT count(*) FROM reservation_outcomes WHERE state = $1 AND queue = $2",
                      Params().text(state).text(queue_.keys().qualifiedName()))
            .bigint(0, 0);
    }

    /// 120 requests for 100 seats meet the fault; once it is mended, each has its outcome.
    void losesNothing(const std::string& fault, const std::string& told, const std::string& cure) {
        const std::int64_t event = addEvent(100);
        session_->script(fault);
        for (std::int64_t user = 1; user <= 120; ++user) {
            queue_.add(event, user);
        }
        queue_.work(url_);
        eventuallyStored("health tells",
                         [&] { return queue_.stats().trouble.find(told) != std::string::npos; });
        CPPUNIT_ASSERT(workerLog_->count(told) > 0);
        // Long enough for a probe that is refused twice, and is put off.
        eventuallyStored("one is put off", [&] { return !queue_.putOff().empty(); });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, queue_.stats().failed);
        session_->script(cure);
        queue_.promote();
        eventuallyStored("all have an outcome",
                         [&] { return stored("RESERVED") + stored("REJECTED") == 120; });
        eventuallyStored("none is left", [&] { return queue_.open() == 0; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, reserved(event));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{20}, stored("REJECTED"));
        eventuallyStored("health is good", [&] { return queue_.stats().trouble.empty(); });
    }

    ReservationQueue queue_;
    std::optional<LogCapture> workerLog_, pluginLog_;
    std::string url_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReservationFaultsTest);
