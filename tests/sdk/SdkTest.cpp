#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "integration/AppProcess.h"
#include "plugin/loading/PluginGeneration.h"
#include "plugin/loading/PluginLoader.h"
#include "redis/RedisOptions.h"
#include "support/Assert.h"
#include "support/FakeRunningJob.h"
#include "support/RedisServer.h"
#include "support/ServerProcess.h"
#include "support/WholeQueue.h"

using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;
using drover::test::assertStartsWith;

using namespace drover;
using drover::test::FakeRunningJob;

extern char** environ;

namespace {

namespace fs = std::filesystem;

std::string contentOf(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string source(const std::string& path) {
    return std::string(DROVER_SOURCE_DIR) + "/" + path;
}

/// A folder of one test, and programs run in it.
class Workshop {
public:
    Workshop() : folder_(test::makeTempFolder("drover-sdk-test")) {}
    ~Workshop() { test::removeTree(folder_); }
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;

    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }

    /// Runs a program to its end and returns its output; fails with that if the end is not the wanted one.
    std::string run(const std::vector<std::string>& args, int exitCode = 0) const {
        const std::string log = path("log");
        std::vector<char*> argv;
        argv.reserve(args.size() + 1);
        for (const std::string& arg : args) {
            argv.push_back(const_cast<char*>(arg.c_str()));
        }
        argv.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(
            &actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
        pid_t pid = 0;
        const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(args[0], 0, error);
        int status = 0;
        CPPUNIT_ASSERT_EQUAL(pid, ::waitpid(pid, &status, 0));
        std::string output = contentOf(log);
        CPPUNIT_ASSERT_MESSAGE(args[0] + ":\n" + output,
                               WIFEXITED(status) && WEXITSTATUS(status) == exitCode);
        return output;
    }

private:
    std::string folder_;
};

/// The prefix of an installation that was moved after it was made. One for all tests.
const std::string& prefix() {
    static const Workshop kWorkshop;
    static const std::string kInstalled = [] {
        kWorkshop.run(
            {"cmake", "--install", DROVER_BINARY_DIR, "--prefix", kWorkshop.path("installed")});
        fs::rename(kWorkshop.path("installed"), kWorkshop.path("moved"));
        return kWorkshop.path("moved");
    }();
    return kInstalled;
}

std::string binary() {
    return prefix() + "/bin/drover";
}

/// An engine with the plugin echo on a queue.
struct Echoing {
    explicit Echoing(const std::string& queue) {
        engine.start({"run",
                      "--set",
                      "plugins.load=echo",
                      "--set",
                      std::string("plugins.dir=") + DROVER_BINARY_DIR + "/plugins",
                      "--set",
                      "queue.echo.name=" + queue,
                      "--set",
                      "redis.port=" + port,
                      "--set",
                      "control.socket=" + engine.path("c.sock")});
        engine.waitForLog("is running");
    }

    const std::string port = std::to_string(test::RedisServer::shared().port());
    /// For programs that have no options for TLS.
    const std::string plainPort = std::to_string(test::RedisServer::shared().plainPort());
    test::AppProcess engine;
};

}  // namespace

/// An installation is all that an outside author needs.
class SdkTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SdkTest);
    CPPUNIT_TEST(movedInstallationFindsItsParts);
    CPPUNIT_TEST(pluginBuiltByGccWorks);
    CPPUNIT_TEST(pluginBuiltByClangWorks);
    CPPUNIT_TEST(pluginBuiltByPkgConfigAloneWorks);
    CPPUNIT_TEST(aProgramOutsideAddsAJobAndHearsOfItsEnd);
    CPPUNIT_TEST(aProgramOutsideAddsAFlowAndReadsItsResults);
    CPPUNIT_TEST(newPluginPassesAsGenerated);
    CPPUNIT_TEST(newPluginRefusesWhatWouldNotWork);
    CPPUNIT_TEST_SUITE_END();

