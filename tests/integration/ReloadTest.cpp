#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <signal.h>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/AccessToken.h"
#include "integration/AppFixture.h"
#include "integration/RawClient.h"
#include "integration/SlowCopy.h"
#include "support/Assert.h"
#include "support/TestCertificate.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;

/// `api.route.<name>.*` of a route POST /<name> that adds a job for echo.
std::string route(const std::string& name, const std::string& queue = "echo") {
    const std::string prefix = "api.route." + name + ".";
    return prefix + "path = /" + name + "\n" + prefix + "queue = " + queue + "\n" + prefix +
           "job = echo\n";
}

}  // namespace

/// Files of the configuration that change below a running process, and plugins that bring some.
class ReloadTest : public AppFixture {
    CPPUNIT_TEST_SUITE(ReloadTest);
    CPPUNIT_TEST(aRouteAppendedToTheFileAnswers);
    CPPUNIT_TEST(aLocationIsAddedChangedAndRemoved);
    CPPUNIT_TEST(withoutWatchingHangupAppliesARoute);
    CPPUNIT_TEST(aRouteRemovedFromTheFileIsGone);
    CPPUNIT_TEST(aBadRouteChangesNothingAndTheNextGoodSaveApplies);
    CPPUNIT_TEST(aRouteThatAPluginHasIsRefused);
    CPPUNIT_TEST(aFileReplacedByRenameOrLinkIsNoticed);
    CPPUNIT_TEST(aReleaseBehindALinkIsNoticed);
    CPPUNIT_TEST(aFileIsReadOnceItIsWhole);
    CPPUNIT_TEST(anEmptyFileIsNotApplied);
    CPPUNIT_TEST(aFileThatIsGoneIsNotApplied);
    CPPUNIT_TEST(theEnvFileIsWatchedToo);
    CPPUNIT_TEST(furtherFilesOfTheFolderHaveNoEffect);
    CPPUNIT_TEST(aDroppedInPluginBringsItsRoute);
    CPPUNIT_TEST(aDroppedInPluginWithABadRouteIsRefusedUntilItsFileIsGood);
    CPPUNIT_TEST(theFileBesideARunningPluginIsReloaded);
    CPPUNIT_TEST(aQueueGetsAnotherNameByARestartOnly);
    CPPUNIT_TEST(aPluginMayGoBeforeItsKeysDo);
    CPPUNIT_TEST(changedIsolationMakesAnotherGeneration);
    CPPUNIT_TEST(secretsAreNotLogged);
    CPPUNIT_TEST(requestsOutliveTheirRoute);
    CPPUNIT_TEST(tokensAreReadAgainByAReload);
    CPPUNIT_TEST(aRouteThatDemandsATokenNeedsTheFileOfTokens);
    CPPUNIT_TEST(aCertificateIsReplacedByAReload);
    CPPUNIT_TEST(halfOfTheConfigurationOfHttpsIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        AppFixture::setUp();
        std::filesystem::create_directory(app_->path("conf"));
        drop(kPlugins + "api.so");
        base_ = "plugins.load = api\nqueue.echo.name = " + queueName_ + "\n";
    }

    void aRouteAppendedToTheFileAnswers() {
        run(route("one"));
        CPPUNIT_ASSERT(watches());
        CPPUNIT_ASSERT_EQUAL(201, post("/one"));
        CPPUNIT_ASSERT_EQUAL(404, post("/two"));
        std::ofstream(file(), std::ios::app) << route("two");
        app_->waitForLog(file() + ":6: api.route.two.path is /two now\"");
        app_->waitForLog("configuration reloaded");
        CPPUNIT_ASSERT_EQUAL(201, post("/two"));
        CPPUNIT_ASSERT_EQUAL(201, post("/one"));
        const std::string document = exchange("GET /api-json").body;
        assertContains(document, "\"/two\"");
    }

