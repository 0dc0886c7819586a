#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "integration/StoreFixture.h"
#include "store/SqlState.h"
#include "store/Transaction.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using drover::StoreException;
using drover::store::CommitUnknown;
using drover::store::Params;
using drover::store::Session;
using drover::store::SqlError;
using drover::store::Transaction;

/// A commit that returned is a commit.
class StoreTransactionTest : public drover::test::StoreFixture {
    CPPUNIT_TEST_SUITE(StoreTransactionTest);
    CPPUNIT_TEST(committedRowsStay);
    CPPUNIT_TEST(leftTransactionsAreRolledBack);
    CPPUNIT_TEST(commitAfterAFailedStatementThrows);
    CPPUNIT_TEST(deferredCheckAtCommitRetainsItsState);
    CPPUNIT_TEST(linkLostAtCommitIsUnknown);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        StoreFixture::setUp();
        session_ = open();
        session_->execute(
            "CREATE TABLE t (a bigint, CONSTRAINT t_a_unique UNIQUE (a) DEFERRABLE INITIALLY "
            "DEFERRED)");
    }

    void tearDown() override {
        session_.reset();
        StoreFixture::tearDown();
    }

    void committedRowsStay() {
        Transaction transaction(*session_);
        session_->execute("INSERT INTO t VALUES (1)");
        transaction.commit();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, rows());
    }

    void leftTransactionsAreRolledBack() {
        {
            const Transaction transaction(*session_);
            session_->execute("INSERT INTO t VALUES (1)");
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, rows());
        CPPUNIT_ASSERT(!session_->inTransaction());
    }

    /// docs/pitfalls.md#p2: the server calls this COMMIT a success, and the connector believes it.
    void commitAfterAFailedStatementThrows() {
        Transaction transaction(*session_);
        session_->execute("INSERT INTO t VALUES (1)");
        CPPUNIT_ASSERT_THROW(session_->execute("SELECT 1/0"), SqlError);
        CPPUNIT_ASSERT_THROW(transaction.commit(), StoreException);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, rows());
        CPPUNIT_ASSERT(session_->usable());
    }

    /// docs/pitfalls.md#p4: the connector's commit loses the SQLSTATE.
    void deferredCheckAtCommitRetainsItsState() {
        Transaction transaction(*session_);
        session_->execute("INSERT INTO t VALUES (1), (1)");
        try {
            transaction.commit();
            CPPUNIT_FAIL("committed");
        } catch (const SqlError& error) {
            assertEqual("23505", error.sqlState());
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, rows());
    }

    /// docs/pitfalls.md#p3: the caller has to read the effect back.
    void linkLostAtCommitIsUnknown() {
        Transaction transaction(*session_);
        const std::int64_t pid = number(*session_, "pg_backend_pid()");
        Session(settings())
            .execute("SELECT pg_terminate_backend($1::int, 5000)", Params().bigint(pid));
        CPPUNIT_ASSERT_THROW(transaction.commit(), CommitUnknown);
        CPPUNIT_ASSERT(!session_->usable());
    }

private:
    [[nodiscard]] std::int64_t rows() const {
        Session other(settings());
        return number(other, "SELECT count(*) FROM t");
    }

    std::unique_ptr<Session> session_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreTransactionTest);
