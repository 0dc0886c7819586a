#include <map>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "plugin/abi/ConfigKeys.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using namespace drover;

/// Declared keys are looked up and checked; a bad value differs from a missing one.
class ConfigKeysTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ConfigKeysTest);
    CPPUNIT_TEST(valuesComeInTheOrderOfTheKeys);
    CPPUNIT_TEST(defaultStandsInForAMissingValue);
    CPPUNIT_TEST(requiredKeyWithoutValueIsNamedWithWhatIsRight);
    CPPUNIT_TEST(integersAreDecimalAndInRange);
    CPPUNIT_TEST(numbersAreFiniteAndInRange);
    CPPUNIT_TEST(booleansAreTrueOrFalse);
    CPPUNIT_TEST(textIsUtf8);
    CPPUNIT_TEST(secretValueIsNeverShown);
    CPPUNIT_TEST(sharedKeyIsLookedUpByItsWholeName);
    CPPUNIT_TEST(viewDistinguishesEmptyFromMissing);
    CPPUNIT_TEST_SUITE_END();

public:
    void valuesComeInTheOrderOfTheKeys() {
        const auto b = key("b");
        const auto a = key("a");
        const auto values = checked({&b, &a}, {{"p.a", "1"}, {"p.b", "2"}});
        CPPUNIT_ASSERT(values == (std::vector<std::optional<std::string>>{"2", "1"}));
    }

    void defaultStandsInForAMissingValue() {
        auto withDefault = key("d", DROVER_CONFIG_INT);
        withDefault.default_value = "5";
        const auto none = key("n", DROVER_CONFIG_INT);
        const auto values = checked({&withDefault, &none}, {});
        CPPUNIT_ASSERT(values == (std::vector<std::optional<std::string>>{"5", std::nullopt}));
        CPPUNIT_ASSERT(checked({&withDefault}, {{"p.d", "6"}}).at(0) == "6");
    }

    void requiredKeyWithoutValueIsNamedWithWhatIsRight() {
        auto port = key("port", DROVER_CONFIG_INT, DROVER_CONFIG_REQUIRED);
        port.minimum = 1;
        port.maximum = 65535;
        assertEqual("p.port is required by the plugin p: set it to an integer in [1, 65535]",
                    complaint(port, std::nullopt));
    }

    void integersAreDecimalAndInRange() {
        auto port = key("port", DROVER_CONFIG_INT);
        for (const char* right : {"0", "-9223372036854775808", "9223372036854775807"}) {
            CPPUNIT_ASSERT_EQUAL(std::string(), complaint(port, right));
        }
        for (const char* wrong :
             {"", "x", "1.5", "0x10", " 1", "1 ", "+1", "9223372036854775808"}) {
            CPPUNIT_ASSERT_EQUAL("p.port: '" + std::string(wrong) + "' is not an integer",
                                 complaint(port, wrong));
        }
        port.minimum = -1;
        port.maximum = 3;
        CPPUNIT_ASSERT_EQUAL(std::string(), complaint(port, "-1"));
        CPPUNIT_ASSERT_EQUAL(std::string(), complaint(port, "3"));
        assertEqual("p.port: '4' is not an integer in [-1, 3]", complaint(port, "4"));
        assertEqual("p.port: '-2' is not an integer in [-1, 3]", complaint(port, "-2"));
    }

    void numbersAreFiniteAndInRange() {
        auto ratio = key("ratio", DROVER_CONFIG_DOUBLE);
        ratio.maximum = 1;
        for (const char* right : {"0", "0.5", "1e-3", "1"}) {
            CPPUNIT_ASSERT_EQUAL(std::string(), complaint(ratio, right));
        }
        for (const char* wrong : {"1.01", "-0.1", "inf", "nan", "half", ""}) {
            CPPUNIT_ASSERT_EQUAL("p.ratio: '" + std::string(wrong) + "' is not a number in [0, 1]",
                                 complaint(ratio, wrong));
        }
    }

    void booleansAreTrueOrFalse() {
        const auto flag = key("flag", DROVER_CONFIG_BOOL);
        CPPUNIT_ASSERT_EQUAL(std::string(), complaint(flag, "true"));
        CPPUNIT_ASSERT_EQUAL(std::string(), complaint(flag, "false"));
        assertEqual("p.flag: 'yes' is not 'true' or 'false'", complaint(flag, "yes"));
    }

    void textIsUtf8() {
        const auto name = key("name");
        CPPUNIT_ASSERT_EQUAL(std::string(), complaint(name, "\xC3\xA9t\xC3\xA9"));
        assertEqual("p.name: '\xEF\xBF\xBD' is not text in UTF-8", complaint(name, "\xE9"));
    }

    void secretValueIsNeverShown() {
        const auto pin = key("pin", DROVER_CONFIG_INT, DROVER_CONFIG_SECRET);
        assertEqual("p.pin: its value is not an integer", complaint(pin, "hunter2"));
    }

    void sharedKeyIsLookedUpByItsWholeName() {
        const auto url = key("database.url", DROVER_CONFIG_STRING, DROVER_CONFIG_SHARED);
        CPPUNIT_ASSERT(checked({&url}, {{"database.url", "a"}, {"p.database.url", "b"}}).at(0) ==
                       "a");
    }

    void viewDistinguishesEmptyFromMissing() {
        const ConfigValues values({std::string(), std::nullopt, std::string("x")});
        const drover_config* view = values.view();
        CPPUNIT_ASSERT_EQUAL(std::uint32_t{3}, view->count);
        CPPUNIT_ASSERT_EQUAL(static_cast<std::uint32_t>(sizeof(drover_config)), view->struct_size);
        CPPUNIT_ASSERT(view->values[0].data != nullptr && view->values[0].size == 0);
        CPPUNIT_ASSERT(view->values[1].data == nullptr && view->values[1].size == 0);
        assertEqual("x", std::string(view->values[2].data, view->values[2].size));
    }

private:
    static drover_config_key key(const char* name,
                                 std::int32_t type = DROVER_CONFIG_STRING,
                                 std::uint32_t flags = 0) {
        return {sizeof(drover_config_key), type, flags, 0, 0, 0, name, nullptr, "A key."};
    }

    static std::vector<std::optional<std::string>> checked(
        const std::vector<const drover_config_key*>& keys,
        const std::map<std::string, std::string>& config) {
        return checkedConfig(
            "p", keys, [&config](const std::string& full) -> std::optional<std::string> {
                const auto found = config.find(full);
                return found == config.end() ? std::nullopt : std::optional(found->second);
            });
    }

    /// The text of the refusal of one key with this value; empty: none.
    static std::string complaint(const drover_config_key& key,
                                 const std::optional<std::string>& value) {
        const drover_config_key* keys[] = {&key};
        try {
            (void)checkedConfig("p", keys, [&value](const std::string&) { return value; });
            return "";
        } catch (const ConfigException& error) {
            return error.message();
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConfigKeysTest);
