#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "config/ConfigReport.h"
#include "config/Configuration.h"
#include "config/ConfigurationCheck.h"
#include "config/Secrets.h"
#include "config/Settings.h"
#include "drover/Exceptions.h"
#include "support/Assert.h"
#include "support/ServerProcess.h"

using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;

namespace {

using namespace drover;

std::string joined(const std::vector<std::string>& lines) {
    std::string all;
    for (const std::string& line : lines) {
        all += line + "\n";
    }
    return all;
}

std::vector<std::string> problemsOf(const Configuration& config) {
    return ConfigurationCheck(config).problems();
}

/// The declarations of an HTTP front and of a handler.
PluginDeclaration apiPlugin() {
    PluginDeclaration api;
    api.name = "api";
    KeySpec port;
    port.pattern = "api.port";
    port.type = KeyType::Integer;
    port.defaultValue = "4000";
    port.maximum = 65535;
    port.owner = "api";
    api.keys = {port};
    api.tables = {"api.route"};
    return api;
}

PluginDeclaration handlerPlugin(const std::string& name, const std::string& maxStalledCount) {
    PluginDeclaration plugin;
    plugin.name = name;
    plugin.suggestions = {{"reserveEvent", "reservation", {{"maxStalledCount", maxStalledCount}}}};
    return plugin;
}

PluginDeclaration plugin(const std::string& name) {
    PluginDeclaration plugin;
    plugin.name = name;
    return plugin;
}

}  // namespace

