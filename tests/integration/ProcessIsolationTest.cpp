#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "integration/AppProcess.h"
#include "redis/RedisOptions.h"
#include "support/Assert.h"
#include "support/Patience.h"
#include "support/RedisServer.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover::test;
using drover::JobState;

/// Returns true if the process runs: a zombie does not.
bool lives(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string number;
    std::string name;
    std::string state;
    return (file >> number >> name >> state) && state != "Z" && state != "X";
}

}  // namespace

/// The binary with plugin.crashing.isolation = process: no act of the handler on its process reaches the engine.
class ProcessIsolationTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ProcessIsolationTest);
    CPPUNIT_TEST(everyTenthJobCrashesAndTheRestComplete);
    CPPUNIT_TEST(inBatchesOnlyTheCrashersFail);
    CPPUNIT_TEST(noProcessOutlivesAKilledEngine);
    CPPUNIT_TEST(aHangingProcessDoesNotOutliveTheEnd);
    CPPUNIT_TEST(aLineAboutAJobIsFoundByItsFields);
    CPPUNIT_TEST(aServiceCannotBeIsolated);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        app_ = std::make_unique<AppProcess>();
        std::filesystem::create_directory(plugins());
        // The engine loads none from a folder that every user may write to.
        std::filesystem::permissions(plugins(), std::filesystem::perms(0755));
        for (const char* file : {DROVER_TEST_MODULES "/crashing.so",
                                 DROVER_BINARY_DIR "/plugins/echo.so",
                                 DROVER_BINARY_DIR "/plugins/reservation-api.so"}) {
            std::filesystem::copy(file, plugins());
        }
        static int count = 0;
        const std::string suffix = std::to_string(getpid()) + "-" + std::to_string(++count);
        crashing_ = queue("crash-" + suffix);
        echo_ = queue("echo-" + suffix);
    }
    void tearDown() override { app_.reset(); }

    void everyTenthJobCrashesAndTheRestComplete() {
        start({"queue.crash.threads=2"});
        assertOnlyCrashersFail("crash");
    }

    void inBatchesOnlyTheCrashersFail() {
        start({"queue.crash.batchSize=64"});
        assertOnlyCrashersFail("many");
    }

    void noProcessOutlivesAKilledEngine() {
        start({});
        const pid_t child = childPid();
        CPPUNIT_ASSERT(lives(child));
        app_->signal(SIGKILL);
        CPPUNIT_ASSERT_EQUAL(128 + SIGKILL, app_->wait());
        eventually([&] { return !lives(child); });
    }

    void aHangingProcessDoesNotOutliveTheEnd() {
        start({"shutdown.graceMs=200"});
        const pid_t child = childPid();
        add(*crashing_, "crash", {"\"hang\""});
        eventually([&] { return crashing_->counts().active == 1; });
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
        eventually([&] { return !lives(child); });
    }

    void aLineAboutAJobIsFoundByItsFields() {
        start({"queue.crash.workerName=here"});
        const std::string id = add(*crashing_, "crash", {"\"last words\""}).front();
        app_->waitForLog(R"("message":"last words","queue":")" + crashing_->name() +
                         R"(","job":")" + id +
                         R"(","jobName":"crash","attempt":1,"plugin":"crashing","worker":"here"})");
    }

    void aServiceCannotBeIsolated() {
        CPPUNIT_ASSERT_EQUAL(78,
                             app_->run({"run",
                                        "--set",
                                        "redis.port=" + port(),
                                        "--set",
                                        "database.url=postgresql://u@127.0.0.1:1/d",
                                        "--set",
                                        "plugins.dir=" + plugins(),
                                        "--set",
                                        "plugins.load=reservation-api",
                                        "--set",
                                        "plugin.reservation-api.isolation=process"}));
        assertContains(app_->err(), "reservation-api is a service plugin");
    }

