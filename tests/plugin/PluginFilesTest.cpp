#include <filesystem>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/TrustedFile.h"
#include "plugin/PluginFixture.h"
#include "plugin/loading/PluginFolder.h"
#include "support/Assert.h"
#include "support/ServerProcess.h"

using drover::test::assertContains;

using namespace drover;
using drover::test::PluginFixture;

/// The files that a look into the folder finds, and the users to whom they may belong.
class PluginFilesTest : public PluginFixture {
    CPPUNIT_TEST_SUITE(PluginFilesTest);
    CPPUNIT_TEST(aFolderThatIsMissingHasNone);
    CPPUNIT_TEST(anUnreadableFolderHasNoGoneFiles);
    CPPUNIT_TEST(anotherModeIsAChange);
    CPPUNIT_TEST(theTargetsFolderCountsAsWell);
    CPPUNIT_TEST(onlyTheOwnerReplacesAFileInAStickyFolder);
    CPPUNIT_TEST(modesDoNotCountOnAReadOnlyMount);
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

    void anUnreadableFolderHasNoGoneFiles() {
        write("good.so");
        std::filesystem::create_symlink("nowhere", folder_ + "/dangling.so");
        CPPUNIT_ASSERT_EQUAL(std::string(), PluginFolder(folder_).files().error);
        std::filesystem::create_symlink("circle.so", folder_ + "/circle.so");
        const PluginFiles found = PluginFolder(folder_).files();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, found.files.size());
        assertContains(found.error, folder_ + "/circle.so: Too many levels");
        assertContains(PluginFolder(folder_ + "/good.so").files().error, "Not a directory");
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
            assertContains(error.message(),
                           open + ": its folder can be written by others (mode 0777); chmod go-w");
        }
    }

    void onlyTheOwnerReplacesAFileInAStickyFolder() {
        write("good.so");
        CPPUNIT_ASSERT_EQUAL(0, ::chmod(folder_.c_str(), 01777));
        requireTrusted(folder_ + "/good.so");
        CPPUNIT_ASSERT_EQUAL(0, ::chmod(folder_.c_str(), 0777));
        refused("good.so", "or make it sticky (chmod +t), or mount it read-only; or plugins.trust");
        if (::geteuid() == 0) {
            CPPUNIT_ASSERT_EQUAL(0, ::chmod(folder_.c_str(), 01777));
            std::filesystem::create_symlink("good.so", folder_ + "/link.so");
            requireTrusted(folder_ + "/link.so");
            CPPUNIT_ASSERT_EQUAL(0, ::lchown((folder_ + "/link.so").c_str(), 12345, 12345));
            refused("link.so", "the link belongs to user 12345");
        }
    }

    void modesDoNotCountOnAReadOnlyMount() {
        const std::string mounted = folder_ + "/mounted";
        std::filesystem::create_directory(mounted);
        // In a mount namespace of a child's own, so that nothing is left behind.
        const pid_t child = ::fork();
        if (child == 0) {
            if (::unshare(CLONE_NEWNS) != 0 ||
                ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
                ::mount("none", mounted.c_str(), "tmpfs", 0, "mode=0777") != 0) {
                ::_exit(77);
            }
            write("mounted/good.so");
            ::chmod((mounted + "/good.so").c_str(), 0666);
            ::mount("none", mounted.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
            try {
                requireTrusted(mounted + "/good.so");
                ::_exit(0);
            } catch (const PluginException&) {
                ::_exit(1);
            }
        }
        int status = 0;
        CPPUNIT_ASSERT_EQUAL(child, ::waitpid(child, &status, 0));
        // Not every user may mount.
        CPPUNIT_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) != 1);
    }

private:
    void refused(const std::string& name, const std::string& reason) const {
        try {
            requireTrusted(folder_ + "/" + name);
        } catch (const PluginException& error) {
            assertContains(error.message(), reason);
            return;
        }
        CPPUNIT_FAIL(name + " is trusted");
    }
    void write(const std::string& name) const {
        std::ofstream(folder_ + "/" + name) << "text";
        CPPUNIT_ASSERT_EQUAL(0, ::chmod((folder_ + "/" + name).c_str(), 0644));
    }

    std::string folder_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(PluginFilesTest);