/// The strength of sources, refused values, and the texts of the refusals.
class ConfigurationTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ConfigurationTest);
    CPPUNIT_TEST(theStrongerSourceWins);
    CPPUNIT_TEST(laterFileWins);
    CPPUNIT_TEST(anEmptyPasswordInTheEnvironmentMeansNone);
    CPPUNIT_TEST(anEmptyOldHostIsNotSet);
    CPPUNIT_TEST(dollarBracesStayAsTheyAre);
    CPPUNIT_TEST(everyProblemIsReportedAtOnceWithItsPlace);
    CPPUNIT_TEST(valuesOutOfTypeOrRangeAreRefused);
    CPPUNIT_TEST(locksAreRenewedWhileTheyLast);
    CPPUNIT_TEST(unknownKeysNameTheNearest);
    CPPUNIT_TEST(aLoadedPluginsUnknownKeyIsAnError);
    CPPUNIT_TEST(keysOfAPluginThatIsThereButNotLoadedAreItsOwnAffair);
    CPPUNIT_TEST(tablesAcceptAnyKeyBelowThem);
    CPPUNIT_TEST(aRequiredKeyIsMissedOnlyByTheRoleThatLoadsIt);
    CPPUNIT_TEST(addressesOfServicesArePassedOver);
    CPPUNIT_TEST(aRedisUrlStandsForItsParts);
    CPPUNIT_TEST(tlsToRedisIsCheckedBeforeTheStart);
    CPPUNIT_TEST(sentinelsAreCheckedBeforeTheStart);
    CPPUNIT_TEST(aClusterIsCheckedBeforeTheStart);
    CPPUNIT_TEST(shardsAreCheckedBeforeTheStart);
    CPPUNIT_TEST(aQueueIsFoundByItsNameInRedis);
    CPPUNIT_TEST(aWrongRedisUrlIsRefusedWithoutItsPassword);
    CPPUNIT_TEST(aVariableThatLooksLikeATypingErrorIsAWarning);
    CPPUNIT_TEST(queueSettingsResolveThroughThePluginToTheDefaults);
    CPPUNIT_TEST(queueSettingsComeFromTheEnvironment);
    CPPUNIT_TEST(suggestionsThatDisagreeAreRefusedUntilTheKeyIsSet);
    CPPUNIT_TEST(suggestionsAreCheckedLikeValues);
    CPPUNIT_TEST(secretsAppearNowhere);
    CPPUNIT_TEST(rereadingSeesTheChangedFileAndRetainsThePlugins);
    CPPUNIT_TEST(aPluginThatComesOrGoesHasNoOtherFileRead);
    CPPUNIT_TEST(aPipeBesideAPluginIsNotWaitedFor);
    CPPUNIT_TEST(aFileBesideThatIsRefusedHasBeenRead);
    CPPUNIT_TEST(keysThatNeedARestartStayAsTheyAre);
    CPPUNIT_TEST(aQueueStaysWhatItIsWhileItsAliasIsThere);
    CPPUNIT_TEST(filesOfPluginsStayInTheFolderOfTheStart);
    CPPUNIT_TEST(aPluginThatComesHasWhatItBrings);
    CPPUNIT_TEST(aPipeIsReadOnce);
    CPPUNIT_TEST(settingsCheckWhatTypesCannotSay);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        folder_ = test::makeTempFolder("drover-configuration");
        // Files beside plugins must be trusted.
        std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
        sources_ = {};
    }
    void tearDown() override { test::removeTree(folder_); }

    void theStrongerSourceWins() {
        struct Case {
            const char* file;
            const char* envFile;
            std::map<std::string, std::string> environment;
            std::vector<std::string> set;
            const char* value;
            const char* origin;
        };
        const std::vector<Case> cases = {
            {"", "", {}, {}, "127.0.0.1", "default"},
            {"redis.host=file", "", {}, {}, "file", "one.properties:1"},
            {"redis.host=file", "REDIS_HOST=old", {}, {}, "old", "env:1 REDIS_HOST"},
            {"redis.host=file",
             "REDIS_HOST=old",
             {{"REDIS_HOST", "real"}},
             {},
             "real",
             "environment REDIS_HOST"},
            {"",
             "REDIS_QUEUE_HOST=queue",
             {{"REDIS_HOST", "real"}},
             {},
             "queue",
             "env:1 REDIS_QUEUE_HOST"},
            {"",
             "REDIS_QUEUE_HOST=queue\nDROVER_REDIS_HOST=own",
             {{"REDIS_HOST", "real"}},
             {},
             "own",
             "env:2 DROVER_REDIS_HOST"},
            {"redis.host=file",
             "",
             {{"DROVER_REDIS_HOST", "own"}},
             {"redis.host=set"},
             "set",
             "--set"},
            {"", "", {}, {"redis.host=first", "redis.host = last"}, "last", "--set"},
        };
        for (const Case& one : cases) {
            sources_ = {};
            sources_.files = {write("one.properties", one.file)};
            sources_.envFile = write("env", one.envFile);
            sources_.environment = one.environment;
            sources_.settings = one.set;
            const auto value = Configuration(sources_).find("redis.host");
            assertEqual(one.value, value->text);
            const std::string origin = value->origin;
            assertContains(origin, one.origin);
        }
    }

    void laterFileWins() {
        sources_.files = {write("one.properties", "redis.host=one\nredis.db=1"),
                          write("two.properties", "redis.host=two")};
        const Configuration config(sources_);
        assertEqual("two", config.text("redis.host"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, config.integer("redis.db"));
    }

    void anEmptyPasswordInTheEnvironmentMeansNone() {
        sources_.files = {write("one.properties", "redis.password=fromFile")};
        sources_.environment = {{"REDIS_QUEUE_PASSWORD", ""}, {"REDIS_PASSWORD", "other"}};
        CPPUNIT_ASSERT_EQUAL(std::string(), Configuration(sources_).text("redis.password"));
    }

    void anEmptyOldHostIsNotSet() {
        sources_.environment = {{"REDIS_QUEUE_HOST", ""}, {"REDIS_HOST", "real"}};
        assertEqual("real", Configuration(sources_).text("redis.host"));
    }

    void dollarBracesStayAsTheyAre() {
        sources_.files = {write("one.properties", "redis.password = a${redis.host}b")};
        assertEqual("a${redis.host}b", Configuration(sources_).text("redis.password"));
    }

    void everyProblemIsReportedAtOnceWithItsPlace() {
        sources_.files = {write("one.properties",
                                "redis.port = 70000\n\nthis is no assignment\nredsi.host = x\n"),
                          folder_ + "/absent.properties"};
        sources_.settings = {"nonsense"};
        const std::vector<std::string> problems = problemsOf(Configuration(sources_));
        const std::string all = joined(problems);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(all, std::size_t{5}, problems.size());
        assertContains(
            all, "one.properties:1: redis.port = \"70000\": expected an integer in [1, 65535]");
        assertContains(all, "one.properties:3: \"this\" has no '='");
        assertContains(all, "one.properties:4: redsi.host: unknown key; did you mean redis.host?");
        assertContains(all, "absent.properties: No such file or directory");
        assertContains(all, "--set nonsense: expected key=value");
    }

    void locksAreRenewedWhileTheyLast() {
        sources_.settings = {"worker.defaults.lockDurationMs=3000",
                             "queue.a.lockRenewTimeMs=3000",
                             "queue.b.lockRenewTimeMs=2999",
                             "queue.c.lockRenewTimeMs=3000",
                             "queue.c.lockDurationMs=3001",
                             "queue.d.lockRenewTimeMs=0"};
        const std::vector<std::string> problems = problemsOf(Configuration(sources_));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(joined(problems), std::size_t{1}, problems.size());
        assertContains(
            problems.front(),
            "queue.a.lockRenewTimeMs = \"3000\": expected less than lockDurationMs, 3000 "
            "by --set");
    }

    void valuesOutOfTypeOrRangeAreRefused() {
        const std::vector<std::string> bad = {"redis.port=",
                                              "redis.port=0",
                                              "redis.port=6,379",
                                              "redis.port=0x10",
                                              "redis.port=99999999999999999999",
                                              "redis.db=-1",
                                              "log.level=loud",
                                              "plugins.load=../echo",
                                              "plugin.echo.isolation=container",
                                              "plugin.echo.memoryLimitMb=-1",
                                              "plugin.echo.hardTimeoutMs=1s",
                                              "queue.a.bullmq5=yes",
                                              "queue.a.threads=0",
                                              "queue.a.autorun=1",
                                              "queue.a.lockRenewTimeMs=-1",
                                              "queue.a.lockRenewTimeMs=half",
                                              "worker.defaults.batchSize=many"};
        for (const std::string& setting : bad) {
            sources_.settings = {setting};
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                setting, std::size_t{1}, problemsOf(Configuration(sources_)).size());
        }
        sources_.settings = {
            "redis.port=65535", "queue.a.threads=1", "plugins.load=echo, reservation-api"};
        CPPUNIT_ASSERT_EQUAL(std::string(), joined(problemsOf(Configuration(sources_))));
    }

    void unknownKeysNameTheNearest() {
        const std::vector<std::pair<std::string, std::string>> cases = {
            {"redis.prot", "redis.port"},
            {"queue.emails.concurency", "queue.emails.concurrency"},
            {"worker.default.threads", "worker.defaults.threads"},
            {"plugins.lod", "plugins.load"},
            {"queue.emails.lockDuration", "queue.emails.lockDurationMs"},
        };
        for (const auto& [key, nearest] : cases) {
            sources_.settings = {key + "=1"};
            assertContains(joined(problemsOf(Configuration(sources_))),
                           key + ": unknown key; did you mean " + nearest + "?");
        }
        sources_.settings = {"wholly.different.thing=1"};
        const std::string problems = joined(problemsOf(Configuration(sources_)));
        assertLacks(problems, "did you mean");
        assertContains(problems, "there is no plugin");
    }

    void aLoadedPluginsUnknownKeyIsAnError() {
        sources_.settings = {"api.prot=1", "plugins.dir=" + folder_};
        write("api.so", "");
        Configuration config(sources_);
        config.declare(apiPlugin());
        assertContains(joined(problemsOf(config)), "api.prot: unknown key; did you mean api.port?");
    }

    void keysOfAPluginThatIsThereButNotLoadedAreItsOwnAffair() {
        sources_.settings = {"api.prot=1", "plugins.dir=" + folder_};
        assertContains(joined(problemsOf(Configuration(sources_))), "api.prot: unknown key");
        write("api.so", "");
        Configuration config(sources_);
        CPPUNIT_ASSERT_EQUAL(std::string(), joined(problemsOf(config)));
        CPPUNIT_ASSERT(config.undeclaredPlugins() == std::vector<std::string>{"api"});

        config.declare(apiPlugin(), false);
        assertContains(joined(problemsOf(config)), "did you mean api.port?");
        CPPUNIT_ASSERT(config.undeclaredPlugins().empty());
    }

    void tablesAcceptAnyKeyBelowThem() {
        sources_.files = {write(
            "one.properties", "api.route.b.path = /b\napi.route.a.path = /a\napi.routes.c = 1\n")};
        Configuration config(sources_);
        config.declare(apiPlugin());
        const auto rows = config.below("api.route");
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, rows.size());
        assertEqual("a.path", rows[0].first);
        assertEqual("/a", rows[0].second);
        const std::string problems = joined(problemsOf(config));
        assertContains(problems, "api.routes.c: unknown key");
        assertLacks(problems, "api.route.");
    }

    void aRequiredKeyIsMissedOnlyByTheRoleThatLoadsIt() {
        PluginDeclaration plugin;
        plugin.name = "reservation";
        KeySpec url;
        url.pattern = "database.url";
        url.required = true;
        url.owner = "reservation";
        plugin.keys = {url};
        Configuration loads(sources_);
        loads.declare(plugin);
        assertContains(joined(problemsOf(loads)), "database.url: is required");
        Configuration other(sources_);
        other.declare(plugin, false);
        CPPUNIT_ASSERT_EQUAL(std::string(), joined(problemsOf(other)));
    }

    void addressesOfServicesArePassedOver() {
        // As Kubernetes sets them for services named redis, redis-queue, service, drover-redis and drover.
        sources_.files = {write("one.properties", "redis.port=6380")};
        sources_.environment = {{"REDIS_PORT", "tcp://10.96.0.12:6379"},
                                {"REDIS_QUEUE_PORT", "tcp://10.96.0.13:6379"},
                                {"REDIS_PORT_6379_TCP", "tcp://10.96.0.12:6379"},
                                {"DROVER_REDIS_PORT", "udp://[fd00::1]:6379"},
                                {"DROVER_REDIS_SERVICE_HOST", "10.96.0.12"},
                                {"DROVER_PORT", "tcp://10.96.0.14:80"},
                                {"DROVER_SERVICE_HOST", "10.96.0.14"},
                                {"DROVER_PORT_6379_TCP", "tcp://10.96.0.14:6379"},
                                {"DROVER_REDIS_DB", "tcp://10.96.0.15:1"}};
        const Configuration config(sources_);
        CPPUNIT_ASSERT_EQUAL(std::string(), joined(problemsOf(config)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{6380}, config.integer("redis.port"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, config.integer("redis.db"));
        const std::string warnings = joined(ConfigurationCheck(config).warnings());
        assertContains(warnings,
                       "environment REDIS_PORT = \"tcp://10.96.0.12:6379\": is the address");
        CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{4}, std::count(warnings.begin(), warnings.end(), '\n'));
        // The next source's value: an older name behind the own one.
        sources_.environment["REDIS_QUEUE_PORT"] = "6381";
        CPPUNIT_ASSERT_EQUAL(std::int64_t{6381}, Configuration(sources_).integer("redis.port"));
        // Any other value that is not a port is still refused.
        sources_.environment = {{"REDIS_PORT", "6379x"}};
        assertContains(joined(problemsOf(Configuration(sources_))),
                       "expected an integer in [1, 65535]");
    }

    void aRedisUrlStandsForItsParts() {
        sources_.files = {write("one.properties", "redis.host=other\nredis.port=1\nredis.db=4\n")};
        const auto server = [this](const std::string& url) {
            sources_.environment = {{"REDIS_URL", url}};
            return Settings::redisServer(Configuration(sources_));
        };
        const Redis::Settings all = server("redis://me:p%40ss%2F@redis.example:6380/2");
        assertEqual("redis.example", all.host);
        CPPUNIT_ASSERT_EQUAL(6380, all.port);
        assertEqual("me", all.user);
        assertEqual("p@ss/", all.password);
        CPPUNIT_ASSERT_EQUAL(2, all.database);
        const Redis::Settings few = server("redis://:secret@[::1]");
        assertEqual("[::1]", few.host);
        CPPUNIT_ASSERT_EQUAL(6379, few.port);
        CPPUNIT_ASSERT_EQUAL(std::string(), few.user);
        assertEqual("secret", few.password);
        CPPUNIT_ASSERT_EQUAL(4, few.database);
        assertEqual("other", server("").host);
        CPPUNIT_ASSERT(!few.tls);
        CPPUNIT_ASSERT(server("rediss://:secret@redis.example").tls.has_value());
        const Redis::Settings socket = server("unix://:secret@/run/a%20redis.sock?db=3");
        assertEqual("/run/a redis.sock", socket.host);
        assertEqual("secret", socket.password);
        CPPUNIT_ASSERT_EQUAL(3, socket.database);
    }

    void tlsToRedisIsCheckedBeforeTheStart() {
        const auto problems = [this](const std::string& lines) {
            sources_.files = {write("one.properties", lines)};
            return joined(Settings::check(Configuration(sources_)));
        };
        const std::string file = write("file.pem", "");
        assertContains(problems("redis.tls=true\nredis.tls.ca=/nowhere.pem\n"),
                       "redis.tls.ca = \"/nowhere.pem\": No such file or directory");
        assertContains(problems("redis.tls=true\nredis.tls.certificate=" + file + "\n"),
                       "certificate and key belong together");
        assertContains(problems("redis.tls.serverName=redis.example\n"),
                       "it has no effect without redis.tls = true or rediss://");
        assertContains(problems("redis.tls=true\nredis.tls.minVersion=1.1\n"), "1.2");
        const std::string all = "redis.tls=true\nredis.tls.ca=" + file +
                                "\nredis.tls.certificate=" + file + "\nredis.tls.key=" + file +
                                "\nredis.tls.serverName=redis.example\nredis.tls.minVersion=1.3\n";
        CPPUNIT_ASSERT_EQUAL(std::string(), problems(all));
        const Redis::Settings server = Settings::redisServer(Configuration(sources_));
        assertEqual(file, server.tls->ca);
        assertEqual("redis.example", server.tls->serverName);
        CPPUNIT_ASSERT(server.tls->minVersion == Redis::Tls::Version::V13);
    }

    void sentinelsAreCheckedBeforeTheStart() {
        const auto problems = [this](const std::string& lines) {
            sources_.files = {write("one.properties", lines)};
            return joined(Settings::check(Configuration(sources_)));
        };
        const std::string sentinels = "redis.sentinels=one, two:5000, [::1]:5001\n";
        assertContains(problems(sentinels), "redis.master must have the name of the master");
        assertContains(problems("redis.master=mymaster\n"), "no effect without redis.sentinels");
        for (const char* wrong : {"one:", "one:0", "one:65536", "::1", "redis://one", "[::1]x:1"}) {
            assertContains(problems("redis.sentinels=" + std::string(wrong) + "\n"),
                           "\"" + std::string(wrong) + "\" is not host:port");
        }
        assertContains(problems(sentinels + "redis.master=m\nredis.host=three\n"),
                       "it has no effect beside redis.sentinels; remove one of them");
        assertContains(problems(sentinels + "redis.master=m\nredis.sentinelUsername=u\n"),
                       "a user needs redis.sentinelPassword");
        const std::string all =
            sentinels + "redis.master=m\nredis.sentinelUsername=u\nredis.sentinelPassword=hush\n";
        CPPUNIT_ASSERT_EQUAL(std::string(), problems(all));
        const Redis::Sentinel sentinel = *Settings::redisServer(Configuration(sources_)).sentinel;
        CPPUNIT_ASSERT(sentinel.addresses == (std::vector<Redis::Address>{
                                                 {"one", 26379}, {"two", 5000}, {"[::1]", 5001}}));
        assertEqual("m u hush", sentinel.master + " " + sentinel.user + " " + sentinel.password);
    }

    void aClusterIsCheckedBeforeTheStart() {
        const auto problems = [this](const std::string& lines) {
            sources_.files = {write("one.properties", "redis.cluster=one,two:7001\n" + lines)};
            return joined(Settings::check(Configuration(sources_)));
        };
        assertContains(problems("queue.mails.threads=2\n"),
                       "the keys of queue bull:mails do not share a slot of the cluster: put "
                       "braces around the prefix, as in {bull}");
        assertContains(problems("redis.db=1\n"), "a cluster has database 0 only");
        assertContains(problems("redis.port=6380\n"), "no effect beside redis.cluster");
        assertContains(problems("redis.sentinels=one\nredis.master=m\n"),
                       "no effect beside redis.sentinels");
        CPPUNIT_ASSERT_EQUAL(std::string(),
                             problems("queue.mails.threads=2\nredis.prefix={bull}\n"));
        CPPUNIT_ASSERT_EQUAL(std::string(), problems("queue.mails.name={mails}\n"));
        CPPUNIT_ASSERT(Settings::redisServer(Configuration(sources_)).cluster ==
                       (std::vector<Redis::Address>{{"one", 6379}, {"two", 7001}}));
    }

    void shardsAreCheckedBeforeTheStart() {
        const auto problems = [this](const std::string& lines) {
            sources_.files = {write("one.properties", lines)};
            return joined(Settings::check(Configuration(sources_)));
        };
        const std::string four = "queue.mails.shards=4\n";
        const std::string cluster = four + "redis.cluster=one\n";
        CPPUNIT_ASSERT_EQUAL(std::string(), problems(four));
        CPPUNIT_ASSERT_EQUAL(std::string(), problems(cluster));
        const std::string oneSlot = "put all shards into one slot of the cluster; remove them";
        assertContains(problems(cluster + "redis.prefix={bull}\n"), oneSlot);
        assertContains(problems(cluster + "queue.mails.name={mails}\n"), oneSlot);
        assertContains(problems("queue.mails.shardBy=customer\n"),
                       "it has no effect without queue.mails.shards");
        assertContains(problems(four + "queue.other.name=mails-{3}\n"),
                       "the queue mails-{3} is that of queue.other too");
        assertContains(problems(four + "queue.other.name=mails\n"),
                       "the queue mails is that of queue.other too");
        CPPUNIT_ASSERT_EQUAL(std::string(), problems(four + "queue.other.name=mails-{4}\n"));
        assertContains(problems(four + "queue.mails.limiterMax=3\n"),
                       "expected at least the number of shards, 4");
    }

    void aQueueIsFoundByItsNameInRedis() {
        sources_.files = {write("one.properties",
                                "queue.mails.name=mail-out\nqueue.mails.shards=2\n"
                                "queue.mails.threads=6\nqueue.mails.shardBy=customer\n")};
        const Configuration config(sources_);
        const QueueSettings whole = Settings::queueNamed(config, "mail-out");
        CPPUNIT_ASSERT_EQUAL(2, whole.shards);
        CPPUNIT_ASSERT_EQUAL(6, whole.threads);
        const QueueSettings shard = Settings::queueNamed(config, "mail-out-{1}");
        CPPUNIT_ASSERT_EQUAL(1, shard.shards);
        CPPUNIT_ASSERT_EQUAL(3, shard.threads);
        for (const char* other : {"mail-out-{2}", "mails", "another"}) {
            const QueueSettings settings = Settings::queueNamed(config, other);
            CPPUNIT_ASSERT_EQUAL(std::string(other), settings.name);
            CPPUNIT_ASSERT_EQUAL(1, settings.shards);
            CPPUNIT_ASSERT_EQUAL(std::string(), settings.shardBy);
        }
        const ShardedQueues expected = {{"mail-out", {2, "customer"}}};
        CPPUNIT_ASSERT(expected == Settings::sharded(config));
    }

    void aWrongRedisUrlIsRefusedWithoutItsPassword() {
        const std::vector<std::pair<std::string, std::string>> cases = {
            {"unix://:hush@socket", "the path of a socket begins with /"},
            {"unix:///run/redis.sock?tls=1", "the only parameter is db"},
            {"http://:hush@h:1", "expected redis://"},
            {"h:6379", "expected redis://"},
            {"redis://", "expected redis://"},
            {"redis://:hush@", "expected redis://"},
            {"redis://h:0", "expected redis://"},
            {"redis://h:99999", "the port"},
            {"redis://h:x", "the port"},
            {"redis://h/one", "the database"},
            {"redis://:hush@h?tls=1", "parameters are not known"}};
        for (const auto& [url, what] : cases) {
            sources_.environment = {{"REDIS_URL", url}};
            const std::string problems = joined(Settings::check(Configuration(sources_)));
            assertContains(problems, "redis.url");
            assertContains(problems, what);
            assertLacks(problems, "hush");
        }
    }

    void aVariableThatLooksLikeATypingErrorIsAWarning() {
        sources_.environment = {
            {"DROVER_REDIS_HSOT", "x"}, {"DROVER_SERVICE_HOST", "x"}, {"PATH", "x"}};
        const Configuration config(sources_);
        CPPUNIT_ASSERT_EQUAL(std::string(), joined(problemsOf(config)));
        assertEqual(
            "environment DROVER_REDIS_HSOT: is not a key; did you mean DROVER_REDIS_HOST?\n",
            joined(ConfigurationCheck(config).warnings()));
    }

    void queueSettingsResolveThroughThePluginToTheDefaults() {
        const auto resolved = [this](const std::vector<std::string>& set, bool withPlugin) {
            sources_.settings = set;
            Configuration config(sources_);
            if (withPlugin) {
                config.declare(handlerPlugin("reservation", "10"));
            }
            return Settings::queue(config, "reservation").maxStalledCount;
        };
        CPPUNIT_ASSERT_EQUAL(1, resolved({}, false));
        CPPUNIT_ASSERT_EQUAL(3, resolved({"worker.defaults.maxStalledCount=3"}, false));
        CPPUNIT_ASSERT_EQUAL(10, resolved({"worker.defaults.maxStalledCount=3"}, true));
        CPPUNIT_ASSERT_EQUAL(
            5,
            resolved({"worker.defaults.maxStalledCount=3", "queue.reservation.maxStalledCount=5"},
                     true));
        assertEqual("a.dotted.queue",
                    Settings::queue(Configuration(sources_), "a.dotted.queue").name);
    }

    void queueSettingsComeFromTheEnvironment() {
        sources_.files = {write("one.properties", "queue.my-Mails.name = mails")};
        sources_.environment = {{"DROVER_QUEUE_MY_MAILS_THREADS", "7"},
                                {"DROVER_QUEUE_OTHER_THREADS", "3"}};
        const Configuration config(sources_);
        CPPUNIT_ASSERT((config.aliases() == std::vector<std::string>{"my-Mails", "other"}));
        CPPUNIT_ASSERT_EQUAL(7, Settings::queue(config, "my-Mails").threads);
        CPPUNIT_ASSERT_EQUAL(3, Settings::queue(config, "other").threads);
    }

    void suggestionsThatDisagreeAreRefusedUntilTheKeyIsSet() {
        const auto problems = [this] {
            Configuration config(sources_);
            config.declare(handlerPlugin("one", "10"));
            config.declare(handlerPlugin("two", "3"));
            return joined(problemsOf(config));
        };
        assertContains(problems(), "set queue.reservation.maxStalledCount");
        sources_.settings = {"queue.reservation.maxStalledCount=4"};
        CPPUNIT_ASSERT_EQUAL(std::string(), problems());
    }

    void suggestionsAreCheckedLikeValues() {
        Configuration config(sources_);
        config.declare(handlerPlugin("one", "often"));
        assertContains(joined(problemsOf(config)),
                       "plugin one/reserveEvent: maxStalledCount = \"often\": expected an integer");
    }

    void secretsAppearNowhere() {
        const std::string url = "postgresql://user:p%40ss:wörd@db:5432/app?schema=public";
        sources_.settings = {"redis.password=hunter2", "database.url=" + url, "redis.port=0"};
        const Configuration config(sources_);
        for (const std::string& text : {showText(config),
                                        showJson(config),
                                        joined(problemsOf(config)),
                                        joined(ConfigurationCheck(config).warnings())}) {
            assertLacks(text, "hunter2");
            assertLacks(text, "p%40ss");
        }
        assertContains(showText(config), "redis.password = ***   (--set)");
        assertContains(showJson(config), R"("database.url":{"value":"***","origin":"--set"})");
        const std::vector<std::string> secrets = secretsOf(config);
        for (const char* secret : {"hunter2", "p%40ss:wörd", "p@ss:wörd"}) {
            CPPUNIT_ASSERT_MESSAGE(secret, std::count(secrets.begin(), secrets.end(), secret) == 1);
        }
    }

    void rereadingSeesTheChangedFileAndRetainsThePlugins() {
        sources_.files = {write("one.properties", "api.port=1")};
        Configuration config(sources_);
        config.declare(apiPlugin());
        write("one.properties", "api.port=2");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, config.reread().integer("api.port"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, config.integer("api.port"));
    }

    void aPluginThatComesOrGoesHasNoOtherFileRead() {
        sources_.settings = {"plugins.dir=" + folder_};
        write("a.properties", "queue.a.threads=1");
        write("b.properties", "queue.b.threads=1");
        Configuration config(sources_);
        config.declare(plugin("a"));
        config.declare(plugin("b"));
        write("a.properties", "queue.a.threads=2");
        write("b.properties", "half a li");
        const Configuration without = config.without("a");
        CPPUNIT_ASSERT_EQUAL(std::string(), joined(problemsOf(without)));
        assertEqual("1", without.queueSetting("b", "threads").text);
        CPPUNIT_ASSERT(without.aliases() == std::vector<std::string>{"b"});
        const Configuration with = config.with(plugin("a"));
        CPPUNIT_ASSERT_EQUAL(std::string(), joined(problemsOf(with)));
        assertEqual("2", with.queueSetting("a", "threads").text);
        assertEqual("1", with.queueSetting("b", "threads").text);
        // The change is still to be found.
        CPPUNIT_ASSERT(with.filesRead() != with.filesNow());
        assertContains(joined(problemsOf(config.reread())), "b.properties:1");
    }

    void aPipeBesideAPluginIsNotWaitedFor() {
        sources_.settings = {"plugins.dir=" + folder_};
        CPPUNIT_ASSERT_EQUAL(0, ::mkfifo((folder_ + "/a.properties").c_str(), 0600));
        Configuration config(sources_);
        config.declare(plugin("a"));
        assertContains(joined(problemsOf(config)), "a.properties: is not a regular file");
        CPPUNIT_ASSERT(config.filesNow().empty());
    }

    void aFileBesideThatIsRefusedHasBeenRead() {
        sources_.settings = {"plugins.dir=" + folder_};
        const std::string path = write("a.properties", "queue.a.threads=1");
        std::filesystem::permissions(path, std::filesystem::perms::all);
        Configuration config(sources_);
        config.declare(plugin("a"));
        assertContains(joined(problemsOf(config)), path);
        // Or else it would count as changed for ever.
        CPPUNIT_ASSERT(config.filesRead() == config.filesNow());
    }

    void keysThatNeedARestartStayAsTheyAre() {
        sources_.files = {write("one.properties", "redis.port=1\nredis.user=u\nlog.level=debug")};
        const Configuration config(sources_);
        write("one.properties",
              "redis.port=2\ndatabase.url=postgresql://h/d\nlog.level=trace\nredis.db=0");
        Configuration fresh = config.reread();
        // A bad value would be found here.
        assertEqual("2", fresh.text("redis.port"));
        fresh.deferToRestart(config);
        assertEqual("1", fresh.text("redis.port"));
        assertEqual("u", fresh.text("redis.user"));
        CPPUNIT_ASSERT(!fresh.find("database.url"));
        assertEqual("trace", fresh.text("log.level"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, fresh.deferred().size());
        assertEqual("2", fresh.deferred().at("redis.port").said->text);
        // And so it does when a plugin comes and goes, and until the file is as it was.
        for (const Configuration& later :
             {fresh.with(plugin("a")), fresh.with(plugin("a")).without("a")}) {
            assertEqual("1", later.text("redis.port"));
            CPPUNIT_ASSERT_EQUAL(std::size_t{3}, later.deferred().size());
        }
        write("one.properties", "redis.port=1\nredis.user=u");
        Configuration again = fresh.reread();
        again.deferToRestart(fresh);
        CPPUNIT_ASSERT(again.deferred().empty());
    }

    void aQueueStaysWhatItIsWhileItsAliasIsThere() {
        sources_.files = {write("one.properties", "queue.a.name=one\nqueue.a.threads=1")};
        const Configuration config(sources_);
        write("one.properties",
              "queue.a.name=two\nqueue.a.threads=2\nqueue.b.name=b2\n"
              "worker.defaults.lockDurationMs=12345");
        Configuration fresh = config.reread();
        fresh.deferToRestart(config);
        assertEqual("one", fresh.queueSetting("a", "name").text);
        assertEqual("2", fresh.queueSetting("a", "threads").text);
        assertEqual("b2", fresh.queueSetting("b", "name").text);
        CPPUNIT_ASSERT(fresh.queueSetting("a", "lockDurationMs").text != "12345");
        assertEqual("one", fresh.with(plugin("a")).queueSetting("a", "name").text);
        write("one.properties", "");
        Configuration gone = fresh.reread();
        gone.deferToRestart(fresh);
        write("one.properties", "queue.a.name=two");
        Configuration back = gone.reread();
        back.deferToRestart(gone);
        assertEqual("two", back.queueSetting("a", "name").text);
    }

    void filesOfPluginsStayInTheFolderOfTheStart() {
        std::filesystem::create_directory(folder_ + "/old");
        std::filesystem::create_directory(folder_ + "/new");
        write("old/a.properties", "queue.a.threads=1");
        write("new/a.properties", "queue.a.threads=2");
        sources_.files = {write("one.properties", "plugins.dir=" + folder_ + "/old")};
        Configuration config(sources_);
        config.declare(plugin("a"));
        write("one.properties", "plugins.dir=" + folder_ + "/new");
        Configuration fresh = config.reread();
        fresh.deferToRestart(config);
        for (const Configuration& one : {fresh, fresh.reread(), fresh.with(plugin("a"))}) {
            CPPUNIT_ASSERT_EQUAL(folder_ + "/old", one.pluginFolder());
            assertEqual("1", one.queueSetting("a", "threads").text);
        }
        CPPUNIT_ASSERT_EQUAL(folder_ + "/new", fresh.deferred().at("plugins.dir").said->text);
    }

    void aPluginThatComesHasWhatItBrings() {
        sources_.settings = {"plugins.dir=" + folder_};
        sources_.files = {write("one.properties", "queue.reservation.threads=2\napi.port=1")};
        write("api.properties",
              "queue.reservation.lockDurationMs=12345\nqueue.reservation.name=other");
        Configuration config(sources_);
        config.declare(handlerPlugin("a", "7"));
        const Configuration with = config.with(apiPlugin());
        assertEqual("12345", with.queueSetting("reservation", "lockDurationMs").text);
        // Producers may have the queue already.
        assertEqual("reservation", with.queueSetting("reservation", "name").text);
        write("one.properties", "api.port=2");
        Configuration fresh = with.reread();
        fresh.deferToRestart(with);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, fresh.integer("api.port"));
        // Its next generation has the keys as they are by now, but its queue is at work.
        write("api.properties", "queue.reservation.lockDurationMs=54321");
        const Configuration next = fresh.with(apiPlugin());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, next.integer("api.port"));
        assertEqual("12345", next.queueSetting("reservation", "lockDurationMs").text);
    }

    void aPipeIsReadOnce() {
        const std::string path = folder_ + "/pipe";
        CPPUNIT_ASSERT_EQUAL(0, mkfifo(path.c_str(), 0600));
        std::thread writer([&path] { std::ofstream(path) << "log.level=debug"; });
        sources_.files = {path};
        const Configuration config(sources_);
        writer.join();
        // The pipe has no writer any more: reading would wait for ever.
        const Configuration fresh = config.reread();
        assertEqual("debug", fresh.text("log.level"));
        CPPUNIT_ASSERT(fresh.filesRead() == config.filesNow());
    }

    void settingsCheckWhatTypesCannotSay() {
        const std::vector<std::pair<std::string, std::string>> cases = {
            {"redis.host=", "expected a host name"},
            {"redis.host=redis:6379", "its port is redis.port"},
            {"redis.prefix=", "not empty"},
            {"redis.prefix=my app", "redis.prefix = \"my app\": expected printable ASCII"},
            {"redis.user=app", "needs redis.password"},
            {"queue.a.name=a:b", "queue.a.name = \"a:b\": Queue name cannot contain :"},
            {"queue.a.name=", "Queue name must be provided"},
            {"queue.a.removeOnComplete=soon", "expected true, false, a count, or an object"},
            {"queue.a.removeOnComplete=1,\"lifo\":true", "expected true, false, a count"},
            {"queue.a.removeOnFail={\"age\":\"x\"}", "queue.a.removeOnFail = "},
            {"queue.a.removeOnFail=true}", "expected true, false, a count"},
            {"queue.a.workerName=my worker", "printable ASCII without spaces"},
            {"worker.defaults.workerName=\xC3\xA4", "printable ASCII without spaces"},
            {"control.socket=run/drover.sock", "absolute path"},
            {"control.socket=/tmp/" + std::string(103, 'x'), "108 bytes, a Unix socket allows 107"},
            {"plugins.load=echo,echo", "every name once"},
            {"plugins.load=7up", "names of the form [A-Za-z][A-Za-z0-9_-]{0,63}"},
        };
        for (const auto& [setting, expected] : cases) {
            sources_.settings = {setting};
            assertContains(joined(Settings::check(Configuration(sources_))), expected);
            CPPUNIT_ASSERT_THROW(Settings::read(Configuration(sources_)), ConfigException);
        }
        sources_.settings = {"redis.host=::1", "control.socket=/tmp/" + std::string(102, 'x')};
        assertEqual("::1", Settings::read(Configuration(sources_)).redis.host);
    }

private:
    std::string write(const std::string& name, const std::string& text) const {
        const std::string path = folder_ + "/" + name;
        std::ofstream(path) << text;
        return path;
    }

    std::string folder_;
    ConfigSources sources_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConfigurationTest);
