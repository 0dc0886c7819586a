#include <memory>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <thread>

#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>
#include <Poco/Exception.h>
#include <Poco/Logger.h>
#include <Poco/Message.h>
#include <cppunit/extensions/HelperMacros.h>

#include "core/Guarded.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

namespace {

/// Holds the last message.
class LastMessage : public Poco::Channel {
public:
    void log(const Poco::Message& message) override {
        text = message.getText();
        priority = message.getPriority();
    }
    std::string text;
    int priority = 0;
};

}  // namespace

/// Thread bodies run in a guard: named, and no exception leaves them.
class GuardedTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(GuardedTest);
    CPPUNIT_TEST(aBodyThatReturnsEndedNormally);
    CPPUNIT_TEST(aBodyMayBeMoveOnly);
    CPPUNIT_TEST(aStandardExceptionIsLoggedWithItsText);
    CPPUNIT_TEST(aPocoExceptionIsLoggedWithItsDetails);
    CPPUNIT_TEST(aThrownNumberIsCaughtToo);
    CPPUNIT_TEST(theThreadCarriesTheNameCutToFifteenCharacters);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        log_ = new LastMessage;
        Poco::Logger::get(kName).setChannel(log_);
    }

    void tearDown() override { Poco::Logger::destroy(kName); }

    void aBodyThatReturnsEndedNormally() {
        bool ran = false;
        CPPUNIT_ASSERT(onThread([&ran] { ran = true; }));
        CPPUNIT_ASSERT(ran);
        CPPUNIT_ASSERT_EQUAL(std::string(), log_->text);
    }

    void aBodyMayBeMoveOnly() {
        auto owned = std::make_unique<int>(7);
        int seen = 0;
        CPPUNIT_ASSERT(onThread([held = std::move(owned), &seen] { seen = *held; }));
        CPPUNIT_ASSERT_EQUAL(7, seen);
    }

    void aStandardExceptionIsLoggedWithItsText() {
        CPPUNIT_ASSERT(!onThread([] { throw std::runtime_error("socket gone"); }));
        assertEqual("thread stalled-sweeper-of-mail ended by an exception: socket gone",
                    log_->text);
        CPPUNIT_ASSERT_EQUAL(int{Poco::Message::PRIO_CRITICAL}, log_->priority);
    }

    void aPocoExceptionIsLoggedWithItsDetails() {
        CPPUNIT_ASSERT(!onThread([] { throw Poco::TimeoutException("no reply in 2 s"); }));
        assertContains(log_->text, "Timeout: no reply in 2 s");
    }

    void aThrownNumberIsCaughtToo() {
        CPPUNIT_ASSERT(!onThread([] { throw 5; }));
        assertContains(log_->text, "not a std::exception");
    }

    void theThreadCarriesTheNameCutToFifteenCharacters() {
        char name[32] = {};
        CPPUNIT_ASSERT(
            onThread([&name] { (void)pthread_getname_np(pthread_self(), name, sizeof(name)); }));
        assertEqual("stalled-sweeper", name);
    }

private:
    static constexpr const char* kName = "stalled-sweeper-of-mail";

    /// Runs the body guarded on a thread of its own, so that the test's thread retains its name.
    template <typename F>
    static bool onThread(F body) {
        bool normal = false;
        std::thread thread([&normal, held = std::move(body)]() mutable {
            normal = drover::runGuarded(kName, std::move(held));
        });
        thread.join();
        return normal;
    }

    Poco::AutoPtr<LastMessage> log_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(GuardedTest);