public:
    void movedInstallationFindsItsParts() {
        work_.run({binary(), "config", "check", "--set", "plugins.load=echo,api"});
        assertContains(
            work_.run({"env", "DATABASE_URL=mysql://u:p@h/d", binary(), "db", "status"}, 78),
            "it does not start with postgresql://");
        CPPUNIT_ASSERT(contentOf(prefix() + "/share/drover/conf/drover.properties") ==
                       contentOf(source("conf/drover.properties")));
        CPPUNIT_ASSERT_EQUAL(work_.run({binary(), "help", "--man"}),
                             contentOf(prefix() + "/share/man/man1/drover.1"));
        CPPUNIT_ASSERT_EQUAL(work_.run({binary(), "help", "--bash-completion"}),
                             contentOf(prefix() + "/share/bash-completion/completions/drover"));
        CPPUNIT_ASSERT_EQUAL(work_.run({binary(), "help", "--man-config"}),
                             contentOf(prefix() + "/share/man/man5/drover.properties.5"));
        CPPUNIT_ASSERT_EQUAL(work_.run({binary(), "help", "--man-daemon"}),
                             contentOf(prefix() + "/share/man/man8/drover.8"));
        CPPUNIT_ASSERT_EQUAL(work_.run({binary(), "help", "--zsh-completion"}),
                             contentOf(prefix() + "/share/zsh/site-functions/_drover"));
        const std::string folder = pkgConfig("--variable=plugindir");
        CPPUNIT_ASSERT(fs::exists(folder + "/echo.so"));
        // Nothing in it may point to where it was made.
        CPPUNIT_ASSERT_EQUAL(std::string(),
                             work_.run({"grep",
                                        "-rlF",
                                        "/installed/",
                                        prefix() + "/lib/cmake",
                                        prefix() + "/lib/pkgconfig"},
                                       1));
    }

    void pluginBuiltByGccWorks() {
        buildOutside("gcc", "g++", {"-DOUTSIDE_COMPONENTS=service"});
        assertEchoes(work_.path("build/plugins/outside.so"));
        assertWorksWhatWaits(work_.path("build/plugins/outside.so"));
        // Another run of the compiler made it, and it has the engine's stamp all the same.
        const std::string service = work_.path("build/plugins/outside-service.so");
        assertStartsWith(work_.run({binary(), "plugin", "check", service}), service + ": good");
    }

    void pluginBuiltByClangWorks() {
        buildOutside("clang", "clang++", {"-DOUTSIDE_HEADERS=ON"});
        assertEchoes(work_.path("build/plugins/outside.so"));
        assertWorksWhatWaits(work_.path("build/plugins/outside.so"));
    }

    /// The command of plugins/echo-c/README.md.
    void pluginBuiltByPkgConfigAloneWorks() {
        work_.run({"sh",
                   "-c",
                   "cc -shared -fPIC -fvisibility=hidden $1 -o \"$2\" \"$3\"",
                   "sh",
                   pkgConfig("--cflags"),
                   work_.path("echo-c.so"),
                   source("plugins/echo-c/EchoC.c")});
        assertEchoes(work_.path("echo-c.so"));
    }

    void aProgramOutsideAddsAJobAndHearsOfItsEnd() {
        build(source("docs/examples/producer"), {"-DCMAKE_BUILD_TYPE=Debug"});
        const std::string queue = "producer-" + std::to_string(getpid());
        const Echoing engine(queue);
        const std::string program = work_.path("build/producer");
        assertEqual(
            "1 completed {\"from\":\"outside\"}\n",
            work_.run(
                {program, "127.0.0.1", engine.plainPort, queue, "echo", "{\"from\":\"outside\"}"}));
        const std::string refused =
            work_.run({program, "127.0.0.1", engine.plainPort, queue, "echo", "no JSON"}, 1);
        CPPUNIT_ASSERT_MESSAGE(
            refused, refused.find("not added: the data of job \"echo\"") != std::string::npos);
        const std::string wrong = work_.run({program, "", engine.plainPort, queue, "echo", "1"}, 1);
        CPPUNIT_ASSERT_MESSAGE(wrong, wrong.find("nvalid argument") != std::string::npos);
    }

    void aProgramOutsideAddsAFlowAndReadsItsResults() {
        build(source("docs/examples/flow"), {"-DCMAKE_BUILD_TYPE=Debug"});
        const std::string queue = "flow-" + std::to_string(getpid());
        const Echoing engine(queue);
        const std::string printed =
            work_.run({work_.path("build/flow"), "127.0.0.1", engine.plainPort, queue});
        for (const char* parcel : {"{\"parcel\":1}\n", "{\"parcel\":2}\n", "{\"parcel\":3}\n"}) {
            assertContains(printed, parcel);
        }
        assertContains(printed, "\n{\"order\":17}\n");
        const std::string needed = work_.run({"readelf", "-d", work_.path("build/flow")});
        assertContains(needed, "libdrover-client.so");
        assertLacks(needed, "libdrover.so");
    }

    void newPluginPassesAsGenerated() {
        const std::string told =
            work_.run({binary(), "plugin", "new", "my-mailer", "--dir", work_.path(".")});
        const std::string project = work_.path("./my-mailer");
        for (const char* file : {"CMakeLists.txt",
                                 "README.md",
                                 "my-mailer.properties",
                                 "MyMailerHandler.cpp",
                                 "MyMailerTest.cpp"}) {
            assertContains(told, project + "/" + file + "\n");
            assertLacks(contentOf(project + "/" + file), "@");
        }
        build(project, {"-DCMAKE_BUILD_TYPE=Debug"});
        work_.run({"ctest", "--test-dir", work_.path("build"), "--no-tests=error"});

        // With the file that lies beside it, as the README starts it.
        const std::string configured = work_.run({binary(),
                                                  "config",
                                                  "show",
                                                  "--set",
                                                  "plugins.dir=" + work_.path("build/plugins"),
                                                  "--set",
                                                  "plugins.load=my-mailer"});
        assertContains(
            configured,
            "queue.my-mailer.threads = 2   (" + work_.path("build/plugins/my-mailer.properties"));
        assertEqual("{\"bytes\":2}", resultOf(work_.path("build/plugins/my-mailer.so"), "[]"));
    }

    void newPluginRefusesWhatWouldNotWork() {
        const std::string dir = work_.path("new");
        fs::create_directory(dir);
        fs::create_directory(dir + "/there");
        fs::create_symlink("/nowhere", dir + "/dangling");
        const std::vector<std::pair<std::string, std::string>> cases = {
            {"there", dir + "/there exists already"},
            {"dangling", dir + "/dangling exists already"},
            {"../up",
             "a plugin cannot be named \"../up\": a name is a letter, then letters, digits, "
             "'-' and '_', at most 64 in all; up would do"},
            {"1 fast mailer!", "; fast-mailer would do"},
            {std::string(65, 'a'), "; " + std::string(64, 'a') + " would do"},
            {"", "at most 64 in all\n"},
            {"redis", "keys that begin so are the engine's; redis-plugin would do"},
            {"test", "CMake reserves that name; test-plugin would do"}};
        for (const auto& [name, message] : cases) {
            const std::string told = work_.run({binary(), "plugin", "new", name, "--dir", dir}, 64);
            assertContains(told, message);
        }
        CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{2},
                             std::distance(fs::directory_iterator(dir), fs::directory_iterator()));
        CPPUNIT_ASSERT(fs::is_empty(dir + "/there"));
        const std::string told =
            work_.run({binary(), "plugin", "new", "x", "--dir", work_.path("no")}, 64);
        assertContains(told, "--dir " + work_.path("no") + ": there is no such folder");
    }

