#include <chrono>
#include <fstream>
#include <future>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "integration/StoreFixture.h"
#include "store/Migrations.h"
#include "store/Pruning.h"
#include "store/SqlState.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using drover::ConfigException;
using drover::StoreException;
using drover::store::Migrations;
using drover::store::Session;
using State = drover::store::Migrations::State;
using Names = std::vector<std::string>;

/// Numbered changes are applied once, in order, whole, and never silently altered.
class MigrationTest : public drover::test::StoreFixture {
    CPPUNIT_TEST_SUITE(MigrationTest);
    CPPUNIT_TEST(pendingChangesAreAppliedInOrderAndOnce);
    CPPUNIT_TEST(statusOfAnEmptyDatabaseWritesNothing);
    CPPUNIT_TEST(missingSchemaIsMade);
    CPPUNIT_TEST(failedChangeLeavesNothingOfItself);
    CPPUNIT_TEST(changeThatCommitsItselfIsRefused);
    CPPUNIT_TEST(lastChangeIsReverted);
    CPPUNIT_TEST(editedFileIsRefusedAndNamed);
    CPPUNIT_TEST(missingFileIsRefusedAndNamed);
    CPPUNIT_TEST(numberBelowAnAppliedOneIsRefused);
    CPPUNIT_TEST(folderOfAnotherFormIsRefused);
    CPPUNIT_TEST(twoAtOnceApplyEachChangeOnce);
    CPPUNIT_TEST(functionsOfTheSchemaPruneInBatches);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        StoreFixture::setUp();
        folder_ = drover::test::makeTempFolder("drover-migrations-");
        write(
            "0001_first", "CREATE TABLE a (x bigint); INSERT INTO a VALUES (1);", "DROP TABLE a;");
        write("0002_second", "INSERT INTO a SELECT x + 1 FROM a;", "DELETE FROM a WHERE x = 2;");
    }

    void tearDown() override {
        drover::test::removeTree(folder_);
        StoreFixture::tearDown();
    }

    void pendingChangesAreAppliedInOrderAndOnce() {
        CPPUNIT_ASSERT(migrations().migrate() == Names({"0001_first", "0002_second"}));
        CPPUNIT_ASSERT(migrations().migrate().empty());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number(*open(), "SELECT sum(x) FROM a"));
        const auto status = migrations().status();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, status.size());
        CPPUNIT_ASSERT(status[1].state == State::Applied && status[1].name == "0002_second");
        CPPUNIT_ASSERT_EQUAL('Z', status[1].appliedAt.value().back());
    }

    void statusOfAnEmptyDatabaseWritesNothing() {
        const auto status = migrations().status();
        CPPUNIT_ASSERT(status.size() == 2 && status[0].state == State::Pending);
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{0},
            number(*open(), "SELECT count(*) FROM pg_tables WHERE schemaname = '" + schema_ + "'"));
    }

    void missingSchemaIsMade() {
        open()->execute("DROP SCHEMA " + schema_);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, migrations().migrate().size());
    }

    void failedChangeLeavesNothingOfItself() {
        write("0003_broken", "INSERT INTO a VALUES (50); SELECT 1/0;", "SELECT 1;");
        CPPUNIT_ASSERT_THROW(migrations().migrate(), drover::store::SqlError);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number(*open(), "SELECT sum(x) FROM a"));
        CPPUNIT_ASSERT(migrations().status()[2].state == State::Pending);
    }

    void changeThatCommitsItselfIsRefused() {
        write("0003_commits", "INSERT INTO a VALUES (50); COMMIT;", "SELECT 1;");
        assertContains(refusal(), "0003_commits");
        CPPUNIT_ASSERT(migrations().status()[2].state == State::Pending);
    }

    void lastChangeIsReverted() {
        migrations().migrate();
        assertEqual("0002_second", migrations().revertLast().value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number(*open(), "SELECT sum(x) FROM a"));
        assertEqual("0001_first", migrations().revertLast().value());
        CPPUNIT_ASSERT(!migrations().revertLast().has_value());
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, migrations().migrate().size());
    }

    void editedFileIsRefusedAndNamed() {
        migrations().migrate();
        write("0001_first", "CREATE TABLE a (x integer);", "DROP TABLE a;");
        write("0003_third", "INSERT INTO a VALUES (50);", "SELECT 1;");
        CPPUNIT_ASSERT(migrations().status()[0].state == State::Edited);
        const std::string message = refusal();
        assertContains(message, "0001_first");
        assertContains(message, folder_);
        assertContains(message, settings().url.target());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number(*open(), "SELECT sum(x) FROM a"));
    }

    void missingFileIsRefusedAndNamed() {
        migrations().migrate();
        remove("0002_second");
        CPPUNIT_ASSERT(migrations().status()[1].state == State::Missing);
        const std::string message = refusal();
        assertContains(message, "0002_second");
        assertContains(message, folder_);
        CPPUNIT_ASSERT_THROW(migrations().revertLast(), StoreException);
    }

    void numberBelowAnAppliedOneIsRefused() {
        write("0004_fourth", "SELECT 1;", "SELECT 1;");
        migrations().migrate();
        write("0003_third", "SELECT 1;", "SELECT 1;");
        const std::string message = refusal();
        assertContains(message, "0003_third");
        assertContains(message, "0004_fourth");
    }

    void folderOfAnotherFormIsRefused() {
        CPPUNIT_ASSERT_THROW(Migrations(settings(), folder_ + "/none"), ConfigException);
        writeFile("demo.sql", "SELECT 1;");  // Beside the migrations, not one of them.
        migrations();
        writeFile("0003_half.up.sql", "SELECT 1;");
        CPPUNIT_ASSERT_THROW(migrations(), ConfigException);
        writeFile("0003_half.down.sql", "SELECT 1;");
        migrations();
        writeFile("3_Short.up.sql", "SELECT 1;");
        CPPUNIT_ASSERT_THROW(migrations(), ConfigException);
        std::filesystem::remove(folder_ + "/3_Short.up.sql");
        write("0003_twin", "SELECT 1;", "SELECT 1;");
        CPPUNIT_ASSERT_THROW(migrations(), ConfigException);
    }

    void twoAtOnceApplyEachChangeOnce() {
        const auto run = [this] { return migrations().migrate().size(); };
        auto first = std::async(std::launch::async, run);
        auto second = std::async(std::launch::async, run);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, first.get() + second.get());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number(*open(), "SELECT sum(x) FROM a"));
    }

    void functionsOfTheSchemaPruneInBatches() {
        const auto session = open();
        std::vector<std::int64_t> batches;
        const auto note = [&](std::int64_t rows) { batches.push_back(rows); };
        CPPUNIT_ASSERT(drover::store::prune(*session, std::chrono::hours(2), 10, note).empty());
        session->script(
            "CREATE TABLE b (at timestamptz); "
            "INSERT INTO b SELECT now() - n * interval '1 hour' FROM generate_series(0, 29) n; "
            "CREATE FUNCTION \"prune_B\"(interval, bigint) RETURNS bigint LANGUAGE sql AS "
            "'WITH gone AS (DELETE FROM b WHERE ctid = ANY (ARRAY(SELECT ctid FROM b "
            "WHERE at < now() - $1 LIMIT $2)) RETURNING 1) SELECT count(*) FROM gone'; "
            "CREATE FUNCTION prune_other(text) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'");
        const auto pruned = drover::store::prune(*session, std::chrono::hours(2), 10, note);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, pruned.size());
        assertEqual("prune_B", pruned[0].function);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{28}, pruned[0].rows);
        CPPUNIT_ASSERT((std::vector<std::int64_t>{10, 20, 28} == batches));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number(*session, "SELECT count(*) FROM b"));
    }

private:
    Migrations migrations() const { return Migrations(settings(), folder_); }

    void writeFile(const std::string& name, const std::string& text) const {
        std::ofstream(folder_ + "/" + name) << text;
    }
    void write(const std::string& name, const std::string& up, const std::string& down) const {
        writeFile(name + ".up.sql", up);
        writeFile(name + ".down.sql", down);
    }
    void remove(const std::string& name) const {
        std::filesystem::remove(folder_ + "/" + name + ".up.sql");
        std::filesystem::remove(folder_ + "/" + name + ".down.sql");
    }
    [[nodiscard]] std::string refusal() const {
        try {
            migrations().migrate();
        } catch (const StoreException& error) {
            return error.message();
        }
        return "";
    }

    std::string folder_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(MigrationTest);
