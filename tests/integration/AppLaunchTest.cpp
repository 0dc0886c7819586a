#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <signal.h>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "integration/AppFixture.h"
#include "integration/RawClient.h"
#include "support/Assert.h"
#include "support/NotifySocket.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// The process ignores the state that a launcher leaves behind, and repairs the changes of a handler to the whole
/// process.
class AppLaunchTest : public AppFixture {
    CPPUNIT_TEST_SUITE(AppLaunchTest);
    CPPUNIT_TEST(ignoredAndBlockedSignalsDoNotMatter);
    CPPUNIT_TEST(limitsAndMissingDescriptorsDoNotMatter);
    CPPUNIT_TEST(aHandlerMayChangeLocaleAndDispositions);
    CPPUNIT_TEST(theControlSocketFallsBackWithAWarning);
    CPPUNIT_TEST(termEndsWithZeroFromTheBeginning);
    CPPUNIT_TEST(asProcess1ItReapsOrphans);
    CPPUNIT_TEST(termBeforeMainEndsWithZero);
    CPPUNIT_TEST(aServiceManagerGetsEachStep);
    CPPUNIT_TEST_SUITE_END();

public:
    void ignoredAndBlockedSignalsDoNotMatter() {
        const std::string all = "CHLD,TERM,INT,HUP,USR2,CONT,TSTP";
        app_->launchBy("true", "--ignore-signal=" + all + " --block-signal=" + all);
        drop(kPlugins + "echo.so");
        startConsumer("echo");
        // The process blocks the signals that it handles; the launcher's mask and dispositions are gone.
        for (const char* field : {"SigIgn", "SigBlk"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(field, 0ULL, signals(field) & (1ULL << (SIGCHLD - 1)));
        }
        CPPUNIT_ASSERT_EQUAL(0ULL, signals("SigIgn") & (1ULL << (SIGTERM - 1)));
        completeOne("echo");
        end();
    }

    void limitsAndMissingDescriptorsDoNotMatter() {
        app_->launchBy("ulimit -S -n 24; ulimit -S -s 64; umask 777; exec <&-");
        drop(kPlugins + "echo.so");
        drop(kPlugins + "api.so");
        startConsumer(
            "echo",
            {"--set", "plugins.load=api,echo", "--set", "api.port=0", "--set", "api.healthPort=0"});
        completeOne("echo");
        assertEqual("/dev/null",
                    std::filesystem::read_symlink("/proc/" + std::to_string(app_->pid()) + "/fd/0")
                        .string());
        app_->signal(SIGINT);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(app_->err(), 0, app_->wait());
    }

    void aHandlerMayChangeLocaleAndDispositions() {
        drop(kModules + "meddling.so");
        drop(kPlugins + "api.so");
        const auto port = static_cast<std::uint16_t>(freePort());
        const std::string route = "api.route.add.";
        startConsumer("meddle",
                      {"--set",
                       "plugins.load=api,*",
                       "--set",
                       "api.healthPort=0",
                       "--set",
                       "api.port=" + std::to_string(port),
                       "--set",
                       route + "path=/add",
                       "--set",
                       route + "queue=meddle",
                       "--set",
                       route + "job=meddle"});
        completeOne("meddle");
        app_->waitForLog("the plugin changed the locale of the process");
        RawAnswer answer;
        waitUntil([&] {
            answer = RawClient(port).exchange(request("POST /add"));
            return answer.status != 503;
        });
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 201, answer.status);
        CPPUNIT_ASSERT_EQUAL(std::to_string(answer.body.size()), answer.header("content-length"));
        CPPUNIT_ASSERT_EQUAL(404, RawClient(port).exchange(request("GET /nothing")).status);
        CPPUNIT_ASSERT_EQUAL(400, RawClient(port).exchange("what is this\r\n\r\n").status);
        // Its trial is a child, whose end is not reported while SIGCHLD is ignored.
        drop(kPlugins + "echo.so");
        app_->waitForPlugin("echo", "version 1.0.0");
        completeOne("echo");
        end();
    }

    void theControlSocketFallsBackWithAWarning() {
        // As an arbitrary user whose runtime folder is missing. For root, which may write everywhere, a path that is
        // not a folder stands for it.
        const std::map<std::string, std::string> nowhere = {
            {"XDG_RUNTIME_DIR", app_->write("no-folder", "")}};
        app_->start({"run", "--set", "redis.port=" + redisPort()}, nowhere);
        app_->waitForLog("is running");
        const std::string log = app_->err();
        CPPUNIT_ASSERT_MESSAGE(log,
                               log.find("the control socket is in ") != std::string::npos &&
                                   log.find("no-folder cannot be written to") != std::string::npos);
        const std::string told = "control socket /";
        const std::size_t at = log.find(told) + told.size() - 1;
        AppProcess client;
        CPPUNIT_ASSERT_EQUAL(
            0, client.run({"health", "--socket", log.substr(at, log.find('"', at) - at)}));
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
    }

