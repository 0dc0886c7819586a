#include <memory>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"
#include "support/NodePeer.h"
#include "support/RedisServer.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using drover::test::NodePeer;
using drover::test::PeerError;
using drover::test::RedisServer;

/// The tool itself: real BullMQ of its versions, driven from C++ on a real Redis.
class NodePeerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(NodePeerTest);
    CPPUNIT_TEST(eachVersionRunsTheJobsOfTheOther);
    CPPUNIT_TEST(eventsAreSeenInOrder);
    CPPUNIT_TEST(aFailingJobIsRetriedByItsOptions);
    CPPUNIT_TEST(anErrorOfBullMqArrivesWithItsMessage);
    CPPUNIT_TEST(aHeldJobAnswersLateWhileOtherCallsGoOn);
    CPPUNIT_TEST(theDumpShowsEveryKeyByItsType);
    CPPUNIT_TEST(aDeadPeerIsAnErrorAndNotAHang);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        static int count = 0;
        queue_ = drover::test::queueTag() + "peer-" + std::to_string(++count);
        target_ = "\"queue\": \"" + queue_ + "\"";
        six_ = std::make_unique<NodePeer>("6.7.0", RedisServer::shared());
    }

    void tearDown() override { six_.reset(); }

    void eachVersionRunsTheJobsOfTheOther() {
        NodePeer five("5.48.1", RedisServer::shared());
        for (auto [producer, consumer] :
             {std::pair{six_.get(), &five}, std::pair{&five, six_.get()}}) {
            consumer->call("worker.start", target_ + ", \"worker\": \"w\"");
            const auto job =
                producer->call("queue.add", target_ + ", \"args\": [\"n\", {\"seat\": 7}, {}]");
            const std::string id = job["id"].GetString();
            consumer->call("worker.wait",
                           "\"worker\": \"w\", \"event\": \"completed\", \"job\": " + id);
            const auto state =
                producer->call("queue.getJobState", target_ + ", \"args\": [\"" + id + "\"]");
            assertEqual("completed", state.GetString());
            const auto kept =
                producer->call("queue.getJob", target_ + ", \"args\": [\"" + id + "\"]");
            CPPUNIT_ASSERT_EQUAL(7, kept["returnvalue"]["seat"].GetInt());
            consumer->call("worker.close", "\"worker\": \"w\"");
        }
    }

    void eventsAreSeenInOrder() {
        six_->call("events.subscribe", target_);
        six_->call("queue.add", target_ + ", \"args\": [\"n\", {}, {}]");
        six_->call("worker.start", target_ + ", \"worker\": \"w\"");
        six_->call("events.wait", target_ + ", \"event\": \"drained\"");
        std::string names;
        const auto seen = six_->call("events.seen", target_);
        for (const auto& event : seen.GetArray()) {
            names += std::string(event["event"].GetString()) + " ";
        }
        assertEqual("added waiting active completed drained ", names);
    }

    void aFailingJobIsRetriedByItsOptions() {
        six_->call(
            "worker.start",
            target_ +
                R"(, "worker": "w", "behaviours": {"n": {"do": "fail", "times": 2, "message": "no seat"}})");
        const auto job =
            six_->call("queue.add", target_ + R"(, "args": ["n", {}, {"attempts": 3}])");
        const std::string id = job["id"].GetString();
        six_->call("worker.wait", R"("worker": "w", "event": "completed")");
        const auto failures = six_->call("worker.seen", R"("worker": "w", "event": "failed")");
        CPPUNIT_ASSERT_EQUAL(2u, failures.Size());
        assertEqual("no seat", failures[0]["reason"].GetString());
        const auto text = six_->call("job.json", target_ + ", \"job\": " + id);
        assertContains(std::string(text.GetString()), "\"attemptsMade\":3");
    }

    void anErrorOfBullMqArrivesWithItsMessage() {
        try {
            six_->call("queue.add", target_ + R"(, "args": ["n", {}, {"jobId": "12"}])");
            CPPUNIT_FAIL("a custom id that is an integer was accepted");
        } catch (const PeerError& error) {
            assertEqual("Custom Id cannot be integers", error.what());
        }
        CPPUNIT_ASSERT_THROW(six_->call("queue.noSuchMethod", target_), PeerError);
    }

    void aHeldJobAnswersLateWhileOtherCallsGoOn() {
        six_->call("events.subscribe", target_);
        six_->call("worker.start",
                   target_ + R"(, "worker": "w", "behaviours": {"*": {"do": "hold"}})");
        six_->call("queue.add", target_ + R"(, "args": ["n", {}, {}])");
        const int later = six_->begin("job.waitUntilFinished", target_ + ", \"job\": 1");
        six_->call("worker.wait", R"("worker": "w", "event": "active")");
        const auto counts = six_->call("queue.getJobCounts", target_);
        CPPUNIT_ASSERT_EQUAL(1, counts["active"].GetInt());
        CPPUNIT_ASSERT(
            six_->call("worker.release", R"("worker": "w", "value": {"seat": 3})").GetBool());
        CPPUNIT_ASSERT_EQUAL(3, six_->finish(later)["seat"].GetInt());
    }

    void theDumpShowsEveryKeyByItsType() {
        six_->call("queue.add", target_ + R"(, "args": ["n", {"seat": 1}, {}])");
        six_->call("queue.add", target_ + R"(, "args": ["n", {}, {"priority": 5}])");
        const auto keys = six_->call("keys.dump", target_);
        assertEqual("list", keys["wait"]["type"].GetString());
        assertEqual("1", keys["wait"]["value"][0].GetString());
        assertEqual("{\"seat\":1}", keys["1"]["value"]["data"].GetString());
        assertEqual("zset", keys["prioritized"]["type"].GetString());
        assertEqual("stream", keys["events"]["type"].GetString());
        assertEqual("2", keys["id"]["value"].GetString());
        CPPUNIT_ASSERT_EQUAL(-1, keys["id"]["ttlMs"].GetInt());
    }

    void aDeadPeerIsAnErrorAndNotAHang() {
        CPPUNIT_ASSERT_THROW(six_->call("worker.wait", R"("worker": "none", "event": "active")"),
                             PeerError);
        six_->call("worker.start", target_ + R"(, "worker": "w")");
        const int never = six_->begin("worker.wait", R"("worker": "w", "event": "stalled")");
        CPPUNIT_ASSERT_THROW(six_->finish(never, std::chrono::milliseconds(50)),
                             std::runtime_error);
        six_->kill();
        CPPUNIT_ASSERT_THROW(six_->call("queue.getJobCounts", target_), std::runtime_error);
    }

private:
    std::string queue_;
    std::string target_;
    std::unique_ptr<NodePeer> six_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(NodePeerTest);
