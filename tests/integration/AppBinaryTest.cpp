#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <rapidjson/document.h>
#include <signal.h>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "integration/AppProcess.h"
#include "integration/RawClient.h"
#include "redis/RedisClient.h"
#include "redis/RedisOptions.h"
#include "redis/ScriptRegistry.h"
#include "support/Assert.h"
#include "support/Patience.h"
#include "support/RedisServer.h"
#include "support/TcpProxy.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover::test;

const std::string kPlugins = DROVER_BINARY_DIR "/plugins";

/// A FIFO without a reader, which is full.
class FullPipe {
public:
    explicit FullPipe(std::string path) : path_(std::move(path)) {
        CPPUNIT_ASSERT_EQUAL(0, mkfifo(path_.c_str(), 0600));
        fd_ = open(path_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
        const std::string junk(4096, '#');
        while (write(fd_, junk.data(), junk.size()) > 0) {
        }
    }
    ~FullPipe() { close(fd_); }
    FullPipe(const FullPipe&) = delete;
    FullPipe& operator=(const FullPipe&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    const std::string path_;
    int fd_ = -1;
};

rapidjson::Document parsed(const std::string& text) {
    rapidjson::Document document;
    document.Parse(text.c_str());
    CPPUNIT_ASSERT_MESSAGE(text, !document.HasParseError());
    return document;
}

}  // namespace

/// The binary as a shell, an init system and an operator meet it.
class AppBinaryTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AppBinaryTest);
    CPPUNIT_TEST(pluginCheckWarnsOfUniqueSymbols);
    CPPUNIT_TEST(helpAndVersionExitWithZero);
    CPPUNIT_TEST(aWrongCommandLineExitsWith64AndNamesTheNearest);
    CPPUNIT_TEST(aWrongConfigurationExitsWith78AndNamesEveryProblem);
    CPPUNIT_TEST(aMissingPluginExitsWith78);
    CPPUNIT_TEST(configShowHidesSecretsAndPrintsOrigins);
    CPPUNIT_TEST(theReferenceIsAConfigurationWithoutEffect);
    CPPUNIT_TEST(anAbsentRedisExitsWith69AfterTheTimeout);
    CPPUNIT_TEST(aDatabaseThatDoesNotExistEndsTheStartAtOnce);
    CPPUNIT_TEST(termEndsTheWaitForRedisWithZero);
    CPPUNIT_TEST(termEndsWithZeroAndRemovesTheSocket);
    CPPUNIT_TEST(intEndsWithZero);
    CPPUNIT_TEST(healthFindsTheProcessAndExitsWithItsFitness);
    CPPUNIT_TEST(healthWithoutProcessExitsWith69);
    CPPUNIT_TEST(hangupReloadsTheLogLevelAndNamesKeysThatNeedARestart);
    CPPUNIT_TEST(hangupWithAWrongFileLeavesTheOldConfiguration);
    CPPUNIT_TEST(hangupLogsEachChangedKey);
    CPPUNIT_TEST(stopAndContinueSignalsQuietAndResume);
    CPPUNIT_TEST(stopHandsBackWhatHasNotBegun);
    CPPUNIT_TEST(withoutAutorunNothingIsClaimedUntilContinue);
    CPPUNIT_TEST(aReloadThatSetsAutorunBegins);
    CPPUNIT_TEST(aReloadThatSetsAutorunDoesNotEndQuiet);
    CPPUNIT_TEST(withoutRenewalAndStalledCheckAnotherWorkerRecoversTheJob);
    CPPUNIT_TEST(aRunningWorkerIsListed);
    CPPUNIT_TEST(boundsOfAQueueReachItsWorker);
    CPPUNIT_TEST(aSecondProcessOnOneSocketIsRefused);
    CPPUNIT_TEST(theSocketOfAKilledProcessIsReplaced);
    CPPUNIT_TEST(aTooLongSocketPathExitsWith78);
    CPPUNIT_TEST(theLogIsJsonLinesWithoutSecrets);
    CPPUNIT_TEST(databaseCommandsWithoutUrlExitWith78);
    CPPUNIT_TEST(databaseCommandsWithoutDatabaseExitWith69);
    CPPUNIT_TEST(aLoadedPluginWorksItsQueueUntilTerm);
    CPPUNIT_TEST(aHandlerThatDoesNotEndIsLeftBehind);
    CPPUNIT_TEST(aRouteWaitsAsLongAsItsQueueAllows);
    CPPUNIT_TEST(aLogWithoutAReaderStopsNothing);
    CPPUNIT_TEST(anErrorWithoutAReaderDoesNotHoldTheProcess);
    CPPUNIT_TEST(theLastWordsOfACrashArePrinted);
    CPPUNIT_TEST(aJobIsCancelledFromAnotherProcess);
    CPPUNIT_TEST(aJobThatCannotBeCancelledExitsWith66);
    CPPUNIT_TEST(cancelWithoutQueueNeedsExactlyOne);
    CPPUNIT_TEST(cancelWithoutRedisExitsWith69);
    CPPUNIT_TEST(theTimeoutOfAQueueCancelsItsJobs);
    CPPUNIT_TEST(keysOfALoadedPluginAreChecked);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { app_ = std::make_unique<AppProcess>(); }
    void tearDown() override { app_.reset(); }

    void pluginCheckWarnsOfUniqueSymbols() {
        const std::string file = std::string(DROVER_TEST_MODULES) + "/unique.so";
        if (!std::filesystem::exists(file)) {
            return;  // Made by g++ only.
        }
        CPPUNIT_ASSERT_EQUAL(0, app_->run({"plugin", "check", file}));
        assertContains(app_->out(), file + ": warning: the file has ");
        assertContains(app_->out(), "unique symbols (STB_GNU_UNIQUE");
        assertContains(app_->out(), file + ": good: unique 1.0; handlers unique/count\n");
        CPPUNIT_ASSERT_EQUAL(0, app_->run({"plugin", "check", file, "--json"}));
        CPPUNIT_ASSERT_EQUAL(1U, parsed(app_->out())["warnings"].Size());
        startRunning({"--set",
                      "plugins.load=unique",
                      "--set",
                      std::string("plugins.dir=") + DROVER_TEST_MODULES});
        CPPUNIT_ASSERT(!app_->pluginLines("unique", "the file has ").empty());
    }

    void helpAndVersionExitWithZero() {
        CPPUNIT_ASSERT_EQUAL(0, app_->run({"help"}));
        assertContains(app_->out(), "config check");
        CPPUNIT_ASSERT_EQUAL(0, app_->run({"run", "--help"}));
        assertContains(app_->out(), "--env-file FILE");
        CPPUNIT_ASSERT_EQUAL(0, app_->run({"version", "--json"}));
        CPPUNIT_ASSERT(parsed(app_->out()).HasMember("build"));
    }

    void aWrongCommandLineExitsWith64AndNamesTheNearest() {
        CPPUNIT_ASSERT_EQUAL(64, app_->run({}));
        CPPUNIT_ASSERT_EQUAL(64, app_->run({"helth"}));
        assertContains(app_->err(), "did you mean health?");
        CPPUNIT_ASSERT_EQUAL(64, app_->run({"run", "--sett", "a=b"}));
        assertContains(app_->err(), "did you mean --set?");
        CPPUNIT_ASSERT_EQUAL(std::string(), app_->out());
    }

    void aWrongConfigurationExitsWith78AndNamesEveryProblem() {
        const std::string file = app_->write("a.properties", "redis.prot = 1\nredis.port = x\n");
        for (const char* command : {"run", "config show", "config check"}) {
            std::vector<std::string> args = {"--config", file};
            const std::string text = command;
            if (text == "run") {
                args.insert(args.begin(), "run");
            } else {
                args.insert(args.begin(), {"config", text.substr(7)});
            }
            CPPUNIT_ASSERT_EQUAL_MESSAGE(command, 78, app_->run(args));
            const std::string told = app_->err() + app_->out();
            assertContains(told, file + ":1: redis.prot: unknown key; did you mean redis.port?");
            assertContains(told,
                           file + ":2: redis.port = \"x\": expected an integer in [1, 65535]");
        }
        CPPUNIT_ASSERT_EQUAL(78, app_->run({"config", "check", "--json", "--config", file}));
        CPPUNIT_ASSERT_EQUAL(2U, parsed(app_->out())["problems"].Size());
    }

    void aMissingPluginExitsWith78() {
        CPPUNIT_ASSERT_EQUAL(78,
                             app_->run({"run",
                                        "--set",
                                        "plugins.load=nothere",
                                        "--set",
                                        "plugins.dir=" + app_->folder()}));
        assertContains(app_->err(), app_->path("nothere.so"));
    }

    void configShowHidesSecretsAndPrintsOrigins() {
        const std::string env = app_->write("env", "REDIS_PASSWORD='hunter2'\nREDIS_HOST=cache\n");
        const std::map<std::string, std::string> environment = {
            {"DATABASE_URL", "postgresql://u:topsecret@h/d"}, {"REDIS_PORT", "7000"}};
        for (const bool json : {false, true}) {
            std::vector<std::string> args = {
                "config", "show", "--env-file", env, "--set", "redis.db=3"};
            if (json) {
                args.emplace_back("--json");
            }
            CPPUNIT_ASSERT_EQUAL(0, app_->run(args, environment));
            const std::string out = app_->out();
            assertLacks(out, "hunter2");
            assertLacks(out, "topsecret");
            if (json) {
                const auto document = parsed(out);
                assertEqual("***", document["redis.password"]["value"].GetString());
                assertEqual("--set", document["redis.db"]["origin"].GetString());
            } else {
                assertContains(out, "redis.host = cache   (" + env + ":2 REDIS_HOST)");
                assertContains(out, "redis.port = 7000   (environment REDIS_PORT)");
                assertContains(out, "database.url = ***   (environment DATABASE_URL)");
            }
        }
    }

    void theReferenceIsAConfigurationWithoutEffect() {
        CPPUNIT_ASSERT_EQUAL(0, app_->run({"config", "show"}));
        const std::string defaults = app_->out();
        CPPUNIT_ASSERT_EQUAL(0, app_->run({"config", "show", "--reference"}));
        const std::string file = app_->write("reference.properties", app_->out());
        CPPUNIT_ASSERT_EQUAL(0, app_->run({"config", "show", "--config", file}));
        CPPUNIT_ASSERT_EQUAL(defaults, app_->out());
    }

    void anAbsentRedisExitsWith69AfterTheTimeout() {
        const std::string port = std::to_string(freePort());
        CPPUNIT_ASSERT_EQUAL(
            69,
            app_->run({"run", "--set", "redis.port=" + port, "--set", "startup.timeoutMs=300"}));
        assertContains(
            app_->err(),
            "redis 127.0.0.1:" + port + " did not answer within startup.timeoutMs (300)");
    }

    void aDatabaseThatDoesNotExistEndsTheStartAtOnce() {
        const std::string url =
            "redis://127.0.0.1:" + std::to_string(RedisServer::shared().port()) + "/999";
        const auto began = std::chrono::steady_clock::now();
        CPPUNIT_ASSERT_EQUAL(78, app_->run({"run"}, {{"REDIS_URL", url}}));
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - began < drover::test::kAtOnce);
        assertContains(app_->err(), "SELECT 999 was refused");
        assertContains(app_->err(), "redis.db is 999");
    }

    void termEndsTheWaitForRedisWithZero() {
        app_->start({"run", "--set", "redis.port=" + std::to_string(freePort())});
        app_->waitForLog("waiting for redis");
        CPPUNIT_ASSERT_EQUAL(69, client_.run({"health", "--socket", socketPath()}));
        assertContains(client_.out(), "not ok: starting");
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
    }

    void termEndsWithZeroAndRemovesTheSocket() {
        startRunning();
        CPPUNIT_ASSERT(std::filesystem::is_socket(socketPath()));
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
        CPPUNIT_ASSERT(!std::filesystem::exists(socketPath()));
    }

    void intEndsWithZero() {
        startRunning();
        app_->signal(SIGINT);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
    }

    void healthFindsTheProcessAndExitsWithItsFitness() {
        startRunning();
        // By its place in the runtime folder, by --socket, and by the configuration.
        CPPUNIT_ASSERT_EQUAL(0, client_.run({"health"}, {{"XDG_RUNTIME_DIR", app_->folder()}}));
        assertContains(client_.out(), "ok: running, process " + std::to_string(app_->pid()));
        CPPUNIT_ASSERT_EQUAL(0, client_.run({"health", "--socket", socketPath(), "--json"}));
        CPPUNIT_ASSERT(parsed(client_.out())["ok"].GetBool());
        CPPUNIT_ASSERT_EQUAL(0, client_.run({"health", "--set", "control.socket=" + socketPath()}));

        AppProcess second;
        second.start({"run",
                      "--set",
                      "redis.port=" + std::to_string(RedisServer::shared().port()),
                      "--set",
                      "control.socket=" + app_->path("drover-1.sock")});
        second.waitForLog("is running");
        CPPUNIT_ASSERT_EQUAL(64, client_.run({"health"}, {{"XDG_RUNTIME_DIR", app_->folder()}}));
        assertContains(client_.err(), "--socket " + app_->path("drover-1.sock"));
    }

    void healthWithoutProcessExitsWith69() {
        CPPUNIT_ASSERT_EQUAL(69, app_->run({"health"}));
        CPPUNIT_ASSERT_EQUAL(
            69, app_->run({"health", "--json", "--socket", app_->path("nobody.sock")}));
        CPPUNIT_ASSERT(!parsed(app_->out())["ok"].GetBool());
        app_->write("drover-2.sock", "no socket");
        CPPUNIT_ASSERT_EQUAL(69, app_->run({"health"}));
    }

    void hangupReloadsTheLogLevelAndNamesKeysThatNeedARestart() {
        const std::string file = app_->write("a.properties", "log.level = information\n");
        startRunning({"--config", file});
        app_->write("a.properties", "log.level = error\nredis.db = 1\n");
        app_->signal(SIGHUP);
        app_->waitForLog("redis.db has changed and needs a restart");
        // From now on only errors are written: the reload is the last line, and quiet is not logged.
        app_->signal(SIGTSTP);
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
        assertLacks(app_->err(), "quiet");
        assertLacks(app_->err(), "signal 15");
    }

    void hangupWithAWrongFileLeavesTheOldConfiguration() {
        const std::string file = app_->write("a.properties", "log.level = information\n");
        startRunning({"--config", file});
        app_->write("a.properties", "log.level = loud\n");
        app_->signal(SIGHUP);
        app_->waitForLog("not reloaded: " + file + ":1: log.level");
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
        assertContains(app_->err(), "ended after");
    }

    void hangupLogsEachChangedKey() {
        const std::string load = "plugins.load = echo\nplugins.dir = " + kPlugins + "\n";
        const std::string file = app_->write("a.properties", load + "queue.echo.threads = 2\n");
        startRunning({"--config", file});
        app_->write("a.properties",
                    load + "queue.echo.threads = 3\nworker.defaults.concurrency = 9\n");
        app_->signal(SIGHUP);
        app_->waitForLog("configuration reloaded");
        assertContains(app_->err(), file + ":3: queue.echo.threads is 3 now, it was 2");
        assertContains(app_->err(), file + ":4: worker.defaults.concurrency is 9 now, it was 256");
        assertLacks(app_->err(), "plugins.load has changed");
    }

    void stopAndContinueSignalsQuietAndResume() {
        startRunning();
        app_->signal(SIGTSTP);
        app_->waitForLog("quiet");
        CPPUNIT_ASSERT_EQUAL(0, client_.run({"health", "--socket", socketPath()}));
        assertContains(client_.out(), "ok: quiet");
        app_->signal(SIGCONT);
        app_->waitForLog("resumed");
        // The commands do the same, and return when it is done.
        CPPUNIT_ASSERT_EQUAL(0, client_.run({"worker", "quiet", "--socket", socketPath()}));
        assertEqual("process " + std::to_string(app_->pid()) + " claims no further jobs\n",
                    client_.out());
        CPPUNIT_ASSERT_EQUAL(0, client_.run({"health", "--socket", socketPath()}));
        assertContains(client_.out(), "ok: quiet");
        CPPUNIT_ASSERT_EQUAL(0,
                             client_.run({"worker", "resume", "--socket", socketPath(), "--json"}));
        assertContains(client_.out(), "\"state\":\"running\"}");
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
        CPPUNIT_ASSERT_EQUAL(69, client_.run({"worker", "quiet", "--socket", socketPath()}));
    }

    void stopHandsBackWhatHasNotBegun() {
        drover::test::WholeQueue queue(redisOptions(), queueSettings("quiet"));
        startEcho(queue,
                  {"queue.echo.threads=1",
                   "queue.echo.batchSize=1",
                   "queue.echo.unstartedMaxMs=600000",
                   "shutdown.graceMs=300"});
        // Jobs are short, as far as this one shows: further jobs are held ahead.
        const std::string first = addTo(queue, "{}");
        waitUntil([&] { return queue.state(first) == drover::JobState::Completed; });
        const std::string held = addTo(queue, R"({"sleepMs":600000})");
        waitUntil([&] { return queue.state(held) == drover::JobState::Active; });
        for (int i = 0; i < 3; ++i) {
            addTo(queue, "{}");
        }
        waitUntil([&] { return queue.counts().active == 4; });
        app_->signal(SIGTSTP);
        waitUntil([&] { return queue.counts().active == 1 && queue.counts().waiting == 3; });
    }

    void withoutAutorunNothingIsClaimedUntilContinue() {
        drover::test::WholeQueue queue(redisOptions(), queueSettings("autorun"));
        const std::string id = addTo(queue, "{}");
        startEcho(queue, {"worker.defaults.autorun=false"});
        app_->waitForLog("the worker claims no jobs (autorun = false)");
        assertClaimsNothing(queue, id);
        app_->signal(SIGCONT);
        waitUntil([&] { return queue.state(id) == drover::JobState::Completed; });
    }

    void aReloadThatSetsAutorunBegins() {
        drover::test::WholeQueue queue(redisOptions(), queueSettings("autorun-later"));
        const std::string id = addTo(queue, "{}");
        const std::string base = startWithoutAutorun(queue);
        reload(base + "queue.echo.autorun = false\nqueue.echo.threads = 2\n",
               "queue.echo.threads is 2 now");
        assertClaimsNothing(queue, id);
        reload(base + "queue.echo.autorun = true\n", "queue.echo.autorun is true now");
        waitUntil([&] { return queue.state(id) == drover::JobState::Completed; });
        // The worker has started: false is for the next start.
        reload(base + "queue.echo.autorun = false\n", "queue.echo.autorun is false now");
        const std::string next = addTo(queue, "{}");
        waitUntil([&] { return queue.state(next) == drover::JobState::Completed; });
    }

    void aReloadThatSetsAutorunDoesNotEndQuiet() {
        drover::test::WholeQueue queue(redisOptions(), queueSettings("autorun-quiet"));
        const std::string id = addTo(queue, "{}");
        const std::string base = startWithoutAutorun(queue);
        app_->signal(SIGTSTP);
        app_->waitForLog("quiet: claiming nothing new");
        reload(base + "queue.echo.autorun = true\n", "queue.echo.autorun is true now");
        assertClaimsNothing(queue, id);
        app_->signal(SIGCONT);
        waitUntil([&] { return queue.state(id) == drover::JobState::Completed; });
    }

    void withoutRenewalAndStalledCheckAnotherWorkerRecoversTheJob() {
        drover::test::WholeQueue queue(redisOptions(), queueSettings("skips"));
        startEcho(queue,
                  {"queue.echo.skipLockRenewal=true",
                   "queue.echo.skipStalledCheck=true",
                   "queue.echo.lockDurationMs=1000",
                   "queue.echo.stalledIntervalMs=600000",
                   "shutdown.graceMs=300"});
        app_->waitForLog("the process renews no locks (skipLockRenewal)");
        app_->waitForLog("looks for neither stalled nor lost jobs (skipStalledCheck)");
        const std::string id = addTo(queue, R"({"sleepMs":600000})");
        waitUntil([&] { return queue.state(id) == drover::JobState::Active; });
        const std::string keys = "bull:" + queue.name() + ":";
        waitUntil([&] { return !exists(keys + id + ":lock"); });
        // A check, which a worker makes at its start, leaves this key for ten minutes.
        CPPUNIT_ASSERT(!exists(keys + "stalled-check"));
        CPPUNIT_ASSERT(queue.state(id) == drover::JobState::Active);
        app_->signal(SIGTSTP);
        app_->waitForLog("quiet: claiming nothing new");

        AppProcess other;
        other.start(redisArgs({"run",
                               "--set",
                               "plugins.load=echo",
                               "--set",
                               "plugins.dir=" + kPlugins,
                               "--set",
                               "queue.echo.name=" + queue.name(),
                               "--set",
                               "queue.echo.stalledIntervalMs=100",
                               "--set",
                               "shutdown.graceMs=300"}));
        other.waitForLog("1 stalled jobs went back to wait");
        waitUntil([&] { return exists(keys + id + ":lock"); });
        CPPUNIT_ASSERT(exists(keys + "stalled-check"));
        assertLacks(app_->err(), "stalled jobs went back");
    }

    void aRunningWorkerIsListed() {
        // Each message to Redis is late: a start that did not wait for the connection would show.
        TcpProxy proxy(RedisServer::shared().port());
        proxy.inject(
            {NetworkFault::Kind::Delay, Way::ToServer, 1.0, std::chrono::milliseconds(50)});
        const std::string name = queueSettings("listed").name;
        app_->start({"run",
                     "--set",
                     "redis.port=" + std::to_string(proxy.port()),
                     "--set",
                     "plugins.load=echo",
                     "--set",
                     "plugins.dir=" + kPlugins,
                     "--set",
                     "queue.echo.name=" + name,
                     "--set",
                     "queue.echo.workerName=here"});
        app_->waitForLog("is running");
        const std::string clients(redis().call(drover::Command{"CLIENT", "LIST"}).text());
        assertContains(clients, ":w:here");
    }

    void boundsOfAQueueReachItsWorker() {
        drover::test::WholeQueue queue(redisOptions(), queueSettings("bounds"));
        startEcho(queue,
                  {"queue.echo.maxBytes=100000",
                   "queue.echo.limiterMax=4",
                   "queue.echo.limiterDurationMs=600000",
                   "queue.echo.maximumRateLimitDelayMs=100"});
        redis().call(drover::Command{"CONFIG", "RESETSTAT"});
        const std::string large = R"({"sleepMs":1,"text":")" + std::string(90000, 'x') + "\"}";
        for (int i = 0; i < 6; ++i) {
            addTo(queue, large);
        }
        waitUntil([&] { return queue.counts().completed == 4; });
        // The script reads the time that is left only where the limiter is closed.
        waitUntil([&] {
            return std::string(redis().call(drover::Command{"INFO", "commandstats"}).text())
                       .find("cmdstat_pttl:") != std::string::npos;
        });
        redis().call(drover::Command{"DEL", "bull:" + queue.name() + ":limiter"});
        waitUntil([&] { return queue.counts().completed == 6; });
        for (int i = 0; i < 4; ++i) {
            addTo(queue, R"({"sleepMs":600000,"text":")" + std::string(60000, 'x') + "\"}");
        }
        app_->waitForLog("the limit is 100000 (maxBytes)");
    }

    void aSecondProcessOnOneSocketIsRefused() {
        const std::string path = app_->path("control.sock");
        startRunning({"--set", "control.socket=" + path});
        CPPUNIT_ASSERT_EQUAL(78, client_.run({"run", "--set", "control.socket=" + path}));
        assertContains(client_.err(), "another process answers there");
        CPPUNIT_ASSERT_EQUAL(0, client_.run({"health", "--socket", path}));
    }

    void theSocketOfAKilledProcessIsReplaced() {
        const std::string path = app_->path("control.sock");
        startRunning({"--set", "control.socket=" + path});
        app_->signal(SIGKILL);
        CPPUNIT_ASSERT_EQUAL(128 + SIGKILL, app_->wait());
        CPPUNIT_ASSERT(std::filesystem::is_socket(path));
        startRunning({"--set", "control.socket=" + path});
        CPPUNIT_ASSERT_EQUAL(0, client_.run({"health", "--socket", path}));
    }

    void aTooLongSocketPathExitsWith78() {
        CPPUNIT_ASSERT_EQUAL(
            78, app_->run({"run", "--set", "control.socket=/tmp/" + std::string(103, 'x')}));
        assertContains(app_->err(), "a Unix socket allows 107");
        CPPUNIT_ASSERT_EQUAL(69,
                             app_->run({"health", "--socket", "/tmp/" + std::string(103, 'x')}));
        assertContains(app_->out(), "a Unix socket allows 107");
    }

    void theLogIsJsonLinesWithoutSecrets() {
        // A host name that holds the password: no text about the server may show it.
        app_->start({"run", "--set", "startup.timeoutMs=1"},
                    {{"REDIS_HOST", "hunter2.invalid"}, {"REDIS_PASSWORD", "hunter2"}});
        CPPUNIT_ASSERT_EQUAL(69, app_->wait());
        const std::string log = app_->err();
        CPPUNIT_ASSERT(!log.empty());
        assertLacks(log, "hunter2");
        for (std::size_t from = 0; from < log.size();) {
            const std::size_t end = log.find('\n', from);
            const auto line = parsed(log.substr(from, end - from));
            for (const char* member : {"time", "level", "logger", "thread", "message"}) {
                CPPUNIT_ASSERT_MESSAGE(log, line.HasMember(member) && line[member].IsString());
            }
            from = end + 1;
        }
    }

    void databaseCommandsWithoutUrlExitWith78() {
        CPPUNIT_ASSERT_EQUAL(78, app_->run({"db", "migrate"}));
        assertContains(app_->err(), "DATABASE_URL");
        CPPUNIT_ASSERT_EQUAL(
            78, app_->run({"db", "status"}, {{"DATABASE_URL", "mysql://u:topsecret@h/d"}}));
        assertLacks(app_->err(), "topsecret");
    }

    /// The store throws in the binary, and libdrover.so catches.
    void databaseCommandsWithoutDatabaseExitWith69() {
        const std::string schema = DROVER_SOURCE_DIR "/schema";
        CPPUNIT_ASSERT_EQUAL(
            69,
            app_->run({"db", "status", "--schema", schema},
                      {{"DATABASE_URL", "postgresql://u:topsecret@127.0.0.1:1/d"}}));
        assertContains(app_->err(), "database 127.0.0.1:1/d: ");
        assertContains(app_->err(), "Connection refused");
        assertLacks(app_->err(), "topsecret");
    }

    void aLoadedPluginWorksItsQueueUntilTerm() {
        const std::string name = "app-" + std::to_string(getpid());
        startRunning({"--set",
                      "plugins.load=echo",
                      "--set",
                      "plugins.dir=" + kPlugins,
                      "--set",
                      "queue.echo.name=" + name});
        drover::RedisOptions redis(redisAt(RedisServer::shared().port()));
        drover::Queue::Settings settings;
        settings.name = name;
        drover::test::WholeQueue queue(redis, settings);
        // The first add may find the connection not made yet.
        drover::AddResult added;
        waitUntil([&] {
            added = queue.add({"echo", R"({"text":"hello"})", {}});
            return added.status == drover::AddResult::Status::Added;
        });
        waitUntil([&] { return queue.job(added.id)->finishedOnMs.has_value(); });
        assertEqual(R"({"text":"hello"})", *queue.job(added.id)->returnValue);

        CPPUNIT_ASSERT_EQUAL(0, client_.run({"health", "--socket", socketPath()}));
        assertContains(client_.out(), "ok      queue " + name + ": held 0, completed 1, failed 0");
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
    }

    void aHandlerThatDoesNotEndIsLeftBehind() {
        const std::string name = "stuck-" + std::to_string(getpid());
        // The failpoint sleeps for five seconds where no cancel token is looked at.
        app_->start({"run",
                     "--set",
                     "redis.port=" + std::to_string(RedisServer::shared().port()),
                     "--set",
                     "plugins.load=echo",
                     "--set",
                     "plugins.dir=" + kPlugins,
                     "--set",
                     "queue.echo.name=" + name,
                     "--set",
                     "shutdown.graceMs=300"},
                    {{"DROVER_FAIL", "handler-not-begun,sleep"}});
        app_->waitForLog("is running");
        drover::RedisOptions redis(redisAt(RedisServer::shared().port()));
        drover::Queue::Settings settings;
        settings.name = name;
        drover::test::WholeQueue queue(redis, settings);
        waitUntil([&] {
            return queue.add({"echo", "{}", {}}).status == drover::AddResult::Status::Added;
        });
        waitUntil([&] { return queue.counts().active > 0; });
        // A job is active before it has begun, which shows nowhere; a job that has not begun would be handed back.
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
        assertContains(app_->err(), "a handler does not end within shutdown.graceMs");
    }

    void aJobIsCancelledFromAnotherProcess() {
        drover::test::WholeQueue queue(redisOptions(), queueSettings("cancel"));
        const std::string name = "queue.echo.name=" + queue.name();
        // The renewal of its lock, which reads the request as well, is minutes away.
        startEcho(queue, {"queue.echo.lockDurationMs=600000"});
        const std::string id = addTo(queue, R"({"sleepMs":600000})");
        waitUntil([&] { return queue.counts().active > 0; });
        CPPUNIT_ASSERT_EQUAL(0,
                             client_.run(redisArgs({"job",
                                                    "cancel",
                                                    id,
                                                    "--queue",
                                                    "echo",
                                                    "--reason",
                                                    "a typing error",
                                                    "--set",
                                                    name})));
        assertContains(client_.out(),
                       "job " + id + " of bull:" + queue.name() + ": is requested to end");
        waitUntil([&] { return queue.state(id) == drover::JobState::Failed; });
        assertEqual("cancelled (cancelled: a typing error)", *queue.job(id)->failedReason);
        assertContains(app_->err(), "a request cancels the job (a typing error)");
    }

    void aJobThatCannotBeCancelledExitsWith66() {
        drover::test::WholeQueue queue(redisOptions(), queueSettings("waiting"));
        const std::string id = addTo(queue, "{}");
        CPPUNIT_ASSERT_EQUAL(
            66, client_.run(redisArgs({"job", "cancel", id, "--queue", queue.name()})));
        CPPUNIT_ASSERT_EQUAL("job " + id + " of bull:" + queue.name() +
                                 ": is waiting: only an active job can be cancelled\n",
                             client_.out());
        CPPUNIT_ASSERT_EQUAL(
            66, client_.run(redisArgs({"job", "cancel", "77", "--queue", queue.name(), "--json"})));
        const rapidjson::Document answer = parsed(client_.out());
        CPPUNIT_ASSERT(!answer["requested"].GetBool());
        assertEqual("77", answer["id"].GetString());
        assertEqual("unknown", answer["state"].GetString());
    }

    void cancelWithoutQueueNeedsExactlyOne() {
        CPPUNIT_ASSERT_EQUAL(64, client_.run(redisArgs({"job", "cancel", "1"})));
        assertContains(client_.err(), "needs --queue NAME: the configuration names no queue");
        CPPUNIT_ASSERT_EQUAL(64, client_.run(redisArgs({"job", "cancel", "1", "--queue", "a:b"})));
        std::vector<std::string> args = {"job", "cancel", "1", "--set", "queue.mail.name=nobodys"};
        CPPUNIT_ASSERT_EQUAL(66, client_.run(redisArgs(args)));
        assertContains(client_.out(), "job 1 of bull:nobodys: there is no such job");
        args.insert(args.end(), {"--set", "queue.sms.name=others"});
        CPPUNIT_ASSERT_EQUAL(64, client_.run(redisArgs(args)));
        assertContains(client_.err(), "needs --queue NAME, one of mail, sms");
    }

    void cancelWithoutRedisExitsWith69() {
        CPPUNIT_ASSERT_EQUAL(
            69, client_.run({"job", "cancel", "1", "--queue", "q", "--set", "redis.port=1"}));
        assertContains(client_.err(), "connect to Redis at 127.0.0.1:1");
    }

    void theTimeoutOfAQueueCancelsItsJobs() {
        drover::test::WholeQueue queue(redisOptions(), queueSettings("timeout"));
        startEcho(queue, {"worker.defaults.timeoutMs=600000", "queue.echo.timeoutMs=50"});
        const std::string slow = addTo(queue, R"({"sleepMs":600000})");
        waitUntil([&] { return queue.state(slow) == drover::JobState::Failed; });
        assertEqual("cancelled", *queue.job(slow)->failedReason);
    }

    void keysOfALoadedPluginAreChecked() {
        const std::vector<std::string> dir = {
            "--set", "plugins.dir=" + kPlugins, "--set", "echo.nothing=1"};
        std::vector<std::string> args = {"config", "check", "--set", "plugins.load=echo"};
        args.insert(args.end(), dir.begin(), dir.end());
        CPPUNIT_ASSERT_EQUAL(78, app_->run(args));
        assertContains(app_->out(), "echo.nothing: unknown key");
        // Another role's key: run leaves it alone, config check opens the plugin to look.
        args = {"config", "show"};
        args.insert(args.end(), dir.begin(), dir.end());
        CPPUNIT_ASSERT_EQUAL(0, app_->run(args));
        args[1] = "check";
        CPPUNIT_ASSERT_EQUAL(78, app_->run(args));
    }

    void aRouteWaitsAsLongAsItsQueueAllows() {
        RedisServer redis;
        const auto port = static_cast<std::uint16_t>(freePort());
        std::vector<std::string> args = {"run"};
        const std::string route = "api.route.add.";
        for (const std::string& setting :
             std::vector<std::string>{"redis.port=" + std::to_string(redis.port()),
                                      "redis.commandTimeoutMs=20000",
                                      "plugins.load=api",
                                      "plugins.dir=" + kPlugins,
                                      "queue.slow.name=slow",
                                      "queue.slow.addTimeoutMs=20000",
                                      "api.port=" + std::to_string(port),
                                      "api.healthPort=0",
                                      route + "path=/add",
                                      route + "queue=slow",
                                      route + "job=echo"}) {
            args.emplace_back("--set");
            args.push_back(setting);
        }
        app_->start(args);
        app_->waitForLog("is running");
        const auto post = [port] { return RawClient(port).exchange(request("POST /add")).status; };
        waitUntil([&] { return post() == 201; });

        redis.freeze();
        auto answer = std::async(std::launch::async, post);
        // The default would answer 503 after 800 ms.
        CPPUNIT_ASSERT(answer.wait_for(std::chrono::milliseconds(1500)) ==
                       std::future_status::timeout);
        redis.thaw();
        CPPUNIT_ASSERT_EQUAL(201, answer.get());
    }

    void aLogWithoutAReaderStopsNothing() {
        const FullPipe pipe(app_->path("pipe"));
        app_->printTo(pipe.path());
        drover::test::WholeQueue queue(redisOptions(), queueSettings("unread"));
        const std::uint16_t port = static_cast<std::uint16_t>(freePort());
        const std::string route = "api.route.add.";
        app_->start({"run",
                     "--set",
                     "redis.port=" + std::to_string(RedisServer::shared().port()),
                     "--set",
                     "plugins.load=api,echo",
                     "--set",
                     "plugins.dir=" + kPlugins,
                     "--set",
                     "log.level=trace",
                     "--set",
                     "queue.echo.name=" + queue.name(),
                     "--set",
                     "api.port=" + std::to_string(port),
                     "--set",
                     "api.healthPort=0",
                     "--set",
                     route + "path=/add",
                     "--set",
                     route + "queue=echo",
                     "--set",
                     route + "job=echo"});
        waitUntil([&] { return client_.run({"health", "--socket", socketPath()}) == 0; });
        for (int i = 0; i < 50; ++i) {
            RawAnswer answer;
            waitUntil([&] {
                answer = RawClient(port).exchange(request("POST /add"));
                return answer.status != 503;
            });
            CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 201, answer.status);
        }
        waitUntil([&] {
            const drover::JobCounts counts = queue.counts();
            return counts.waiting + counts.active == 0 && counts.completed == 50;
        });
        CPPUNIT_ASSERT_EQUAL(0, client_.run({"health", "--socket", socketPath(), "--json"}));
        CPPUNIT_ASSERT(parsed(client_.out())["logLinesDropped"].IsInt64());
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait(std::chrono::seconds(15)));
    }

    void anErrorWithoutAReaderDoesNotHoldTheProcess() {
        const FullPipe pipe(app_->path("pipe"));
        app_->printTo(pipe.path());
        app_->start({"run", "--set", "redis.port=x"});
        CPPUNIT_ASSERT_EQUAL(78, app_->wait(std::chrono::seconds(15)));
    }

    void theLastWordsOfACrashArePrinted() {
        drover::test::WholeQueue queue(redisOptions(), queueSettings("crash"));
        startRunning({"--set",
                      "plugins.load=crashing",
                      "--set",
                      std::string("plugins.dir=") + DROVER_TEST_MODULES,
                      "--set",
                      "queue.crash.name=" + queue.name()});
        waitUntil([&] {
            return queue.add({"crash", "\"last words\"", {}}).status ==
                   drover::AddResult::Status::Added;
        });
        CPPUNIT_ASSERT_EQUAL(128 + SIGABRT, app_->wait());
        assertContains(app_->err(), "last words");
    }

