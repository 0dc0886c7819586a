#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/FlowProducer.h"
#include "drover/JobControl.h"
#include "drover/JobSchedulers.h"
#include "drover/QueueControl.h"
#include "drover/QueueEvents.h"
#include "drover/QueueMaintenance.h"
#include "drover/QueueReader.h"
#include "drover/operate/QueueDoctor.h"
#include "drover/operate/QueueOverview.h"
#include "support/Assert.h"
#include "support/LoadedQueue.h"
#include "support/Patience.h"
#include "support/RedisServer.h"
#include "support/ServerAnswers.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// The rights that docs/redis.md has suffice, and the check of the server names those that are missing.
class RedisRightsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RedisRightsTest);
    CPPUNIT_TEST(theDocumentedRightsSuffice);
    CPPUNIT_TEST(missingRightsAreNamedWithTheirConsequence);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        server_ = std::make_unique<RedisServer>();
        user_ = documentedUser();
        assertEqual("OK", ask(server_->plainPort(), user_));
    }
    void tearDown() override { server_.reset(); }

    void theDocumentedRightsSuffice() {
        const Redis redis(settings());
        QueueEvents events(redis, {"bull", "load"}, [](const QueueEvent&) {});
        CPPUNIT_ASSERT(events.waitUntilReady(kPatience));
        LoadedQueue load(settings(), "bull", "load");
        load.startAdding();
        load.untilEnded(50);
        load.stopAdding();
        load.untilAllEnded();
        load.assertEachEndedOnce();

        FlowProducer flows(redis, {});
        FlowJob flow;
        flow.queue = "parents";
        flow.job.name = "parent";
        flow.children.resize(1);
        flow.children.front().queue = "children";
        flow.children.front().job.name = "child";
        assertEqual("", flows.add(flow).message);

        RepeatOptions repeat;
        repeat.every = std::chrono::hours(1);
        JobSchedulers schedulers(redis, {"bull", "children"});
        CPPUNIT_ASSERT(schedulers.upsert("hourly", repeat, {"job"}).has_value());

        QueueControl control(redis, {"bull", "children"});
        control.pause();
        control.resume();
        const QueueReader reader(redis, {"bull", "children"});
        // The child, and the first run of the scheduler.
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, reader.counts().waiting);
        CPPUNIT_ASSERT(QueueReader::queues(redis, "bull").names.size() <= 3);
        QueueDoctor doctor(redis, {"bull", "children"});
        CPPUNIT_ASSERT(doctor.examine().findings.empty());
        QueueOverview overview(redis, "bull");
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, overview.look(overview.names(), true).size());
        QueueMaintenance(redis, {"bull", "children"}).obliterate(true);
        assertEqual("", ask(server_->plainPort(), {"ACL", "LOG"}));
    }

    void missingRightsAreNamedWithTheirConsequence() {
        CPPUNIT_ASSERT_EQUAL(std::string(), findings());
        assertEqual("OK",
                    ask(server_->plainPort(), {"ACL", "SETUSER", "drover", "-time", "-eval"}));
        assertContains(findings(), "may not send TIME: the clock of this machine counts");
        assertContains(findings(), "may not send EVAL: no job can be added or worked");
    }

private:
    [[nodiscard]] Redis::Settings settings() const {
        Redis::Settings settings = redisAt(server_->port());
        setUser(settings);
        return settings;
    }
    [[nodiscard]] std::string findings() const {
        std::string all;
        for (const QueueFinding& finding : QueueDoctor::examineServer(Redis(settings()))) {
            all += finding.sentence + "\n";
        }
        return all;
    }

    std::unique_ptr<RedisServer> server_;
    std::vector<std::string> user_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(RedisRightsTest);
