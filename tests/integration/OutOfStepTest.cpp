#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "drover/QueueEvents.h"
#include "queue/ops/Read.h"
#include "support/Assert.h"
#include "support/CopyingProxy.h"
#include "support/WholeQueue.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = std::chrono::steady_clock;
using Copy = CopyingProxy::Copy;

}  // namespace

/// A proxy that carries replies twice, or bytes of its own: no command gets the reply to another command.
class OutOfStepTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(OutOfStepTest);
    CPPUNIT_TEST(aCopyRightBehindItsReplyIsNotTheNextAnswer);
    CPPUNIT_TEST(aCopyThatComesWithTheNextReplyIsNotItsAnswer);
    CPPUNIT_TEST(bytesOfNoCommandAreNotAnAnswer);
    CPPUNIT_TEST(itIsLoggedOnce);
    CPPUNIT_TEST(bytesInFrontOfAReplyAreNotTheAnswer);
    CPPUNIT_TEST(withoutTheRightToEchoAnAmbiguousReplyIsNone);
    CPPUNIT_TEST(everyAddGetsItsOwnIdBesideCopies);
    CPPUNIT_TEST(everyAddGetsItsOwnIdBesideLateCopies);
    CPPUNIT_TEST(overlappingCallsOfAWorkerEndEveryJobOnceBesideCopies);
    CPPUNIT_TEST(overlappingCallsOfAWorkerEndEveryJobOnceBesideLateCopies);
    CPPUNIT_TEST(aCopyOfAMarkerDoesNotStopTheWorker);
    CPPUNIT_TEST(eventsAreDeliveredOnceAndInOrder);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        WorkerFixture::setUp();
        proxy_ = std::make_unique<CopyingProxy>(server_->plainPort());
        redis({"MSET", "a", "value of a", "b", "value of b"});
    }
    void tearDown() override {
        WorkerFixture::tearDown();
        proxy_.reset();
    }

    void aCopyRightBehindItsReplyIsNotTheNextAnswer() {
        RedisClient client(through(), "test");
        assertEqual("PONG", get(client, {"PING"}));
        proxy_->duplicate(Copy::AtOnce, 1, "GET");
        assertEqual("value of a", get(client, {"GET", "a"}));
        assertEqual("value of b", get(client, {"GET", "b"}));
        assertEqual("value of a", get(client, {"GET", "a"}));
        CPPUNIT_ASSERT_EQUAL(3, proxy_->duplicated());
    }

    void aCopyThatComesWithTheNextReplyIsNotItsAnswer() {
        RedisClient client(through(), "test");
        get(client, {"PING"});
        proxy_->duplicate(Copy::WithNext, 1, "GET");
        assertEqual("value of a", get(client, {"GET", "a"}));
        CPPUNIT_ASSERT_THROW(get(client, {"GET", "b"}), RedisIoException);
        proxy_->duplicate(Copy::WithNext, 0);
        eventually("in step again", [&] {
            try {
                return get(client, {"GET", "b"}) == "value of b";
            } catch (const RedisIoException&) {
                return false;
            }
        });
    }

    void bytesOfNoCommandAreNotAnAnswer() {
        RedisClient client(through(), "test");
        get(client, {"PING"});
        inject("$5\r\nstray\r\n", client);
        assertEqual("value of a", get(client, {"GET", "a"}));
        inject("*2\r\n$1\r\nx\r\n", client);  // The beginning of a reply.
        assertEqual("value of b", get(client, {"GET", "b"}));
        CPPUNIT_ASSERT(client.healthy());
    }

    void itIsLoggedOnce() {
        LogCapture log("redis");
        RedisClient client(through(), "test");
        get(client, {"PING"});
        for (int i = 0; i < 5; ++i) {
            inject("+stray\r\n", client);
            assertEqual("value of a", get(client, {"GET", "a"}));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("nobody asked for"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count(""));
    }

    void bytesInFrontOfAReplyAreNotTheAnswer() {
        Connection link(through(), "");
        // They come after the command was sent: the copy of the reply to CLIENT PAUSE's own command, say.
        link.send(Command{"BLPOP", "nothing", "0.3"}, SteadyClock::now() + seconds(5));
        proxy_->inject("$5\r\nstray\r\n");
        CPPUNIT_ASSERT_THROW(link.receive(SteadyClock::now() + seconds(5)), RedisIoException);
        CPPUNIT_ASSERT(link.broken());
    }

    void withoutTheRightToEchoAnAmbiguousReplyIsNone() {
        redis({"ACL", "SETUSER", "mute", "on", ">secret", "~*", "&*", "+@all", "-echo"});
        RedisOptions as = through();
        as.user = "mute";
        as.password = "secret";
        Connection link(as, "");
        assertEqual("value of a", link.call(Command{"GET", "a"}).text());
        proxy_->duplicate(Copy::AtOnce, 1, "GET");
        CPPUNIT_ASSERT_THROW(link.call(Command{"GET", "a"}), RedisIoException);
        CPPUNIT_ASSERT(link.broken());
        redis({"ACL", "DELUSER", "mute"});
    }

    void everyAddGetsItsOwnIdBesideCopies() { addsBeside(Copy::AtOnce); }
    void everyAddGetsItsOwnIdBesideLateCopies() { addsBeside(Copy::WithNext); }

    void overlappingCallsOfAWorkerEndEveryJobOnceBesideCopies() { worksBeside(Copy::AtOnce); }
    void overlappingCallsOfAWorkerEndEveryJobOnceBesideLateCopies() { worksBeside(Copy::WithNext); }

    void aCopyOfAMarkerDoesNotStopTheWorker() {
        settings_.drainDelay = milliseconds(100);
        proxy_->duplicate(Copy::AtOnce, 1, "BZPOPMIN");
        run(std::make_shared<FakeHandler>(completeAll), through());
        eventually("many copies", [this] { return proxy_->duplicated() >= 3; });
        for (int i = 1; i <= 5; ++i) {
            const std::string id = addJob();
            eventually("done", [&] { return stateOf(id) == JobState::Completed; });
        }
        proxy_->duplicate(Copy::WithNext, 1, "BZPOPMIN");
        for (int i = 1; i <= 5; ++i) {
            const std::string id = addJob();
            eventually("done", [&] { return stateOf(id) == JobState::Completed; });
        }
    }

    void eventsAreDeliveredOnceAndInOrder() {
        std::mutex mutex;
        std::vector<std::string> told;
        QueueEvents::Settings settings;
        settings.name = keys().qualifiedName().substr(5);
        settings.after = "0-0";
        settings.blockTimeout = milliseconds(100);
        proxy_->duplicate(Copy::AtOnce, 2, "XREAD");
        QueueEvents events(handleOf(through()), settings, [&](const QueueEvent& event) {
            const std::lock_guard lock(mutex);
            if (event.type == QueueEvent::Type::Added) {
                told.emplace_back(event.jobId());
            }
        });
        std::vector<std::string> wanted;
        for (int i = 0; i < 30; ++i) {
            wanted.push_back(addJob());
            if (i == 15) {
                proxy_->duplicate(Copy::WithNext, 3, "XREAD");
            }
            eventually("told", [&] {
                const std::lock_guard lock(mutex);
                return told.size() >= wanted.size();
            });
        }
        const std::lock_guard lock(mutex);
        CPPUNIT_ASSERT(wanted == told);
    }

private:
    RedisOptions through() const { return plainAt(proxy_->port()); }
    static std::string get(RedisClient& client, const std::vector<std::string>& args) {
        Command command;
        for (const std::string& arg : args) {
            command.add(arg);
        }
        return std::string(client.call(command).text());
    }
    /// Returns when the bytes have reached the client.
    void inject(const std::string& bytes, RedisClient& client) {
        proxy_->inject(bytes);
        const int fd = client.fd();
        eventually("they have come", [fd] {
            char byte = 0;
            return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
        });
    }

    void addsBeside(Copy copy) {
        const std::unique_ptr<WholeQueue> producer = makeQueue(through());
        WholeQueue& queue = *producer;
        eventually("connected", [&] { return queue.healthy(); });
        proxy_->duplicate(copy, 7, "EVALSHA");
        std::mutex mutex;
        std::map<std::string, std::string> nameById;
        std::vector<std::thread> threads;
        for (int t = 0; t < 8; ++t) {
            threads.emplace_back([&, t] {
                for (int i = 0; i < 50 || proxy_->duplicated() < 5; ++i) {
                    NewJob job;
                    job.name = std::to_string(t) + "." + std::to_string(i);
                    const AddResult result = queue.add(job);
                    const std::lock_guard lock(mutex);
                    if (result.status == AddResult::Status::Added) {
                        CPPUNIT_ASSERT(nameById.emplace(result.id, job.name).second);
                    }
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        CPPUNIT_ASSERT(nameById.size() > 20);
        for (const auto& [id, name] : nameById) {
            CPPUNIT_ASSERT_EQUAL(name, hash(id)["name"]);
        }
    }

    void worksBeside(Copy copy) {
        constexpr int kJobs = 2000;
        for (int i = 0; i < kJobs; ++i) {
            addJob("test", std::to_string(i), R"({"attempts":0})");
        }
        std::mutex mutex;
        std::map<std::string, std::string> dataById;
        settings_.concurrency = 256;
        settings_.threads = 4;
        proxy_->duplicate(copy, copy == Copy::AtOnce ? 2 : 5, "EVALSHA");
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
                for (RunningJob* job : jobs) {
                    {
                        const std::lock_guard lock(mutex);
                        dataById[job->job().id] = job->job().data;
                    }
                    job->setOutcome({JobOutcome::Kind::Completed, job->job().data, "", 0});
                }
            }),
            through());
        eventually(
            "all are done",
            [&] { return ops::counts(context(), client()).completed == kJobs; },
            seconds(60));
        CPPUNIT_ASSERT(proxy_->duplicated() > 1);
        for (int i = 0; i < kJobs; ++i) {
            const std::string id = std::to_string(i + 1);
            CPPUNIT_ASSERT_EQUAL(std::to_string(i), dataById[id]);
            CPPUNIT_ASSERT_EQUAL(std::to_string(i), hash(id)["returnvalue"]);
            assertEqual("1", hash(id)["atm"]);
        }
    }

    std::unique_ptr<CopyingProxy> proxy_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(OutOfStepTest);