    void termBeforeMainEndsWithZero() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
        app_->start({"run", "--set", "redis.port=" + redisPort(), "--set", "control.socket=off"},
                    {{"LD_PRELOAD", DROVER_TERM_AT_LOAD}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(app_->err(), 0, app_->wait());
#endif
    }

    void termEndsWithZeroFromTheBeginning() {
        // Before it has read its configuration, which it waits for here.
        const std::string pipe = app_->path("pipe.properties");
        CPPUNIT_ASSERT_EQUAL(0, ::mkfifo(pipe.c_str(), 0600));
        app_->start({"run", "--config", pipe, "--set", "redis.port=" + redisPort()});
        int writer = -1;
        waitUntil([&] { return (writer = ::open(pipe.c_str(), O_WRONLY | O_NONBLOCK)) >= 0; });
        app_->signal(SIGTERM);
        const std::string text = "control.socket = off\n";
        CPPUNIT_ASSERT_EQUAL(static_cast<ssize_t>(text.size()),
                             ::write(writer, text.data(), text.size()));
        ::close(writer);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(app_->err(), 0, app_->wait());
        for (int turn = 0; turn < 10; ++turn) {
            app_->start(
                {"run", "--set", "redis.port=" + redisPort(), "--set", "control.socket=off"});
            // From the moment when main has begun.
            waitUntil([&] { return blocksTerm(); });
            std::this_thread::sleep_for(std::chrono::milliseconds(5 * turn));
            app_->signal(SIGTERM);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(app_->err(), 0, app_->wait());
        }
    }

    void asProcess1ItReapsOrphans() {
        // A child whose parent ends a moment later.
        const std::string file = app_->path("orphan");
        app_->launchBy("(sleep 600 & echo $! >" + file + "; sleep 3) & true",
                       "",
                       DROVER_BINARY_DIR "/tests/support/drover_subreaper");
        app_->start({"run", "--set", "redis.port=" + redisPort(), "--set", "control.socket=off"});
        app_->waitForLog("is running");
        pid_t orphan = 0;
        waitUntil([&] { return (std::ifstream(file) >> orphan) && orphan > 0; });
        waitUntil([&] { return parentOf(orphan) == app_->pid(); });
        ::kill(orphan, SIGKILL);
        // At the next look, or after half a minute if it was never seen with another parent.
        waitUntil([&] { return ::kill(orphan, 0) != 0; }, std::chrono::seconds(60));
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(app_->err(), 0, app_->wait());
    }

    void aServiceManagerGetsEachStep() {
        const NotifySocket manager(app_->path("notify"));
        const std::string config = app_->write("own.properties", "log.level = information\n");
        app_->start({"run",
                     "--config",
                     config,
                     "--set",
                     "redis.port=" + redisPort(),
                     "--set",
                     "control.socket=" + app_->path("control.sock"),
                     "--set",
                     "plugins.dir=" + folder_},
                    {{"NOTIFY_SOCKET", manager.address()}, {"WATCHDOG_USEC", "1000000"}});
        static_cast<void>(manager.nextWith("READY=1"));
        static_cast<void>(manager.nextWith("WATCHDOG=1"));
        app_->signal(SIGHUP);
        static_cast<void>(manager.nextWith("RELOADING=1\nMONOTONIC_USEC="));
        static_cast<void>(manager.nextWith("READY=1"));
        app_->signal(SIGTERM);
        static_cast<void>(manager.nextWith("STOPPING=1"));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(app_->err(), 0, app_->wait());
    }

private:
    static pid_t parentOf(pid_t pid) {
        std::ifstream status("/proc/" + std::to_string(pid) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.rfind("PPid:", 0) == 0) {
                return std::stoi(line.substr(5));
            }
        }
        return 0;
    }

    void startConsumer(const std::string& alias, const std::vector<std::string>& more = {}) {
        std::vector<std::string> args = {"run",
                                         "--set",
                                         "redis.port=" + redisPort(),
                                         "--set",
                                         "plugins.dir=" + folder_,
                                         "--set",
                                         "plugins.load=*",
                                         "--set",
                                         "queue." + alias + ".name=" + queueName_ + alias,
                                         "--set",
                                         "queue.echo.name=" + queueName_ + "echo",
                                         "--set",
                                         "control.socket=off"};
        args.insert(args.end(), more.begin(), more.end());
        app_->start(args);
        app_->waitForLog("is running");
    }

    void completeOne(const std::string& alias) const {
        WholeQueue queue = makeQueue(alias);
        const AddResult added =
            queue.add({alias == "meddle" ? "meddle" : "echo", R"({"half":0.5})", {}});
        CPPUNIT_ASSERT(added.status == AddResult::Status::Added);
        waitUntil([&] { return queue.job(added.id)->finishedOnMs.has_value(); });
        assertEqual(R"({"half":0.5})", *queue.job(added.id)->returnValue);
    }

    [[nodiscard]] bool blocksTerm() const {
        return (signals("SigBlk") & (1ULL << (SIGTERM - 1))) != 0;
    }
    /// A set of signals of the process's main thread, as /proc has it; none if the process is not there.
    [[nodiscard]] unsigned long long signals(const std::string& field) const {
        std::ifstream status("/proc/" + std::to_string(app_->pid()) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.rfind(field + ":", 0) == 0) {
                return std::stoull(line.substr(field.size() + 1), nullptr, 16);
            }
        }
        return 0;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AppLaunchTest);
