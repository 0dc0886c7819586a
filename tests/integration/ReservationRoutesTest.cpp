#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "ReservationRoutes.h"
#include "drover/Exceptions.h"
#include "integration/ReservationFixture.h"
#include "support/Assert.h"
#include "support/LogCapture.h"
#include "support/Patience.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using drover::HttpError;
using drover::Job;
using drover::ParameterValue;
using drover::Request;
using drover::Response;
using drover::Route;
using drover::reservation::ReservationRoutes;
using drover::reservation::SeatRequest;
using drover::store::Params;
using Values = std::map<std::string, ParameterValue>;

/// The endpoints that need SQL, as the HTTP front calls them.
class ReservationRoutesTest : public drover::test::ReservationFixture {
    CPPUNIT_TEST_SUITE(ReservationRoutesTest);
    CPPUNIT_TEST(reservationIsShownWithItsTime);
    CPPUNIT_TEST(usersAreAddedOnceAndShown);
    CPPUNIT_TEST(eventsAreAddedOnceAndShown);
    CPPUNIT_TEST(impossibleDateIsTheClientsFault);
    CPPUNIT_TEST(everyDateReadsBackAsItWasGiven);
    CPPUNIT_TEST(datesOutsideOfFourDigitsAreRefused);
    CPPUNIT_TEST(datesOfOtherHandsReadBackToo);
    CPPUNIT_TEST(requestIsAnsweredFromTheJobWhileItLives);
    CPPUNIT_TEST(requestIsAnsweredFromTheLedgerAfterwards);
    CPPUNIT_TEST(requestIsAnsweredFromTheLedgerWhileRedisIsAway);
    CPPUNIT_TEST(keysOfTheQueueAreNoRequests);
    CPPUNIT_TEST(recordsOfSchedulersAreNoRequests);
    CPPUNIT_TEST(idsOfOtherClientsAreFound);
    CPPUNIT_TEST(jobThatCannotBeReadIsQueuedUntilTheLedgerHasIt);
    CPPUNIT_TEST(anIdThatWasIssuedAgainIsFoundByItsTimestamp);
    CPPUNIT_TEST(databaseAwayIs503AtOnce);
    CPPUNIT_TEST(databaseThatRefusesIs503AndIsLogged);
    CPPUNIT_TEST(everyPathParameterIsDeclared);
    CPPUNIT_TEST(idsBeginWithOne);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        ReservationFixture::setUp();
        drover::store::SessionSettings limited = settings();
        limited.statementTimeout = std::chrono::milliseconds(400);
        limited.answerMargin = std::chrono::milliseconds(100);
        pool_ = std::make_unique<drover::store::SessionPool>(limited, 2);
        ReservationRoutes::Settings routeSettings;
        routeSettings.queue = kQueue;
        routes_ = std::make_unique<ReservationRoutes>(
            *pool_,
            [this](const std::string& id) -> std::optional<Job> {
                if (redisAway_) {
                    throw drover::RedisIoException("away");
                }
                if (unreadable_) {
                    throw drover::JobFormatException("opts of job 1 is not JSON");
                }
                if (id == "wait" || id == "5:lock") {
                    throw drover::ScriptException("WRONGTYPE");
                }
                return job_ && job_->id == id ? job_ : std::nullopt;
            },
            routeSettings);
        static_cast<void>(pool_->checkout(std::chrono::seconds(5)));
    }

    void tearDown() override {
        routes_.reset();
        pool_.reset();
        ReservationFixture::tearDown();
    }

    void reservationIsShownWithItsTime() {
        const std::int64_t event = addEvent(1);
        CPPUNIT_ASSERT_EQUAL(
            404,
            statusOf("GET", "/reservation", {{"eventId", event}, {"userId", std::int64_t{7}}}));
        decide({request(event, 7)});
        session_->execute("UPDATE reservations SET reserved_at = '2026-01-02 03:04:05.678901+02'");
        const Response response =
            call("GET", "/reservation", {{"eventId", event}, {"userId", std::int64_t{7}}});
        assertEqual(
            R"({"id":1,"userId":7,"status":"RESERVED","reservedAt":"2026-01-02T01:04:05.678Z"})",
            response.body);
        cancel(event, 7);
        CPPUNIT_ASSERT_EQUAL(
            404,
            statusOf("GET", "/reservation", {{"eventId", event}, {"userId", std::int64_t{7}}}));
    }

    void usersAreAddedOnceAndShown() {
        const Values ada = {{"name", std::string("Ada \"L\"")},
                            {"email", std::string("ada@example.org")}};
        const Response added = call("POST", "/user", ada);
        CPPUNIT_ASSERT_EQUAL(201, added.status);
        const std::int64_t id =
            number(*session_, "SELECT id FROM users WHERE email = 'ada@example.org'");
        CPPUNIT_ASSERT_EQUAL("{\"id\":" + std::to_string(id) + "}", added.body);
        CPPUNIT_ASSERT_EQUAL(400, statusOf("POST", "/user", ada));
        CPPUNIT_ASSERT_EQUAL(
            "{\"id\":" + std::to_string(id) + R"(,"name":"Ada \"L\"","email":"ada@example.org"})",
            call("GET", "/user/{userId}", {{"userId", id}}).body);
        CPPUNIT_ASSERT_EQUAL(404,
                             statusOf("GET", "/user/{userId}", {{"userId", std::int64_t{999999}}}));
    }

    void eventsAreAddedOnceAndShown() {
        const Values fair = event("Fair", "2030-06-01T20:00:00.250+02:00");
        assertEqual(R"({"id":1})", call("POST", "/event", fair).body);
        CPPUNIT_ASSERT_EQUAL(400, statusOf("POST", "/event", fair));
        decide({request(1, 1)});
        assertEqual(R"({"id":1,"name":"Fair","date":"2030-06-01T18:00:00.250Z",)"
                    R"("location":"Hall","maxTickets":3,"reserved":1})",
                    call("GET", "/event/{eventId}", {{"eventId", std::int64_t{1}}}).body);
        CPPUNIT_ASSERT_EQUAL(
            404, statusOf("GET", "/event/{eventId}", {{"eventId", std::int64_t{999999}}}));
    }

    void impossibleDateIsTheClientsFault() {
        CPPUNIT_ASSERT_EQUAL(400,
                             statusOf("POST", "/event", event("Never", "2030-02-30T00:00:00Z")));
    }

    void everyDateReadsBackAsItWasGiven() {
        for (const std::string date : {"0001-01-01T00:00:00.000Z",
                                       "1066-10-14T09:00:00.001Z",
                                       "1500-02-28T23:59:59.999Z",
                                       "1582-10-10T12:00:00.000Z",
                                       "1899-12-31T23:59:59.999Z",
                                       "1969-12-31T23:59:59.999Z",
                                       "2024-02-29T00:00:00.000Z",
                                       "9999-12-31T23:59:59.999Z"}) {
            const std::string id = call("POST", "/event", event("On " + date, date)).body;
            CPPUNIT_ASSERT_EQUAL(date, dateOf(std::stoll(id.substr(6))));
        }
    }

    void datesOutsideOfFourDigitsAreRefused() {
        for (const std::string date :
             {"0000-12-31T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"}) {
            try {
                call("POST", "/event", event("On " + date, date));
                CPPUNIT_FAIL(date + " was taken");
            } catch (const HttpError& error) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE(date, 400, error.status());
                CPPUNIT_ASSERT_MESSAGE(error.what(),
                                       std::string(error.what()).find("date must be") == 0);
            }
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number(*session_, "SELECT count(*) FROM events"));
    }

    void datesOfOtherHandsReadBackToo() {
        for (const auto& [date, expected] :
             {std::pair<std::string, std::string>{"0044-03-15 12:00:00+00 BC",
                                                  "-000043-03-15T12:00:00.000Z"},
              {"20000-01-01 00:00:00+00", "+020000-01-01T00:00:00.000Z"},
              {"294276-12-31 23:59:59+00", "+294276-12-31T23:59:59.000Z"},
              {"infinity", ""},
              {"-infinity", ""}}) {
            const std::int64_t id =
                session_
                    ->execute(
                        "INSERT INTO events (name, date, location, max_tickets) VALUES ($1, "
                        "$1::text::timestamptz, 'Hall', 1) RETURNING id",
                        Params().text(date))
                    .bigint(0, 0);
            CPPUNIT_ASSERT_EQUAL(expected, dateOf(id));
        }
    }

    void requestIsAnsweredFromTheJobWhileItLives() {
        job_ = Job{};
        job_->id = "42";
        job_->name = "reserveEvent";
        job_->timestampMs = 5;
        assertEqual(
            R"({"jobId":"42","state":"QUEUED","reason":null,"reservationId":null,"timestamp":5,"newestOf":1})",
            requestState("42"));
        job_->finishedOnMs = 1;
        job_->returnValue = R"({"reservationId":7,"status":"RESERVED"})";
        assertEqual(
            R"({"jobId":"42","state":"RESERVED","reason":null,"reservationId":7,"timestamp":5,"newestOf":1})",
            requestState("42"));
        job_->returnValue.reset();
        job_->failedReason = "sold out";
        assertEqual(
            R"({"jobId":"42","state":"REJECTED","reason":"sold out","reservationId":null,"timestamp":5,"newestOf":1})",
            requestState("42"));
    }

    void requestIsAnsweredFromTheLedgerAfterwards() {
        const std::int64_t event = addEvent(1);
        const SeatRequest first = request(event, 1);
        const SeatRequest second = request(event, 2);
        const auto decisions = decide({first, second});
        CPPUNIT_ASSERT_EQUAL("{\"jobId\":\"" + first.jobId +
                                 R"(","state":"RESERVED","reason":null,"reservationId":)" +
                                 std::to_string(*decisions[0].reservationId) + tail(first),
                             requestState(first.jobId));
        CPPUNIT_ASSERT_EQUAL(
            "{\"jobId\":\"" + second.jobId +
                R"(","state":"REJECTED","reason":"sold out","reservationId":null)" + tail(second),
            requestState(second.jobId));
        CPPUNIT_ASSERT_EQUAL(
            404,
            statusOf("GET", "/reservation/request/{jobId}", {{"jobId", std::string("never")}}));
    }

    void requestIsAnsweredFromTheLedgerWhileRedisIsAway() {
        const SeatRequest one = request(addEvent(1), 1);
        decide({one});
        redisAway_ = true;
        assertContains(requestState(one.jobId), "RESERVED");
        CPPUNIT_ASSERT_EQUAL(
            503,
            statusOf("GET", "/reservation/request/{jobId}", {{"jobId", std::string("never")}}));
    }

    void keysOfTheQueueAreNoRequests() {
        job_ = Job{};  // Like "<queue>:meta": a hash without a name.
        job_->id = "meta";
        job_->timestampMs = 5;
        for (const std::string id : {"meta", "wait", "5:lock", "*", "a\nb", "\xff"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                id, 404, statusOf("GET", "/reservation/request/{jobId}", {{"jobId", id}}));
        }
    }

    void recordsOfSchedulersAreNoRequests() {
        job_ = Job{};  // "<queue>:repeat:nightly": a hash with a name, but no timestamp.
        job_->id = "repeat:nightly";
        job_->name = "reserveEvent";
        CPPUNIT_ASSERT_EQUAL(
            404,
            statusOf(
                "GET", "/reservation/request/{jobId}", {{"jobId", std::string("repeat:nightly")}}));
    }

    void idsOfOtherClientsAreFound() {
        for (const std::string id :
             {"order.17", "a b", "\xc3\xb6-1", "repeat:nightly:1700000000000"}) {
            job_ = Job{};
            job_->id = id;
            job_->name = "reserveEvent";
            job_->timestampMs = 5;
            CPPUNIT_ASSERT_MESSAGE(id, requestState(id).find("QUEUED") != std::string::npos);
            SeatRequest one = request(addEvent(1), 1);
            one.jobId = id;
            decide({one});
            job_.reset();
            CPPUNIT_ASSERT_MESSAGE(id, requestState(id).find("RESERVED") != std::string::npos);
        }
    }

    void jobThatCannotBeReadIsQueuedUntilTheLedgerHasIt() {
        unreadable_ = true;
        SeatRequest one = request(addEvent(1), 1);
        assertContains(requestState(one.jobId), "QUEUED");
        decide({one});
        assertContains(requestState(one.jobId), "RESERVED");
    }

    void anIdThatWasIssuedAgainIsFoundByItsTimestamp() {
        const std::int64_t event = addEvent(1);
        const SeatRequest first = request(event, 1);
        SeatRequest second = first;
        second.jobTimestampMs += 1000;
        second.userId = 2;
        decide({first});
        decide({second});
        assertContains(requestState(first.jobId, first.jobTimestampMs), R"("state":"RESERVED")");
        assertContains(requestState(first.jobId, second.jobTimestampMs), R"("state":"REJECTED")");
        const std::string newest = requestState(first.jobId);
        assertContains(newest, R"("state":"REJECTED")");
        assertContains(newest, R"("newestOf":2)");
        CPPUNIT_ASSERT_EQUAL(404,
                             statusOf("GET",
                                      "/reservation/request/{jobId}",
                                      {{"jobId", first.jobId}, {"timestamp", std::int64_t{7}}}));
        // A third request has the id now, and is not decided yet: the answer has the earlier ones all the same.
        job_ = Job{};
        job_->id = first.jobId;
        job_->name = "reserveEvent";
        job_->timestampMs = second.jobTimestampMs + 1000;
        assertContains(requestState(first.jobId, first.jobTimestampMs), R"("state":"RESERVED")");
        const std::string queued = requestState(first.jobId);
        assertContains(queued, "QUEUED");
        assertContains(queued, R"("newestOf":3)");
    }

    void databaseAwayIs503AtOnce() {
        drover::test::PostgresServer::shared().stop();
        const auto start = std::chrono::steady_clock::now();
        std::optional<int> retryAfter;
        int status = 0;
        try {
            call("GET", "/user/{userId}", {{"userId", std::int64_t{1}}});
        } catch (const HttpError& error) {
            status = error.status();
            retryAfter = error.retryAfterSeconds();
        }
        const auto took = std::chrono::steady_clock::now() - start;
        drover::test::PostgresServer::shared().start();
        session_ = open();
        CPPUNIT_ASSERT_EQUAL(503, status);
        CPPUNIT_ASSERT_EQUAL(1, retryAfter.value_or(0));
        CPPUNIT_ASSERT(took < drover::test::kAtOnce);
        eventually("the route works again", [this] {
            try {
                return call("GET", "/user/{userId}", {{"userId", std::int64_t{1}}}).status == 200;
            } catch (const HttpError&) {
                return false;
            }
        });
    }

    void databaseThatRefusesIs503AndIsLogged() {
        const drover::test::LogCapture log("reservation-api");
        session_->execute(
            "SELECT setval('users_id_seq', 1)");  // As after a restore of the table alone.
        const Values ada = {{"name", std::string("Ada")}, {"email", std::string("ada@x.org")}};
        CPPUNIT_ASSERT_EQUAL(503, statusOf("POST", "/user", ada));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("constraint users_pkey"));
        session_->execute("SELECT setval('users_id_seq', (SELECT max(id) FROM users))");
        CPPUNIT_ASSERT_EQUAL(201, statusOf("POST", "/user", ada));
    }

    void everyPathParameterIsDeclared() {
        for (const Route& route : routes_->routes()) {
            const auto open = route.path.find('{');
            if (open != std::string::npos) {
                const std::string name =
                    route.path.substr(open + 1, route.path.find('}') - open - 1);
                CPPUNIT_ASSERT_EQUAL(name, route.parameters.at(0).name);
                CPPUNIT_ASSERT(route.parameters[0].in == drover::Parameter::In::Path);
            }
        }
    }

    void idsBeginWithOne() {
        int ids = 0;
        for (const Route& route : routes_->routes()) {
            for (const drover::Parameter& parameter : route.parameters) {
                if (parameter.name == "userId" || parameter.name == "eventId") {
                    CPPUNIT_ASSERT_EQUAL_MESSAGE(route.path, std::int64_t{1}, parameter.minimum);
                    ++ids;
                }
            }
        }
        CPPUNIT_ASSERT(ids >= 4);
    }

