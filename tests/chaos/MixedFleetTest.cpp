#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <thread>
#include <vector>

#include <cppunit/TestAssert.h>
#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "chaos/Fleet.h"
#include "support/NodePeer.h"
#include "support/RedisServer.h"

using namespace drover::test;

/// Three workers of BullMQ and three of Drover on one queue, jobs of all kinds from a Node client, and each of the
/// six workers killed again and again. Each job ends once, in the state that its kind requires.
class MixedFleetTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(MixedFleetTest);
    CPPUNIT_TEST(everyJobEndsOnceWhoeverWorksIt);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        node_ = findProgram("node");
        folder_ = makeTempFolder("drover-mixed-");
        queue_.reset();
        workers_.clear();
        for (std::size_t i = 0; i < 6; ++i) {
            workers_.push_back(std::make_unique<ServerProcess>());
        }
    }

    void everyJobEndsOnceWhoeverWorksIt() {
        const int jobs = countFrom("DROVER_CHAOS_MIXED_JOBS", 3000);
        const int kills = countFrom("DROVER_CHAOS_MIXED_KILLS", 40);
        std::mt19937 random = seededRandom("mixed fleet");
        for (std::size_t i = 0; i < workers_.size(); ++i) {
            start(i);
        }
        std::thread producer([&] { run("add " + std::to_string(jobs)); });
        std::uniform_int_distribution<std::size_t> anyOf(0, workers_.size() - 1);
        std::uniform_int_distribution<int> gapMs(50, 250);
        for (int i = 0; i < kills; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(gapMs(random)));
            const std::size_t victim = anyOf(random);
            workers_[victim]->stop(9);
            start(victim);
        }
        producer.join();
        eventually(
            "all jobs ended", [this] { return queue_.idle(); }, std::chrono::seconds(120));
        const std::string wrong = run("check " + std::to_string(jobs));
        std::cerr << "  " << kills << " kills, " << jobs << " jobs and families\n";
        CPPUNIT_ASSERT_EQUAL_MESSAGE(wrong.substr(0, 2000), std::size_t{0}, wrong.size());
        for (auto& worker : workers_) {
            worker->stop(9);
        }
        CPPUNIT_ASSERT_EQUAL(std::string(), queue_.orphans());
        removeTree(folder_);
    }

private:
    /// The first three are BullMQ's.
    void start(std::size_t index) {
        const std::string log = folder_ + "/worker-" + std::to_string(index) + ".log";
        const std::string port = std::to_string(RedisServer::shared().port());
        if (index < 3) {
            const std::string script = DROVER_SOURCE_DIR "/tests/chaos/mixed.cjs";
            workers_[index]->start(
                {"/usr/bin/env", "NODE_PATH=" + nodeModules(), node_, script, port, "echo", "work"},
                log);
            return;
        }
        std::vector<std::string> command = {DROVER_BINARY_DIR "/engine/drover", "run"};
        for (const std::string& setting :
             {"plugins.dir=" + std::string(DROVER_BINARY_DIR "/plugins"),
              std::string("plugins.load=echo"),
              "redis.port=" + port,
              std::string("queue.echo.concurrency=20"),
              std::string("queue.echo.threads=4"),
              std::string("queue.echo.lockDurationMs=2000"),
              std::string("queue.echo.stalledIntervalMs=1000"),
              std::string("queue.echo.maxStalledCount=1000"),
              "control.socket=" + folder_ + "/worker-" + std::to_string(index) + ".sock"}) {
            command.insert(command.end(), {"--set", setting});
        }
        workers_[index]->start(command, log);
    }

    /// Returns the output of mixed.cjs.
    static std::string run(const std::string& action) {
        return runNodeScript("chaos/mixed.cjs", RedisServer::shared(), "echo " + action);
    }

    std::string node_;
    std::string folder_;
    QueueState queue_{RedisServer::shared().port(), "echo"};
    std::vector<std::unique_ptr<ServerProcess>> workers_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(MixedFleetTest);
