#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include "plugin/PluginFixture.h"
#include "plugin/PluginFolder.h"
#include "support/ServerProcess.h"

using namespace drover;
using drover::test::PluginFixture;

/// What a look into the folder sees, and whom its files may belong to.
class PluginFilesTest : public PluginFixture {
    CPPUNIT_TEST_SUITE(PluginFilesTest);
    CPPUNIT_TEST(aFolderThatIsMissingHasNone);
    CPPUNIT_TEST(whatCannotBeSeenIsNotTakenForGone);
    CPPUNIT_TEST(anotherModeIsAChange);
    CPPUNIT_TEST(theTargetsFolderCountsAsWell);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        folder_ = test::makeTempFolder("drover-plugin-files");
        CPPUNIT_ASSERT_EQUAL(0, ::chmod(folder_.c_str(), 0755));
    }
    void tearDown() override { test::removeTree(folder_); }

    void aFolderThatIsMissingHasNone() {
        const PluginFiles found = PluginFolder(folder_ + "/none").files();
        CPPUNIT_ASSERT(found.files.empty());
        CPPUNIT_ASSERT_EQUAL(std::string(), found.error);
    }

    void whatCannotBeSeenIsNotTakenForGone() {
        write("good.so");
        std::filesystem::create_symlink("nowhere", folder_ + "/dangling.so");
        CPPUNIT_ASSERT_EQUAL(std::string(), PluginFolder(folder_).files().error);
        std::filesystem::create_symlink("circle.so", folder_ + "/circle.so");
        const PluginFiles found = PluginFolder(folder_).files();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, found.files.size());
        assertContains(folder_ + "/circle.so: Too many levels", found.error);
        assertContains("Not a directory", PluginFolder(folder_ + "/good.so").files().error);
    }

    void anotherModeIsAChange() {
        write("good.so");
        const FileIdentity before = PluginFolder(folder_).files().files.at(0).identity;
        CPPUNIT_ASSERT_EQUAL(0, ::chmod((folder_ + "/good.so").c_str(), 0600));
        CPPUNIT_ASSERT(!(PluginFolder(folder_).files().files.at(0).identity == before));
    }

    void theTargetsFolderCountsAsWell() {
        const std::string open = folder_ + "/open";
        std::filesystem::create_directory(open);
        write("open/good.so");
        std::filesystem::create_symlink(open + "/good.so", folder_ + "/good.so");
        requireTrusted(folder_ + "/good.so");
        CPPUNIT_ASSERT_EQUAL(0, ::chmod(open.c_str(), 0777));
        try {
            requireTrusted(folder_ + "/good.so");
            CPPUNIT_FAIL("others may put another file there");
        } catch (const PluginException& error) {
            assertContains(open + ": its folder can be written by others (mode 0777); chmod go-w",
                           error.message());
        }
    }

private:
    void write(const std::string& name) const {
        std::ofstream(folder_ + "/" + name) << "text";
        CPPUNIT_ASSERT_EQUAL(0, ::chmod((folder_ + "/" + name).c_str(), 0644));
    }

    std::string folder_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(PluginFilesTest);