    void aLocationIsAddedChangedAndRemoved() {
        const std::string location = "api.route.one.location = ";
        run(route("one"));
        const auto located = [this] {
            const RawAnswer answer = posted("/one");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 201, answer.status);
            const auto header = answer.headers.find("location");
            return header == answer.headers.end() ? std::string("none") : header->second;
        };
        assertEqual("none", located());

        save(route("one") + location + "/done\n");
        app_->waitForLog(file() + ":6: api.route.one.location is /done now");
        waitUntil([&] { return located() == "/done"; });

        // One that the route cannot have changes nothing.
        save(route("one") + location + "/done/{user}\n");
        app_->waitForLog("not reloaded: " + file() +
                         ":6: api.route.one.location = /done/{user}: "
                         "{user} is neither {id}, {timestamp} nor a parameter of the route");
        assertEqual("/done", located());

        save(route("one") + location + "/job/{id}\n");
        app_->waitForLog(file() + ":6: api.route.one.location is /job/{id} now, it was /done");
        waitUntil([&] { return located().rfind("/job/", 0) == 0; });

        save(route("one"));
        app_->waitForLog("api.route.one.location is not set any more");
        waitUntil([&] { return located() == "none"; });
    }

    void withoutWatchingHangupAppliesARoute() {
        run("", {"--set", "config.watch=false", "--set", "plugins.watch=false"});
        CPPUNIT_ASSERT(!watches());
        // A queue that is new as well.
        save("queue.more.name = " + queueName_ + "-more\n" + route("two", "more"));
        app_->signal(SIGHUP);
        app_->waitForLog("configuration reloaded");
        assertLogged(file() + ":3: queue.more.name is " + queueName_ + "-more now\"");
        const RawAnswer answer = exchange("POST /two");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 201, answer.status);
        assertContains(answer.body, "\"bull:" + queueName_ + "-more\"");
    }

    void aRouteRemovedFromTheFileIsGone() {
        run(route("one") + route("two"));
        CPPUNIT_ASSERT_EQUAL(201, post("/two"));
        save(route("one"));
        app_->waitForLog("configuration reloaded");
        assertLogged("api.route.two.path is not set any more");
        CPPUNIT_ASSERT_EQUAL(404, post("/two"));
        CPPUNIT_ASSERT_EQUAL(201, post("/one"));
        assertLacks(exchange("GET /api-json").body, "\"/two\"");
    }

    void aBadRouteChangesNothingAndTheNextGoodSaveApplies() {
        drop(kPlugins + "echo.so");
        base_ = "plugins.load = api,echo\nqueue.echo.name = " + queueName_ + "\n";
        run(route("one"));
        // Everything else in it is good, and none of it is applied.
        const std::string rest =
            "queue.echo.removeOnComplete = true\nqueue.echo.threads = 3\nqueue.new.name = wrong\n" +
            route("two", "new");
        save(rest + route("three", "nobody"));
        app_->waitForLog("not reloaded: " + file() +
                         ":10: api.route.three.queue = nobody: queue nobody: no such alias");
        CPPUNIT_ASSERT_EQUAL(404, post("/two"));
        const std::string id = addedBy("/one");
        WholeQueue queue = makeQueue();
        waitUntil([&] { return jobOf(queue, id).finishedOnMs.has_value(); });
        assertLacks(app_->err(), "removeOnComplete");

        save("queue.echo.removeOnComplete = true\nqueue.new.name = " + queueName_ + "-new\n" +
             route("two", "new") + route("three"));
        app_->waitForLog("configuration reloaded");
        assertLogged(file() + ":3: queue.echo.removeOnComplete is true now, it was false");
        const std::string last = addedBy("/three");
        waitUntil([&] { return !queue.job(last); });
        assertContains(exchange("POST /two").body, queueName_ + "-new");
        CPPUNIT_ASSERT_EQUAL(404, post("/one"));
    }

    void aRouteThatAPluginHasIsRefused() {
        drop(kModules + "good-service.so");
        base_ = "plugins.load = api,good-service\nqueue.echo.name = " + queueName_ + "\n";
        run(route("one"));
        save(route("one") + route("good"));
        app_->waitForLog("not reloaded: route POST /good (configuration api.route.good, " + file() +
                         ":6): already registered as POST /good (plugin good-service)");
        CPPUNIT_ASSERT_EQUAL(200, post("/good"));
        CPPUNIT_ASSERT_EQUAL(201, post("/one"));
    }

    void aFileReplacedByRenameOrLinkIsNoticed() {
        // As a volume of kubernetes has it: the name in the folder stays, a link on the way to it changes.
        namespace fs = std::filesystem;
        for (const char* version : {"1", "2"}) {
            fs::create_directories(app_->path(std::string("conf/") + version));
        }
        fs::create_directory_symlink("1", app_->path("conf/data"));
        app_->write("conf/1/a.properties", base_ + route("one"));
        app_->write("conf/2/a.properties", base_ + route("two"));
        fs::create_symlink("data/a.properties", file());
        start(file());
        CPPUNIT_ASSERT_EQUAL(201, post("/one"));
        fs::create_directory_symlink("2", app_->path("conf/next"));
        fs::rename(app_->path("conf/next"), app_->path("conf/data"));
        waitUntil([&] { return post("/two") == 201; });
        // As editors do.
        app_->write("conf/a.properties~", base_ + route("three"));
        fs::rename(app_->path("conf/a.properties~"), file());
        waitUntil([&] { return post("/three") == 201; });
        CPPUNIT_ASSERT_EQUAL(404, post("/two"));
    }

    void aReleaseBehindALinkIsNoticed() {
        namespace fs = std::filesystem;
        for (const char* version : {"1", "2"}) {
            fs::create_directories(app_->path(std::string("conf/releases/") + version));
        }
        app_->write("conf/releases/1/a.properties", base_ + route("one"));
        app_->write("conf/releases/2/a.properties", base_ + route("two"));
        fs::create_directory_symlink("releases/1", app_->path("conf/current"));
        start(app_->path("conf/current/a.properties"));
        CPPUNIT_ASSERT_EQUAL(201, post("/one"));
        fs::create_directory_symlink("releases/2", app_->path("conf/next"));
        fs::rename(app_->path("conf/next"), app_->path("conf/current"));
        waitUntil([&] { return post("/two") == 201; });
    }

    void aFileIsReadOnceItIsWhole() {
        run("");
        const std::string whole = base_ + route("one") + route("two");
        std::size_t before = 0;
        do {
            // Most parts of it are wrong: a route without a queue, half a line.
            save("");
            before = app_->err().size();
        } while (!copiedSteadily(file(), whole));
        waitUntil([&] { return post("/two") == 201; });
        const std::string log = app_->err().substr(before);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(log, std::string::npos, log.find("not reloaded"));
    }

    void anEmptyFileIsNotApplied() {
        run(route("one"));
        app_->write("conf/a.properties", "");
        app_->waitForLog("not reloaded: " + file() + ": is empty");
        CPPUNIT_ASSERT_EQUAL(201, post("/one"));
        app_->signal(SIGHUP);
        save(route("two"));
        app_->waitForLog("configuration reloaded");
        CPPUNIT_ASSERT_EQUAL(201, post("/two"));
        CPPUNIT_ASSERT_EQUAL(404, post("/one"));
        // On purpose.
        base_ = "# nothing\n";
        save("");
        waitUntil([&] { return exchange("POST /two").status == 404; });
    }

    void aFileThatIsGoneIsNotApplied() {
        run(route("one"));
        std::filesystem::remove(file());
        app_->waitForLog("not reloaded: " + file());
        CPPUNIT_ASSERT_EQUAL(201, post("/one"));
        save(route("two"));
        app_->waitForLog("configuration reloaded");
        CPPUNIT_ASSERT_EQUAL(201, post("/two"));
    }

    void theEnvFileIsWatchedToo() {
        const std::string variables = app_->write("env", "DROVER_QUEUE_ECHO_THREADS=2\n");
        run("", {"--env-file", variables});
        app_->write("env", "DROVER_QUEUE_ECHO_THREADS=3\n");
        app_->waitForLog(variables +
                         ":1 DROVER_QUEUE_ECHO_THREADS: queue.echo.threads is 3 now, it was 2");
    }

    void furtherFilesOfTheFolderHaveNoEffect() {
        base_ = "plugins.load = api,*\nqueue.echo.name = " + queueName_ + "\n";
        run(route("one"));
        app_->write("conf/.a.properties.swp", base_ + route("two"));
        save(route("one"));  // The same again.
        std::ofstream(folder_ + "/other.properties") << "nobody.s = 1\n";
        // A file that is refused has been quiet for as long as one that is reloaded; the second one comes after all of it.
        for (const char* name : {"broken", "worse"}) {
            std::ofstream(folder_ + "/" + name + ".so") << "broken";
            app_->waitForPlugin(name, "the file is refused");
        }
        assertLacks(app_->err(), "reloaded");
        save(route("one") + route("three"));
        app_->waitForLog("configuration reloaded");
    }

    void aDroppedInPluginBringsItsRoute() {
        base_ = "plugins.load = api,*\n";
        run("");
        beside("echo", "queue.echo.name = " + queueName_ + "\n" + route("greet"));
        drop(kPlugins + "echo.so");
        app_->waitForPlugin("echo", "version 1.0.0, generation 1: runs");
        assertLogged(folder_ + "/echo.properties:2: api.route.greet.path is /greet now");
        const std::string id = addedBy("/greet");
        WholeQueue queue = makeQueue();
        waitUntil([&] { return jobOf(queue, id).finishedOnMs.has_value(); });
        std::filesystem::remove(folder_ + "/echo.so");
        app_->waitForPlugin("echo", "generation 1: its file is gone");
        CPPUNIT_ASSERT_EQUAL(404, post("/greet"));
        // Its alias may be another queue when it comes again.
        beside("echo", "queue.echo.name = " + queueName_ + "-2\n" + route("greet"));
        drop(kPlugins + "echo.so");
        app_->waitForPlugin("echo", "version 1.0.0, generation 2: runs");
        assertContains(posted("/greet").body, "\"bull:" + queueName_ + "-2\"");
        end();
    }

    void aDroppedInPluginWithABadRouteIsRefusedUntilItsFileIsGood() {
        base_ = "plugins.load = api,*\n";
        run("");
        const std::string queue = "queue.echo.name = " + queueName_ + "\n";
        beside("echo", queue + route("greet") + "api.route.greet.status = 500\n");
        drop(kPlugins + "echo.so");
        app_->waitForPlugin(
            "echo",
            "the file is refused: " + folder_ +
                "/echo.properties:5: api.route.greet.status = 500: a status of success");
        CPPUNIT_ASSERT_EQUAL(404, post("/greet"));
        beside("echo", queue + route("greet"));
        app_->waitForPlugin("echo", "version 1.0.0, generation 1: runs");
        CPPUNIT_ASSERT_EQUAL(201, post("/greet"));
    }

    void theFileBesideARunningPluginIsReloaded() {
        drop(kModules + "configured.so");
        beside("configured", "configured.size = 7\n");
        base_ = "plugins.load = api,configured\nqueue.c.name = " + queueName_ + "\n" +
                "api.route.c.path = /c\napi.route.c.queue = c\napi.route.c.job = configured\n";
        run("");
        WholeQueue queue = makeQueue();
        const auto result = [&] {
            const std::string id = addedBy("/c");
            waitUntil([&] { return jobOf(queue, id).finishedOnMs.has_value(); });
            return jobOf(queue, id).returnValue.value_or("");
        };
        assertStartsWith(result(), "\"hello 7 ");
        beside("configured", "configured.size = 7\nconfigured.greeting = hi\n");
        waitUntil([&] { return result().rfind("\"hi 7 ", 0) == 0; });
        assertLogged("configured.properties:2: configured.greeting is hi now, it was hello");
        beside("configured", "configured.size = 0\nconfigured.greeting = ho\n");
        app_->waitForLog("not reloaded: " + folder_ +
                         "/configured.properties:1: configured.size = \\\"0\\\": expected");
        assertStartsWith(result(), "\"hi 7 ");
    }

    void aQueueGetsAnotherNameByARestartOnly() {
        drop(kPlugins + "echo.so");
        base_ = "plugins.load = api,echo\n";
        run("queue.echo.name = " + queueName_ + "\n" + route("one"));
        save("queue.echo.name = " + queueName_ + "-2\n" + route("one") +
             "queue.echo.removeOnComplete = true\n");
        app_->waitForLog("configuration reloaded");
        assertLogged(file() + ":2: queue.echo.name has changed and needs a restart");
        // It is still the queue of that alias, for producers and for the worker.
        const std::string id = addedBy("/one");
        WholeQueue queue = makeQueue();
        waitUntil([&] { return !queue.job(id) && queue.counts().active == 0; });
        const std::size_t before = app_->err().size();
        save("queue.echo.name = " + queueName_ + "-2\n" + route("one"));
        waitUntil([&] {
            return app_->err().find("configuration reloaded", before) != std::string::npos;
        });
        CPPUNIT_ASSERT_EQUAL(std::string::npos, app_->err().find("needs a restart", before));
    }

    void aPluginMayGoBeforeItsKeysDo() {
        drop(kModules + "configured.so");
        base_ = "plugins.load = api,*\nqueue.c.name = " + queueName_ + "\n";
        run("configured.size = 7\n");  // It is required.
        app_->waitForPlugin("configured", "version 1.0, generation 1: runs");
        std::filesystem::remove(folder_ + "/configured.so");
        app_->waitForPlugin("configured", "version 1.0, generation 1: its file is gone");
        save("");
        app_->waitForLog("configuration reloaded");
    }

    void changedIsolationMakesAnotherGeneration() {
        drop(kPlugins + "echo.so");
        base_ = "plugins.load = api,echo\nqueue.echo.name = " + queueName_ + "\n";
        run(route("one"));
        save(route("one") + "plugin.echo.isolation = process\n");
        app_->waitForLog("plugin.echo.isolation is process now, it was thread");
        app_->waitForPlugin("echo", "version 1.0.0, generation 2: runs");
        const std::string id = addedBy("/one");
        WholeQueue queue = makeQueue();
        waitUntil([&] { return jobOf(queue, id).finishedOnMs.has_value(); });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, queue.counts().failed);
        save(route("one") + "plugin.api.isolation = process\n");
        app_->waitForLog("not reloaded: plugin.api.isolation = \\\"process\\\": api is a service");
    }

    void secretsAreNotLogged() {
        run("database.url = postgresql://u:first-secret@h/d\n");
        save("database.url = postgresql://u:second-secret@h/d\n" + route("one"));
        app_->waitForLog("configuration reloaded");
        assertLogged("database.url has changed");
        assertLacks(app_->err(), "-secret");
    }

    void requestsOutliveTheirRoute() {
        run(route("one"), {"--set", "config.watch=false"});
        std::atomic<int> created{0};
        std::atomic<int> other{0};
        std::vector<std::jthread> clients;
        for (int number = 0; number < 4; ++number) {
            clients.emplace_back([&](const std::stop_token& stop) {
                try {
                    RawClient client(port_);
                    while (!stop.stop_requested()) {
                        (client.exchange(request("POST /one")).status == 201 ? created : other) +=
                            1;
                    }
                } catch (const std::exception&) {
                    ++other;  // No answer.
                }
            });
        }
        for (int turn = 0; turn < 50; ++turn) {
            const int before = created;
            save(route("one") + "api.route.one.summary = turn " + std::to_string(turn) + "\n");
            app_->signal(SIGHUP);
            app_->waitForLog("api.route.one.summary is turn " + std::to_string(turn) + " now");
            waitUntil([&] { return created > before || other > 0; });
        }
        clients.clear();
        CPPUNIT_ASSERT_EQUAL(0, other.load());
        waitUntil(
            [&] { return exchange("GET /api-json").body.find("turn 49") != std::string::npos; });
        end();
    }

    void tokensAreReadAgainByAReload() {
        const auto tokenFile = [this](const std::string& token) {
            AccessToken entry;
            entry.name = "shop";
            entry.digest = AccessToken::digestOf(token);
            entry.scopes = {Scope::parse("add:*")};
            app_->write("tokens", entry.line() + "\n");
        };
        const std::string first = "drv_first_0123456789abcdefghij";
        const std::string second = "drv_second_0123456789abcdefghi";
        const auto status = [this](const std::string& token) {
            RawAnswer answer;
            waitUntil([&] {
                answer = RawClient(port_).exchange(
                    request("POST /one", "Authorization: Bearer " + token));
                return answer.status != 503;
            });
            return answer.status;
        };
        tokenFile(first);
        run(route("one") + "api.route.one.auth = token\napi.tokens.file = " + app_->path("tokens") +
            "\n");
        CPPUNIT_ASSERT_EQUAL(401, post("/one"));
        CPPUNIT_ASSERT_EQUAL(201, status(first));
        CPPUNIT_ASSERT_EQUAL(401, status(second));

        app_->write("tokens", "shop not-a-digest add:*\n");
        app_->signal(SIGHUP);
        app_->waitForLog("not reloaded: " + app_->path("tokens") + ":1: ");
        CPPUNIT_ASSERT_EQUAL(201, status(first));

        tokenFile(second);
        app_->signal(SIGHUP);
        // No polling: an address with many wrong tokens gets 429.
        app_->waitForLog("configuration reloaded");
        CPPUNIT_ASSERT_EQUAL(201, status(second));
        CPPUNIT_ASSERT_EQUAL(401, status(first));
        end();
    }

    void aRouteThatDemandsATokenNeedsTheFileOfTokens() {
        const std::string guarded = route("one") + "api.route.one.auth = token\n";
        const std::string expected =
            "demands a token with the scope add:" + queueName_ + "; set api.tokens.file";
        save(guarded);
        app_->start({"run",
                     "--config",
                     file(),
                     "--set",
                     "plugins.dir=" + folder_,
                     "--set",
                     "redis.port=" + redisPort(),
                     "--set",
                     "control.socket=off"});
        CPPUNIT_ASSERT(app_->wait() != 0);
        assertContains(app_->err(), expected);

        run(route("one"));
        CPPUNIT_ASSERT_EQUAL(201, post("/one"));
        save(guarded);
        app_->waitForLog("not reloaded: ");
        assertContains(app_->err(), expected);
        CPPUNIT_ASSERT_EQUAL(201, post("/one"));
        end();
    }

    void aCertificateIsReplacedByAReload() {
        const TestCertificate first("first.example");
        const TestCertificate second("second.example");
        const auto name = [this] {
            return RawClient(port_, TestCertificate::client()).serverName();
        };
        // As a client of Let's Encrypt does: new files below the same names.
        const auto install = [this](const std::string& certificate, const std::string& key) {
            for (const auto& [from, to] :
                 {std::pair(certificate, "c.pem"), std::pair(key, "k.pem")}) {
                std::filesystem::copy_file(
                    from, app_->path(to), std::filesystem::copy_options::overwrite_existing);
            }
        };
        install(first.certificate(), first.key());
        run(route("one") + "api.tls.certificate = " + app_->path("c.pem") +
            "\napi.tls.key = " + app_->path("k.pem") + "\n");
        assertLogged("listening on https://127.0.0.1:");
        CPPUNIT_ASSERT_EQUAL(std::string("first.example"), name());
        RawClient old(port_, TestCertificate::client());
        waitUntil([&] { return old.exchange(request("POST /one")).status == 201; });

        install(second.certificate(), first.key());
        app_->signal(SIGHUP);
        app_->waitForLog("not reloaded: " + file() + ":7: api.tls.key = " + app_->path("k.pem") +
                         ": the key does not belong to the first certificate of");
        CPPUNIT_ASSERT_EQUAL(std::string("first.example"), name());

        install(second.certificate(), second.key());
        app_->signal(SIGHUP);
        waitUntil([&] { return name() == "second.example"; });
        CPPUNIT_ASSERT_EQUAL(201, old.exchange(request("POST /one")).status);
        CPPUNIT_ASSERT_EQUAL(std::string("first.example"), old.serverName());
        end();
    }

    void halfOfTheConfigurationOfHttpsIsRefused() {
        run(route("one"));
        save(route("one") + "api.tls.key = /nowhere.pem\n");
        app_->waitForLog("not reloaded: " + file() +
                         ":6: api.tls.key is given alone; HTTPS needs api.tls.certificate and "
                         "api.tls.key");
        save(route("one") + "api.tls.key = /nowhere.pem\napi.tls.certificate = /nowhere.pem\n");
        app_->waitForLog("not reloaded: " + file() +
                         ":7: api.tls.certificate = /nowhere.pem: No such file or directory");
        CPPUNIT_ASSERT_EQUAL(201, post("/one"));
        end();
    }

