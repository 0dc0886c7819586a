#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <yaml-cpp/yaml.h>

#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"

using drover::test::assertContains;

namespace {

const std::string kChart = DROVER_SOURCE_DIR "/docs/helm/drover/";

std::string textOf(const std::filesystem::path& path) {
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    CPPUNIT_ASSERT_MESSAGE(path.string() + " is missing or empty", !text.empty());
    return text;
}

std::string templates() {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(kChart + "templates")) {
        all += textOf(entry.path());
    }
    return all;
}

/// Returns the paths behind `prefix` in the templates: "image.tag" of {{ .Values.image.tag }}.
std::set<std::string> pathsBehind(const std::string& prefix) {
    std::set<std::string> paths;
    const std::string text = templates();
    const std::regex reference(prefix + "([A-Za-z.]+)");
    for (std::sregex_iterator one(text.begin(), text.end(), reference), end; one != end; ++one) {
        paths.insert((*one)[1]);
    }
    CPPUNIT_ASSERT(!paths.empty());
    return paths;
}

bool has(YAML::Node node, const std::string& path) {
    std::size_t begin = 0;
    while (begin <= path.size()) {
        const std::size_t end = std::min(path.find('.', begin), path.size());
        if (!node.IsMap() || !node[path.substr(begin, end - begin)]) {
            return false;
        }
        node.reset(node[path.substr(begin, end - begin)]);
        begin = end + 1;
    }
    return true;
}

}  // namespace

/// The chart for Helm against its values and the files of the image. Helm itself does not run.
class ChartTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ChartTest);
    CPPUNIT_TEST(theTemplatesUseWhatTheValuesHave);
    CPPUNIT_TEST(eachRoleIsAFileOfTheImage);
    CPPUNIT_TEST(thePodOutlivesTheGraceOfTheProcess);
    CPPUNIT_TEST(scalingUsesTheFiguresOfTheExample);
    CPPUNIT_TEST_SUITE_END();

public:
    void theTemplatesUseWhatTheValuesHave() {
        for (const std::string& path : pathsBehind("\\.Values\\.")) {
            CPPUNIT_ASSERT_MESSAGE("values.yaml has no " + path, has(values_, path));
        }
        for (const std::string& path : pathsBehind("\\$role\\.")) {
            // An own text in place of a file of the image.
            const bool known = path == "config" || has(values_["roles"]["producer"], path) ||
                               has(values_["roles"]["consumer"], path);
            CPPUNIT_ASSERT_MESSAGE("no role of values.yaml has " + path, known);
        }
    }

    void eachRoleIsAFileOfTheImage() {
        for (const auto& role : values_["roles"]) {
            const std::string file = role.second["file"].as<std::string>();
            CPPUNIT_ASSERT_MESSAGE(
                "conf/ has no " + file,
                std::filesystem::exists(std::string(DROVER_SOURCE_DIR "/conf/") + file));
        }
    }

    void thePodOutlivesTheGraceOfTheProcess() {
        const std::string text = templates();
        assertContains(text, "terminationGracePeriodSeconds: {{ add $.Values.graceSeconds 5 }}");
        assertContains(text, "shutdown.graceMs={{ $.Values.graceSeconds }}000");
    }

    void scalingUsesTheFiguresOfTheExample() {
        const std::regex figure("drover_[a-z_]+");
        const std::string example = textOf(DROVER_SOURCE_DIR "/docs/keda.yaml");
        const std::string scaling = textOf(kChart + "templates/scaling.yaml");
        const auto figures = [&figure](const std::string& text) {
            std::set<std::string> names;
            for (std::sregex_iterator one(text.begin(), text.end(), figure), end; one != end;
                 ++one) {
                names.insert(one->str());
            }
            return names;
        };
        CPPUNIT_ASSERT(figures(example) == figures(scaling));
    }

private:
    const YAML::Node values_ = YAML::LoadFile(kChart + "values.yaml");
};

CPPUNIT_TEST_SUITE_REGISTRATION(ChartTest);
