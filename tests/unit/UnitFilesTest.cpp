#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

namespace {

const std::string kFolder = DROVER_SOURCE_DIR "/debian/";

std::string textOf(const std::string& name) {
    std::ifstream file(kFolder + name);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    CPPUNIT_ASSERT_MESSAGE(name + " is missing or empty", !text.empty());
    return text;
}

void replace(std::string& text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos;
         at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
}

/// The unit without its comments, since those differ.
std::string settingsOf(const std::string& name) {
    std::string settings;
    const std::string text = textOf(name);
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        if (text[begin] != '#') {
            settings += text.substr(begin, end - begin + 1);
        }
        begin = end + 1;
    }
    return settings;
}

}  // namespace

/// The units of systemd against each other and against systemd itself.
class UnitFilesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(UnitFilesTest);
    CPPUNIT_TEST(theTemplateIsTheUnitWithAnotherFile);
    CPPUNIT_TEST(theUserAndTheFolderAreMade);
    CPPUNIT_TEST(systemdAcceptsTheUnitsAndTheirExposureIsSmall);
    CPPUNIT_TEST_SUITE_END();

public:
    void theTemplateIsTheUnitWithAnotherFile() {
        std::string instance = settingsOf("drover@.service");
        replace(instance, "Description=Drover job engine, %i", "Description=Drover job engine");
        replace(instance, "%i", "drover");
        assertEqual(settingsOf("drover.service"), instance);
    }

    void theUserAndTheFolderAreMade() {
        const std::string unit = textOf("drover.service");
        assertContains(unit, "User=drover\n");
        assertContains(textOf("drover.sysusers"), "\nu drover ");
        assertContains(unit, "RuntimeDirectory=drover/");
        assertContains(textOf("drover.tmpfiles"), "\nd /run/drover ");
    }

    void systemdAcceptsTheUnitsAndTheirExposureIsSmall() {
        if (std::system("systemd-analyze --version >/dev/null 2>&1") != 0) {
            return;  // Another init system; the packages are checked where systemd is.
        }
        const std::filesystem::path folder =
            std::filesystem::temp_directory_path() / ("drover-units-" + std::to_string(getpid()));
        std::filesystem::create_directory(folder);
        for (const std::string name : {"drover.service", "drover@.service"}) {
            // The program and its pages may be absent on this machine.
            std::string text = textOf(name);
            replace(text, "/usr/bin/drover", "/bin/true");
            std::string instance = name;
            replace(instance, "@", "@x");
            std::ofstream(folder / instance) << text;
            const std::string file = (folder / instance).string();
            for (const std::string words :
                 {"verify --man=no ", "security --offline=true --threshold=25 "}) {
                const std::string command =
                    "systemd-analyze " + words + file + " >" + folder.string() + "/out 2>&1";
                CPPUNIT_ASSERT_EQUAL_MESSAGE(
                    contents(folder / "out"), 0, std::system(command.c_str()));
            }
        }
        std::filesystem::remove_all(folder);
    }

private:
    static std::string contents(const std::filesystem::path& path) {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(UnitFilesTest);