private:
    std::string plugins() const { return app_->path("plugins"); }
    static std::string port() { return std::to_string(RedisServer::shared().port()); }

    static std::unique_ptr<drover::test::WholeQueue> queue(const std::string& name) {
        drover::RedisOptions redis(redisAt(RedisServer::shared().port()));
        drover::Queue::Settings settings;
        settings.name = name;
        return std::make_unique<drover::test::WholeQueue>(redis, settings);
    }

    void start(const std::vector<std::string>& more) {
        std::vector<std::string> args = {"run"};
        std::vector<std::string> settings = {"redis.port=" + port(),
                                             "plugins.dir=" + plugins(),
                                             "plugins.load=crashing,echo",
                                             "plugin.crashing.isolation=process",
                                             "queue.crash.name=" + crashing_->name(),
                                             "queue.echo.name=" + echo_->name()};
        settings.insert(settings.end(), more.begin(), more.end());
        for (const std::string& setting : settings) {
            args.insert(args.end(), {"--set", setting});
        }
        // The sanitizer would turn signals into exit codes.
        app_->start(args, {{"ASAN_OPTIONS", "handle_segv=0:handle_abort=0:detect_leaks=0"}});
        app_->waitForLog("is running");
    }

    static std::vector<std::string> add(drover::test::WholeQueue& queue,
                                        const std::string& name,
                                        const std::vector<std::string>& data) {
        std::vector<std::string> ids;
        // The first add may find the connection not made yet.
        eventually([&] {
            const drover::AddResult added = queue.add({name, data.front(), {}});
            ids.assign(1, added.id);
            return added.status == Added;
        });
        std::vector<drover::NewJob> jobs;
        for (std::size_t i = 1; i < data.size(); ++i) {
            jobs.push_back({name, data[i], {}});
        }
        for (const drover::AddResult& added : queue.addBulk(
                 std::move(jobs), drover::Queue::Clock::now() + std::chrono::seconds(10))) {
            CPPUNIT_ASSERT(added.status == Added);
            ids.push_back(added.id);
        }
        return ids;
    }

    pid_t childPid() {
        const std::string id = add(*crashing_, "crash", {"\"pid\""}).front();
        eventually([&] { return crashing_->state(id) == JobState::Completed; });
        return std::stoi(*crashing_->job(id)->returnValue);
    }

    void assertOnlyCrashersFail(const std::string& name) {
        const pid_t engine = app_->pid();
        std::vector<std::string> data;
        for (int i = 1; i <= 100; ++i) {
            data.emplace_back(i % 10 == 0 ? "\"segv\"" : std::to_string(i));
        }
        const auto ids = add(*crashing_, name, data);
        const auto others = add(*echo_, "echo", {"1", "2", "3"});
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const bool crashes = data[i] == "\"segv\"";
            const JobState wanted = crashes ? JobState::Failed : JobState::Completed;
            eventually([&] {
                const JobState state = crashing_->state(ids[i]);
                CPPUNIT_ASSERT_MESSAGE(
                    data[i] + " is " + drover::toString(state),
                    state == wanted || (state != JobState::Completed && state != JobState::Failed));
                return state == wanted;
            });
            const auto job = crashing_->job(ids[i]);
            CPPUNIT_ASSERT_EQUAL(1, job->attemptsMade);
            CPPUNIT_ASSERT_EQUAL(1, job->attemptsStarted);
            CPPUNIT_ASSERT_EQUAL(0, job->stalledCounter);
            if (crashes) {
                assertEqual("handler process ended by SIGSEGV", job->failedReason.value_or("none"));
            }
        }
        for (const std::string& id : others) {
            eventually([&] { return echo_->state(id) == JobState::Completed; });
        }
        CPPUNIT_ASSERT(app_->running());
        CPPUNIT_ASSERT_EQUAL(engine, app_->pid());
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
    }

    template <typename Ready>
    static void eventually(Ready ready) {
        const auto deadline = std::chrono::steady_clock::now() + drover::test::kPatience;
        while (!ready()) {
            CPPUNIT_ASSERT_MESSAGE("waited for too long",
                                   std::chrono::steady_clock::now() < deadline);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }

    static constexpr auto Added = drover::AddResult::Status::Added;

    std::unique_ptr<AppProcess> app_;
    std::unique_ptr<drover::test::WholeQueue> crashing_;
    std::unique_ptr<drover::test::WholeQueue> echo_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ProcessIsolationTest);
