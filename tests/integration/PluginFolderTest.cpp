#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <rapidjson/document.h>
#include <set>
#include <signal.h>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeParser.h>
#include <cppunit/extensions/HelperMacros.h>

#include "integration/AppFixture.h"
#include "integration/SlowCopy.h"
#include "support/Assert.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;

int setting(const char* name, int otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::stoi(text);
}

}  // namespace

/// Plugin files that come, change and go below a running engine. How often one is replaced is set by
/// DROVER_PLUGIN_REPLACEMENTS.
class PluginFolderTest : public AppFixture {
    CPPUNIT_TEST_SUITE(PluginFolderTest);
    CPPUNIT_TEST(aDroppedInPluginWorksItsQueue);
    CPPUNIT_TEST(replacedUnderLoadEveryJobIsDoneOnce);
    CPPUNIT_TEST(aRemovedPluginsJobsStayInTheQueue);
    CPPUNIT_TEST(aQueueThatComesBackLogsTheSettingsThatStay);
    CPPUNIT_TEST(eachBrokenPluginIsRefusedInItsOwnWords);
    CPPUNIT_TEST(aBrokenReplacementChangesNothing);
    CPPUNIT_TEST(aRelativeFolderWillDo);
    CPPUNIT_TEST(aFileIsOpenedOnceItIsWhole);
    CPPUNIT_TEST(theFileBesideItConfiguresIt);
    CPPUNIT_TEST(filesThatOtherUsersCanWriteAreRefused);
    CPPUNIT_TEST(filesOfAStickyFolderOrTrustAreLoaded);
    CPPUNIT_TEST(uniqueSymbolsAreWarnedAboutAtLoad);
    CPPUNIT_TEST(filesBehindLinksAndReplacedFoldersAreNoticed);
    CPPUNIT_TEST(aFolderThatCannotBeReadRetiresNothing);
    CPPUNIT_TEST(onlyAllowedSumsAreLoaded);
    CPPUNIT_TEST(aServiceIsRefusedSinceItIsLoadedAtTheStart);
    CPPUNIT_TEST(withoutWatchingHangupLooks);
    CPPUNIT_TEST(namedPluginsAreReplacedAndNoOthersLoaded);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        AppFixture::setUp();
        client_ = std::make_unique<AppProcess>();
        // NOLINTNEXTLINE(modernize-make-unique): a queue is neither copied nor moved.
        queue_.reset(new WholeQueue(makeQueue()));
    }
    void tearDown() override {
        queue_.reset();
        AppFixture::tearDown();
        client_.reset();
    }

    void aDroppedInPluginWorksItsQueue() {
        add(200, "same");
        run();
        drop(kModules + "same-a.so");
        waitUntil([&] { return counts().completed == 200; });
        const rapidjson::Document plugins = list();
        CPPUNIT_ASSERT_EQUAL(1U, plugins.Size());
        const rapidjson::Value& plugin = plugins[0];
        assertEqual("same-a", text(plugin, "name"));
        assertEqual("1", text(plugin, "version"));
        assertEqual("1.1", text(plugin, "abi"));
        assertEqual("same-a/same", plugin["handlers"][0].GetString());
        CPPUNIT_ASSERT_EQUAL(1, plugin["generation"].GetInt());
        CPPUNIT_ASSERT_EQUAL(200, plugin["jobsRun"].GetInt());
        assertEqual("running", text(plugin, "state"));
        CPPUNIT_ASSERT_EQUAL(folder_ + "/same-a.so", text(plugin, "path"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{64}, text(plugin, "sha256").size());
    }

    void replacedUnderLoadEveryJobIsDoneOnce() {
        const int replacements = setting("DROVER_PLUGIN_REPLACEMENTS", 10);
        constexpr std::size_t kJobs = 10000;
        plugin_ = "ledger";
        const std::string ledger = app_->path("ledger");
        dropBuild(1);
        run({"--set", "ledger.path=" + ledger, "--set", "queue.ledger.threads=4"});
        std::vector<std::string> ids;
        const auto addMore = [&] {
            if (counts().waiting < 200) {
                const std::vector<std::string> more = add(500, "ledger");
                ids.insert(ids.end(), more.begin(), more.end());
            }
        };
        for (int build = 2; build <= replacements + 1; ++build) {
            dropBuild(build);
            waitUntil([&] {
                addMore();
                return switchTime(build).has_value();
            });
        }
        while (ids.size() < kJobs) {
            addMore();
        }
        waitUntil([&] { return counts().completed == static_cast<std::int64_t>(ids.size()); });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, counts().failed);

        std::map<std::string, int> buildOf;
        std::ifstream lines(ledger);
        std::string id, word;
        for (int build = 0; lines >> id >> word >> build;) {
            CPPUNIT_ASSERT_MESSAGE("job " + id + " ran twice", buildOf.emplace(id, build).second);
        }
        CPPUNIT_ASSERT_EQUAL(ids.size(), buildOf.size());
        std::map<std::int64_t, int> switches;
        for (int build = 1; build <= replacements + 1; ++build) {
            switches[*switchTime(build)] = build;
        }
        for (const std::string& one : ids) {
            const Job job = *queue_->job(one);
            CPPUNIT_ASSERT_EQUAL(1, job.attemptsMade);
            const auto next = switches.lower_bound(*job.processedOnMs);
            const int newest = next == switches.begin() ? 1 : std::prev(next)->second;
            CPPUNIT_ASSERT_MESSAGE("job " + one + " was claimed after the switch to generation " +
                                       std::to_string(newest) + " and ran on " +
                                       std::to_string(buildOf[one]),
                                   buildOf[one] >= newest);
        }

        // The last one is alone in the end, and together they ran each job once.
        waitUntil([&] { return list().Size() == 1; });
        const rapidjson::Document plugins = list();
        CPPUNIT_ASSERT_EQUAL(replacements + 1, plugins[0]["generation"].GetInt());
        std::size_t ran = static_cast<std::size_t>(plugins[0]["jobsRun"].GetInt());
        const std::string log = app_->err();
        const std::string ended = ": has ended after ";
        for (std::size_t at = log.find(ended); at != std::string::npos;
             at = log.find(ended, at + 1)) {
            ran += std::stoul(log.substr(at + ended.size()));
        }
        CPPUNIT_ASSERT_EQUAL(ids.size(), ran);
        assertMemoryIsTold(plugins[0], replacements + 1);
    }

    void aRemovedPluginsJobsStayInTheQueue() {
        drop(kModules + "same-a.so");
        run();
        add(10, "same");
        waitUntil([&] { return counts().completed == 10; });
        std::filesystem::remove(folder_ + "/same-a.so");
        app_->waitForPlugin("same-a", "version 1, generation 1: its file is gone");
        app_->waitForLog("has ended after 10 jobs");
        add(10, "same");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{10}, counts().waiting);
        drop(kModules + "same-a.so");
        waitUntil([&] { return counts().completed == 20; });
        app_->waitForPlugin("same-a", "version 1, generation 2: runs");
    }

    void aQueueThatComesBackLogsTheSettingsThatStay() {
        const std::string beside = folder_ + "/same-a.properties";
        std::ofstream(beside) << "queue.same-a.lockDurationMs = 20000\n";
        drop(kModules + "same-a.so");
        run();
        std::filesystem::remove(folder_ + "/same-a.so");
        app_->waitForPlugin("same-a", "version 1, generation 1: its file is gone");
        std::ofstream(beside) << "queue.same-a.lockDurationMs = 25000\n";
        drop(kModules + "same-a.so");
        app_->waitForLog(
            "the queue comes back: its lockDurationMs stays 20000 until a restart, not 25000\","
            "\"queue\":\"" +
            queueName_ + '"');
        assertLacks(app_->err(), "drainDelayMs stays");
    }

    void eachBrokenPluginIsRefusedInItsOwnWords() {
        drop(kModules + "same-a.so");
        run({"--set", "plugins.probeTimeoutMs=1500"});
        const std::pair<const char*, const char*> corpus[] = {
            {"wrong-magic", "magic number"},
            {"short-struct", "24 bytes"},
            {"newer-major", "built for plugin ABI 2.1, this engine has 1.1"},
            {"newer-minor", "built for plugin ABI 1.2, this engine has 1.1"},
            {"no-symbol", "exports neither drover_plugin nor drover_service"},
            {"undefined-symbol", "nobody_has_this"},
            {"duplicate-handler", "twice"},
            {"bad-options", "bad default options: not JSON"},
            {"init-fails", "its init refuses: the licence expired"},
            {"create-fails", "cannot be made: no room at the inn"},
            {"throws-at-load", "its trial ended by SIGABRT"},
            {"exits-at-load", "its trial ended with exit code 3"},
            {"null-descriptor", "returned no descriptor"},
            {"bad-key", "'level' has a default that does not fit"},
            {"foreign-service", "'0.0.1 of another compiler'"},
            {"stampless-service", "without drover_build_stamp"},
            {"both-kinds", "it exports both"},
            {"static-tls", "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=BYTES"},
        };
        std::set<std::string> names = {"plain",
                                       "older-minor",
                                       "relay",
                                       "throwing",
                                       "crashing",
                                       "configured",
                                       "hangs-at-load",
                                       "ledger",
                                       "meddling",
                                       "unique",
                                       "same-a",
                                       "same-b",
                                       "good-service"};
        for (const auto& [name, words] : corpus) {
            drop(kModules + name + ".so");
            names.insert(name);
        }
        std::ofstream(folder_ + "/text.so") << "hello";
        std::filesystem::copy_file(kModules + "same-b.so", folder_ + "/cut.so");
        std::filesystem::resize_file(folder_ + "/cut.so", 5000);
        for (const auto& [name, words] : corpus) {
            workUntilRefused(name, words);
        }
        workUntilRefused("text", "not an ELF file");
        workUntilRefused("cut", "truncated");
        // A slow trial delays no job.
        drop(kModules + "hangs-at-load.so");
        CPPUNIT_ASSERT(workUntilRefused("hangs-at-load", "does not end within 1500 ms") > 1);
        for (const auto& file : std::filesystem::directory_iterator(kModules)) {
            CPPUNIT_ASSERT_MESSAGE(file.path().string() + " has no line here",
                                   file.is_directory() || names.count(file.path().stem()) == 1);
        }
    }

    void aBrokenReplacementChangesNothing() {
        drop(kModules + "same-a.so");
        run();
        std::filesystem::copy_file(kModules + "no-symbol.so", app_->path("broken"));
        std::filesystem::rename(app_->path("broken"), folder_ + "/same-a.so");
        app_->waitForLog("; generation 1 goes on");
        add(10, "same");
        waitUntil([&] { return counts().completed == 10; });
        const rapidjson::Document plugins = list();
        CPPUNIT_ASSERT_EQUAL(1, plugins[0]["generation"].GetInt());
        assertContains(text(plugins[0], "reason"), "exports neither");
    }

    void aRelativeFolderWillDo() {
        drop(kModules + "same-a.so");
        run({"--set", "plugins.dir=" + std::filesystem::relative(folder_).string()}, "same-a");
        std::filesystem::copy_file(kModules + "next/same-a.so", app_->path("next"));
        std::filesystem::rename(app_->path("next"), folder_ + "/same-a.so");
        app_->waitForPlugin("same-a", "version 1, generation 2: runs");
    }

    void aFileIsOpenedOnceItIsWhole() {
        run();
        std::ifstream source(kModules + "same-a.so", std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(source), {}};
        std::size_t before = 0;
        do {
            std::filesystem::remove(folder_ + "/same-a.so");
            before = app_->err().size();
        } while (!copiedSteadily(folder_ + "/same-a.so", bytes));
        app_->waitForPlugin("same-a", "version 1, generation 1: runs");
        assertLacks(app_->err().substr(before), "refused");
    }

    void theFileBesideItConfiguresIt() {
        const std::string own = "configured.size = 7\nqueue.c.name = " + queueName_ + "\n";
        std::ofstream(folder_ + "/configured.properties") << own << "redis.port = 1\n";
        run();
        drop(kModules + "configured.so");
        assertRefused("configured",

                      "configured.properties:3: redis.port: belongs to the whole process");
        std::ofstream(folder_ + "/configured.properties") << own << "configured.sise = 8\n";
        app_->signal(SIGHUP);
        app_->waitForLog("configured.sise: unknown key; did you mean configured.size?");
        std::ofstream(folder_ + "/configured.properties") << own;
        app_->signal(SIGHUP);
        app_->waitForPlugin("configured", "version 1.0, generation 1: runs");
        assertStartsWith(resultOf(add(1, "configured").front()), "\"hello 7 ");
        std::ofstream(folder_ + "/configured.properties") << own << "configured.greeting = hi\n";
        app_->signal(SIGHUP);
        waitUntil([&] { return resultOf(add(1, "configured").front()).rfind("\"hi 7 ", 0) == 0; });
        // Opened once, although it was refused twice.
        CPPUNIT_ASSERT_EQUAL(1, list()[0]["loaded"]["files"].GetInt());
    }

    void filesThatOtherUsersCanWriteAreRefused() {
        run();
        std::filesystem::copy_file(kModules + "same-a.so", folder_ + "/same-a.so");
        std::filesystem::permissions(folder_ + "/same-a.so", std::filesystem::perms::all);
        assertRefused("same-a",
                      "the file can be written by others (mode 0777); chmod go-w, then HUP");
        std::filesystem::permissions(folder_ + "/same-a.so", std::filesystem::perms(0755));
        const std::string beside = folder_ + "/same-a.properties";
        std::ofstream(beside) << "queue.same-a.threads = 2\n";
        std::filesystem::permissions(beside, std::filesystem::perms(0666));
        app_->signal(SIGHUP);
        app_->waitForLog("same-a.properties: the file can be written by others (mode 0666)");
        std::filesystem::permissions(beside, std::filesystem::perms(0644));
        app_->signal(SIGHUP);
        app_->waitForPlugin("same-a", "version 1, generation 1: runs");
    }

    void filesOfAStickyFolderOrTrustAreLoaded() {
        std::filesystem::permissions(folder_, std::filesystem::perms(01777));
        drop(kModules + "same-a.so");
        run();
        CPPUNIT_ASSERT_EQUAL(0, ::chmod(folder_.c_str(), 0777));
        drop(kModules + "same-b.so");
        assertRefused("same-b", "plugins.trust = everybody");
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
        std::filesystem::permissions(folder_ + "/same-a.so", std::filesystem::perms(0666));
        std::ofstream(folder_ + "/same-b.properties") << "# as it is\n";
        std::filesystem::permissions(folder_ + "/same-b.properties", std::filesystem::perms(0666));
        run({"--set", "plugins.trust=everybody"});
        app_->waitForPlugin("same-b", "version 1, generation 1: runs");
    }

    void uniqueSymbolsAreWarnedAboutAtLoad() {
        if (!std::filesystem::exists(kModules + "unique.so")) {
            return;  // Made by g++ only.
        }
        run();
        drop(kModules + "unique.so");
        app_->waitForPlugin("unique", "version 1.0, generation 1: runs");
        CPPUNIT_ASSERT_MESSAGE(
            app_->err(), app_->err().find("unique symbols (STB_GNU_UNIQUE") != std::string::npos);
    }

    void filesBehindLinksAndReplacedFoldersAreNoticed() {
        namespace fs = std::filesystem;
        const std::string build = app_->path("build");
        fs::create_directory(build);
        fs::copy_file(kModules + "same-a.so", build + "/same-a.so");
        fs::create_symlink("../build/same-a.so", folder_ + "/same-a.so");
        run();
        fs::copy_file(kModules + "next/same-a.so", build + "/next.so");
        fs::rename(build + "/next.so", build + "/same-a.so");
        app_->waitForPlugin("same-a", "version 1, generation 2: runs");
        // Another folder in its place, by mv.
        fs::create_directory(app_->path("plugins-next"));
        fs::copy_file(kModules + "same-b.so", app_->path("plugins-next/same-b.so"));
        fs::rename(folder_, app_->path("plugins-old"));
        fs::rename(app_->path("plugins-next"), folder_);
        app_->waitForPlugin("same-b", "version 1, generation 1: runs");
        app_->waitForPlugin("same-a", "version 1, generation 2: its file is gone");
        // That folder is looked at from now on.
        drop(kModules + "same-a.so");
        app_->waitForPlugin("same-a", "version 1, generation 3: runs");
    }

    void aFolderThatCannotBeReadRetiresNothing() {
        drop(kModules + "same-a.so");
        run();
        std::filesystem::create_symlink("circle.so", folder_ + "/circle.so");
        app_->waitForLog("circle.so: Too many levels of symbolic links: no plugin counts as gone");
        std::filesystem::remove(folder_ + "/same-a.so");
        drop(kModules + "same-b.so");
        app_->waitForPlugin("same-b", "version 1, generation 1: runs");
        assertLacks(app_->err(), "its file is gone");
        std::filesystem::remove(folder_ + "/circle.so");
        app_->waitForPlugin("same-a", "version 1, generation 1: its file is gone");
    }

    void onlyAllowedSumsAreLoaded() {
        drop(kModules + "same-b.so");
        run({"--set", "plugins.allow=" + std::string(64, '0')});
        assertRefused("same-b", " is not in plugins.allow");
        // Not even tried out.
        drop(kModules + "exits-at-load.so");
        assertRefused("exits-at-load", " is not in plugins.allow");
    }

    void aServiceIsRefusedSinceItIsLoadedAtTheStart() {
        run();
        drop(kModules + "good-service.so");
        assertRefused("good-service", "a service plugin; it is loaded at the start only");
        for (std::size_t refusals = 2; refusals <= 3; ++refusals) {
            app_->signal(SIGHUP);
            waitUntil([&] {
                return app_->pluginLines("good-service", "the file is refused: ").size() ==
                       refusals;
            });
        }
        CPPUNIT_ASSERT_EQUAL(1, list()[0]["loaded"]["files"].GetInt());
    }

    void withoutWatchingHangupLooks() {
        drop(kModules + "same-b.so");
        run({"--set", "plugins.watch=false"});
        app_->waitForPlugin("same-b", "version 1, generation 1: runs");  // Found at the start.
        drop(kModules + "same-a.so");
        // The configuration is watched all the same.
        std::ofstream(folder_ + "/same-a.properties") << "queue.same.threads = 2\n";
        std::this_thread::sleep_for(
            std::chrono::seconds(1));  // The absence of a load raises no event.
        CPPUNIT_ASSERT(app_->pluginLines("same-a", "").empty());
        app_->signal(SIGHUP);
        app_->waitForPlugin("same-a", "version 1, generation 1: runs");
    }

    void namedPluginsAreReplacedAndNoOthersLoaded() {
        drop(kModules + "same-a.so");
        run({}, "same-a");
        drop(kModules + "same-b.so");
        std::filesystem::copy_file(kModules + "next/same-a.so", app_->path("next"));
        std::filesystem::rename(app_->path("next"), folder_ + "/same-a.so");
        app_->waitForPlugin("same-a", "version 1, generation 2: runs");
        waitUntil([&] { return list().Size() == 1; });
    }

