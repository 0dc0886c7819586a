#include <chrono>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "drover/Json.h"
#include "drover/operate/ProcessList.h"
#include "host/Presence.h"
#include "queue/ops/Processes.h"
#include "support/Assert.h"
#include "support/LogCapture.h"
#include "support/RedisFixture.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using Strings = std::vector<std::string>;

constexpr milliseconds kLong{600'000};

}  // namespace

/// The reports that processes publish of themselves, and the list of them.
class PresenceTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(PresenceTest);
    CPPUNIT_TEST(aProcessIsSeenWhileItRuns);
    CPPUNIT_TEST(aProcessThatWasKilledIsForgotten);
    CPPUNIT_TEST(reportsAreSortedAndForeignTextsPassedOver);
    CPPUNIT_TEST(theKeysOfAPrefixAreInOneSlot);
    CPPUNIT_TEST(aRefusalIsLoggedOnceAndHarmsNothing);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        RedisFixture::setUp();
        static int number = 0;
        prefix_ = "presence-" + std::to_string(getpid()) + "-" + std::to_string(++number);
    }
    void tearDown() override {
        redis({"DEL", ProcessKeys(prefix_).all});
        RedisFixture::tearDown();
    }

    void aProcessIsSeenWhileItRuns() {
        Presence presence = presenceOn(handleOf(options()));
        presence.start();
        eventually("the process is seen", [this] { return reports().size() == 1; });
        const std::string text = reports().at(0);
        const JsonView report = JsonView::parse(text);
        assertEqual("id", report["id"].string().value());
        assertEqual("host", report["host"].string().value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, report["pid"].integer().value());
        assertEqual("mail", report["queues"].elements()[0]["name"].string().value());
        const std::int64_t life = number({"PTTL", ProcessKeys(prefix_).of("id")});
        CPPUNIT_ASSERT_MESSAGE(std::to_string(life), life > 0 && life <= Presence::kLife.count());
        presence.drain(Presence::Clock::now());
        CPPUNIT_ASSERT(reports().empty());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", ProcessKeys(prefix_).of("id")}));
    }

    void aProcessThatWasKilledIsForgotten() {
        publish("gone", "{}", milliseconds(1));
        eventually("its keys are gone", [this] {
            const ProcessKeys keys(prefix_);
            return number({"EXISTS", keys.all, keys.of("gone")}) == 0;
        });
        // Another process forgets it as well, if the list still has it.
        redis({"ZADD", ProcessKeys(prefix_).all, "1", "gone"});
        publish("here", "{}", kLong);
        CPPUNIT_ASSERT((Strings{"here"} == namesInList()));
    }

    void reportsAreSortedAndForeignTextsPassedOver() {
        publish("1", R"({"host":"b","pid":1})", kLong);
        publish("2", R"({"host":"a","pid":30})", kLong);
        publish("3", R"({"host":"a","pid":4})", kLong);
        publish("4", "no JSON", kLong);
        redis({"ZADD", ProcessKeys(prefix_).all, "99999999999999", "without-report"});
        CPPUNIT_ASSERT((Strings{R"({"host":"a","pid":4})",
                                R"({"host":"a","pid":30})",
                                R"({"host":"b","pid":1})"} == reports()));
        for (const char* id : {"1", "2", "3", "4"}) {
            redis({"DEL", ProcessKeys(prefix_).of(id)});
        }
    }

    void theKeysOfAPrefixAreInOneSlot() {
        const ProcessKeys keys(prefix_);
        CPPUNIT_ASSERT(keys.all.find(":{drover}:") != std::string::npos);
        CPPUNIT_ASSERT(keys.of("x").find(":{drover}:") != std::string::npos);
    }

    void aRefusalIsLoggedOnceAndHarmsNothing() {
        redis({"ACL", "SETUSER", "narrow", "on", ">secret", "~other:*", "&*", "+@all"});
        RedisOptions as = options();
        as.user = "narrow";
        as.password = "secret";
        const Redis server = handleOf(as);
        const LogCapture log("engine");
        Presence presence = presenceOn(server);
        presence.start();
        eventually("the refusal is logged",
                   [&log] { return log.count("refuses the report of the process") == 1; });
        CPPUNIT_ASSERT_THROW((void)operate::processReports(server, prefix_), ScriptException);
        CPPUNIT_ASSERT(!server.info().empty());
        presence.drain(Presence::Clock::now());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("refuses the report of the process"));
        redis({"ACL", "DELUSER", "narrow"});
    }

private:
    Presence presenceOn(const Redis& server) {
        return {server,
                prefix_,
                ProcessReport("id", "host", {}),
                [] { return std::string(R"({"ok":true,"pid":7,"checks":[]})"); },
                [](Metrics& metrics) {
                    metrics.gauge("drover_worker_jobs_in_flight", "").add({{"queue", "mail"}}, 0);
                }};
    }
    void publish(const std::string& id, const std::string& report, milliseconds life) {
        assertEqual("", ops::publishProcess(client(), ProcessKeys(prefix_), id, report, life));
    }
    Strings reports() { return operate::processReports(handleOf(options()), prefix_); }
    Strings namesInList() {
        const Reply reply = redis({"ZRANGE", ProcessKeys(prefix_).all, "0", "-1"});
        Strings names;
        for (std::size_t i = 0; i < reply.size(); ++i) {
            names.emplace_back(reply.at(i).text());
        }
        return names;
    }

    std::string prefix_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(PresenceTest);
