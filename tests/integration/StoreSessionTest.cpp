#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "drover/Unavailable.h"
#include "integration/StoreFixture.h"
#include "store/Session.h"
#include "store/SqlState.h"
#include "support/Assert.h"
#include "support/Patience.h"

using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;

using drover::StoreException;
using drover::Unavailable;
using drover::store::Params;
using drover::store::Result;
using drover::store::Session;
using drover::store::SessionSettings;
using drover::store::SqlError;
using drover::store::Statement;
using namespace std::chrono_literals;

namespace {

const Statement kDivide{"divide", "SELECT $1::bigint / $2::bigint"};

}  // namespace

/// The rules of docs/pitfalls.md#poco-data and docs/pitfalls.md#postgresql, each on a real server.
class StoreSessionTest : public drover::test::StoreFixture {
    CPPUNIT_TEST_SUITE(StoreSessionTest);
    CPPUNIT_TEST(everyTypeRoundTrips);
    CPPUNIT_TEST(sessionsAreUtcLimitedAndNamed);
    CPPUNIT_TEST(preparedStatementsMayFailAndRunAgain);
    CPPUNIT_TEST(failedAndDeadSessionsLeakNothing);
    CPPUNIT_TEST(valuesThatDoNotFitAreErrorsAndNotZero);
    CPPUNIT_TEST(textWithNulIsRefusedNotCut);
    CPPUNIT_TEST(serverErrorsCarryStateAndConstraintButNoValues);
    CPPUNIT_TEST(slowStatementIsUnavailableAndTheSessionLives);
    CPPUNIT_TEST(lockTimeoutIsRetryable);
    CPPUNIT_TEST(silentServerIsUnavailableByTheDeadline);
    CPPUNIT_TEST(terminatedSessionReportsThatItIsUnusable);
    CPPUNIT_TEST(probeNoticesAnIdleSessionsEnd);
    CPPUNIT_TEST(statementOfAMissingTableWorksOnceTheTableIsThere);
    CPPUNIT_TEST(statementWhoseResultChangedNeedsANewSession);
    CPPUNIT_TEST(noticesGoToTheirReceiver);
    CPPUNIT_TEST(openErrorsDoNotShowThePassword);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyTypeRoundTrips() {
        const auto session = open();
        const Result row = session->execute(
            "SELECT $1::bigint, $2::text, NULL::bigint, ($3::bigint[] = '{1,-2}')::int, "
            "$4::text[], "
            "array_length($5::bigint[], 1), (-3)::smallint, 'x'::name",
            Params()
                .bigint(std::numeric_limits<std::int64_t>::min())
                .text("häß\"'\\")
                .bigintArray({1, -2})
                .textArray({"a,b", "", "{\"NULL\"}"})
                .bigintArray({}));
        CPPUNIT_ASSERT_EQUAL(std::numeric_limits<std::int64_t>::min(), row.bigint(0, 0));
        assertEqual("häß\"'\\", row.text(0, 1));
        CPPUNIT_ASSERT(!row.optionalBigint(0, 2).has_value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, row.bigint(0, 3));
        CPPUNIT_ASSERT(row.isNull(0, 5));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-3}, row.bigint(0, 6));
        assertEqual("x", row.text(0, 7));
        const Result array = session->execute("SELECT unnest($1::text[])",
                                              Params().textArray({"a,b", "", "{\"NULL\"}"}));
        CPPUNIT_ASSERT_EQUAL(3, array.rows());
        assertEqual("{\"NULL\"}", array.text(2, 0));
    }

    void sessionsAreUtcLimitedAndNamed() {
        SessionSettings settings = this->settings();
        settings.applicationName = "drover it's";
        settings.statementTimeout = 1234ms;
        settings.lockTimeout = 567ms;
        Session session(settings);
        const auto show = [&session](const std::string& name) {
            return std::string(session.execute("SHOW " + name).text(0, 0));
        };
        assertEqual("UTC", show("TimeZone"));
        assertEqual("1234ms", show("statement_timeout"));
        assertEqual("567ms", show("lock_timeout"));
        assertEqual("10s", show("idle_in_transaction_session_timeout"));
        assertEqual("drover it's", show("application_name"));
        CPPUNIT_ASSERT_EQUAL("\"" + schema_ + "\"", show("search_path"));
    }

    /// docs/pitfalls.md#p1: the connector's prepared statement, run again after a success and failing then, frees twice.
    void preparedStatementsMayFailAndRunAgain() {
        const auto session = open();
        for (int i = 0; i < 50; ++i) {
            CPPUNIT_ASSERT_EQUAL(
                std::int64_t{i},
                session->execute(kDivide, Params().bigint(2 * i).bigint(2)).bigint(0, 0));
            CPPUNIT_ASSERT_THROW(session->execute(kDivide, Params().bigint(i).bigint(0)), SqlError);
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                             number(*session, "SELECT count(*) FROM pg_prepared_statements"));
    }

    /// docs/pitfalls.md#p6: each of these three leaks a descriptor, if it is left to the connector.
    void failedAndDeadSessionsLeakNothing() {
        const SessionSettings good = settings();
        SessionSettings refused = good;  // Refused by the server.
        refused.url.database = "no such database";
        SessionSettings away = good;
        away.url.port = std::to_string(drover::test::freePort());
        Session killer(good);
        const std::ptrdiff_t before = openFiles();
        for (int i = 0; i < 30; ++i) {
            CPPUNIT_ASSERT_THROW(Session{away}, Unavailable);
            CPPUNIT_ASSERT_THROW(Session{refused}, Unavailable);
            Session victim(good);
            const std::int64_t pid = number(victim, "pg_backend_pid()");
            killer.execute("SELECT pg_terminate_backend($1::int)", Params().bigint(pid));
            CPPUNIT_ASSERT_THROW(victim.execute("SELECT 1"), Unavailable);
            CPPUNIT_ASSERT(!victim.usable());
        }
        CPPUNIT_ASSERT_EQUAL(before, openFiles());
    }

    /// docs/pitfalls.md#p9: the connector reads each of these as 0, 4464 or nothing.
    void valuesThatDoNotFitAreErrorsAndNotZero() {
        const auto session = open();
        const Result row = session->execute(
            "SELECT 5000000000::bigint, 12.50::numeric, 'NaN'::float8, NULL::bigint, now(), true, "
            "'7'::text");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5000000000}, row.bigint(0, 0));
        for (int column : {1, 2, 3, 4, 5, 6}) {
            CPPUNIT_ASSERT_THROW(static_cast<void>(row.bigint(0, column)), StoreException);
        }
        for (int column : {0, 1, 2, 3, 4, 5}) {
            CPPUNIT_ASSERT_THROW(static_cast<void>(row.text(0, column)), StoreException);
        }
        CPPUNIT_ASSERT_THROW(static_cast<void>(row.bigint(1, 0)), Poco::RangeException);
        CPPUNIT_ASSERT_THROW(static_cast<void>(row.bigint(0, 7)), Poco::RangeException);
    }

    /// docs/pitfalls.md#p10: bound as a C string, three bytes arrive as one.
    void textWithNulIsRefusedNotCut() {
        const auto session = open();
        session->execute("CREATE TABLE words (word text)");
        CPPUNIT_ASSERT_THROW(session->execute("INSERT INTO words VALUES ($1)",
                                              Params().text(std::string_view("a\0b", 3))),
                             Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(session->execute(std::string("SELECT 1\0; DROP TABLE words", 27)),
                             Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number(*session, "SELECT count(*) FROM words"));
    }

    void serverErrorsCarryStateAndConstraintButNoValues() {
        const auto session = open();
        session->execute("CREATE TABLE people (email text CONSTRAINT people_email_unique UNIQUE)");
        const auto insert = [&session] {
            session->execute("INSERT INTO people VALUES ($1)", Params().text("ada@example.org"));
        };
        insert();
        try {
            insert();
            CPPUNIT_FAIL("inserted twice");
        } catch (const SqlError& error) {
            assertEqual("23505", error.sqlState());
            assertEqual("people_email_unique", error.constraint());
            assertLacks(error.message(), "ada@");
        }
        CPPUNIT_ASSERT(session->usable());
    }

    void slowStatementIsUnavailableAndTheSessionLives() {
        SessionSettings settings = this->settings();
        settings.statementTimeout = 50ms;
        Session session(settings);
        CPPUNIT_ASSERT_THROW(session.execute("SELECT pg_sleep(10)"), Unavailable);
        CPPUNIT_ASSERT(session.usable());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number(session, "1"));
    }

    void lockTimeoutIsRetryable() {
        SessionSettings settings = this->settings();
        settings.lockTimeout = 50ms;
        Session holder(settings);
        Session waiter(settings);
        holder.execute("SELECT pg_advisory_lock(hashtext($1))", Params().text(schema_));
        try {
            waiter.execute("SELECT pg_advisory_lock(hashtext($1))", Params().text(schema_));
            CPPUNIT_FAIL("locked twice");
        } catch (const SqlError& error) {
            assertEqual("55P03", error.sqlState());
            CPPUNIT_ASSERT(error.errorClass() == drover::store::ErrorClass::Retry);
        }
    }

    void silentServerIsUnavailableByTheDeadline() {
        SessionSettings settings = this->settings();
        settings.statementTimeout = 200ms;
        settings.answerMargin = 100ms;
        Session session(settings);
        // The server's own limit is off: as if it were stopped, or the network swallowed its answer.
        session.execute("SET statement_timeout = 0");
        const auto start = std::chrono::steady_clock::now();
        CPPUNIT_ASSERT_THROW(session.execute("SELECT pg_sleep(90)"), Unavailable);
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - start < drover::test::kAtOnce);
        CPPUNIT_ASSERT(!session.usable());
        CPPUNIT_ASSERT_THROW(session.execute("SELECT 1"), Unavailable);
    }

    void terminatedSessionReportsThatItIsUnusable() {
        const auto session = open();
        CPPUNIT_ASSERT_THROW(session->execute("SELECT pg_terminate_backend(pg_backend_pid())"),
                             Unavailable);
        CPPUNIT_ASSERT(!session->usable());
        CPPUNIT_ASSERT_THROW(session->execute("SELECT 1"), Unavailable);
    }

    void probeNoticesAnIdleSessionsEnd() {
        const auto session = open();
        CPPUNIT_ASSERT(session->probe());
        Session killer(settings());
        killer.execute("SELECT pg_terminate_backend($1::int)",
                       Params().bigint(number(*session, "pg_backend_pid()")));
        eventually("the end is noticed", [&session] { return !session->probe(); });
    }

    void statementOfAMissingTableWorksOnceTheTableIsThere() {
        const Statement count{"count_late", "SELECT count(*) FROM late WHERE $1 = 1"};
        const auto session = open();
        try {
            session->execute(count, Params().bigint(1));
            CPPUNIT_FAIL("no such table");
        } catch (const SqlError& error) {
            CPPUNIT_ASSERT(error.errorClass() == drover::store::ErrorClass::Schema);
        }
        session->execute("CREATE TABLE late ()");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             session->execute(count, Params().bigint(1)).bigint(0, 0));
    }

    void statementWhoseResultChangedNeedsANewSession() {
        const Statement all{"all_of_it", "SELECT * FROM grows WHERE $1 = 1"};
        auto session = open();
        session->execute("CREATE TABLE grows (a bigint)");
        session->execute(all, Params().bigint(1));
        session->execute("ALTER TABLE grows ADD b bigint");
        CPPUNIT_ASSERT_THROW(session->execute(all, Params().bigint(1)), Unavailable);
        CPPUNIT_ASSERT(!session->usable());
        session = open();
        CPPUNIT_ASSERT_EQUAL(2, session->execute(all, Params().bigint(1)).columns());
    }

    void noticesGoToTheirReceiver() {
        SessionSettings settings = this->settings();
        std::string seen;
        settings.onNotice = [&seen](std::string_view text) { seen += text; };
        Session session(settings);
        session.script("DO $$ BEGIN RAISE NOTICE 'mind the step'; END $$");
        assertContains(seen, "mind the step");
    }

    void openErrorsDoNotShowThePassword() {
        SessionSettings settings = this->settings();
        settings.url.password = "hunter2";
        settings.url.user = "nobody with that name";
        try {
            const Session session(settings);
            CPPUNIT_FAIL("opened");
        } catch (const Unavailable& error) {
            const std::string message = error.what();
            assertContains(message, "nobody with that name");
            assertLacks(message, "hunter2");
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreSessionTest);
