#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>

#include <cppunit/TestAssert.h>
#include <cppunit/TestFixture.h>

#include "store/Session.h"
#include "support/Patience.h"
#include "support/PostgresServer.h"

namespace drover::test {

/// A schema of its own for each test, on the executable's cluster.
class StoreFixture : public CppUnit::TestFixture {
public:
    void setUp() override {
        static int number = 0;
        schema_ = "test_" + std::to_string(getpid()) + "_" + std::to_string(++number);
        store::Session session(settings(""));
        session.execute("CREATE SCHEMA " + schema_);
    }

    void tearDown() override {
        store::Session session(settings(""));
        session.execute("DROP SCHEMA IF EXISTS " + schema_ + " CASCADE");
    }

protected:
    [[nodiscard]] static store::SessionSettings settings(const std::string& schema) {
        store::SessionSettings settings;
        const std::string query = schema.empty() ? "" : "?schema=" + schema;
        settings.url = store::DatabaseUrl::parse(PostgresServer::shared().url() + query);
        return settings;
    }
    [[nodiscard]] store::SessionSettings settings() const { return settings(schema_); }
    [[nodiscard]] std::unique_ptr<store::Session> open() const {
        return std::make_unique<store::Session>(settings());
    }

    /// A single bigint.
    static std::int64_t number(store::Session& session, const std::string& sql) {
        return session.execute("SELECT (" + sql + ")::bigint").bigint(0, 0);
    }

    static void eventually(const std::string& what, const std::function<bool()>& holds) {
        const auto deadline = std::chrono::steady_clock::now() + test::kPatience;
        while (!holds()) {
            CPPUNIT_ASSERT_MESSAGE("not within the deadline: " + what,
                                   std::chrono::steady_clock::now() < deadline);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }

    /// Waits until a statement of another session is blocked by a lock.
    void awaitBlockedStatement() const {
        store::Session session(settings());
        eventually("a statement waits for a lock", [&session] {
            return number(session,
                          "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") >
                   0;
        });
    }

    static std::ptrdiff_t openFiles() {
        const std::filesystem::directory_iterator files("/proc/self/fd");
        return std::distance(begin(files), end(files));
    }

    std::string schema_;
};

}  // namespace drover::test
