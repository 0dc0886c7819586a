#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "host/FolderChanges.h"
#include "support/Assert.h"
#include "support/ServerProcess.h"

using drover::test::assertEqual;

using namespace drover;
using namespace std::chrono_literals;

/// Which plugin files have come, changed or gone. Time is that of the test.
class FolderChangesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FolderChangesTest);
    CPPUNIT_TEST(aFileIsReportedOnceItIsLeftAlone);
    CPPUNIT_TEST(aLoadedFileIsReportedWhenItChanges);
    CPPUNIT_TEST(aKnownFileThatIsGoneIsReportedAtEveryLook);
    CPPUNIT_TEST(afterARefusalTheFileBesideCounts);
    CPPUNIT_TEST(unwantedNamesAreLeftAlone);
    CPPUNIT_TEST(nothingIsGoneFromAFolderThatCannotBeRead);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { folder_ = test::makeTempFolder("drover-folder-changes"); }
    void tearDown() override { test::removeTree(folder_); }

    void aFileIsReportedOnceItIsLeftAlone() {
        FolderChanges changes = all();
        write("echo.so", "one");
        CPPUNIT_ASSERT(look(changes).unfinished);
        now_ += 1s;
        const FolderChanges::Found found = look(changes);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, found.changed.size());
        assertEqual("echo", found.changed[0].name);
        CPPUNIT_ASSERT(!found.unfinished);
        now_ += 1s;
        CPPUNIT_ASSERT(look(changes).changed.empty());
        changes.lookAgain("echo");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, look(changes).changed.size());
    }

    void aLoadedFileIsReportedWhenItChanges() {
        write("echo.so", "one");
        FolderChanges changes = all();
        changes.addLoaded("echo");
        CPPUNIT_ASSERT(settledNames(changes).empty());
        write("echo.so", "another");
        CPPUNIT_ASSERT((settledNames(changes) == std::vector<std::string>{"echo"}));
    }

    void aKnownFileThatIsGoneIsReportedAtEveryLook() {
        write("echo.so", "one");
        FolderChanges changes = all();
        changes.addLoaded("echo");
        CPPUNIT_ASSERT(look(changes).gone.empty());
        std::filesystem::remove(folder_ + "/echo.so");
        for (int i = 0; i < 2; ++i) {
            CPPUNIT_ASSERT((look(changes).gone == std::vector<std::string>{"echo"}));
        }
    }

    void afterARefusalTheFileBesideCounts() {
        write("echo.so", "one");
        FolderChanges changes = all();
        changes.addLoaded("echo");
        write("echo.properties", "a=b");
        CPPUNIT_ASSERT(settledNames(changes).empty());
        changes.setRefused("echo", true);
        write("echo.properties", "a=bcd");
        CPPUNIT_ASSERT((settledNames(changes) == std::vector<std::string>{"echo"}));
    }

    void unwantedNamesAreLeftAlone() {
        FolderChanges changes(folder_, [](const std::string& name) { return name == "echo"; });
        write("other.so", "one");
        CPPUNIT_ASSERT(settledNames(changes).empty());
        std::filesystem::remove(folder_ + "/other.so");
        CPPUNIT_ASSERT(look(changes).gone.empty());
    }

    void nothingIsGoneFromAFolderThatCannotBeRead() {
        write("echo.so", "one");
        FolderChanges changes = all();
        changes.addLoaded("echo");
        std::filesystem::remove(folder_ + "/echo.so");
        std::filesystem::create_symlink("circle.so", folder_ + "/circle.so");
        const FolderChanges::Found found = look(changes);
        CPPUNIT_ASSERT(found.gone.empty());
        CPPUNIT_ASSERT(found.unfinished);
    }

private:
    [[nodiscard]] FolderChanges all() const {
        return {folder_, [](const std::string&) { return true; }};
    }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder_ + "/" + name) << text;
    }
    FolderChanges::Found look(FolderChanges& changes) const { return changes.look(now_); }
    /// Returns the names of changed files after they were left alone.
    std::vector<std::string> settledNames(FolderChanges& changes) {
        std::vector<std::string> names;
        for (int i = 0; i < 2; ++i) {
            for (const PluginFile& file : look(changes).changed) {
                names.push_back(file.name);
            }
            now_ += 1s;
        }
        return names;
    }

    std::string folder_;
    PluginFolder::Clock::time_point now_{};
};

CPPUNIT_TEST_SUITE_REGISTRATION(FolderChangesTest);
