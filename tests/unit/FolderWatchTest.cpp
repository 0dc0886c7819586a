#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "app/FolderWatch.h"
#include "support/ServerProcess.h"

using namespace drover;

/// What watches folders.
class FolderWatchTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FolderWatchTest);
    CPPUNIT_TEST(theEndsOfManyFoldersDoNotAddUp);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { folder_ = test::makeTempFolder("drover-folder-watch"); }
    void tearDown() override { test::removeTree(folder_); }

    void theEndsOfManyFoldersDoNotAddUp() {
        std::vector<std::string> folders;
        for (int i = 0; i < 30; ++i) {
            folders.push_back(folder_ + "/" + std::to_string(i));
            std::filesystem::create_directory(folders.back());
        }
        auto watch = std::make_unique<FolderWatch>(folders, [] {});
        // What happened last is waited for longest: the worst order to end them in, one by one.
        for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
            std::filesystem::create_directory(*folder + "/new");
        }
        const auto before = std::chrono::steady_clock::now();
        watch.reset();
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - before < std::chrono::seconds(2));
    }

private:
    std::string folder_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(FolderWatchTest);
