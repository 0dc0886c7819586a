#include <string>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "queue/QueueKeys.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using drover::QueueKeys;

/// The keys of a queue as every other client of it spells them.
class QueueKeysTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(QueueKeysTest);
    CPPUNIT_TEST(everyKeyHasItsPrefixQueueAndType);
    CPPUNIT_TEST(aJobsKeyIsItsIdAfterThePrefix);
    CPPUNIT_TEST(aBracedPrefixStaysAsItIs);
    CPPUNIT_TEST(aNameMustNotBeEmptyOrHoldAColon);
    CPPUNIT_TEST(aNameMayHoldDots);
    CPPUNIT_TEST(theClientNameEncodesTheQueue);
    CPPUNIT_TEST(aNonAsciiQueueIsEncodedAsUtf8);
    CPPUNIT_TEST(aLongNameIsEncodedOnOneLine);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyKeyHasItsPrefixQueueAndType() {
        const QueueKeys keys("bull", "mail");
        const std::pair<const std::string*, const char*> expected[] = {
            {&keys.wait, "bull:mail:wait"},
            {&keys.paused, "bull:mail:paused"},
            {&keys.active, "bull:mail:active"},
            {&keys.prioritized, "bull:mail:prioritized"},
            {&keys.delayed, "bull:mail:delayed"},
            {&keys.waitingChildren, "bull:mail:waiting-children"},
            {&keys.completed, "bull:mail:completed"},
            {&keys.failed, "bull:mail:failed"},
            {&keys.idCounter, "bull:mail:id"},
            {&keys.meta, "bull:mail:meta"},
            {&keys.events, "bull:mail:events"},
            {&keys.marker, "bull:mail:marker"},
            {&keys.pc, "bull:mail:pc"},
            {&keys.limiter, "bull:mail:limiter"},
            {&keys.stalled, "bull:mail:stalled"},
            {&keys.stalledCheck, "bull:mail:stalled-check"},
            {&keys.repeat, "bull:mail:repeat"}};
        for (const auto& [key, text] : expected) {
            assertEqual(text, *key);
        }
        assertEqual("bull:mail", keys.qualifiedName());
        assertEqual("bull:mail:", keys.jobPrefix());
    }

    void aJobsKeyIsItsIdAfterThePrefix() {
        const QueueKeys keys("bull", "mail");
        assertEqual("bull:mail:42", keys.job("42"));
        assertEqual("bull:mail:repeat:nightly:17", keys.job("repeat:nightly:17"));
    }

    void aBracedPrefixStaysAsItIs() {
        assertEqual("{bull}:mail:wait", QueueKeys("{bull}", "mail").wait);
    }

    void aNameMustNotBeEmptyOrHoldAColon() {
        CPPUNIT_ASSERT_THROW(QueueKeys("bull", ""), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(QueueKeys("bull", "a:b"), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(QueueKeys("bull", ":"), Poco::InvalidArgumentException);
    }

    void aNameMayHoldDots() { assertEqual("bull:mail.eu:wait", QueueKeys("bull", "mail.eu").wait); }

    void theClientNameEncodesTheQueue() {
        const QueueKeys keys("bull", "reservation-queue");
        assertEqual("bull:cmVzZXJ2YXRpb24tcXVldWU=", keys.workerClientName(""));
        assertEqual("bull:cmVzZXJ2YXRpb24tcXVldWU=:w:node-1", keys.workerClientName("node-1"));
    }

    void aNonAsciiQueueIsEncodedAsUtf8() {
        // A Korean word of two syllables and an emoji, four bytes in UTF-8: the results of
        // Buffer.from(name).toString("base64").
        const QueueKeys keys("bull", "\xEC\x98\x88\xEC\x95\xBD\xF0\x9F\x8E\x9F");
        assertEqual("bull:7JiI7JW98J+Onw==", keys.workerClientName(""));
        assertEqual("bull:\xEC\x98\x88\xEC\x95\xBD\xF0\x9F\x8E\x9F:wait", keys.wait);
    }

    void aLongNameIsEncodedOnOneLine() {
        // 300 bytes: an encoder that breaks lines at 72 characters would make a name that Redis refuses.
        const std::string name = QueueKeys("bull", std::string(300, 'a')).workerClientName("");
        CPPUNIT_ASSERT_EQUAL(std::string::npos, name.find_first_of("\r\n"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{5 + 400}, name.size());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueKeysTest);