private:
    /// Not in the folder of the process's log, whose growth would count as a change.
    [[nodiscard]] std::string file() const { return app_->path("conf/a.properties"); }

    /// Writes the file as most editors do: in place, and not at once.
    void save(const std::string& more) const { app_->write("conf/a.properties", base_ + more); }
    void beside(const std::string& plugin, const std::string& text) const {
        std::ofstream(folder_ + "/" + plugin + ".properties") << text;
    }
    void run(const std::string& more, const std::vector<std::string>& args = {}) {
        save(more);
        start(file(), args);
    }

    void start(const std::string& config, const std::vector<std::string>& more = {}) {
        std::vector<std::string> args = {"run",
                                         "--config",
                                         config,
                                         "--set",
                                         "plugins.dir=" + folder_,
                                         "--set",
                                         "redis.port=" + redisPort(),
                                         "--set",
                                         "api.port=0",
                                         "--set",
                                         "api.healthPort=0",
                                         "--set",
                                         "control.socket=off"};
        args.insert(args.end(), more.begin(), more.end());
        app_->start(args);
        app_->waitForLog("is running");
        const std::string host = "://127.0.0.1:";
        const std::string log = app_->err();
        const std::size_t found = log.find(host, log.find("listening on http"));
        port_ = static_cast<std::uint16_t>(std::stoi(log.substr(found + host.size())));
    }

    RawAnswer exchange(const std::string& what) { return RawClient(port_).exchange(request(what)); }

    /// 503 is the queue's first connection, which a route that is new may still have to make.
    RawAnswer posted(const std::string& path) {
        RawAnswer answer;
        waitUntil([&] { return (answer = exchange("POST " + path)).status != 503; });
        return answer;
    }
    int post(const std::string& path) { return posted(path).status; }

    std::string addedBy(const std::string& path) {
        const RawAnswer answer = posted(path);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 201, answer.status);
        const std::string id = "\"id\":\"";
        const std::size_t at = answer.body.find(id) + id.size();
        return answer.body.substr(at, answer.body.find('"', at) - at);
    }

    void assertLogged(const std::string& text) const { assertContains(app_->err(), text); }

    [[nodiscard]] static Job jobOf(WholeQueue& queue, const std::string& id) {
        const std::optional<Job> job = queue.job(id);
        CPPUNIT_ASSERT_MESSAGE("job " + id + " is gone", job.has_value());
        return *job;
    }

    /// Returns true if the process has an inotify descriptor.
    [[nodiscard]] bool watches() const {
        const std::filesystem::path descriptors = "/proc/" + std::to_string(app_->pid()) + "/fd";
        for (const auto& one : std::filesystem::directory_iterator(descriptors)) {
            std::error_code closed;
            if (std::filesystem::read_symlink(one.path(), closed) == "anon_inode:inotify") {
                return true;
            }
        }
        return false;
    }

    std::string base_;
    std::uint16_t port_ = 0;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReloadTest);
