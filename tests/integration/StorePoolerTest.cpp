#include <functional>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Unavailable.h"
#include "integration/ReservationFixture.h"
#include "store/SqlState.h"
#include "store/Transaction.h"
#include "support/Assert.h"
#include "support/PgBouncer.h"

using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;

using drover::Unavailable;
using drover::reservation::ReservationRepository;
using drover::reservation::SeatRequest;
using drover::store::DatabaseUrl;
using drover::store::Migrations;
using drover::store::Params;
using drover::store::Session;
using drover::store::SqlError;
using drover::store::Statement;
using drover::store::Transaction;
using drover::test::PgBouncer;

/// A session detects a pooler that gives each transaction another server connection, and everything works through it.
class StorePoolerTest : public drover::test::ReservationFixture {
    CPPUNIT_TEST_SUITE(StorePoolerTest);
    CPPUNIT_TEST(settingsHoldForEveryStatement);
    CPPUNIT_TEST(settingsDoNotReachOtherClients);
    CPPUNIT_TEST(swallowedOptionsAreNoticed);
    CPPUNIT_TEST(aStatementThatIsNotThereIsRunWithoutAName);
    CPPUNIT_TEST(aPoolerThatTheUrlDeniesIsNamed);
    CPPUNIT_TEST(errorsLeaveTheSessionUsable);
    CPPUNIT_TEST(slowStatementsAndLocksEndInTime);
    CPPUNIT_TEST(transactionsAreWholeAndHaveTheSettings);
    CPPUNIT_TEST(batchesAreDecidedByManyAtOnce);
    CPPUNIT_TEST(migrationsAreAppliedOnceByTwoAtOnce);
    CPPUNIT_TEST(aDirectConnectionHasNamedStatements);
    CPPUNIT_TEST_SUITE_END();

public:
    void settingsHoldForEveryStatement() {
        const PgBouncer pooler;
        openServerConnections(pooler);
        for (const std::string parameter : {"", "&pgbouncer=true"}) {
            Session session(through(pooler, parameter));
            std::set<std::int64_t> servers;
            for (int i = 0; i < 12; ++i) {
                const auto row = session.execute(kSettings, {});
                assertEqual("UTC 1234ms 765ms \"" + schema_ + "\"", row.text(0, 0));
                servers.insert(row.bigint(0, 1));
            }
            CPPUNIT_ASSERT(servers.size() > 1);
        }
    }

    void settingsDoNotReachOtherClients() {
        const PgBouncer pooler("default_pool_size = 1");
        Session session(through(pooler));
        session.execute("SELECT 1");
        // A client that sets nothing, on the one server connection.
        auto plain = settings("");
        plain.url = DatabaseUrl::parse(pooler.url() + "?pgbouncer=true");
        plain.statementTimeout = std::chrono::milliseconds(0);
        Session other(plain);
        session.execute("SELECT 1");
        assertLacks(std::string(other.execute("SHOW search_path").text(0, 0)), schema_);
    }

    void swallowedOptionsAreNoticed() {
        // As many are set up: other clients send options that the pooler cannot hold.
        const PgBouncer pooler("ignore_startup_parameters = options");
        openServerConnections(pooler);
        Session session(through(pooler));
        for (int i = 0; i < 12; ++i) {
            assertEqual("UTC 1234ms 765ms \"" + schema_ + "\"",
                        session.execute(kSettings, {}).text(0, 0));
        }
    }

    void aStatementThatIsNotThereIsRunWithoutAName() {
        // A pooler that passes options on and moves the session nevertheless, as seen by the session.
        Session session(settings());
        session.execute(kSettings, {});
        session.execute("DEALLOCATE ALL");
        CPPUNIT_ASSERT_THROW(session.execute(kSettings, {}), Unavailable);
        CPPUNIT_ASSERT(session.usable());
        session.execute(kSettings, {});
        Session second(settings());
        second.execute(std::string("PREPARE ") + kSettings.name + " AS SELECT 1");
        CPPUNIT_ASSERT_EQUAL(1, second.execute(kSettings, {}).rows());
        CPPUNIT_ASSERT_EQUAL(1, second.execute(kSettings, {}).rows());
    }

    void aPoolerThatTheUrlDeniesIsNamed() {
        const PgBouncer pooler;
        const PgBouncer swallowing("ignore_startup_parameters = options");
        openServerConnections(swallowing);
        assertContains(refusal([&] { Session session(through(pooler, "&pgbouncer=false")); }),
                       "pgbouncer=false");
        assertContains(refusal([&] {
                           Session session(through(swallowing, "&pgbouncer=false"));
                           for (int i = 0; i < 12; ++i) {
                               session.execute(kSettings, {});
                           }
                       }),
                       "?pgbouncer=true");
    }

