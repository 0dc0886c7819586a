#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include <Poco/String.h>
#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"

using drover::test::assertLacks;

namespace {

const std::string kLibrary = DROVER_BINARY_DIR "/engine/libdrover.so";
const std::string kClient = DROVER_BINARY_DIR "/engine/libdrover-client.so";

std::string outputOf(const std::string& command) {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    std::string out;
    std::array<char, 4096> buffer{};
    while (fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) {
        out += buffer.data();
    }
    CPPUNIT_ASSERT_MESSAGE("no output: " + command, !out.empty());
    return out;
}

std::set<std::string> linesOf(std::istream&& in) {
    std::set<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        lines.insert(line);
    }
    return lines;
}

/// Returns the names that a library exports, as they stand in a header. The two or three symbols of a constructor or a
/// destructor have one name.
std::set<std::string> exportedNames(const std::string& library) {
    std::string names = outputOf("nm -DC --defined-only " + library + " | cut -d' ' -f3-");
    const std::pair<const char*, const char*> kShort[] = {
        {"[abi:cxx11]", ""},
        {"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
         "std::string"},
        {"std::basic_string_view<char, std::char_traits<char> >", "std::string_view"},
        {"std::chrono::duration<long, std::ratio<1l, 1000l> >", "std::chrono::milliseconds"}};
    for (const auto& [text, replacement] : kShort) {
        names = Poco::replace(names, text, replacement);
    }
    return linesOf(std::istringstream(names));
}

}  // namespace

/// The files of a build, as the linker made them.
class LinkageTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(LinkageTest);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    // A sanitizer needs the types of more classes.
    CPPUNIT_TEST(libraryExportsTheNamesOfTheList);
    CPPUNIT_TEST(clientHasQueuesAndNothingOfTheEngine);
#endif
    CPPUNIT_TEST(libraryAndBinaryNeedNoDatabase);
    CPPUNIT_TEST(noFileLooksForLibrariesInTheCurrentFolder);
    CPPUNIT_TEST_SUITE_END();

public:
    void libraryExportsTheNamesOfTheList() {
        const std::string list = "tests/unit/exports.txt";
        const std::set<std::string> exported = exportedNames(kLibrary);
        const std::set<std::string> listed = linesOf(std::ifstream(DROVER_SOURCE_DIR "/" + list));
        std::string differences;
        for (const std::string& name : exported) {
            if (listed.count(name) == 0) {
                differences += "\nnew: " + name;
            }
        }
        for (const std::string& name : listed) {
            if (exported.count(name) == 0) {
                differences += "\ngone: " + name;
            }
        }
        CPPUNIT_ASSERT_MESSAGE(
            "libdrover.so exports other names than " + list +
                " has. Remove DROVER_API from a new name that no program needs, else "
                "add its line. A program that uses a gone name no longer links: "
                "restore DROVER_API, or remove the line." +
                differences,
            differences.empty());
    }

    void clientHasQueuesAndNothingOfTheEngine() {
        const std::set<std::string> ofEngine = exportedNames(kLibrary);
        const std::set<std::string> names = exportedNames(kClient);
        for (const std::string& name : names) {
            CPPUNIT_ASSERT_MESSAGE(name, ofEngine.count(name) == 1);
            assertLacks(name, "runProgram");
            assertLacks(name, "Service");
        }
        CPPUNIT_ASSERT(names.count("drover::Queue::healthy() const") == 1);
        const std::string needed = outputOf("readelf -d " + kClient + " | grep NEEDED");
        assertLacks(needed, "PocoUtil");
        assertLacks(needed, "libdrover");
    }

    void libraryAndBinaryNeedNoDatabase() {
        for (const std::string& file :
             {kLibrary, kClient, std::string(DROVER_BINARY_DIR "/engine/drover")}) {
            const std::string needed = outputOf("readelf -d " + file + " | grep NEEDED");
            assertLacks(needed, "libpq");
            assertLacks(needed, "PocoData");
        }
    }

    void noFileLooksForLibrariesInTheCurrentFolder() {
        for (const char* file : {"engine/drover",
                                 "engine/libdrover.so",
                                 "engine/libdrover-client.so",
                                 "engine/libdrover-db.so",
                                 "plugins/api.so",
                                 "plugins/reservation-api.so",
                                 "plugins/echo.so"}) {
            const std::string path = std::string(DROVER_BINARY_DIR "/") + file;
            // The dynamic loader reads an empty element as the current folder.
            std::istringstream lines(outputOf("readelf -d " + path));
            for (std::string line; std::getline(lines, line);) {
                if (line.find("RUNPATH") != std::string::npos ||
                    line.find("RPATH") != std::string::npos) {
                    for (const char* empty : {"[:", "::", ":]", "[]"}) {
                        CPPUNIT_ASSERT_MESSAGE(path + ": " + line,
                                               line.find(empty) == std::string::npos);
                    }
                }
            }
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LinkageTest);
