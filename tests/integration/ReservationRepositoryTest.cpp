#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Unavailable.h"
#include "integration/ReservationFixture.h"
#include "store/SqlState.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using drover::Unavailable;
using drover::reservation::Decision;
using drover::reservation::ReservationRepository;
using drover::reservation::SeatRequest;
using drover::store::Migrations;
using drover::store::Params;
using drover::store::Session;
using drover::store::SqlError;
using Requests = std::vector<SeatRequest>;

/// Seats are given in order, never too many, never twice, and each request is decided once.
class ReservationRepositoryTest : public drover::test::ReservationFixture {
    CPPUNIT_TEST_SUITE(ReservationRepositoryTest);
    CPPUNIT_TEST(schemaGoesUpDownAndUp);
    CPPUNIT_TEST(demoDataMayBeLoadedTwice);
    CPPUNIT_TEST(everyRejectionHasItsReason);
    CPPUNIT_TEST(seatsAreGivenInTheOrderOfTheBatch);
    CPPUNIT_TEST(sameUserTwiceInABatchGetsOneSeat);
    CPPUNIT_TEST(sameUserTwiceOnASoldOutEventIsSoldOutTwice);
    CPPUNIT_TEST(sameKeyTwiceInABatchIsDecidedOnce);
    CPPUNIT_TEST(redeliveredRequestGetsItsStoredOutcome);
    CPPUNIT_TEST(sameIdWithAnotherTimestampIsAnotherRequest);
    CPPUNIT_TEST(rejectionRetriedAfterASeatFreesSucceeds);
    CPPUNIT_TEST(reservedOutcomeIsFinal);
    CPPUNIT_TEST(counterCannotLeaveItsBounds);
    CPPUNIT_TEST(arraysOfDifferentLengthAreRefused);
    CPPUNIT_TEST(emptyBatchIsNothing);
    CPPUNIT_TEST(outcomesAreFoundByKeyAndNewestById);
    CPPUNIT_TEST(oldOutcomesArePruned);
    CPPUNIT_TEST(eightThreadsGiveAHundredSeatsExactly);
    CPPUNIT_TEST(batchesOverTheSameEventsInAnyOrderDoNotDeadlock);
    CPPUNIT_TEST(oneRequestDeliveredTwiceAtOnceTakesEffectOnce);
    CPPUNIT_TEST(collisionAtTheLedgersKeyIsRunAgain);
    CPPUNIT_TEST(lockedEventIsUnavailableAfterFiveTries);
    CPPUNIT_TEST(missingSchemaIsUnavailable);
    CPPUNIT_TEST(serverRestartUnderLoadLosesAndRepeatsNothing);
    CPPUNIT_TEST_SUITE_END();

public:
    void schemaGoesUpDownAndUp() {
        const Migrations migrations(settings(), kSchemaFolder);
        while (migrations.revertLast()) {
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, objects());  // schema_migrations itself.
        migrations.migrate();
        assertEqual("unknown event", decideOne(request(1, 1)));
    }

