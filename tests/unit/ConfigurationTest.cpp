#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "app/ConfigReport.h"
#include "app/Configuration.h"
#include "app/Settings.h"
#include "drover/Exceptions.h"
#include "support/ServerProcess.h"

namespace {

using namespace drover;

std::string joined(const std::vector<std::string>& lines) {
    std::string all;
    for (const std::string& line : lines) {
        all += line + "\n";
    }
    return all;
}

/// What a HTTP front and a handler would declare.
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

}  // namespace

/// Who wins, what is refused, and what the refusal says.
class ConfigurationTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ConfigurationTest);
    CPPUNIT_TEST(theStrongerSourceWins);
    CPPUNIT_TEST(laterFileWins);
    CPPUNIT_TEST(anEmptyPasswordInTheEnvironmentMeansNone);
    CPPUNIT_TEST(anEmptyOldHostIsNotSet);
    CPPUNIT_TEST(dollarBracesStayAsTheyAre);
    CPPUNIT_TEST(everyProblemIsReportedAtOnceWithItsPlace);
    CPPUNIT_TEST(valuesOutOfTypeOrRangeAreRefused);
    CPPUNIT_TEST(unknownKeysNameTheNearest);
    CPPUNIT_TEST(aLoadedPluginsUnknownKeyIsAnError);
    CPPUNIT_TEST(keysOfAPluginThatIsThereButNotLoadedAreItsOwnAffair);
    CPPUNIT_TEST(tablesTakeAnyKeyBelowThem);
    CPPUNIT_TEST(aRequiredKeyIsMissedOnlyByTheRoleThatLoadsIt);
    CPPUNIT_TEST(aVariableThatLooksLikeATypingErrorIsAWarning);
    CPPUNIT_TEST(queueSettingsResolveThroughThePluginToTheDefaults);
    CPPUNIT_TEST(queueSettingsComeFromTheEnvironment);
    CPPUNIT_TEST(suggestionsThatDisagreeAreRefusedUntilTheKeyIsSet);
    CPPUNIT_TEST(suggestionsAreCheckedLikeValues);
    CPPUNIT_TEST(secretsAppearNowhere);
    CPPUNIT_TEST(rereadingSeesTheChangedFileAndKeepsThePlugins);
    CPPUNIT_TEST(settingsCheckWhatTypesCannotSay);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        folder_ = test::makeTempFolder("drover-configuration");
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
            CPPUNIT_ASSERT_EQUAL(std::string(one.value), value->text);
            const std::string origin = value->origin;
            CPPUNIT_ASSERT_MESSAGE(origin, origin.find(one.origin) != std::string::npos);
        }
    }

    void laterFileWins() {
        sources_.files = {write("one.properties", "redis.host=one\nredis.db=1"),
                          write("two.properties", "redis.host=two")};
        const Configuration config(sources_);
        CPPUNIT_ASSERT_EQUAL(std::string("two"), config.text("redis.host"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, config.integer("redis.db"));
    }

    void anEmptyPasswordInTheEnvironmentMeansNone() {
        sources_.files = {write("one.properties", "redis.password=fromFile")};
        sources_.environment = {{"REDIS_QUEUE_PASSWORD", ""}, {"REDIS_PASSWORD", "other"}};
        CPPUNIT_ASSERT_EQUAL(std::string(), Configuration(sources_).text("redis.password"));
    }

    void anEmptyOldHostIsNotSet() {
        sources_.environment = {{"REDIS_QUEUE_HOST", ""}, {"REDIS_HOST", "real"}};
        CPPUNIT_ASSERT_EQUAL(std::string("real"), Configuration(sources_).text("redis.host"));
    }

    void dollarBracesStayAsTheyAre() {
        sources_.files = {write("one.properties", "redis.password = a${redis.host}b")};
        CPPUNIT_ASSERT_EQUAL(std::string("a${redis.host}b"),
                             Configuration(sources_).text("redis.password"));
    }

    void everyProblemIsReportedAtOnceWithItsPlace() {
        sources_.files = {write("one.properties",
                                "redis.port = 70000\n\nthis is no assignment\nredsi.host = x\n"),
                          folder_ + "/absent.properties"};
        sources_.settings = {"nonsense"};
        const std::vector<std::string> problems = Configuration(sources_).problems();
        const std::string all = joined(problems);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(all, std::size_t{5}, problems.size());
        assertHas(all,
                  "one.properties:1: redis.port = \"70000\": expected an integer in [1, 65535]");
        assertHas(all, "one.properties:3: \"this\" has no '='");
        assertHas(all, "one.properties:4: redsi.host: unknown key; did you mean redis.host?");
        assertHas(all, "absent.properties: No such file or directory");
        assertHas(all, "--set nonsense: expected key=value");
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
                                              "worker.defaults.batchSize=many"};
        for (const std::string& setting : bad) {
            sources_.settings = {setting};
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                setting, std::size_t{1}, Configuration(sources_).problems().size());
        }
        sources_.settings = {
            "redis.port=65535", "queue.a.threads=1", "plugins.load=echo, reservation-api"};
        CPPUNIT_ASSERT_EQUAL(std::string(), joined(Configuration(sources_).problems()));
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
            assertHas(joined(Configuration(sources_).problems()),
                      key + ": unknown key; did you mean " + nearest + "?");
        }
        sources_.settings = {"wholly.different.thing=1"};
        const std::string problems = joined(Configuration(sources_).problems());
        CPPUNIT_ASSERT_MESSAGE(problems, problems.find("did you mean") == std::string::npos);
        assertHas(problems, "there is no plugin");
    }

    void aLoadedPluginsUnknownKeyIsAnError() {
        sources_.settings = {"api.prot=1", "plugins.dir=" + folder_};
        write("api.so", "");
        Configuration config(sources_);
        config.declare(apiPlugin());
        assertHas(joined(config.problems()), "api.prot: unknown key; did you mean api.port?");
    }

    void keysOfAPluginThatIsThereButNotLoadedAreItsOwnAffair() {
        sources_.settings = {"api.prot=1", "plugins.dir=" + folder_};
        assertHas(joined(Configuration(sources_).problems()), "api.prot: unknown key");
        write("api.so", "");
        Configuration config(sources_);
        CPPUNIT_ASSERT_EQUAL(std::string(), joined(config.problems()));
        CPPUNIT_ASSERT(config.undeclaredPlugins() == std::vector<std::string>{"api"});

        config.declare(apiPlugin(), false);
        assertHas(joined(config.problems()), "did you mean api.port?");
        CPPUNIT_ASSERT(config.undeclaredPlugins().empty());
    }

    void tablesTakeAnyKeyBelowThem() {
        sources_.files = {write(
            "one.properties", "api.route.b.path = /b\napi.route.a.path = /a\napi.routes.c = 1\n")};
        Configuration config(sources_);
        config.declare(apiPlugin());
        const auto rows = config.below("api.route");
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, rows.size());
        CPPUNIT_ASSERT_EQUAL(std::string("a.path"), rows[0].first);
        CPPUNIT_ASSERT_EQUAL(std::string("/a"), rows[0].second);
        const std::string problems = joined(config.problems());
        assertHas(problems, "api.routes.c: unknown key");
        CPPUNIT_ASSERT_MESSAGE(problems, problems.find("api.route.") == std::string::npos);
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
        assertHas(joined(loads.problems()), "database.url: is required");
        Configuration other(sources_);
        other.declare(plugin, false);
        CPPUNIT_ASSERT_EQUAL(std::string(), joined(other.problems()));
    }

    void aVariableThatLooksLikeATypingErrorIsAWarning() {
        sources_.environment = {
            {"DROVER_REDIS_HSOT", "x"}, {"DROVER_SERVICE_HOST", "x"}, {"PATH", "x"}};
        const Configuration config(sources_);
        CPPUNIT_ASSERT_EQUAL(std::string(), joined(config.problems()));
        CPPUNIT_ASSERT_EQUAL(
            std::string(
                "environment DROVER_REDIS_HSOT: is no key; did you mean DROVER_REDIS_HOST?\n"),
            joined(config.warnings()));
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
        CPPUNIT_ASSERT_EQUAL(std::string("a.dotted.queue"),
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
            return joined(config.problems());
        };
        assertHas(problems(), "set queue.reservation.maxStalledCount");
        sources_.settings = {"queue.reservation.maxStalledCount=4"};
        CPPUNIT_ASSERT_EQUAL(std::string(), problems());
    }

    void suggestionsAreCheckedLikeValues() {
        Configuration config(sources_);
        config.declare(handlerPlugin("one", "often"));
        assertHas(joined(config.problems()),
                  "plugin one/reserveEvent: maxStalledCount = \"often\": expected an integer");
    }

    void secretsAppearNowhere() {
        const std::string url = "postgresql://user:p%40ss:wörd@db:5432/app?schema=public";
        sources_.settings = {"redis.password=hunter2", "database.url=" + url, "redis.port=0"};
        const Configuration config(sources_);
        for (const std::string& text : {showText(config),
                                        showJson(config),
                                        joined(config.problems()),
                                        joined(config.warnings())}) {
            CPPUNIT_ASSERT_MESSAGE(text, text.find("hunter2") == std::string::npos);
            CPPUNIT_ASSERT_MESSAGE(text, text.find("p%40ss") == std::string::npos);
        }
        assertHas(showText(config), "redis.password = ***   (--set)");
        assertHas(showJson(config), R"("database.url":{"value":"***","origin":"--set"})");
        const std::vector<std::string> secrets = config.secrets();
        for (const char* secret : {"hunter2", "p%40ss:wörd", "p@ss:wörd"}) {
            CPPUNIT_ASSERT_MESSAGE(secret, std::count(secrets.begin(), secrets.end(), secret) == 1);
        }
    }

    void rereadingSeesTheChangedFileAndKeepsThePlugins() {
        sources_.files = {write("one.properties", "api.port=1")};
        Configuration config(sources_);
        config.declare(apiPlugin());
        write("one.properties", "api.port=2");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, config.reread().integer("api.port"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, config.integer("api.port"));
    }

    void settingsCheckWhatTypesCannotSay() {
        const std::vector<std::pair<std::string, std::string>> cases = {
            {"redis.host=", "expected a host name"},
            {"redis.host=redis:6379", "its port is redis.port"},
            {"redis.prefix=", "not empty"},
            {"redis.user=app", "needs redis.password"},
            {"queue.a.name=a:b", "without ':'"},
            {"control.socket=run/drover.sock", "absolute path"},
            {"control.socket=/tmp/" + std::string(103, 'x'), "108 bytes, a Unix socket allows 107"},
            {"plugins.load=echo,echo", "every name once"},
        };
        for (const auto& [setting, expected] : cases) {
            sources_.settings = {setting};
            assertHas(joined(Settings::check(Configuration(sources_))), expected);
            CPPUNIT_ASSERT_THROW(Settings::read(Configuration(sources_)), ConfigException);
        }
        sources_.settings = {"redis.host=::1", "control.socket=/tmp/" + std::string(102, 'x')};
        CPPUNIT_ASSERT_EQUAL(std::string("::1"),
                             Settings::read(Configuration(sources_)).redis.host);
    }

private:
    std::string write(const std::string& name, const std::string& text) const {
        const std::string path = folder_ + "/" + name;
        std::ofstream(path) << text;
        return path;
    }

    static void assertHas(const std::string& text, const std::string& part) {
        CPPUNIT_ASSERT_MESSAGE("\"" + part + "\" is not in:\n" + text,
                               text.find(part) != std::string::npos);
    }

    std::string folder_;
    ConfigSources sources_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConfigurationTest);
