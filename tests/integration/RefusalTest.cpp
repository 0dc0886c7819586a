#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "support/WholeQueue.h"
#include "support/WorkerFixture.h"
#include "worker/upkeep/CancelListener.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kLong{1500};

}  // namespace

/// A server that answers and refuses: one line when it begins, one when it ends, no storm of connections, and a
/// health that reports it all the time.
class RefusalTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(RefusalTest);
    CPPUNIT_TEST(outOfMemory);
    CPPUNIT_TEST(tooFewReplicas);
    CPPUNIT_TEST(aSnapshotThatFailed);
    CPPUNIT_TEST(aScriptThatDoesNotEnd);
    CPPUNIT_TEST(aDatasetThatIsLoaded);
    CPPUNIT_TEST(aMasterThatBecameAReplica);
    CPPUNIT_TEST(tooManyClients);
    CPPUNIT_TEST(readsGoOnWhileMemoryIsOut);
    CPPUNIT_TEST(withoutTheRightToProbeTheCommandItselfFindsOut);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        WorkerFixture::setUp();
        redisLog_ = std::make_unique<LogCapture>("redis");
    }
    void tearDown() override {
        queue_.reset();
        cancels_.reset();
        if (worker_) {
            worker_->stop();
        }
        worker_.reset();
        blocker_.reset();
        admin_.reset();
        refusing_.reset();
        redisLog_.reset();
        WorkerFixture::tearDown();
    }

    void outOfMemory() {
        begin({});
        refuses(
            "OOM", [&] { config("maxmemory", "1"); }, [&] { config("maxmemory", "0"); });
    }

    void tooFewReplicas() {
        begin({});
        refuses(
            "NOREPLICAS",
            [&] { config("min-replicas-to-write", "1"); },
            [&] { config("min-replicas-to-write", "0"); });
    }

    void aSnapshotThatFailed() {
        begin({"--enable-protected-configs", "yes"});
        config("save", "3600 1000000");
        const std::string folder = makeTempFolder("drover-gone-");
        refuses(
            "MISCONF",
            [&] {
                config("dir", folder);
                removeTree(folder);
                admin_->call(Command{"BGSAVE"});
                eventually("it failed", [&] {
                    const Reply info = admin_->call(Command{"INFO", "persistence"});
                    return info.text().find("rdb_last_bgsave_status:err") != std::string::npos;
                });
            },
            [&] { config("stop-writes-on-bgsave-error", "no"); });
    }

    void aScriptThatDoesNotEnd() {
        begin({"--busy-reply-threshold", "20"});
        blocker_ = std::make_unique<Connection>(to(), "");
        refuses(
            "BUSY",
            [&] {
                blocker_->send(Command{"EVAL", "while true do end", "0"},
                               SteadyClock::now() + seconds(5));
                eventually("it is busy", [&] {
                    return admin_->call(Command{"PING"}).text().rfind("BUSY", 0) == 0;
                });
            },
            [&] {
                // The script ends a moment after this was answered: the commands behind it may still be refused.
                try {
                    admin_->call(Command{"SCRIPT", "KILL"});
                } catch (const RedisIoException&) {
                    eventually("it has ended", [&] {
                        try {
                            admin_ = std::make_unique<Connection>(to(), "");
                            return true;
                        } catch (const RedisIoException&) {
                            return false;
                        }
                    });
                }
            });
    }

    void aDatasetThatIsLoaded() {
        begin({"--enable-debug-command",
               "yes",
               "--loading-process-events-interval-bytes",
               "1024",
               "--key-load-delay",
               "1000"});
        admin_->call(Command{"DEBUG", "POPULATE", "3000"});
        blocker_ = std::make_unique<Connection>(to(), "");
        refuses(
            "LOADING",
            [&] {
                blocker_->send(Command{"DEBUG", "RELOAD"}, SteadyClock::now() + seconds(5));
                eventually("it loads", [&] {
                    return admin_->call(Command{"GET", "x"}).text().rfind("LOADING", 0) == 0;
                });
            },
            [&] { blocker_->receive(SteadyClock::now() + seconds(60)); });
    }

    void aMasterThatBecameAReplica() {
        begin({});
        admin_->call(Command{"REPLICAOF", "127.0.0.1", "1"});
        eventually("refused", [&] { return !add() && !queue_->healthy(); });
        staysUnhealthy();
        CPPUNIT_ASSERT(redisLog_->count("refuses for now") <= 1);
        admin_->call(Command{"REPLICAOF", "NO", "ONE"});
        worksAgain();
        CPPUNIT_ASSERT_EQUAL(redisLog_->count("refuses for now"),
                             redisLog_->count("accepts again"));
    }

    void tooManyClients() {
        begin({});
        const auto connected = [&] {
            const std::string info(admin_->call(Command{"INFO", "clients"}).text());
            const std::size_t at = info.find("connected_clients:");
            return std::stoi(info.substr(at + 18));
        };
        config("maxclients", std::to_string(connected()));
        // By TLS Redis closes the connection without a word.
        RedisOptions plain = plainAt(refusing_->plainPort());
        RedisClient late(plain, "late");
        const std::int64_t before = connections();
        const auto until = SteadyClock::now() + kLong;
        int refused = 0;
        while (SteadyClock::now() < until) {
            try {
                late.call(Command{"PING"});
            } catch (const RedisBusyException&) {
                ++refused;
            }
            CPPUNIT_ASSERT(!late.healthy());
            std::this_thread::sleep_for(milliseconds(10));
        }
        CPPUNIT_ASSERT(refused > 50);
        CPPUNIT_ASSERT(connections() - before < 12);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, redisLog_->count("max number of clients reached"));
        config("maxclients", "1000");
        eventually("let in", [&] {
            try {
                return late.call(Command{"PING"}).text() == "PONG";
            } catch (const RedisIoException&) {
                return false;
            }
        });
        CPPUNIT_ASSERT(late.healthy());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, redisLog_->count("accepts again"));
    }

    void readsGoOnWhileMemoryIsOut() {
        begin({});
        config("maxmemory", "1");
        eventually("refused", [&] { return !add() && !queue_->healthy(); });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue_->counts().completed);
    }

    void withoutTheRightToProbeTheCommandItselfFindsOut() {
        refusing_ = std::make_unique<RedisServer>();
        admin_ = std::make_unique<Connection>(to(), "");
        admin_->call(
            Command{"ACL", "SETUSER", "u", "on", ">secret", "~*", "&*", "+@all", "-setrange"});
        RedisOptions as = to();
        as.user = "u";
        as.password = "secret";
        RedisClient client(as, "test");
        config("maxmemory", "1");
        const auto set = [&] {
            try {
                client.call(Command{"SET", "a", "b"});
                return true;
            } catch (const RedisBusyException&) {
                return false;
            }
        };
        const auto until = SteadyClock::now() + kLong;
        while (SteadyClock::now() < until) {
            CPPUNIT_ASSERT(!set());
            CPPUNIT_ASSERT(!client.healthy());
            std::this_thread::sleep_for(milliseconds(10));
        }
        config("maxmemory", "0");
        eventually("accepted", set);
        CPPUNIT_ASSERT(client.healthy());
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, redisLog_->count(""));
    }

