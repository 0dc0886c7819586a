#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "process/FolderWatch.h"
#include "support/ServerProcess.h"

using namespace drover;

/// Folders are watched for changes.
class FolderWatchTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FolderWatchTest);
    CPPUNIT_TEST(theEndsOfManyFoldersDoNotAddUp);
    CPPUNIT_TEST(filesThatMoveBehindALinkAreNoticed);
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
        // The last event has the longest wait: the worst order to end them in, one by one.
        for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
            std::filesystem::create_directory(*folder + "/new");
        }
        const auto before = std::chrono::steady_clock::now();
        watch.reset();
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - before < std::chrono::seconds(2));
    }

    void filesThatMoveBehindALinkAreNoticed() {
        namespace fs = std::filesystem;
        for (const char* version : {"1", "2"}) {
            fs::create_directories(folder_ + "/releases/" + version);
            std::ofstream(folder_ + "/releases/" + version + "/a") << "text";
        }
        fs::create_directory_symlink("releases/1", folder_ + "/middle");
        fs::create_directory_symlink("middle", folder_ + "/current");
        const std::string file = folder_ + "/current/a";
        std::atomic<int> changes{0};
        const FolderWatch watch(
            {}, [&] { ++changes; }, [file] { return fingerprintOf({file}); });
        const auto noticed = [&](int count) {
            const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
            while (changes < count) {
                CPPUNIT_ASSERT(std::chrono::steady_clock::now() < deadline);
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
            }
        };
        fs::create_directory_symlink("releases/2", folder_ + "/next");
        // Not before the first look: the poll is compared with the one at the beginning, of whenever that is.
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        fs::rename(folder_ + "/next", folder_ + "/middle");
        noticed(1);
        fs::rename(folder_ + "/releases", folder_ + "/old");
        noticed(2);
        CPPUNIT_ASSERT_EQUAL(2, changes.load());
    }

private:
    std::string folder_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(FolderWatchTest);
