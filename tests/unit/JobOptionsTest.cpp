#include <cmath>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <tuple>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "core/JsonText.h"
#include "drover/JobOptions.h"
#include "queue/JobRecord.h"
#include "support/BadOptions.h"

using drover::JobOptions;
using namespace std::chrono_literals;
using namespace std::string_literals;

/// Job options in their two forms: public names, and the stored form with its short names.
class JobOptionsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(JobOptionsTest);
    CPPUNIT_TEST(anEmptyObjectGivesTheDefaults);
    CPPUNIT_TEST(theExampleOfTheWireFormatIsWrittenInItsOrder);
    CPPUNIT_TEST(everyShortNameIsUnderstoodAndWrittenBack);
    CPPUNIT_TEST(aSecondEffectOfAFailureIsCarriedAlong);
    CPPUNIT_TEST(deduplicationHasItsModesAsMembers);
    CPPUNIT_TEST(telemetryIsOneMemberPubliclyAndTwoStored);
    CPPUNIT_TEST(aNumericBackoffIsAFixedOne);
    CPPUNIT_TEST(aBackoffOfTheHandlersOwnRetainsItsMembers);
    CPPUNIT_TEST(keepRulesComeInFourShapes);
    CPPUNIT_TEST(exponentNumbersAreWholeAgain);
    CPPUNIT_TEST(largeNumbersRetainEveryDigit);
    CPPUNIT_TEST(unknownMembersRetainTheirBytes);
    CPPUNIT_TEST(emptyArraysStandForEmptyObjectsAndTheReverse);
    CPPUNIT_TEST(nullCountsAsAbsent);
    CPPUNIT_TEST(aFractionOfAnAttemptIsAnAttempt);
    CPPUNIT_TEST(attemptsWithoutEndAreReadAsTheMost);
    CPPUNIT_TEST(storedValuesOutOfRangeAreReadable);
    CPPUNIT_TEST(errorsNameTheMemberAndWhatWouldBeRight);
    CPPUNIT_TEST(storedTextCountsAsTheNumberThatItIs);
    CPPUNIT_TEST(aStoredMemberOfAnotherTypeNeverCostsOtherMembers);
    CPPUNIT_TEST(storedKeepRulesCountAsInBullmq);
    CPPUNIT_TEST(storedBackoffsOfOtherShapesWaitForTheirDelay);
    CPPUNIT_TEST(valuesOfAnotherTypeAreShownAsStored);
    CPPUNIT_TEST(everyMistakeNamesOptionValueAndCure);
    CPPUNIT_TEST(mistakesInMembersNameThemAsWell);
    CPPUNIT_TEST(randomOptionsSurviveTheRoundTrip);
    CPPUNIT_TEST_SUITE_END();

