#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "core/Names.h"
#include "core/OptionsCheck.h"
#include "support/Assert.h"

using drover::test::assertContains;

using drover::JobOptions;
using namespace std::string_literals;

/// Names that would collide with keys, mislead other clients or be refused by Redis are refused before they are sent.
class NamesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(NamesTest);
    CPPUNIT_TEST(ordinaryIdsAreAccepted);
    CPPUNIT_TEST(idsThatBullmqRefusesAreRefusedInItsWords);
    CPPUNIT_TEST(idsThatAreKeysOfTheQueueAreRefused);
    CPPUNIT_TEST(idsOfStoredJobsMayHaveAnyForm);
    CPPUNIT_TEST(idsThatAreNotUtf8AreRefused);
    CPPUNIT_TEST(schedulerIdsDoNotLookLikeKeysOfJobs);
    CPPUNIT_TEST(queueNamesAreNotEmptyAndHaveNoColon);
    CPPUNIT_TEST(workerNamesFitIntoAClientName);
    CPPUNIT_TEST(prefixesFitIntoAClientName);
    CPPUNIT_TEST(pluginsAndHandlersBeginWithALetter);
    CPPUNIT_TEST(keysOfPluginsMayHaveDots);
    CPPUNIT_TEST(aliasesMayBeginWithADigit);
    CPPUNIT_TEST(ordinaryOptionsAreAccepted);
    CPPUNIT_TEST(optionsThatBullmqRefusesAreRefused);
    CPPUNIT_TEST(numbersThatMakeNoSenseAreRefused);
    CPPUNIT_TEST(aParentHasAnIdAndAQualifiedQueue);
    CPPUNIT_TEST(anOptionThatWasReadInAnotherTypeIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void ordinaryIdsAreAccepted() {
        for (const char* id : {
                 "a",
                 "order-7",
                 "007",
                 "7a",
                 "1.5",
                 "a:b:c",
                 "::",
                 "-",
                 "waiting",
                 "\xED\x95\x9C",
                 "has space",
                 "metrics2",
             }) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(id, ""s, drover::jobIdError(id));
        }
    }

    void idsThatBullmqRefusesAreRefusedInItsWords() {
        expectPart(drover::jobIdError("0"), "JobId cannot be '0' or start with '0:'");
        expectPart(drover::jobIdError("0:x"), "JobId cannot be '0' or start with '0:'");
        expectPart(drover::jobIdError("0:x:y"), "JobId cannot be '0' or start with '0:'");
        for (const char* id : {"123", "-5", "9007199254740993", "99999999999999999999999"}) {
            expectPart(drover::jobIdError(id), "Custom Id cannot be integers");
        }
        for (const char* id : {"a:b", "a:b:c:d", ":"}) {
            expectPart(drover::jobIdError(id), "Custom Id cannot contain :");
        }
        expectPart(drover::jobIdError(""), "cannot be empty");
    }

    void idsThatAreKeysOfTheQueueAreRefused() {
        for (const char* id : {"meta",
                               "id",
                               "wait",
                               "paused",
                               "active",
                               "prioritized",
                               "delayed",
                               "waiting-children",
                               "completed",
                               "failed",
                               "events",
                               "pc",
                               "marker",
                               "limiter",
                               "stalled",
                               "stalled-check",
                               "repeat",
                               "delay",
                               "priority",
                               "metrics:completed:data",
                               "repeat:nightly:5",
                               "de:a:b",
                               "dn:a:b"}) {
            expectPart(drover::jobIdError(id), "the queue has a key of that name");
        }
    }

    void idsOfStoredJobsMayHaveAnyForm() {
        for (const char* id : {"1", "0:1", "a:b", "repeat:tick:1795384466000", "repeat:a:b:5"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(id, ""s, drover::storedJobIdError(id));
        }
        for (const char* id :
             {"meta", "wait", "dn:x", "metrics:failed", "repeat:tick", "repeat:5x", "drover:a"}) {
            expectPart(drover::storedJobIdError(id), "the queue has a key of that name");
        }
        expectPart(drover::storedJobIdError(""), "must be provided");
    }

    void idsThatAreNotUtf8AreRefused() { expectPart(drover::jobIdError("a\xFF"), "must be UTF-8"); }

    void schedulerIdsDoNotLookLikeKeysOfJobs() {
        for (const char* id : {"beat", "a:b", "1795392000000", "beat:17x", "a b", "::x"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(id, ""s, drover::schedulerIdError(id));
        }
        expectPart(drover::schedulerIdError(""), "cannot be empty");
        expectPart(drover::schedulerIdError("beat:17"), "the jobs of the scheduler \"beat\"");
        expectPart(drover::schedulerIdError("beat:"), "cannot end in ':' and digits");
        expectPart(drover::schedulerIdError("\xff"), "must be UTF-8");
    }

    void queueNamesAreNotEmptyAndHaveNoColon() {
        for (const char* name :
             {"q", "reservation-queue", "{q}", "a.b", "\xED\x95\x9C", "wait", "7"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(name, ""s, drover::queueNameError(name));
        }
        expectPart(drover::queueNameError(""), "must be provided");
        expectPart(drover::queueNameError("a:b"), "Queue name cannot contain :, got \"a:b\"");
        expectPart(drover::queueNameError("\xC0\xAF"), "must be UTF-8");
    }

    void workerNamesFitIntoAClientName() {
        for (const char* name : {"", "w1", "host:1234", "~!"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(name, ""s, drover::workerNameError(name));
        }
        for (const char* name : {"a b", "a\n", "\xED\x95\x9C", "\x7F"}) {
            expectPart(drover::workerNameError(name), "printable ASCII without spaces");
        }
    }

    void prefixesFitIntoAClientName() {
        for (const char* prefix : {"bull", "{bull}", "a:b"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(prefix, ""s, drover::prefixError(prefix));
        }
        expectPart(drover::prefixError(""), "not empty");
        expectPart(drover::prefixError("my app"), "printable ASCII without spaces");
    }

    void pluginsAndHandlersBeginWithALetter() {
        for (const std::string& name : {"a"s, "my-mailer_2"s, "Z9"s, std::string(64, 'x')}) {
            CPPUNIT_ASSERT_MESSAGE(name, drover::isPluginName(name));
        }
        for (const std::string& name : {""s,
                                        std::string(65, 'x'),
                                        "7a"s,
                                        "-a"s,
                                        "a.b"s,
                                        "a b"s,
                                        "a/b"s,
                                        "\xC3\xA4"s,
                                        "a\0"s}) {
            CPPUNIT_ASSERT_MESSAGE(name, !drover::isPluginName(name));
        }
    }

    void keysOfPluginsMayHaveDots() {
        CPPUNIT_ASSERT(drover::isPluginKey("http.port"));
        CPPUNIT_ASSERT(!drover::isPluginKey(".port"));
        CPPUNIT_ASSERT(!drover::isPluginKey("a:b"));
    }

    void aliasesMayBeginWithADigit() {
        for (const char* name : {"7", "a", "-", "re_servation-2"}) {
            CPPUNIT_ASSERT_MESSAGE(name, drover::isAlias(name));
        }
        for (const char* name : {"", "a.b", "a:b", "a b"}) {
            CPPUNIT_ASSERT_MESSAGE(name, !drover::isAlias(name));
        }
    }

    void ordinaryOptionsAreAccepted() {
        for (const char* json :
             {"{}",
              "{\"jobId\":\"a\",\"priority\":2097151}",
              "{\"backoff\":{\"type\":\"fixed\",\"jitter\":1}}",
              "{\"deduplication\":{\"ttl\":5,\"id\":\"d\"},\"failParentOnFailure\":true}",
              "{\"de\":{\"id\":\"d\"}}",
              "{\"parent\":{\"id\":\"1\",\"queue\":\"bull:p\"},\"fpof\":true,\"cpof\":false}"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(json, ""s, drover::optionsError(JobOptions::parse(json)));
        }
    }

    void optionsThatBullmqRefusesAreRefused() {
        expectOptions("{\"jobId\":\"5\"}", "Custom Id cannot be integers");
        expectOptions("{\"priority\":2097152}",
                      "Priority should be between 0 and 2097151, got 2097152");
        expectOptions("{\"priority\":-1}", "Priority should be between 0 and 2097151");
        expectOptions("{\"backoff\":{\"type\":\"fixed\",\"jitter\":1.5}}",
                      "Jitter should be between 0 and 1");
        expectOptions("{\"backoff\":{\"type\":\"fixed\",\"jitter\":-0.1}}",
                      "Jitter should be between 0 and 1");
        expectOptions("{\"debounce\":{\"id\":\"d\"}}", "Debounce option has been removed");
        for (const char* json : {"{\"de\":{}}", "{\"de\":{\"id\":\"\"}}"}) {
            expectOptions(json, "Deduplication id must be provided");
        }
        expectOptions("{\"de\":{\"id\":\"d\"},\"parent\":{\"id\":\"1\",\"queue\":\"bull:p\"}}",
                      "Deduplication and parent options cannot be used together");
        expectOptions("{\"rdof\":true,\"fpof\":true}",
                      "The following options cannot be used together: removeDependencyOnFailure, "
                      "failParentOnFailure");
    }

    void numbersThatMakeNoSenseAreRefused() {
        expectOptions(R"({"attempts":-1})", "opts.attempts: 0 or more expected, got -1");
        expectOptions(R"({"timestamp":-1})", "opts.timestamp: 0 or more expected, got -1");
        expectOptions(R"({"keepLogs":-2})", "opts.keepLogs: 0 or more expected, got -2");
        expectOptions(R"({"stackTraceLimit":-2})",
                      "opts.stackTraceLimit: 0 or more expected, got -2");
        expectOptions(R"({"sizeLimit":-2})", "opts.sizeLimit: 0 or more expected, got -2");
        expectOptions(R"({"expiresAt":-2})", "opts.expiresAt: 0 or more expected, got -2");
        expectOptions(R"({"removeOnFail":-2})",
                      "opts.removeOnFail: a count of 0 or more expected, got -2");
        expectOptions(R"({"removeOnComplete":{"age":5,"limit":-1}})",
                      "opts.removeOnComplete.limit: 0 or more expected, got -1");
        expectOptions(R"({"backoff":-1})", "opts.backoff.delay: 0 or more expected, got -1");
        expectOptions(R"({"backoff":{"type":""}})", "opts.backoff.type: a name expected, got \"\"");
        expectOptions(R"({"de":{"id":"d","ttl":-5}})",
                      "opts.deduplication.ttl: 0 or more expected, got -5");
    }

    void aParentHasAnIdAndAQualifiedQueue() {
        expectOptions(R"({"parent":{"id":"","queue":"bull:p"}})",
                      "opts.parent.id: the id of a job expected, got \"\"");
        for (const char* queue : {"", "p", "bull:", ":p"}) {
            expectOptions((R"({"parent":{"id":"1","queue":")"s + queue + "\"}}").c_str(),
                          "opts.parent.queue: the qualified name of a queue, <prefix>:<queue>, "
                          "expected, got \""s +
                              queue + "\"");
        }
    }

    void anOptionThatWasReadInAnotherTypeIsRefused() {
        const JobOptions opts = JobOptions::parseStored(R"({"attempts":"3"})");
        CPPUNIT_ASSERT_EQUAL("opts.attempts: a value of the option's type expected, got \"3\""s,
                             drover::optionsError(opts));
    }

private:
    static void expectPart(const std::string& text, const std::string& part) {
        assertContains(text, part);
    }

    static void expectOptions(const char* json, const std::string& part) {
        expectPart(drover::optionsError(JobOptions::parse(json)), part);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NamesTest);
