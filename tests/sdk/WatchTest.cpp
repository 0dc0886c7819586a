#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include "integration/AppProcess.h"
#include "redis/RedisOptions.h"
#include "support/Assert.h"
#include "support/RedisServer.h"
#include "support/ServerProcess.h"
#include "support/WholeQueue.h"

namespace {

namespace fs = std::filesystem;
using namespace drover;
using namespace drover::test;

/// Compilers are slow beside other tests.
constexpr std::chrono::seconds kPatience(120);

void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

}  // namespace

/// Sources saved in plugins/dev/ run a moment later, without a restart.
class WatchTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(WatchTest);
    CPPUNIT_TEST(savedSourcesRunWithoutARestart);
    CPPUNIT_TEST(aBuiltPluginComesAndGoes);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        engine_ = std::make_unique<AppProcess>();
        watch_ = std::make_unique<ServerProcess>();
        root_ = engine_->path("clone");
        fs::create_directories(root_ / "plugins/dev");
        fs::create_directories(root_ / "build");
        fs::create_directories(root_ / "live");
        fs::copy_file(DROVER_SOURCE_DIR "/plugins/dev/watch", root_ / "plugins/dev/watch");
        fs::create_directory_symlink(DROVER_BINARY_DIR, root_ / "build/release");

        RedisOptions redis(redisAt(RedisServer::shared().port()));
        Queue::Settings settings;
        settings.name = "watch-" + std::to_string(getpid());
        queue_ = std::make_unique<test::WholeQueue>(redis, settings);
        engine_->start({"run",
                        "--set",
                        "plugins.load=*",
                        "--set",
                        "plugins.dir=" + (root_ / "live").string(),
                        "--set",
                        "queue.greet.name=" + settings.name,
                        "--set",
                        "redis.port=" + std::to_string(redis.port),
                        "--set",
                        "control.socket=" + engine_->path("c.sock")});
        engine_->waitForLog("is running");
    }
    void tearDown() override {
        watch_->stop();
        queue_.reset();
        engine_.reset();
    }

    void savedSourcesRunWithoutARestart() {
        write(root_ / "plugins/dev/greet/CMakeLists.txt",
              "cmake_minimum_required(VERSION 3.22)\n"
              "project(greet LANGUAGES CXX)\n"
              "find_package(drover REQUIRED)\n"
              "drover_add_plugin(greet SOURCES Greet.cpp)\n");
        save(R"("1")");
        startWatch();
        waitForPlugin("greet", "version 1, generation 1: runs");
        assertEqual("1", resultOfAJob());

        save("nobodyHasThis");
        waitForWatch("Greet.cpp:4");
        waitForWatch("plugins/dev/greet: not built; what runs goes on");
        assertEqual("1", resultOfAJob());

        save(R"("2")");
        waitForPlugin("greet", "version 1, generation 2: runs");
        assertEqual("2", resultOfAJob());

        // Started again it removes no plugin whose source it cannot build.
        save("nobodyHasThis");
        restartWatch();
        waitForWatch("plugins/dev/greet: not built; what runs goes on");
        save(R"("3")");
        waitForPlugin("greet", "version 1, generation 3: runs");
        assertLacks(engine_->err(), "its file is gone");

        fs::remove_all(root_ / "plugins/dev/greet");
        waitForPlugin("greet", "version 1, generation 3: its file is gone");
    }

    void aBuiltPluginComesAndGoes() {
        write(root_ / "live/stale.so", "of an earlier run");
        startWatch();
        const fs::path echo = root_ / "plugins/dev/echo.so";
        fs::copy_file(DROVER_BINARY_DIR "/plugins/echo.so", echo);
        // Mode and owner of the source are the developer's own affair.
        fs::permissions(echo, fs::perms::all);
        waitForPlugin("echo", "version 1.0.0, generation 1: runs");
        CPPUNIT_ASSERT(!fs::exists(root_ / "live/stale.so"));
        write(root_ / "plugins/dev/echo.properties", "queue.echo.threads = 3\n");
        waitForEngine("queue.echo.threads is 3 now");
        fs::remove(root_ / "plugins/dev/echo.properties");
        waitForEngine("queue.echo.threads is 1 now, it was 3");
        fs::copy_file(DROVER_BINARY_DIR "/plugins/api.so", root_ / "plugins/dev/api.so");
        waitForWatch("api.so: a service; only handlers are given to running engines");
        fs::remove(echo);
        waitForPlugin("echo", "version 1.0.0, generation 1: its file is gone");
        CPPUNIT_ASSERT(!fs::exists(root_ / "live/api.so"));
    }

private:
    void restartWatch() {
        watch_->stop();
        std::ofstream emptied(engine_->path("watch"));  // Earlier lines do not count.
        startWatch();
    }
    void startWatch() {
        watch_->start({(root_ / "plugins/dev/watch").string(), (root_ / "live").string()},
                      engine_->path("watch"));
    }

    /// The plugin whose jobs complete with the value of this expression.
    void save(const std::string& result) const {
        write(root_ / "plugins/dev/greet/Greet.cpp",
              "#include <drover/Handler.h>\n"
              "struct Greet : drover::Handler {\n"
              "    drover::Outcome process(drover::ActiveJob&) override {\n"
              "        return drover::completed(" +
                  result +
                  ");\n"
                  "    }\n"
                  "};\n"
                  "DROVER_PLUGIN(drover::plugin(\"greet\", \"1\")\n"
                  "    .handler<Greet>(\"greet\", {.queue = \"greet\"}))\n");
    }

    void waitForEngine(const std::string& text) const {
        watch_->waitUntil([&] { return engine_->err().find(text) != std::string::npos; },
                          kPatience);
    }
    void waitForPlugin(const std::string& plugin, const std::string& text) const {
        watch_->waitUntil([&] { return !engine_->pluginLines(plugin, text).empty(); }, kPatience);
    }
    void waitForWatch(const std::string& text) const {
        watch_->waitUntil(
            [&] {
                std::ifstream file(engine_->path("watch"));
                return std::string(std::istreambuf_iterator<char>(file), {}).find(text) !=
                       std::string::npos;
            },
            kPatience);
    }

    std::string resultOfAJob() {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        const std::string id = queue_->addBulk({{"greet", "{}", {}}}, deadline).front().id;
        watch_->waitUntil([&] { return queue_->job(id)->finishedOnMs.has_value(); }, kPatience);
        return *queue_->job(id)->returnValue;
    }

    std::unique_ptr<AppProcess> engine_;
    std::unique_ptr<ServerProcess> watch_;
    fs::path root_;
    std::unique_ptr<test::WholeQueue> queue_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(WatchTest);