public:
    void anEmptyObjectGivesTheDefaults() {
        const JobOptions opts = JobOptions::parse("{}");
        CPPUNIT_ASSERT_EQUAL(0, opts.attempts);
        CPPUNIT_ASSERT(!opts.backoff && !opts.delayMs && !opts.removeOnComplete && !opts.jobId);
        CPPUNIT_ASSERT_EQUAL("{\"attempts\":0}"s, opts.toPublicJson());
        CPPUNIT_ASSERT_EQUAL("{\"attempts\":0}"s, opts.toStoredJson());
    }

    void theExampleOfTheWireFormatIsWrittenInItsOrder() {
        const std::string text =
            "{\"attempts\":3,\"removeOnComplete\":true,\"removeOnFail\":true,\"delay\":5000,"
            "\"priority\":2,\"jobId\":\"z67\",\"backoff\":{\"type\":\"fixed\",\"delay\":1000},"
            "\"deduplication\":{\"id\":\"dd6.7\"}}";
        CPPUNIT_ASSERT_EQUAL(text, JobOptions::parse(text).toPublicJson());
        const std::string shuffled =
            "{\"de\":{\"id\":\"dd6.7\"},\"jobId\":\"z67\",\"removeOnFail\":true,\"priority\":2,"
            "\"backoff\":1000,\"delay\":5000,\"removeOnComplete\":true,\"attempts\":3}";
        CPPUNIT_ASSERT_EQUAL(text, JobOptions::parse(shuffled).toPublicJson());
    }

    void everyShortNameIsUnderstoodAndWrittenBack() {
        using drover::ChildFailure;
        const std::tuple<const char*, const char*, ChildFailure> effects[] = {
            {"fpof", "failParentOnFailure", ChildFailure::FailParent},
            {"cpof", "continueParentOnFailure", ChildFailure::ContinueParent},
            {"idof", "ignoreDependencyOnFailure", ChildFailure::IgnoreDependency},
            {"rdof", "removeDependencyOnFailure", ChildFailure::RemoveDependency}};
        for (const auto& [shortName, name, effect] : effects) {
            const std::string stored =
                R"({"attempts":0,"kl":10,"de":{"id":"d","ttl":5},")"s + shortName + "\":true}";
            const std::string open =
                R"({"attempts":0,"keepLogs":10,"deduplication":{"id":"d","ttl":5},")"s + name +
                "\":true}";
            for (const std::string& text : {stored, open}) {
                const JobOptions opts = JobOptions::parse(text);
                CPPUNIT_ASSERT_EQUAL(std::int64_t{10}, opts.keepLogs.value());
                CPPUNIT_ASSERT_EQUAL("d"s, opts.deduplication->id);
                CPPUNIT_ASSERT(opts.childFailure == effect);
                CPPUNIT_ASSERT(opts.extra.empty());
                CPPUNIT_ASSERT_EQUAL(stored, opts.toStoredJson());
                CPPUNIT_ASSERT_EQUAL(open, opts.toPublicJson());
            }
        }
    }

    void aSecondEffectOfAFailureIsCarriedAlong() {
        const std::string text = R"({"attempts":0,"fpof":true,"cpof":false,"rdof":true})";
        const JobOptions opts = JobOptions::parse(text);
        CPPUNIT_ASSERT(opts.childFailure == drover::ChildFailure::FailParent);
        CPPUNIT_ASSERT_EQUAL(text, opts.toStoredJson());
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, opts.extra.size());
        CPPUNIT_ASSERT(!JobOptions::parse(R"({"fpof":false})").childFailure);
    }

    void deduplicationHasItsModesAsMembers() {
        const std::string text =
            R"({"attempts":0,"deduplication":{"id":"d","ttl":1000,"extend":true,"replace":true,)"
            R"("reschedule":true,"keepLastIfActive":true}})";
        const JobOptions opts = JobOptions::parse(text);
        CPPUNIT_ASSERT(
            (*opts.deduplication == drover::Deduplication{"d", 1000, true, true, true, true}));
        CPPUNIT_ASSERT_EQUAL(text, opts.toPublicJson());
        CPPUNIT_ASSERT_EQUAL(
            R"({"attempts":0,"deduplication":{"id":"d"}})"s,
            JobOptions::parse(R"({"de":{"extend":false,"ttl":null,"id":"d"}})").toPublicJson());
        CPPUNIT_ASSERT_EQUAL("7"s, JobOptions::parse(R"({"de":{"id":7}})").deduplication->id);
        // Members that a later version has.
        const std::string later = R"({"attempts":0,"deduplication":{"id":"d","jitter":5}})";
        CPPUNIT_ASSERT_EQUAL(later, JobOptions::parseStored(later).toPublicJson());
    }

    void telemetryIsOneMemberPubliclyAndTwoStored() {
        const std::string stored = "{\"attempts\":0,\"tm\":\"trace-1\",\"omc\":true}";
        const std::string open =
            "{\"attempts\":0,\"telemetry\":{\"metadata\":\"trace-1\",\"omitContext\":true}}";
        CPPUNIT_ASSERT_EQUAL(open, JobOptions::parse(stored).toPublicJson());
        CPPUNIT_ASSERT_EQUAL(stored, JobOptions::parse(open).toStoredJson());
        CPPUNIT_ASSERT_EQUAL("{\"attempts\":0,\"telemetry\":{\"omitContext\":true}}"s,
                             JobOptions::parse("{\"omc\":true}").toPublicJson());
        CPPUNIT_ASSERT_EQUAL("trace-1"s, JobOptions::parse(stored).telemetry->metadata.value());
        CPPUNIT_ASSERT(JobOptions::parse(open).telemetry->omitContext);
        const std::string odd = R"({"attempts":0,"tm":[1],"omc":0})";
        CPPUNIT_ASSERT_EQUAL(odd, JobOptions::parseStored(odd).toStoredJson());
        CPPUNIT_ASSERT_EQUAL(R"({"attempts":0,"telemetry":{"metadata":[1],"omitContext":0}})"s,
                             JobOptions::parseStored(odd).toPublicJson());
    }

    void aNumericBackoffIsAFixedOne() {
        const auto backoff = JobOptions::parse("{\"backoff\":1e3}").backoff;
        CPPUNIT_ASSERT((backoff == drover::Backoff{"fixed", 1000ms, 0.0, {}}));
        CPPUNIT_ASSERT_EQUAL("{\"attempts\":0,\"backoff\":{\"type\":\"fixed\",\"delay\":1000}}"s,
                             JobOptions::parse("{\"backoff\":1000}").toStoredJson());
        const std::string jitter =
            "{\"attempts\":0,\"backoff\":{\"type\":\"exponential\",\"delay\":100,\"jitter\":0.5}}";
        CPPUNIT_ASSERT_EQUAL(jitter, JobOptions::parse(jitter).toStoredJson());
    }

    void aBackoffOfTheHandlersOwnRetainsItsMembers() {
        const std::string text =
            "{\"attempts\":9,\"backoff\":{\"type\":\"lunar\",\"phases\":[1, 2],\"x\":1.50}}";
        CPPUNIT_ASSERT_EQUAL(text, JobOptions::parse(text).toPublicJson());
    }

    void keepRulesComeInFourShapes() {
        using drover::KeepJobs;
        expectKeep("true", KeepJobs{0, -1, 1000}, "true");
        expectKeep("false", KeepJobs{-1, -1, 1000}, "false");
        expectKeep("0", KeepJobs{0, -1, 1000}, "true");
        expectKeep("500", KeepJobs{500, -1, 1000}, "500");
        expectKeep("{\"count\":5}", KeepJobs{5, -1, 1000}, "5");
        expectKeep("{}", KeepJobs{-1, -1, 1000}, "false");
        expectKeep("{\"count\":5,\"age\":3600,\"limit\":10}",
                   KeepJobs{5, 3600, 10},
                   "{\"age\":3600,\"count\":5,\"limit\":10}");
        expectKeep("{\"age\":3600}", KeepJobs{-1, 3600, 1000}, "{\"age\":3600}");
        expectKeep("{\"age\":0,\"count\":null}", KeepJobs{-1, 0, 1000}, "{\"age\":0}");
    }

    void exponentNumbersAreWholeAgain() {
        const JobOptions opts = JobOptions::parse(
            "{\"delay\":9.007199254741e+15,\"timestamp\":1.5E3,\"priority\":2e1,"
            "\"keepLogs\":1e-400,\"sizeLimit\":12.0}");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{9007199254741000}, opts.delayMs.value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1500}, opts.timestampMs.value());
        CPPUNIT_ASSERT_EQUAL(20, opts.priority);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, opts.keepLogs.value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{12}, opts.sizeLimit.value());
    }

    void largeNumbersRetainEveryDigit() {
        const std::string text =
            "{\"attempts\":0,\"delay\":9007199254740993,\"sizeLimit\":9223372036854775807,"
            "\"odd\":12345678901234567890123}";
        CPPUNIT_ASSERT_EQUAL(text, JobOptions::parse(text).toStoredJson());
        CPPUNIT_ASSERT_EQUAL(std::numeric_limits<std::int64_t>::max(),
                             JobOptions::parse("{\"delay\":1e300}").delayMs.value());
        CPPUNIT_ASSERT_EQUAL(std::numeric_limits<std::int64_t>::min(),
                             JobOptions::parse("{\"delay\":-1e300}").delayMs.value());
    }

    void unknownMembersRetainTheirBytes() {
        const std::string text =
            "{\"attempts\":0,\"parent\":{\"id\":\"7\",\"queue\":\"bull:q\"},"
            "\"url\":\"http:\\/\\/a\\/b\",\"n\":1.50e+2,"
            "\"deep\":{ \"a\" : [ {} ] "
            "},\"\xED\x95\x9C\":\"\\ud55c\",\"repeat\":{\"every\":1000,\"count\":1}}";
        CPPUNIT_ASSERT_EQUAL(text, JobOptions::parse(text).toStoredJson());
        CPPUNIT_ASSERT_EQUAL(text, JobOptions::parse(text).toPublicJson());
        const JobOptions twice = JobOptions::parse("{\"x\":1,\"y\":2,\"x\":3}");
        CPPUNIT_ASSERT_EQUAL("{\"attempts\":0,\"x\":3,\"y\":2}"s, twice.toPublicJson());
    }

    void emptyArraysStandForEmptyObjectsAndTheReverse() {
        CPPUNIT_ASSERT_EQUAL("{\"attempts\":0}"s, JobOptions::parse(" [ ] ").toStoredJson());
        CPPUNIT_ASSERT(!JobOptions::parse("{\"backoff\":[]}").backoff);
        CPPUNIT_ASSERT(!JobOptions::parse("{\"backoff\":{ }}").backoff);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-1},
                             JobOptions::parse("{\"removeOnFail\":[]}").removeOnFail->count);
        CPPUNIT_ASSERT_EQUAL("{\"attempts\":0,\"tags\":{}}"s,
                             JobOptions::parse("{\"tags\":{}}").toStoredJson());
    }

    void nullCountsAsAbsent() {
        const JobOptions opts = JobOptions::parse(
            "{\"attempts\":null,\"backoff\":null,\"delay\":null,\"lifo\":null,\"jobId\":null,"
            "\"removeOnFail\":null,\"x\":null}");
        CPPUNIT_ASSERT_EQUAL("{\"attempts\":0}"s, opts.toStoredJson());
    }

    void aFractionOfAnAttemptIsAnAttempt() {
        CPPUNIT_ASSERT_EQUAL(3, JobOptions::parse("{\"attempts\":2.5}").attempts);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, JobOptions::parse("{\"delay\":1.9}").delayMs.value());
    }

    void attemptsWithoutEndAreReadAsTheMost() {
        CPPUNIT_ASSERT_EQUAL(std::numeric_limits<int>::max(),
                             JobOptions::parse("{\"attempts\":9.007199254741e+15}").attempts);
    }

    void storedValuesOutOfRangeAreReadable() {
        const JobOptions opts = JobOptions::parse(
            "{\"priority\":2097152,\"delay\":-5,\"jobId\":123,"
            "\"backoff\":{\"type\":\"fixed\",\"delay\":1,\"jitter\":2}}");
        CPPUNIT_ASSERT_EQUAL(2097152, opts.priority);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-5}, opts.delayMs.value());
        CPPUNIT_ASSERT_EQUAL("123"s, opts.jobId.value());
        CPPUNIT_ASSERT_DOUBLES_EQUAL(2.0, opts.backoff->jitter, 0.0);
    }

    void errorsNameTheMemberAndWhatWouldBeRight() {
        expectError("{\"attempts\":\"3\"}", "opts.attempts: a number expected, got \"3\"");
        expectError("{\"priority\":1.5}", "opts.priority: a whole number expected, got 1.5");
        expectError("{\"lifo\":1}", "opts.lifo: true or false expected, got 1");
        expectError("{\"jobId\":true}", "opts.jobId: a string expected, got true");
        expectError("{\"removeOnFail\":\"yes\"}",
                    "opts.removeOnFail: true, false, a number or {\"count\", \"age\", \"limit\"} "
                    "expected, got \"yes\"");
        expectError("{\"removeOnFail\":{\"age\":true}}",
                    "opts.removeOnFail.age: a number expected, got true");
        expectError("{\"backoff\":\"fixed\"}",
                    "opts.backoff: a number or {\"type\", \"delay\", \"jitter\"} expected, got "
                    "\"fixed\"");
        expectError("{\"backoff\":{\"delay\":5}}",
                    "opts.backoff.type: \"fixed\", \"exponential\" or a handler's own type "
                    "expected, got {\"delay\":5}");
        expectError("{\"backoff\":{\"type\":\"fixed\",\"jitter\":\"x\"}}",
                    "opts.backoff.jitter: a number in [0, 1] expected, got \"x\"");
        expectError("{\"kl\":[]}", "opts.keepLogs: a number expected, got []");
        expectError(R"({"deduplication":"d"})",
                    R"(opts.deduplication: {"id", "ttl", "extend", "replace", "reschedule", )"
                    R"("keepLastIfActive"} expected, got "d")");
        expectError(R"({"deduplication":{"id":"d","keepLast":true}})",
                    R"(opts.deduplication: {"id", "ttl", "extend", "replace", "reschedule", )"
                    R"("keepLastIfActive"} expected, got keepLast)");
        expectError(R"({"de":{"id":[]}})", "opts.deduplication.id: a string expected, got []");
        expectError(R"({"de":{"ttl":"5"}})",
                    "opts.deduplication.ttl: a number expected, got \"5\"");
        expectError(R"({"de":{"extend":1}})",
                    "opts.deduplication.extend: true or false expected, got 1");
        expectError(R"({"parent":{"id":"7","queueKey":"bull:q"}})",
                    R"(opts.parent: {"id", "queue"} expected, got queueKey)");
        expectError(R"({"parent":{"id":true}})", "opts.parent.id: a string expected, got true");
        expectError(R"({"telemetry":{"metadata":{}}})",
                    "opts.telemetry.metadata: a string expected, got {}");
        expectError(R"({"failParentOnFailure":"yes"})",
                    "opts.failParentOnFailure: true or false expected, got \"yes\"");
        expectError("5", "opts: a JSON object expected, got 5");
        expectError("{\"a\":", "opts: a JSON object expected, got {\"a\":");
        expectError("", "opts: a JSON object expected, got ");
        expectError("[1]", "opts: a JSON object expected, got [1]");
        expectError("\"" + std::string(200, 'x') + "\"",
                    "opts: a JSON object expected, got \"" + std::string(59, 'x') + "...");
    }

    void storedTextCountsAsTheNumberThatItIs() {
        const JobOptions opts = JobOptions::parseStored(
            R"({"attempts":"3","delay":" 1e3 ","priority":"5","lifo":1,"timestamp":"0x10",)"
            R"("kl":"2","stackTraceLimit":"4","removeOnComplete":{"age":"60","count":"2.5"}})");
        CPPUNIT_ASSERT_EQUAL(3, opts.attempts);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1000}, opts.delayMs.value());
        CPPUNIT_ASSERT_EQUAL(5, opts.priority);
        CPPUNIT_ASSERT(opts.lifo);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{16}, opts.timestampMs.value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, opts.keepLogs.value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, opts.stackTraceLimit.value());
        CPPUNIT_ASSERT(*opts.removeOnComplete == (drover::KeepJobs{3, 60, 1000}));
    }

    void aStoredMemberOfAnotherTypeNeverCostsOtherMembers() {
        for (const char* name : {"backoff",
                                 "delay",
                                 "priority",
                                 "lifo",
                                 "jobId",
                                 "timestamp",
                                 "removeOnComplete",
                                 "keepLogs",
                                 "kl",
                                 "stackTraceLimit",
                                 "sizeLimit",
                                 "expiresAt",
                                 "de",
                                 "tm",
                                 "repeat"}) {
            for (const char* value : {"\"x\"",
                                      "\"\"",
                                      "[]",
                                      "[[1],2]",
                                      "{}",
                                      "{\"a\":{}}",
                                      "true",
                                      "false",
                                      "1.5",
                                      "-7",
                                      "1e300",
                                      "-1e300"}) {
                const std::string json =
                    "{\"attempts\":4,\""s + name + "\":" + value + ",\"removeOnFail\":true}";
                const JobOptions opts = JobOptions::parseStored(json);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(json, 4, opts.attempts);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(json, std::int64_t{0}, opts.removeOnFail->count);
            }
        }
        for (const char* json : {"[1]", "5", "null", "\"text\"", "true"}) {
            CPPUNIT_ASSERT_EQUAL(0, JobOptions::parseStored(json).attempts);
        }
        CPPUNIT_ASSERT_THROW((void)JobOptions::parseStored("{\"a\":"),
                             Poco::InvalidArgumentException);
    }

    void storedKeepRulesCountAsInBullmq() {
        const std::pair<const char*, drover::KeepJobs> rules[] = {
            {"\"true\"", {0, -1, 1000}},
            {"\"false\"", {0, -1, 1000}},
            {"\"100\"", {0, -1, 1000}},
            {"\"\"", {-1, -1, 1000}},
            {"[]", {-1, -1, 1000}},
            {"[3]", {-1, -1, 1000}},
            {"0.5", {1, -1, 1000}},
            {"-3", {-3, -1, 1000}},
            {"{\"count\":1e300}", {std::numeric_limits<std::int64_t>::max(), -1, 1000}},
            {"{\"age\":-1}", {-1, 0, 1000}},
            {"{\"age\":true,\"count\":2}", {2, -1, 1000}},
            {"{\"count\":false,\"age\":\"9\"}", {-1, 9, 1000}},
            {"{\"count\":\"all\",\"limit\":\"7\"}", {-1, -1, 7}},
        };
        for (const auto& [json, keep] : rules) {
            const JobOptions opts = JobOptions::parseStored("{\"removeOnFail\":"s + json + "}");
            CPPUNIT_ASSERT_MESSAGE(json, *opts.removeOnFail == keep);
        }
    }

    void storedBackoffsOfOtherShapesWaitForTheirDelay() {
        using drover::Backoff;
        const auto backoffOf = [](const std::string& json) {
            return JobOptions::parseStored("{\"backoff\":" + json + "}").backoff;
        };
        CPPUNIT_ASSERT((backoffOf("\"1500\"") == Backoff{"fixed", 1500ms, 0.0, {}}));
        CPPUNIT_ASSERT((backoffOf("\"exponential\"") == Backoff{"exponential", 0ms, 0.0, {}}));
        CPPUNIT_ASSERT((backoffOf("{\"delay\":\"20\"}") == Backoff{"fixed", 20ms, 0.0, {}}));
        CPPUNIT_ASSERT(
            (backoffOf("{\"type\":\"exponential\",\"delay\":\"x\",\"jitter\":\"0.5\"}") ==
             Backoff{"exponential", 0ms, 0.5, {}}));
        for (const char* none : {"true", "\"\"", "[5]", "false", "[]"}) {
            CPPUNIT_ASSERT_MESSAGE(none, !backoffOf(none));
        }
    }

    void valuesOfAnotherTypeAreShownAsStored() {
        const std::string text = R"({"attempts":"3","delay":[],"kl":{},"lifo":"no"})";
        CPPUNIT_ASSERT_EQUAL(R"({"attempts":"3","delay":[],"lifo":"no","keepLogs":{}})"s,
                             JobOptions::parseStored(text).toPublicJson());
        CPPUNIT_ASSERT_EQUAL(
            R"({"attempts":5})"s,
            JobOptions::parseStored(R"({"attempts":"3","attempts":5})").toPublicJson());
    }

    void everyMistakeNamesOptionValueAndCure() {
        for (const auto& rows : {drover::test::badOptions(), drover::test::badParents()}) {
            for (const drover::test::BadOption& bad : rows) {
                std::string message;
                try {
                    message = drover::newJobError({"a", "{}", JobOptions::parse(bad.opts)});
                } catch (const Poco::InvalidArgumentException& error) {
                    message = error.message();
                }
                CPPUNIT_ASSERT_EQUAL(""s, drover::test::missingIn(message, bad));
            }
        }
    }

    /// JSON has no form for some mistakes, or reads them as another value.
    void mistakesInMembersNameThemAsWell() {
        const auto problem = [](auto change) {
            JobOptions opts;
            change(opts);
            return opts.problem();
        };
        CPPUNIT_ASSERT_EQUAL("opts.removeOnFail.age: 0 or more expected, got -5"s,
                             problem([](JobOptions& opts) {
                                 opts.removeOnFail = drover::KeepJobs{-1, -5, 1000};
                             }));
        for (const double jitter : {std::nan(""), std::numeric_limits<double>::infinity()}) {
            CPPUNIT_ASSERT_EQUAL("Jitter should be between 0 and 1, got " + std::to_string(jitter),
                                 problem([jitter](JobOptions& opts) {
                                     opts.backoff = drover::Backoff{"fixed", 1ms, jitter, {}};
                                 }));
        }
        CPPUNIT_ASSERT_EQUAL(
            "opts.attempts: a value of the option's type expected, got \"3\""s,
            problem([](JobOptions& opts) { opts.extra.emplace_back("attempts", "\"3\""); }));
    }

    /// Set DROVER_TEST_SEED to repeat a run.
    void randomOptionsSurviveTheRoundTrip() {
        const char* wanted = std::getenv("DROVER_TEST_SEED");
        const unsigned seed = wanted != nullptr
                                  ? static_cast<unsigned>(std::strtoul(wanted, nullptr, 10))
                                  : std::random_device{}();
        std::cout << "\nDROVER_TEST_SEED=" << seed << '\n';
        random_.seed(seed);
        for (int turn = 0; turn < 2000; ++turn) {
            const JobOptions opts = randomOptions();
            const std::string stored = opts.toStoredJson();
            CPPUNIT_ASSERT_MESSAGE(stored, drover::splitJsonObject(stored).has_value());
            const JobOptions read = JobOptions::parse(stored);
            expectEqual(opts, read, stored);
            expectEqual(opts, JobOptions::parse(opts.toPublicJson()), opts.toPublicJson());
            CPPUNIT_ASSERT_EQUAL(stored, read.toStoredJson());
        }
    }

