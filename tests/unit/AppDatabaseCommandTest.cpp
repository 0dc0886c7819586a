#include <sstream>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "cli/RunCommand.h"
#include "support/Assert.h"
#include "support/FakeSchema.h"

using drover::test::assertEqual;

using drover::ExitCode;

/// `drover db` prints the changes of a schema.
class AppDatabaseCommandTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AppDatabaseCommandTest);
    CPPUNIT_TEST(statusListsEachChangeWithItsState);
    CPPUNIT_TEST(migrateNamesTheAppliedChanges);
    CPPUNIT_TEST(urlAndFolderReachTheSchema);
    CPPUNIT_TEST(pruneRemovesRowsOfAnAge);
    CPPUNIT_TEST(pruneIsCareful);
    CPPUNIT_TEST_SUITE_END();

public:
    void statusListsEachChangeWithItsState() {
        assertEqual("applied  0001_first  2026-01-02T03:04:05Z\npending  0002_second\n",
                    printed({"db", "status"}));
        assertEqual(R"([{"version":1,"name":"0001_first","state":"applied",)"
                    R"("appliedAt":"2026-01-02T03:04:05Z"},)"
                    R"({"version":2,"name":"0002_second","state":"pending"}])"
                    "\n",
                    printed({"db", "status", "--json"}));
    }

    void migrateNamesTheAppliedChanges() {
        assertEqual("applied 0002_second\n", printed({"db", "migrate"}));
        assertEqual("{\"applied\":[\"0002_second\"]}\n", printed({"db", "migrate", "--json"}));
    }

    void urlAndFolderReachTheSchema() {
        printed({"db", "migrate"});
        assertEqual("schema", schema_.source().folder);
        printed({"db", "status", "--schema", "elsewhere"});
        assertEqual("elsewhere", schema_.source().folder);
        CPPUNIT_ASSERT_EQUAL(kUrl, schema_.source().url);
    }

    void pruneRemovesRowsOfAnAge() {
        assertEqual("prune_after_172800: 7 rows removed\n",
                    printed({"db", "prune", "--older-than", "2d", "--yes"}));
        assertEqual("[{\"function\":\"prune_after_3600\",\"removed\":7}]\n",
                    printed({"db", "prune", "--older-than=1h", "--yes", "--json"}));
        CPPUNIT_ASSERT_EQUAL(kUrl, schema_.source().url);
    }

    void pruneIsCareful() {
        const std::vector<std::pair<std::vector<std::string>, ExitCode>> cases = {
            {{"db", "prune"}, ExitCode::Usage},
            {{"db", "prune", "--older-than", "59m", "--yes"}, ExitCode::Usage},
            {{"db", "prune", "--older-than", "2d"}, ExitCode::Unconfirmed}};
        for (const auto& [args, expected] : cases) {
            std::ostringstream out;
            std::ostringstream err;
            CPPUNIT_ASSERT(expected == drover::cli::runCommand(
                                           args, {{"DATABASE_URL", kUrl}}, schema_, out, err));
            assertEqual("", out.str());
            assertEqual("", schema_.source().url);
        }
    }

private:
    inline static const std::string kUrl = "postgresql://u:p@h/d";

    std::string printed(const std::vector<std::string>& args) {
        std::ostringstream out;
        std::ostringstream err;
        const ExitCode code =
            drover::cli::runCommand(args, {{"DATABASE_URL", kUrl}}, schema_, out, err);
        CPPUNIT_ASSERT_MESSAGE(err.str(), code == ExitCode::Ok);
        return out.str();
    }

    drover::test::FakeSchema schema_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(AppDatabaseCommandTest);