private:
    static Values event(const std::string& name, const std::string& date) {
        return {{"name", name},
                {"date", date},
                {"location", std::string("Hall")},
                {"maxTickets", std::int64_t{3}}};
    }

    Response call(const std::string& method, const std::string& path, Values values) {
        for (const Route& route : routes_->routes()) {
            if (route.method == method && route.path == path) {
                Request request;
                request.method = method;
                request.values = std::move(values);
                return route.handler(request);
            }
        }
        CPPUNIT_FAIL("no route " + method + " " + path);
        return {};
    }

    /// Empty: null.
    std::string dateOf(std::int64_t event) {
        const std::string body = call("GET", "/event/{eventId}", {{"eventId", event}}).body;
        const auto begin = body.find(R"("date":)") + 7;
        return body.compare(begin, 4, "null") == 0
                   ? ""
                   : body.substr(begin + 1, body.find('"', begin + 1) - begin - 1);
    }

    int statusOf(const std::string& method, const std::string& path, Values values) {
        try {
            return call(method, path, std::move(values)).status;
        } catch (const HttpError& error) {
            return error.status();
        }
    }

    std::string requestState(const std::string& jobId, std::int64_t timestamp) {
        return call("GET",
                    "/reservation/request/{jobId}",
                    {{"jobId", jobId}, {"timestamp", timestamp}})
            .body;
    }

    static std::string tail(const SeatRequest& request) {
        return ",\"timestamp\":" + std::to_string(request.jobTimestampMs) + ",\"newestOf\":1}";
    }

    std::string requestState(const std::string& jobId) {
        return call("GET", "/reservation/request/{jobId}", {{"jobId", jobId}}).body;
    }

    std::unique_ptr<drover::store::SessionPool> pool_;
    std::unique_ptr<ReservationRoutes> routes_;
    std::optional<Job> job_;
    bool redisAway_ = false;
    bool unreadable_ = false;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReservationRoutesTest);