private:
    void build(const std::string& project, const std::vector<std::string>& arguments) const {
        std::vector<std::string> configure = {"cmake",
                                              "-S",
                                              project,
                                              "-B",
                                              work_.path("build"),
                                              "-G",
                                              "Ninja",
                                              "-DCMAKE_PREFIX_PATH=" + prefix()};
        configure.insert(configure.end(), arguments.begin(), arguments.end());
        work_.run(configure);
        work_.run({"cmake", "--build", work_.path("build")});
    }

    void buildOutside(const std::string& c,
                      const std::string& cxx,
                      std::vector<std::string> arguments) const {
        // A compiler that is not installed is a missing service: skipped.
        arguments.push_back("-DCMAKE_C_COMPILER=" + test::findProgram(c));
        arguments.push_back("-DCMAKE_CXX_COMPILER=" + test::findProgram(cxx));
        arguments.emplace_back("-DCMAKE_BUILD_TYPE=Release");
        build(source("tests/sdk/outside"), arguments);
    }

    /// Returns the output of pkg-config about drover, without the end of the line.
    [[nodiscard]] std::string pkgConfig(const std::string& option) const {
        std::string told = work_.run({"env",
                                      "PKG_CONFIG_PATH=" + prefix() + "/lib/pkgconfig",
                                      "pkg-config",
                                      option,
                                      "drover"});
        told.erase(told.find_last_not_of(" \n") + 1);
        return told;
    }

    /// The result of a job with this data, by the plugin's only handler, as the engine runs it.
    static std::string resultOf(const std::string& plugin, const std::string& data) {
        const auto generation = PluginGeneration::start(
            PluginLoader().load(plugin), [](const std::string&) { return std::nullopt; });
        const auto instance = generation->handlerTypes().at(0)->create();
        FakeRunningJob job(data);
        RunningJob* const jobs[] = {&job};
        instance->process(jobs);
        CPPUNIT_ASSERT(job.outcome.kind == JobOutcome::Kind::Completed);
        return job.outcome.text;
    }

    void assertEchoes(const std::string& plugin) const {
        assertEqual(
            "drover_plugin\n",
            work_.run(
                {"sh", "-c", "nm -D --defined-only \"$1\" | awk '{print $3}'", "sh", plugin}));
        assertEqual("{\"from\":\"outside\"}", resultOf(plugin, "{\"from\":\"outside\"}"));
    }

    /// Dropped into a running engine while 10,000 jobs wait for it.
    static void assertWorksWhatWaits(const std::string& plugin) {
        constexpr std::int64_t kJobs = 10000;
        test::AppProcess engine;
        RedisOptions redis(test::redisAt(test::RedisServer::shared().port()));
        Queue::Settings settings;
        settings.name = "outside-" + std::to_string(getpid()) + "-" +
                        fs::path(engine.folder()).filename().string();
        test::WholeQueue queue(redis, settings);
        const auto patience = [] {
            return std::chrono::steady_clock::now() + std::chrono::seconds(60);
        };
        for (const AddResult& added :
             queue.addBulk(std::vector<NewJob>(kJobs, {"echo", "1", {}}), patience())) {
            CPPUNIT_ASSERT_MESSAGE(added.message, added.status == AddResult::Status::Added);
        }
        fs::create_directory(engine.path("plugins"));
        engine.start({"run",
                      "--set",
                      "plugins.load=*",
                      "--set",
                      "plugins.dir=" + engine.path("plugins"),
                      "--set",
                      "queue.echo.name=" + settings.name,
                      "--set",
                      "redis.port=" + std::to_string(redis.port),
                      "--set",
                      "control.socket=" + engine.path("c.sock")});
        engine.waitForLog("is running");
        CPPUNIT_ASSERT_EQUAL(kJobs, queue.counts().waiting);
        fs::copy_file(plugin, engine.path("plugins/outside.so"));
        const auto deadline = patience();
        while (queue.counts().completed < kJobs) {
            CPPUNIT_ASSERT_MESSAGE(engine.err(), std::chrono::steady_clock::now() < deadline);
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        CPPUNIT_ASSERT_EQUAL(kJobs, queue.counts().completed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, queue.counts().failed);
    }

    Workshop work_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(SdkTest);