    void demoDataMayBeLoadedTwice() {
        std::ifstream file(std::string(kSchemaFolder) + "/demo.sql");
        const std::string demo{std::istreambuf_iterator<char>(file),
                               std::istreambuf_iterator<char>()};
        session_->execute("TRUNCATE users RESTART IDENTITY CASCADE");
        for (int i = 0; i < 2; ++i) {
            session_->script(demo);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{20000},
                                 number(*session_, "SELECT count(*) FROM users"));
            assertEqual("RESERVED", decideOne(request(1, 15001 + i)));
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1000100},
                             number(*session_, "SELECT sum(max_tickets) FROM events"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, addEvent(1));
    }

    void everyRejectionHasItsReason() {
        const std::int64_t open = addEvent(2);
        const std::int64_t full = addEvent(1);
        assertEqual("RESERVED", decideOne(request(full, 1)));
        assertEqual("RESERVED", decideOne(request(open, 1)));
        assertEqual("sold out", decideOne(request(full, 2)));
        assertEqual("already reserved", decideOne(request(open, 1)));
        assertEqual("already reserved", decideOne(request(full, 1)));
        assertEqual("unknown event", decideOne(request(999999, 1)));
        assertEqual("unknown user", decideOne(request(open, 999999)));
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{5},
            number(*session_,
                   "SELECT count(*) FROM reservation_outcomes WHERE state = 'REJECTED'"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, reserved(open));
    }

    void seatsAreGivenInTheOrderOfTheBatch() {
        const std::int64_t first = addEvent(2);
        const std::int64_t second = addEvent(1);
        const auto decisions = decide({request(first, 30),
                                       request(second, 30),
                                       request(first, 20),
                                       request(first, 10),
                                       request(second, 5)});
        assertEqual("RESERVED", word(decisions[0]));
        assertEqual("RESERVED", word(decisions[1]));
        assertEqual("RESERVED", word(decisions[2]));
        assertEqual("sold out", word(decisions[3]));
        assertEqual("sold out", word(decisions[4]));
        CPPUNIT_ASSERT(*decisions[0].reservationId < *decisions[2].reservationId);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, reserved(first));
    }

    void sameUserTwiceInABatchGetsOneSeat() {
        const std::int64_t event = addEvent(2);
        const auto decisions =
            decide({request(event, 1), request(event, 1), request(event, 2), request(event, 1)});
        assertEqual("RESERVED", word(decisions[0]));
        assertEqual("already reserved", word(decisions[1]));
        assertEqual("RESERVED", word(decisions[2]));
        assertEqual("already reserved", word(decisions[3]));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, reserved(event));
    }

    void sameUserTwiceOnASoldOutEventIsSoldOutTwice() {
        const std::int64_t event = addEvent(1);
        const auto decisions = decide({request(event, 1), request(event, 2), request(event, 2)});
        assertEqual("sold out", word(decisions[1]));
        assertEqual("sold out", word(decisions[2]));
    }

    void sameKeyTwiceInABatchIsDecidedOnce() {
        const std::int64_t event = addEvent(5);
        SeatRequest first = request(event, 1);
        SeatRequest again = first;
        again.userId = 2;  // Even with other data: the key identifies the request.
        const auto decisions = decide({first, again, first});
        CPPUNIT_ASSERT(decisions[0].reserved());
        CPPUNIT_ASSERT(decisions[1].reservationId == decisions[0].reservationId);
        CPPUNIT_ASSERT(decisions[2].reservationId == decisions[0].reservationId);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, reserved(event));
    }

    void redeliveredRequestGetsItsStoredOutcome() {
        const std::int64_t event = addEvent(1);
        const SeatRequest once = request(event, 1);
        const Decision stored = decide({once}).front();
        const auto decisions = decide({request(event, 2), once, request(event, 1)});
        assertEqual("sold out", word(decisions[0]));
        CPPUNIT_ASSERT(decisions[1].reservationId == stored.reservationId);
        assertEqual("already reserved", word(decisions[2]));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, reserved(event));
    }

    void sameIdWithAnotherTimestampIsAnotherRequest() {
        const std::int64_t event = addEvent(5);
        SeatRequest one = request(event, 1);
        decide({one});
        one.jobTimestampMs += 1;
        one.userId = 2;
        assertEqual("RESERVED", decideOne(one));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, reserved(event));
    }

    void rejectionRetriedAfterASeatFreesSucceeds() {
        const std::int64_t event = addEvent(1);
        decide({request(event, 1)});
        const SeatRequest late = request(event, 2);
        assertEqual("sold out", decideOne(late));
        assertEqual("sold out", decideOne(late));
        cancel(event, 1);
        assertEqual("RESERVED", decideOne(late));
        assertEqual("RESERVED", decideOne(late));
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{3},
            number(*session_,
                   "SELECT attempt FROM reservation_outcomes WHERE job_id = '" + late.jobId + "'"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, reserved(event));
    }

    void reservedOutcomeIsFinal() {
        decide({request(addEvent(1), 1)});
        try {
            session_->execute(
                "UPDATE reservation_outcomes SET state = 'REJECTED', reason = 'x', reservation_id "
                "= NULL");
            CPPUNIT_FAIL("changed");
        } catch (const SqlError& error) {
            assertEqual("40001", error.sqlState());
        }
    }

    void counterCannotLeaveItsBounds() {
        const std::int64_t event = addEvent(1);
        for (const char* value : {"2", "-1"}) {
            try {
                session_->execute(
                    "UPDATE events SET reserved = " + std::string(value) + " WHERE id = $1",
                    Params().bigint(event));
                CPPUNIT_FAIL("changed");
            } catch (const SqlError& error) {
                assertEqual("events_reserved_within_capacity", error.constraint());
            }
        }
    }

    void arraysOfDifferentLengthAreRefused() {
        CPPUNIT_ASSERT_THROW(
            session_->execute("SELECT * FROM reserve_seats('q', '{a,b}', '{1,2}', '{1}', '{1,2}')"),
            SqlError);
    }

    void emptyBatchIsNothing() { CPPUNIT_ASSERT(decide({}).empty()); }

    void outcomesAreFoundByKeyAndNewestById() {
        const std::int64_t event = addEvent(1);
        SeatRequest one = request(event, 1);
        const Decision first = decide({one}).front();
        ReservationRepository repository(*session_);
        CPPUNIT_ASSERT(repository.outcome(kQueue, one.jobId, one.jobTimestampMs)->reservationId ==
                       first.reservationId);
        CPPUNIT_ASSERT(!repository.outcome(kQueue, one.jobId, one.jobTimestampMs + 1));
        CPPUNIT_ASSERT(!repository.outcome("other:queue", one.jobId, one.jobTimestampMs));
        one.jobTimestampMs += 1;
        one.userId = 2;
        decide({one});
        assertEqual("sold out", repository.newestOutcome(kQueue, one.jobId)->reason);
        CPPUNIT_ASSERT(!repository.newestOutcome(kQueue, "nobody"));
    }

    void oldOutcomesArePruned() {
        const std::int64_t event = addEvent(9);
        decide({request(event, 1), request(event, 2), request(event, 3)});
        session_->script(
            "ALTER TABLE reservation_outcomes DISABLE TRIGGER USER;"
            "UPDATE reservation_outcomes SET decided_at = now() - interval '2 days' WHERE user_id "
            "< 3");
        ReservationRepository repository(*session_);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, repository.pruneOutcomes(259200, 100));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, repository.pruneOutcomes(86400, 1));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, repository.pruneOutcomes(86400, 100));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                             number(*session_, "SELECT count(*) FROM reservation_outcomes"));
    }

    void eightThreadsGiveAHundredSeatsExactly() {
        const std::int64_t event = addEvent(100);
        Requests requests;
        for (std::int64_t user = 1; user <= 800; ++user) {
            requests.push_back(request(event, user));
        }
        std::atomic<int> seats{0};
        inThreads(8, [&](int thread) {
            Session session(settings());
            for (int batch = 0; batch < 5; ++batch) {
                const Requests some = slice(requests, thread * 100 + batch * 20, 20);
                for (const Decision& decision :
                     ReservationRepository(session).decide(kQueue, some)) {
                    seats += decision.reserved() ? 1 : 0;
                }
            }
        });
        CPPUNIT_ASSERT_EQUAL(100, seats.load());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, reserved(event));
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{700},
            number(*session_,
                   "SELECT count(*) FROM reservation_outcomes WHERE reason = 'sold out'"));
    }

    void batchesOverTheSameEventsInAnyOrderDoNotDeadlock() {
        std::vector<std::int64_t> events;
        events.reserve(10);
        for (int i = 0; i < 10; ++i) {
            events.push_back(addEvent(1000));
        }
        std::vector<Requests> batches(4);
        for (int thread = 0; thread < 4; ++thread) {
            for (int round = 0; round < 50; ++round) {
                std::rotate(events.begin(), events.begin() + 1 + thread, events.end());
                for (const std::int64_t event : events) {
                    batches[thread].push_back(request(event, 1 + thread * 50 + round));
                }
            }
        }
        inThreads(4, [&](int thread) {
            Session session(settings());
            for (int round = 0; round < 50; ++round) {
                const Requests some = slice(batches[thread], round * 10, 10);
                for (const Decision& decision :
                     ReservationRepository(session).decide(kQueue, some)) {
                    CPPUNIT_ASSERT(decision.reserved());
                }
            }
        });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number(*session_,
                                    "SELECT deadlocks FROM pg_stat_database"
                                    " WHERE datname = current_database()"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{200}, reserved(events.front()));
    }

    void oneRequestDeliveredTwiceAtOnceTakesEffectOnce() {
        const std::int64_t event = addEvent(1000);
        for (int round = 0; round < 20; ++round) {
            const SeatRequest one = request(event, 1 + round);
            std::vector<Decision> decisions(4);
            inThreads(4, [&](int thread) {
                Session session(settings());
                decisions[thread] = ReservationRepository(session).decide(kQueue, {one}).front();
            });
            for (const Decision& decision : decisions) {
                CPPUNIT_ASSERT(decision.reserved() &&
                               decision.reservationId == decisions[0].reservationId);
            }
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{20}, reserved(event));
    }

    void collisionAtTheLedgersKeyIsRunAgain() {
        // No statement locks an unknown event: both deliveries decide at once, and the second meets the key.
        const SeatRequest one = request(999999, 1);
        const auto other = open();
        other->execute("BEGIN");
        other->execute(
            "INSERT INTO reservation_outcomes (queue, job_id, job_timestamp_ms, event_id, user_id, "
            "state, reason)"
            " VALUES ($1, $2, $3, 999999, 1, 'REJECTED', 'unknown event')",
            Params().text(kQueue).text(one.jobId).bigint(one.jobTimestampMs));
        auto second =
            std::async(std::launch::async, [this, &one] { return decide({one}).front(); });
        awaitBlockedStatement();
        other->execute("COMMIT");
        assertEqual("unknown event", word(second.get()));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2},
                             number(*session_, "SELECT attempt FROM reservation_outcomes"));
    }

    void lockedEventIsUnavailableAfterFiveTries() {
        const std::int64_t event = addEvent(1);
        const auto holder = open();
        holder->execute("BEGIN");
        holder->execute("SELECT 1 FROM events WHERE id = $1 FOR UPDATE", Params().bigint(event));
        drover::store::SessionSettings impatient = settings();
        impatient.lockTimeout = std::chrono::milliseconds(20);
        Session session(impatient);
        const SeatRequest one = request(event, 1);
        CPPUNIT_ASSERT_THROW(ReservationRepository(session).decide(kQueue, {one}), Unavailable);
        holder->execute("ROLLBACK");
        CPPUNIT_ASSERT(ReservationRepository(session).decide(kQueue, {one}).front().reserved());
    }

    void missingSchemaIsUnavailable() {
        Migrations(settings(), kSchemaFolder).revertLast();
        CPPUNIT_ASSERT_THROW(decideOne(request(1, 1)), Unavailable);
    }

    void serverRestartUnderLoadLosesAndRepeatsNothing() {
        const std::int64_t event = addEvent(300);
        Requests requests;
        for (std::int64_t user = 1; user <= 1000; ++user) {
            requests.push_back(request(event, user));
        }
        std::atomic<int> outages{0};
        std::atomic<int> decided{0};
        auto load = std::async(std::launch::async, [&] {
            inThreads(4, [&](int thread) {
                std::unique_ptr<Session> session;
                for (int batch = 0; batch < 25;) {
                    // As the engine does: hand back unavailable jobs, deliver them again.
                    const Requests some = slice(requests, thread * 250 + batch * 10, 10);
                    try {
                        if (!session || !session->probe()) {
                            session.reset();
                            session = std::make_unique<Session>(settings());
                        }
                        ReservationRepository(*session).decide(kQueue, some);
                        ++batch;
                        decided += 10;
                        std::this_thread::sleep_for(std::chrono::milliseconds(5));
                    } catch (const Unavailable&) {
                        ++outages;
                        std::this_thread::sleep_for(std::chrono::milliseconds(20));
                    }
                }
            });
        });
        for (const int target : {100, 400}) {
            eventually("the load runs", [&] { return decided >= target; });
            drover::test::PostgresServer::shared().stop(SIGQUIT);
            drover::test::PostgresServer::shared().start();
        }
        load.get();
        session_ = open();
        CPPUNIT_ASSERT(outages > 0);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{300}, reserved(event));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1000},
                             number(*session_, "SELECT count(*) FROM reservation_outcomes"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{300},
                             number(*session_,
                                    "SELECT count(DISTINCT reservation_id) FROM "
                                    "reservation_outcomes WHERE state = 'RESERVED'"));
    }

private:
    /// Tables, sequences' owners and functions of the test's schema.
    std::int64_t objects() {
        const std::string schema = "'" + schema_ + "'::regnamespace";
        return number(
            *session_,
            "SELECT (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = " +
                schema + ") + (SELECT count(*) FROM pg_proc WHERE pronamespace = " + schema + ")");
    }

    static Requests slice(const Requests& requests, int first, int count) {
        const auto begin = requests.begin() + first;
        return {begin, begin + count};
    }

    static void inThreads(int count, const std::function<void(int)>& body) {
        std::vector<std::future<void>> threads;
        threads.reserve(static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i) {
            threads.push_back(std::async(std::launch::async, body, i));
        }
        for (auto& thread : threads) {
            thread.get();
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReservationRepositoryTest);