private:
    /// Starts the process with the plugins that lie in the folder already.
    void run(const std::vector<std::string>& more = {}, const std::string& load = "*") {
        std::vector<std::string> args = {"run",
                                         "--set",
                                         "plugins.load=" + load,
                                         "--set",
                                         "plugins.dir=" + folder_,
                                         "--set",
                                         "queue." + plugin_ + ".name=" + queueName_,
                                         "--set",
                                         "redis.port=" + redisPort(),
                                         "--set",
                                         "control.socket=" + app_->path("c.sock")};
        args.insert(args.end(), more.begin(), more.end());
        app_->start(args);
        app_->waitForLog("is running");
        if (std::filesystem::exists(folder_ + "/" + plugin_ + ".so")) {
            app_->waitForPlugin(plugin_, "version 1, generation 1: runs");
        }
    }

    /// ledger.so, in place of the one before, as if it had been built once more.
    void dropBuild(int number) const {
        std::ifstream file(kModules + "ledger.so", std::ios::binary);
        std::string bytes{std::istreambuf_iterator<char>(file), {}};
        const std::string old = "build 00000";
        const std::string digits = std::to_string(number);
        bytes.replace(bytes.find(old) + old.size() - digits.size(), digits.size(), digits);
        std::ofstream(app_->path("next"), std::ios::binary) << bytes;
        std::filesystem::rename(app_->path("next"), folder_ + "/ledger.so");
    }

    /// Returns when a generation had replaced the one before, ms, by the line of the log.
    [[nodiscard]] std::optional<std::int64_t> switchTime(int generation) const {
        const std::string log = app_->err();
        const std::size_t at = log.find(" generation " + std::to_string(generation) + ": runs");
        if (at == std::string::npos) {
            return std::nullopt;
        }
        const std::string before = R"({"time":")";
        int zone = 0;
        const auto time =
            Poco::DateTimeParser::parse(Poco::DateTimeFormat::ISO8601_FRAC_FORMAT,
                                        log.substr(log.rfind(before, at) + before.size(),
                                                   std::strlen("2026-01-01T00:00:00.000Z")),
                                        zone);
        return time.timestamp().epochMicroseconds() / 1000;
    }

    /// Checks the memory of a plugin with so many generations: of all, and of the last one alone.
    void assertMemoryIsTold(const rapidjson::Value& plugin, int generations) {
        const std::int64_t bytes = plugin["bytes"].GetInt64();
        const std::int64_t rss = plugin["memory"]["rss"].GetInt64();
        const std::int64_t own = plugin["memory"]["private"].GetInt64();
        CPPUNIT_ASSERT(own >= 4096 && own <= rss && rss < 2 * bytes);
        const rapidjson::Value& loaded = plugin["loaded"];
        CPPUNIT_ASSERT_EQUAL(generations, loaded["files"].GetInt());
        CPPUNIT_ASSERT_EQUAL(generations * bytes, loaded["bytes"].GetInt64());
        CPPUNIT_ASSERT(loaded["rss"].GetInt64() > (generations - 1) * rss / 2);
        CPPUNIT_ASSERT(loaded["private"].GetInt64() > (generations - 1) * own / 2);
        CPPUNIT_ASSERT_EQUAL(0, client_->run({"plugin", "list", "--socket", app_->path("c.sock")}));
        const std::string told = "all " + std::to_string(generations) + " files since the start: ";
        assertContains(client_->out(), told);
        app_->waitForLog(" kB stay in memory");
    }

    std::vector<std::string> add(int count, const std::string& name) {
        const std::vector<AddResult> added =
            queue_->addBulk(std::vector<NewJob>(static_cast<std::size_t>(count), {name, "{}", {}}),
                            std::chrono::steady_clock::now() + std::chrono::seconds(10));
        std::vector<std::string> ids;
        for (const AddResult& one : added) {
            CPPUNIT_ASSERT_MESSAGE(one.message, one.status == AddResult::Status::Added);
            ids.push_back(one.id);
        }
        return ids;
    }

    std::string resultOf(const std::string& id) {
        waitUntil([&] { return queue_->job(id)->finishedOnMs.has_value(); });
        return *queue_->job(id)->returnValue;
    }

    [[nodiscard]] JobCounts counts() { return queue_->counts(); }

    rapidjson::Document list() {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            client_->err(),
            0,
            client_->run({"plugin", "list", "--json", "--socket", app_->path("c.sock")}));
        rapidjson::Document document;
        document.Parse(client_->out().c_str());
        CPPUNIT_ASSERT_MESSAGE(client_->out(), document.IsArray());
        return document;
    }

    /// Has jobs done, a few at a time, until the plugin is refused; returns how often.
    int workUntilRefused(const std::string& name, const std::string& words) {
        int rounds = 0;
        do {
            const std::int64_t before = counts().completed;
            add(5, "same");
            waitUntil([&] { return counts().completed == before + 5; });
            ++rounds;
        } while (app_->pluginLines(name, "the file is refused: ").empty());
        assertRefused(name, words);
        return rounds;
    }

    void assertRefused(const std::string& name, const std::string& words) {
        const std::string refused = "the file is refused: ";
        app_->waitForPlugin(name, refused);
        assertContains(app_->pluginLines(name, refused).front(), words);
    }

    static std::string text(const rapidjson::Value& object, const char* name) {
        return object[name].GetString();
    }

    std::unique_ptr<AppProcess> client_;
    std::string plugin_ = "same-a";  ///< The plugin that works the queue.
    std::unique_ptr<WholeQueue> queue_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(PluginFolderTest);