    void errorsLeaveTheSessionUsable() {
        const PgBouncer pooler;
        Session session(through(pooler));
        try {
            session.execute("INSERT INTO users (name, email) VALUES ('x', 'user1')");
            CPPUNIT_FAIL("a second user1");
        } catch (const SqlError& error) {
            assertEqual("23505", error.sqlState());
            assertEqual("users_email_unique", error.constraint());
        }
        CPPUNIT_ASSERT_THROW(session.execute("SELECT nonsense"), SqlError);
        CPPUNIT_ASSERT_THROW(session.script("SELECT 1; SELECT nonsense"), SqlError);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1000},
                             session.execute("SELECT count(*) FROM users").bigint(0, 0));
    }

    void slowStatementsAndLocksEndInTime() {
        const PgBouncer pooler;
        Session session(through(pooler));
        CPPUNIT_ASSERT_THROW(session.execute("SELECT pg_sleep(30)"), Unavailable);
        CPPUNIT_ASSERT(session.usable());
        const auto holder = open();
        const Transaction held(*holder);
        holder->execute("LOCK TABLE users");
        try {
            session.execute("SELECT count(*) FROM users");
            CPPUNIT_FAIL("the table is locked");
        } catch (const SqlError& error) {
            assertEqual("55P03", error.sqlState());
        }
    }

    void transactionsAreWholeAndHaveTheSettings() {
        const PgBouncer pooler;
        Session session(through(pooler));
        {
            Transaction transaction(session);
            session.execute("INSERT INTO users (name, email) VALUES ('x', 'kept')");
            assertEqual("UTC 1234ms 765ms \"" + schema_ + "\"",
                        session.execute(kSettings, {}).text(0, 0));
            transaction.commit();
        }
        {
            Transaction transaction(session);
            session.execute("INSERT INTO users (name, email) VALUES ('x', 'gone')");
        }
        {
            Transaction transaction(session);
            CPPUNIT_ASSERT_THROW(session.execute("SELECT nonsense"), SqlError);
            CPPUNIT_ASSERT_THROW(transaction.commit(), drover::StoreException);
        }
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{1},
            session.execute("SELECT count(*) FROM users WHERE email IN ('kept', 'gone')")
                .bigint(0, 0));
    }

    void batchesAreDecidedByManyAtOnce() {
        const PgBouncer pooler;
        const std::int64_t event = addEvent(300);
        std::vector<std::vector<SeatRequest>> requests(8);
        for (std::int64_t user = 1; user <= 800; ++user) {
            requests[static_cast<std::size_t>(user % 8)].push_back(request(event, user));
        }
        std::vector<std::future<int>> threads;
        for (const auto& mine : requests) {
            threads.push_back(std::async(std::launch::async, [this, &pooler, &mine] {
                Session session(through(pooler));
                ReservationRepository repository(session);
                int seats = 0;
                for (std::size_t i = 0; i < mine.size(); i += 10) {
                    const auto begin = mine.begin() + static_cast<std::ptrdiff_t>(i);
                    for (const auto& one : repository.decide(kQueue, {begin, begin + 10})) {
                        seats += one.reserved() ? 1 : 0;
                    }
                }
                return seats;
            }));
        }
        int seats = 0;
        for (auto& thread : threads) {
            seats += thread.get();
        }
        CPPUNIT_ASSERT_EQUAL(300, seats);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{300}, reserved(event));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{800},
                             number(*session_, "SELECT count(*) FROM reservation_outcomes"));
    }

    void migrationsAreAppliedOnceByTwoAtOnce() {
        const PgBouncer pooler;
        const Migrations migrations(through(pooler), kSchemaFolder);
        while (migrations.revertLast()) {
        }
        const auto run = [&migrations] { return migrations.migrate().size(); };
        auto first = std::async(std::launch::async, run);
        auto second = std::async(std::launch::async, run);
        const std::size_t applied = first.get() + second.get();
        CPPUNIT_ASSERT_EQUAL(migrations.status().size(), applied);
        assertEqual("unknown event", decideOne(request(1, 1)));
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{0},
            number(*session_, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"));
    }

    void aDirectConnectionHasNamedStatements() {
        Session session(settings());
        session.execute(kSettings, {});
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{1},
            session.execute("SELECT count(*) FROM pg_prepared_statements").bigint(0, 0));
    }

private:
    inline static const Statement kSettings{
        "test_settings",
        "SELECT current_setting('TimeZone') || ' ' || current_setting('statement_timeout') || ' ' "
        "||"
        " current_setting('lock_timeout') || ' ' || current_setting('search_path'), "
        "pg_backend_pid()"};

    [[nodiscard]] drover::store::SessionSettings through(const PgBouncer& pooler,
                                                         const std::string& parameter = "") const {
        drover::store::SessionSettings settings;
        settings.url = DatabaseUrl::parse(pooler.url() + "?schema=" + schema_ + parameter);
        settings.statementTimeout = std::chrono::milliseconds(1234);
        settings.lockTimeout = std::chrono::milliseconds(765);
        return settings;
    }

    /// Makes the pooler open three server connections, among which it then goes round.
    void openServerConnections(const PgBouncer& pooler) const {
        std::vector<std::unique_ptr<Session>> sessions;
        std::vector<std::unique_ptr<Transaction>> transactions;
        for (int i = 0; i < 3; ++i) {
            sessions.push_back(std::make_unique<Session>(through(pooler, "&pgbouncer=true")));
            transactions.push_back(std::make_unique<Transaction>(*sessions.back()));
            sessions.back()->execute("SELECT 1");
        }
    }

    static std::string refusal(const std::function<void()>& action) {
        try {
            action();
        } catch (const Unavailable& error) {
            return error.what();
        }
        return "";
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StorePoolerTest);
