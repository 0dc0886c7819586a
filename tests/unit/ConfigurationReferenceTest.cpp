#include <algorithm>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "config/ConfigFiles.h"
#include "config/ConfigReport.h"
#include "config/Configuration.h"
#include "config/Settings.h"
#include "support/Assert.h"

using drover::test::assertEqual;

namespace {

using namespace drover;

const std::string kFolder = DROVER_SOURCE_DIR "/conf/";

/// The reference with the '#' before each key taken away.
std::string uncommented(const std::string& reference) {
    std::string text;
    for (std::size_t from = 0; from < reference.size();) {
        const std::size_t end = reference.find('\n', from);
        const std::string line = reference.substr(from, end - from);
        text += line.size() > 1 && line[0] == '#' && line[1] != ' ' ? line.substr(1) : line;
        text += '\n';
        from = end + 1;
    }
    return text;
}

}  // namespace

/// The files of conf/ against the table that the program checks with.
class ConfigurationReferenceTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ConfigurationReferenceTest);
    CPPUNIT_TEST(theReferenceIsThatOfTheTable);
    CPPUNIT_TEST(everyKeyIsDocumentedWithItsDefault);
    CPPUNIT_TEST(everyDefaultIsAValueOfItsKey);
    CPPUNIT_TEST(theRolesConfigurationsAreRead);
    CPPUNIT_TEST_SUITE_END();

public:
    void theReferenceIsThatOfTheTable() {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            "conf/drover.properties is out of date: drover config show --reference > "
            "conf/drover.properties",
            referenceText(ConfigSchema()),
            readWholeFile(kFolder + "drover.properties"));
    }

    void everyKeyIsDocumentedWithItsDefault() {
        const FileContents contents = parseProperties(
            uncommented(readWholeFile(kFolder + "drover.properties")), "drover.properties");
        CPPUNIT_ASSERT(contents.problems.empty());
        CPPUNIT_ASSERT_EQUAL(ConfigSchema().specs().size(), contents.entries.size());
        const ConfigSchema schema;
        for (const KeySpec& spec : schema.specs()) {
            const auto entry = std::find_if(
                contents.entries.begin(), contents.entries.end(), [&](const auto& one) {
                    return one.key == spec.pattern;
                });
            CPPUNIT_ASSERT_MESSAGE(spec.pattern, entry != contents.entries.end());
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                spec.pattern, spec.defaultValue.value_or(""), entry->value);
            CPPUNIT_ASSERT_MESSAGE(spec.pattern,
                                   spec.sentence.size() > 10 && spec.sentence.back() == '.');
        }
    }

    void everyDefaultIsAValueOfItsKey() {
        const ConfigSchema schema;
        for (const KeySpec& spec : schema.specs()) {
            CPPUNIT_ASSERT_MESSAGE(spec.pattern,
                                   !spec.defaultValue || spec.accepts(*spec.defaultValue));
        }
        CPPUNIT_ASSERT(Settings::check(Configuration({})).empty());
    }

    void theRolesConfigurationsAreRead() {
        for (const char* role : {"producer", "consumer"}) {
            ConfigSources sources;
            sources.files = {kFolder + "drover.properties", kFolder + role + ".properties"};
            Configuration config(sources);
            // The plugins' own keys are checked where the plugins are; here a declaration stands for them.
            PluginDeclaration api;
            api.name = "api";
            api.tables = {"api"};
            config.declare(api);
            std::string all;
            for (const std::string& problem : Settings::check(config)) {
                all += problem + "\n";
            }
            CPPUNIT_ASSERT_EQUAL(std::string(), all);
            CPPUNIT_ASSERT(!config.list("plugins.load").empty());
            assertEqual("reservation-queue", Settings::queue(config, "reservation").name);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConfigurationReferenceTest);