private:
    RedisOptions to() const { return optionsAt(refusing_->port()); }
    void config(const std::string& key, const std::string& value) {
        const Reply reply = admin_->call(Command{"CONFIG", "SET", key, value});
        CPPUNIT_ASSERT_MESSAGE(std::string(reply.text()), !reply.isError());
    }
    std::int64_t connections() {
        const std::string info(admin_->call(Command{"INFO", "stats"}).text());
        const std::string label = "total_connections_received:";
        return std::stoll(info.substr(info.find(label) + label.size()));
    }
    /// Returns how often Redis has refused with that word.
    std::int64_t refusals(const std::string& kind) {
        const std::string info(admin_->call(Command{"INFO", "errorstats"}).text());
        const std::string label = "errorstat_" + kind + ":count=";
        const std::size_t at = info.find(label);
        return at == std::string::npos ? 0 : std::stoll(info.substr(at + label.size()));
    }
    bool add() {
        NewJob job;
        job.name = "test";
        return queue_->add(job, SteadyClock::now() + milliseconds(500)).status ==
               AddResult::Status::Added;
    }

    /// A server, a producer and a worker that has done a job.
    void begin(const std::vector<std::string>& extra) {
        refusing_ = std::make_unique<RedisServer>(extra);
        admin_ = std::make_unique<Connection>(to(), "");
        const RedisOptions shared = to();
        queue_ = makeQueue(shared);
        settings_.drainDelay = milliseconds(200);
        run(std::make_shared<FakeHandler>(completeAll), shared);
        eventually("a job is added", [&] { return add(); });
        eventually("it is done", [&] { return queue_->counts().completed == 1; });
        // Its reads are shorter than a refusal lasts here.
        cancels_ = std::make_unique<CancelListener>(
            std::make_unique<RedisClient>(shared, "cancels"), milliseconds(100));
        cancels_->watch(worker_->queue(), worker_->held());
        cancels_->start();
        eventually("the listener reads", [&] {
            return admin_->call(Command{"CLIENT", "LIST"}).text().find("cmd=xread") !=
                   std::string::npos;
        });
    }

    void staysUnhealthy() {
        const auto until = SteadyClock::now() + kLong;
        while (SteadyClock::now() < until) {
            CPPUNIT_ASSERT(!add());
            CPPUNIT_ASSERT(!queue_->healthy());
            CPPUNIT_ASSERT(!worker_->stats().redisHealthy);
            std::this_thread::sleep_for(milliseconds(10));
        }
    }
    void worksAgain() {
        eventually("both are healthy",
                   [&] { return queue_->healthy() && worker_->stats().redisHealthy; });
        const std::int64_t before = queue_->counts().completed;
        eventually("a job is added", [&] { return add(); });
        eventually("it is done", [&] { return queue_->counts().completed > before; });
    }

    void refuses(const std::string& kind,
                 const std::function<void()>& refuse,
                 const std::function<void()>& accept) {
        const std::int64_t before = connections();
        refuse();
        eventually("refused", [&] { return !add() && !queue_->healthy(); });
        staysUnhealthy();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, redisLog_->count("refuses for now: " + kind));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, redisLog_->count(""));
        accept();
        worksAgain();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, redisLog_->count("accepts again after"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, redisLog_->count(""));
        // Those of readers and handlers, which are made when they are first needed.
        CPPUNIT_ASSERT(connections() - before < 6);
        // Over 150 times an add was tried meanwhile: most of them failed at once, without a command to Redis.
        CPPUNIT_ASSERT(refusals(kind) < 60);
    }

    std::unique_ptr<LogCapture> redisLog_;
    std::unique_ptr<RedisServer> refusing_;
    std::unique_ptr<Connection> admin_;
    std::unique_ptr<Connection> blocker_;
    std::unique_ptr<WholeQueue> queue_;
    std::unique_ptr<CancelListener> cancels_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(RefusalTest);
