#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = DROVER_SOURCE_DIR;

constexpr std::array<const char*, 6> kFolders = {
    "engine/include", "engine/src", "plugins", "tests", "docs", "api"};
constexpr std::array<const char*, 2> kFiles = {"README.md", "CHANGELOG.md"};

bool isRead(const std::string& path) {
    return path.find("node_modules") == std::string::npos && path != "tests/unit/ProseTest.cpp";
}

/// Returns the prose of a line: the comment in a source, all of a document. Empty: it has none.
std::string proseOf(const std::string& line, bool document) {
    static const std::regex kComment(R"(^(?:[^"]*\s)?//[/<]*\s+(.*)$)");
    static const std::regex kLead(R"(^\s*(?:[-*|]+|[0-9]+\.)?\s*(.*)$)");
    std::smatch found;
    if (std::regex_match(line, found, document ? kLead : kComment)) {
        return found[1];
    }
    return "";
}

/// Returns the places that hide an actor: a sentence that begins with What, Who, Whoever or Of, and nobody or somebody.
std::vector<std::string> hiddenActors(const std::string& path, std::istream& text) {
    static const std::regex kInside(R"([.!?]\s+(?:What|Who|Whoever|Of)\s)");
    static const std::regex kFirst(R"(^(?:What|Who|Whoever|Of)\s)");
    static const std::regex kNobody(R"((?:^|[^/\w])(?:[Nn]obody|[Ss]omebody)\b)");
    const bool document = fs::path(path).extension() == ".md";
    std::vector<std::string> places;
    bool ended = true;  // The text so far ends a sentence.
    bool code = false;
    int number = 0;
    for (std::string line; std::getline(text, line);) {
        ++number;
        if (document && line.rfind("```", 0) == 0) {
            code = !code;
            continue;
        }
        const std::string prose = code ? "" : proseOf(line, document);
        const bool begins = ended || (document && line.find_first_of("-*|") == 0) ||
                            line.find("///<") < line.size();
        if ((begins && std::regex_search(prose, kFirst)) || std::regex_search(prose, kInside) ||
            std::regex_search(prose, kNobody)) {
            places.push_back(path + ":" + std::to_string(number) + ": " + prose);
        }
        const auto last = prose.find_last_not_of(" \t)`*");
        ended = prose.empty() || (last != std::string::npos &&
                                  std::string(".!?:").find(prose[last]) != std::string::npos);
    }
    return places;
}

}  // namespace

/// Comments and documents name the actor, by the rules of CONTRIBUTING.md.
class ProseTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ProseTest);
    CPPUNIT_TEST(everySentenceBeginsWithItsActor);
    CPPUNIT_TEST(eachHiddenActorIsFound);
    CPPUNIT_TEST(otherTextIsLeftAlone);
    CPPUNIT_TEST_SUITE_END();

public:
    void everySentenceBeginsWithItsActor() {
        std::string all;
        int files = 0;
        const auto check = [&](const std::string& path) {
            ++files;
            std::ifstream in(kRoot / path);
            for (const std::string& place : hiddenActors(path, in)) {
                all += place + '\n';
            }
        };
        for (const char* folder : kFolders) {
            for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
                const std::string extension = entry.path().extension();
                const std::string path = fs::relative(entry.path(), kRoot);
                if ((extension == ".h" || extension == ".cpp" || extension == ".md") &&
                    isRead(path)) {
                    check(path);
                }
            }
        }
        std::for_each(kFiles.begin(), kFiles.end(), check);
        drover::test::assertEqual("", all);
        CPPUNIT_ASSERT_MESSAGE("the walk found the project", files > 400);
    }

    void eachHiddenActorIsFound() {
        for (const auto& [path, text] :
             {std::pair{"a.h", "/// What waits is sent."},
              std::pair{"a.h", "int a;  ///< Of the last call."},
              std::pair{"a.cpp", "// Sent at once. Who waits gets it."},
              std::pair{"a.cpp", "// Sent at once.\n// Of two the first.\n"},
              std::pair{"a.md", "- What is stored"},
              std::pair{"a.md", "Text.\n\nWhoever reads it.\n"},
              std::pair{"a.cpp", "// A job that nobody has."}}) {
            std::istringstream in(text);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(text, std::size_t{1}, hiddenActors(path, in).size());
        }
    }

    void otherTextIsLeftAlone() {
        for (const auto& [path, text] : {std::pair{"a.h", "/// The rows\n/// Of Mice and Men has."},
                                         std::pair{"a.cpp", "call(\"x. What is it\");"},
                                         std::pair{"a.cpp", "// what() of the exception."},
                                         std::pair{"a.h", "/// The handler of /nobody."},
                                         std::pair{"a.md", "# What a title may be\n"},
                                         std::pair{"a.md", "```\nWhat a program prints\n```\n"}}) {
            std::istringstream in(text);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(text, std::size_t{0}, hiddenActors(path, in).size());
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ProseTest);
