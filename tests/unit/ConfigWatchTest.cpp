#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "process/ConfigWatch.h"
#include "support/ServerProcess.h"

namespace {

using namespace drover;

/// Longer than a file must be quiet to count as finished.
constexpr std::chrono::milliseconds kLongQuiet{500};

PluginDeclaration plugin(const std::string& name) {
    PluginDeclaration plugin;
    plugin.name = name;
    return plugin;
}

}  // namespace

/// The moments at which a reload is requested. The test alone calls rescan().
class ConfigWatchTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ConfigWatchTest);
    CPPUNIT_TEST(aChangeThatStaysIsReloadedOnce);
    CPPUNIT_TEST(aChangeBackMustStayAgain);
    CPPUNIT_TEST(changesMeanwhileAreReloadedAgain);
    CPPUNIT_TEST(refusedFilesAreReloadedWhenAPluginComes);
    CPPUNIT_TEST(aFileThatMovesBehindALinkIsAChange);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        folder_ = test::makeTempFolder("drover-config-watch");
        reloads_.clear();
        settled_ = true;
        write("queue.a.threads=1");
        ConfigSources sources;
        sources.files = {file()};
        sources.settings = {"plugins.dir=" + folder_};
        config_ = std::make_unique<Configuration>(sources);
        watch_ = std::make_unique<ConfigWatch>(
            *config_,
            [] {},
            [this](const FileTexts& texts) {
                reloads_.push_back(texts.at(file()));
                return settled_;
            });
        watch_->start();
        static_cast<void>(watch_->rescan(*config_, false));
        CPPUNIT_ASSERT(reloads_.empty());
    }
    void tearDown() override {
        watch_.reset();
        test::removeTree(folder_);
    }

    void aChangeThatStaysIsReloadedOnce() {
        write("queue.a.threads=2");
        static_cast<void>(watch_->rescan(*config_, false));
        CPPUNIT_ASSERT(reloads_.empty());
        rescanUntil([this] { return !reloads_.empty(); });
        std::this_thread::sleep_for(kLongQuiet);
        static_cast<void>(watch_->rescan(*config_, false));
        CPPUNIT_ASSERT(reloads_ == std::vector<std::string>{"queue.a.threads=2"});
    }

    void aChangeBackMustStayAgain() {
        write("");
        static_cast<void>(watch_->rescan(*config_, false));
        write("queue.a.threads=1");
        static_cast<void>(watch_->rescan(*config_, false));
        std::this_thread::sleep_for(kLongQuiet);
        // A save in place begins with an empty file.
        write("");
        static_cast<void>(watch_->rescan(*config_, false));
        CPPUNIT_ASSERT(reloads_.empty());
    }

    void changesMeanwhileAreReloadedAgain() {
        settled_ = false;
        write("queue.a.threads=2");
        rescanUntil([this] { return reloads_.size() == 2; });
    }

    void refusedFilesAreReloadedWhenAPluginComes() {
        write("a.b=1");
        rescanUntil([this] { return reloads_.size() == 1; });
        config_->declare(plugin("a"));
        rescanUntil([this] { return reloads_.size() == 2; });
    }

    void aFileThatMovesBehindALinkIsAChange() {
        namespace fs = std::filesystem;
        for (const std::string version : {"1", "2"}) {
            fs::create_directories(folder_ + "/releases/" + version);
            std::ofstream(folder_ + "/releases/" + version + "/a.conf") << "# " << version;
        }
        fs::create_directory_symlink("releases/1", folder_ + "/current");
        ConfigSources sources;
        sources.files = {folder_ + "/current/a.conf"};
        const Configuration config(sources);
        std::atomic<int> changes{0};
        ConfigWatch watch(
            config, [&changes] { ++changes; }, [](const FileTexts&) { return true; });
        watch.start();
        // A change that came while the process started.
        until([&changes] { return changes == 1; });
        fs::create_directory_symlink("releases/2", folder_ + "/next");
        fs::rename(folder_ + "/next", folder_ + "/current");
        until([&changes] { return changes == 2; });
    }

private:
    [[nodiscard]] std::string file() const { return folder_ + "/a.conf"; }
    void write(const std::string& text) const { std::ofstream(file()) << text; }

    static void until(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition()) {
            CPPUNIT_ASSERT_MESSAGE("not within 20 s", std::chrono::steady_clock::now() < deadline);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    void rescanUntil(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition()) {
            CPPUNIT_ASSERT_MESSAGE("not within 20 s", std::chrono::steady_clock::now() < deadline);
            static_cast<void>(watch_->rescan(*config_, false));
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }

    std::string folder_;
    std::unique_ptr<Configuration> config_;
    std::unique_ptr<ConfigWatch> watch_;
    std::vector<std::string> reloads_;
    bool settled_ = true;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConfigWatchTest);
