#include <set>
#include <string>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "core/QueueSettings.h"

using namespace drover;

/// Each setting of a queue is one row, from which everything about it follows.
class QueueSettingsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(QueueSettingsTest);
    CPPUNIT_TEST(everySettingIsReadAsItIsWritten);
    CPPUNIT_TEST(everyRowHasItsOwnNameAndMember);
    CPPUNIT_TEST(valuesOfEveryTypeAreRead);
    CPPUNIT_TEST(aReloadLeavesWhatNeedsARestart);
    CPPUNIT_TEST(locksAreRenewedAtHalfTheirDurationOrAtAGivenTime);
    CPPUNIT_TEST(keepRulesAreOneJsonValue);
    CPPUNIT_TEST(onlyWorkersSettingsHaveDefaultsForAllQueues);
    CPPUNIT_TEST_SUITE_END();

public:
    void everySettingIsReadAsItIsWritten() {
        for (const QueueSetting& setting : kQueueSettings) {
            QueueSettings changed;
            const std::string text = otherValue(setting);
            setting.set(changed, text);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(setting.name, text, setting.text(changed));
            CPPUNIT_ASSERT_MESSAGE(setting.name, setting.text(QueueSettings()) != text);
        }
    }

    void everyRowHasItsOwnNameAndMember() {
        std::set<std::string> names;
        for (const QueueSetting& setting : kQueueSettings) {
            CPPUNIT_ASSERT_MESSAGE(setting.name, names.insert(setting.name).second);
            CPPUNIT_ASSERT(findQueueSetting(setting.name) == &setting);
            QueueSettings changed;
            setting.set(changed, otherValue(setting));
            for (const QueueSetting& other : kQueueSettings) {
                const bool same = other.text(changed) == other.text(QueueSettings());
                CPPUNIT_ASSERT_EQUAL_MESSAGE(
                    std::string(setting.name) + " and " + other.name, &other != &setting, same);
            }
        }
        CPPUNIT_ASSERT(findQueueSetting("Threads") == nullptr);
    }

    void valuesOfEveryTypeAreRead() {
        QueueSettings settings;
        const auto set = [&settings](const char* name, const char* text) {
            findQueueSetting(name)->set(settings, text);
        };
        set("threads", "7");
        set("maxBytes", "1099511627776");
        set("lockDurationMs", "2500");
        set("addLingerUs", "40");
        set("autorun", "false");
        set("skipStalledCheck", "true");
        set("bullmq5", "off");
        set("removeOnFail", R"({"age": 60, "count": 5})");
        CPPUNIT_ASSERT_EQUAL(7, settings.threads);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1} << 40, settings.maxBytes);
        CPPUNIT_ASSERT(settings.lockDuration == std::chrono::milliseconds(2500));
        CPPUNIT_ASSERT(settings.addLinger == std::chrono::microseconds(40));
        CPPUNIT_ASSERT(!settings.autorun);
        CPPUNIT_ASSERT(settings.skipStalledCheck);
        CPPUNIT_ASSERT(settings.bullmq5 == Bullmq5::Off);
        CPPUNIT_ASSERT((settings.keepFailed == KeepJobs{5, 60, 1000}));
        CPPUNIT_ASSERT_THROW(set("bullmq5", "maybe"), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(set("autorun", "1"), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(set("removeOnFail", "soon"), Poco::InvalidArgumentException);
    }

    void aReloadLeavesWhatNeedsARestart() {
        QueueSettings wanted;
        for (const QueueSetting& setting : kQueueSettings) {
            setting.set(wanted, otherValue(setting));
        }
        const QueueSettings settings = reloaded(QueueSettings(), wanted);
        for (const QueueSetting& setting : kQueueSettings) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                setting.name,
                setting.text(setting.reloadable ? wanted : QueueSettings()),
                setting.text(settings));
        }
        CPPUNIT_ASSERT_EQUAL(wanted.concurrency, settings.concurrency);
        CPPUNIT_ASSERT(settings.lockDuration == QueueSettings().lockDuration);
    }

    void locksAreRenewedAtHalfTheirDurationOrAtAGivenTime() {
        QueueSettings settings;
        settings.lockDuration = std::chrono::milliseconds(3000);
        CPPUNIT_ASSERT(settings.lockRenewal() == std::chrono::milliseconds(1500));
        settings.lockRenewTime = std::chrono::milliseconds(2000);
        CPPUNIT_ASSERT(settings.lockRenewal() == std::chrono::milliseconds(2000));
    }

    void keepRulesAreOneJsonValue() {
        for (const char* rule :
             {"true", "false", "0", "100", "-1", R"({"age":5})", " {\"count\": 1} "}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(rule, std::string(), keepJobsError(rule));
        }
        for (const char* rule : {"",
                                 "soon",
                                 "null",
                                 "\"true\"",
                                 "[5]",
                                 "5,6",
                                 "5,\"lifo\":true",
                                 "true}",
                                 "{\"age\":5",
                                 "{\"age\":\"x\"}",
                                 "5}{"}) {
            CPPUNIT_ASSERT_MESSAGE(rule, !keepJobsError(rule).empty());
        }
    }

    void onlyWorkersSettingsHaveDefaultsForAllQueues() {
        CPPUNIT_ASSERT(isWorkerSetting("threads"));
        CPPUNIT_ASSERT(isWorkerSetting("workerName"));
        CPPUNIT_ASSERT(!isWorkerSetting("limiterMax"));
        CPPUNIT_ASSERT(!isWorkerSetting("addTimeoutMs"));
        CPPUNIT_ASSERT(!isWorkerSetting("nothing"));
    }

private:
    /// Returns a value of the setting that is not its default.
    static std::string otherValue(const QueueSetting& setting) {
        if (std::holds_alternative<bool QueueSettings::*>(setting.member)) {
            return setting.text(QueueSettings()) == "true" ? "false" : "true";
        }
        if (std::holds_alternative<std::string QueueSettings::*>(setting.member)) {
            return "other";
        }
        if (std::holds_alternative<Bullmq5 QueueSettings::*>(setting.member)) {
            return "on";
        }
        if (std::holds_alternative<KeepJobs QueueSettings::*>(setting.member)) {
            return "12";
        }
        return std::to_string(setting.range.maximum);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueSettingsTest);