private:
    static void expectKeep(const std::string& json,
                           const drover::KeepJobs& keep,
                           const std::string& written) {
        const JobOptions opts = JobOptions::parse("{\"removeOnComplete\":" + json + "}");
        CPPUNIT_ASSERT_MESSAGE(json, opts.removeOnComplete == keep);
        CPPUNIT_ASSERT_EQUAL("{\"attempts\":0,\"removeOnComplete\":" + written + "}",
                             opts.toPublicJson());
    }

    static void expectError(const std::string& json, const std::string& message) {
        try {
            (void)JobOptions::parse(json);
            CPPUNIT_FAIL(json + " was accepted");
        } catch (const Poco::InvalidArgumentException& error) {
            CPPUNIT_ASSERT_EQUAL(message, error.message());
        }
    }

    static void expectEqual(const JobOptions& a, const JobOptions& b, const std::string& text) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(text, a.attempts, b.attempts);
        CPPUNIT_ASSERT_MESSAGE(text, a.backoff == b.backoff);
        CPPUNIT_ASSERT_MESSAGE(text, a.delayMs == b.delayMs);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(text, a.priority, b.priority);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(text, a.lifo, b.lifo);
        CPPUNIT_ASSERT_MESSAGE(text, a.jobId == b.jobId);
        CPPUNIT_ASSERT_MESSAGE(text, a.timestampMs == b.timestampMs);
        CPPUNIT_ASSERT_MESSAGE(text, a.removeOnComplete == b.removeOnComplete);
        CPPUNIT_ASSERT_MESSAGE(text, a.removeOnFail == b.removeOnFail);
        CPPUNIT_ASSERT_MESSAGE(text, a.keepLogs == b.keepLogs);
        CPPUNIT_ASSERT_MESSAGE(text, a.stackTraceLimit == b.stackTraceLimit);
        CPPUNIT_ASSERT_MESSAGE(text, a.sizeLimit == b.sizeLimit);
        CPPUNIT_ASSERT_MESSAGE(text, a.expiresAtMs == b.expiresAtMs);
        CPPUNIT_ASSERT_MESSAGE(text, a.deduplication == b.deduplication);
        CPPUNIT_ASSERT_MESSAGE(text, a.parent == b.parent);
        CPPUNIT_ASSERT_MESSAGE(text, a.childFailure == b.childFailure);
        CPPUNIT_ASSERT_MESSAGE(text, a.telemetry == b.telemetry);
        CPPUNIT_ASSERT_MESSAGE(text, a.extra == b.extra);
    }

    [[nodiscard]] bool coin() { return random_() % 2 == 0; }

    [[nodiscard]] std::int64_t randomInteger() {
        const auto bits = static_cast<int>(random_() % 63);
        return static_cast<std::int64_t>((std::uint64_t{random_()} << 32 | random_()) >>
                                         (63 - bits) >> 1);
    }

    [[nodiscard]] std::string randomText() {
        static const std::string kPieces[] = {
            "a", "7", ":", "/", "\\", "\"", "\n", "\x01", " ", "\xED\x95\x9C", "\xF0\x9F\x98\x80"};
        std::string text;
        for (auto left = random_() % 8; left > 0; --left) {
            text += kPieces[random_() % std::size(kPieces)];
        }
        return text;
    }

    [[nodiscard]] drover::KeepJobs randomKeep() {
        drover::KeepJobs keep;
        keep.count = coin() ? randomInteger() : -1;
        keep.ageSeconds = coin() ? randomInteger() : -1;
        keep.limit = coin() ? randomInteger() : 1000;
        return keep;
    }

    [[nodiscard]] JobOptions randomOptions() {
        JobOptions opts;
        opts.attempts = static_cast<int>(randomInteger() & 0x7FFFFFFF);
        if (coin()) {
            const char* const types[] = {"fixed", "exponential", "lunar"};
            opts.backoff = drover::Backoff{types[random_() % 3],
                                           std::chrono::milliseconds{randomInteger()},
                                           static_cast<double>(random_() % 1001) / 1000.0,
                                           {}};
            if (coin()) {
                opts.backoff->extra.emplace_back("phases", "[ 1,{}]");
            }
        }
        maybe(opts.delayMs);
        opts.priority = coin() ? static_cast<int>(random_() % 2097152) : 0;
        opts.lifo = coin();
        if (coin()) {
            opts.jobId = randomText();
        }
        maybe(opts.timestampMs);
        if (coin()) {
            opts.removeOnComplete = randomKeep();
        }
        if (coin()) {
            opts.removeOnFail = randomKeep();
        }
        maybe(opts.keepLogs);
        maybe(opts.stackTraceLimit);
        maybe(opts.sizeLimit);
        maybe(opts.expiresAtMs);
        if (coin()) {
            opts.deduplication = drover::Deduplication{
                randomText(), coin() ? randomInteger() : 0, coin(), coin(), coin(), coin()};
        }
        if (coin()) {
            opts.parent = drover::ParentJob{randomText(), randomText()};
        }
        if (coin()) {
            opts.childFailure = static_cast<drover::ChildFailure>(random_() % 4);
        }
        if (coin()) {
            opts.telemetry = drover::Telemetry{randomText(), coin()};
        }
        if (coin()) {
            opts.extra.emplace_back("x" + randomText(), "[\"\\/\", 1E5 ,{} ]");
        }
        return opts;
    }

    void maybe(std::optional<std::int64_t>& member) {
        if (coin()) {
            member = coin() ? randomInteger() : -randomInteger();
        }
    }

    std::mt19937 random_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobOptionsTest);
