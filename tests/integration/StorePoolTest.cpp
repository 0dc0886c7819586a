#include <chrono>
#include <optional>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Unavailable.h"
#include "integration/StoreFixture.h"
#include "store/SessionPool.h"
#include "support/Patience.h"

using drover::Unavailable;
using drover::store::Params;
using drover::store::Session;
using drover::store::SessionPool;
using namespace std::chrono_literals;

/// Sessions for many threads, and an answer in time when there are none.
class StorePoolTest : public drover::test::StoreFixture {
    CPPUNIT_TEST_SUITE(StorePoolTest);
    CPPUNIT_TEST(sessionsAreReusedUpToTheSize);
    CPPUNIT_TEST(deadIdleSessionsAreNotHandedOut);
    CPPUNIT_TEST(sessionsLeftInATransactionAreReplaced);
    CPPUNIT_TEST(awayDatabaseIsReportedInTimeAndFoundAgain);
    CPPUNIT_TEST_SUITE_END();

public:
    void sessionsAreReusedUpToTheSize() {
        SessionPool pool(settings(), 2);
        const auto first = pool.checkout(5s);
        std::int64_t pid = 0;
        {
            const auto second = pool.checkout(5s);
            pid = number(*second, "pg_backend_pid()");
            CPPUNIT_ASSERT_THROW(static_cast<void>(pool.checkout(20ms)), Unavailable);
        }
        const auto again = pool.checkout(5s);
        CPPUNIT_ASSERT_EQUAL(pid, number(*again, "pg_backend_pid()"));
    }

    /// docs/pitfalls.md#p15: the connector's pool looks at the status, which stays good until a read.
    void deadIdleSessionsAreNotHandedOut() {
        SessionPool pool(settings(), 1);
        const std::int64_t pid = number(*pool.checkout(5s), "pg_backend_pid()");
        Session(settings())
            .execute("SELECT pg_terminate_backend($1::int, 5000)", Params().bigint(pid));
        const auto lease = pool.checkout(5s);
        CPPUNIT_ASSERT(number(*lease, "pg_backend_pid()") != pid);
    }

    void sessionsLeftInATransactionAreReplaced() {
        SessionPool pool(settings(), 1);
        std::int64_t pid = 0;
        {
            const auto lease = pool.checkout(5s);
            pid = number(*lease, "pg_backend_pid()");
            lease->execute("BEGIN");
        }
        const auto lease = pool.checkout(5s);
        CPPUNIT_ASSERT(number(*lease, "pg_backend_pid()") != pid);
        CPPUNIT_ASSERT(!lease->inTransaction());
    }

    void awayDatabaseIsReportedInTimeAndFoundAgain() {
        SessionPool pool(settings(), 2);
        static_cast<void>(pool.checkout(5s));
        drover::test::PostgresServer::shared().stop();
        const auto start = std::chrono::steady_clock::now();
        CPPUNIT_ASSERT_THROW(static_cast<void>(pool.checkout(300ms)), Unavailable);
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - start < drover::test::kAtOnce);
        eventually("the trouble is known", [&pool] { return !pool.trouble().empty(); });
        drover::test::PostgresServer::shared().start();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number(*pool.checkout(5s), "1"));
        CPPUNIT_ASSERT_EQUAL(std::string(), pool.trouble());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StorePoolTest);