private:
    template <typename Ready>
    static void waitUntil(Ready ready) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!ready()) {
            CPPUNIT_ASSERT_MESSAGE("it never happened",
                                   std::chrono::steady_clock::now() < deadline);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }

    static drover::RedisOptions redisOptions() {
        drover::RedisOptions redis(redisAt(RedisServer::shared().port()));
        return redis;
    }
    drover::RedisClient& redis() {
        if (!redis_) {
            redis_ = std::make_unique<drover::RedisClient>(redisOptions(), "test");
        }
        return *redis_;
    }
    static drover::Queue::Settings queueSettings(const std::string& name) {
        drover::Queue::Settings settings;
        settings.name = name + "-" + std::to_string(getpid());
        return settings;
    }
    static std::vector<std::string> redisArgs(std::vector<std::string> args) {
        args.insert(args.end(),
                    {"--set", "redis.port=" + std::to_string(RedisServer::shared().port())});
        return args;
    }
    /// Adds a job for echo and returns its id.
    static std::string addTo(drover::test::WholeQueue& queue, const std::string& data) {
        // The first add may find the connection not made yet.
        drover::AddResult added;
        waitUntil([&] {
            added = queue.add({"echo", data, {}});
            return added.status == drover::AddResult::Status::Added;
        });
        return added.id;
    }
    bool exists(const std::string& key) {
        return redis().call(drover::Command{"EXISTS", key}).integer() == 1;
    }
    /// Asserts that the process reports to be quiet, and that the job waits.
    void assertClaimsNothing(drover::test::WholeQueue& queue, const std::string& id) {
        // Redis has answered the worker a moment after the start.
        waitUntil([&] { return client_.run({"health", "--socket", socketPath()}) == 0; });
        assertContains(client_.out(), "quiet: claims nothing");
        CPPUNIT_ASSERT(queue.state(id) == drover::JobState::Waiting);
    }
    /// Starts a process that works the queue with echo once autorun is true; returns the file without that key.
    std::string startWithoutAutorun(const drover::test::WholeQueue& queue) {
        const std::string base =
            "config.watch = false\nplugins.load = echo\nplugins.dir = " + kPlugins +
            "\nqueue.echo.name = " + queue.name() + "\n";
        startRunning(
            {"--config", app_->write("a.properties", base + "queue.echo.autorun = false\n")});
        return base;
    }
    /// Saves the file and waits until the process has reloaded it and logged `line`.
    void reload(const std::string& text, const std::string& line) {
        app_->write("a.properties", text);
        app_->signal(SIGHUP);
        app_->waitForLog(line);
    }
    /// Starts a process that works the queue with echo and these settings.
    void startEcho(const drover::test::WholeQueue& queue,
                   const std::vector<std::string>& settings) {
        std::vector<std::string> args = {"--set",
                                         "plugins.load=echo",
                                         "--set",
                                         "plugins.dir=" + kPlugins,
                                         "--set",
                                         "queue.echo.name=" + queue.name()};
        for (const std::string& setting : settings) {
            args.insert(args.end(), {"--set", setting});
        }
        startRunning(args);
    }

    void startRunning(std::vector<std::string> args = {}) {
        args.insert(args.begin(),
                    {"run", "--set", "redis.port=" + std::to_string(RedisServer::shared().port())});
        app_->start(args);
        app_->waitForLog("is running");
    }

    std::string socketPath() const {
        return app_->path("drover-" + std::to_string(app_->pid()) + ".sock");
    }

    std::unique_ptr<AppProcess> app_;
    std::unique_ptr<drover::RedisClient> redis_;
    AppProcess client_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(AppBinaryTest);
