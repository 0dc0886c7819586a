#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "redis/EmbeddedScripts.h"
#include "redis/ScriptRegistry.h"

namespace {

namespace fs = std::filesystem;
using namespace drover;

std::string contentOf(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The operations of engine/lua, each with the number of keys in its file name and its text.
struct Source {
    int keys = 0;
    std::string text;
};
std::map<std::string, Source> sources() {
    std::map<std::string, Source> found;
    for (const auto& entry : fs::directory_iterator(fs::path(DROVER_SOURCE_DIR) / "engine/lua")) {
        std::smatch match;
        const std::string name = entry.path().filename().string();
        if (std::regex_match(name, match, std::regex("([A-Za-z]+)-([0-9]+)\\.lua"))) {
            found[match[1]] = {std::stoi(match[2]), contentOf(entry.path())};
        } else {
            CPPUNIT_ASSERT_MESSAGE(name + " is not a script", entry.is_directory());
        }
    }
    return found;
}

/// The comment that a script begins with.
std::string headerOf(const std::string& name, const std::string& text) {
    const std::size_t end = text.find("]]");
    CPPUNIT_ASSERT_MESSAGE(name + " begins with its header",
                           text.rfind("--[[", 0) == 0 && end != std::string::npos);
    return text.substr(0, end);
}

}  // namespace

/// The library carries the scripts of engine/lua, and the header of each script describes it.
class EmbeddedScriptsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(EmbeddedScriptsTest);
    CPPUNIT_TEST(everyFileIsEmbeddedOnce);
    CPPUNIT_TEST(theNamesOfTheKeysAreThoseOfTheHeader);
    CPPUNIT_TEST(theHeaderNamesTheResultAndTheEvents);
    CPPUNIT_TEST(includesAreInPlaceOnceEach);
    CPPUNIT_TEST(theTableOfKeysIsMadeOfTheHeader);
    CPPUNIT_TEST(everyIncludeIsUsed);
    CPPUNIT_TEST(noScriptReadsTheTimeOfRedis);
    CPPUNIT_TEST(theRegistryHasThemByNameAndByHash);
    CPPUNIT_TEST(anUnknownNameIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyFileIsEmbeddedOnce() {
        const auto files = sources();
        CPPUNIT_ASSERT(files.size() >= 12);
        CPPUNIT_ASSERT_EQUAL(files.size(), kEmbeddedScriptCount);
        for (std::size_t i = 0; i < kEmbeddedScriptCount; ++i) {
            const auto file = files.find(kEmbeddedScripts[i].name);
            CPPUNIT_ASSERT_MESSAGE(kEmbeddedScripts[i].name, file != files.end());
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                kEmbeddedScripts[i].name, file->second.keys, kEmbeddedScripts[i].keyCount);
        }
    }

    void theNamesOfTheKeysAreThoseOfTheHeader() {
        const std::regex line(
            "\n  KEYS\\[([0-9]+)\\] +([a-z-]+) +(hash|list|set|stream|string|zset) ");
        const auto files = sources();
        for (std::size_t i = 0; i < kEmbeddedScriptCount; ++i) {
            const std::string name = kEmbeddedScripts[i].name;
            const std::string header = headerOf(name, files.at(name).text);
            std::string names;
            int number = 0;
            for (std::sregex_iterator it(header.begin(), header.end(), line), end; it != end;
                 ++it) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE(name, ++number, std::stoi((*it)[1]));
                names += (names.empty() ? "" : " ") + (*it)[2].str();
            }
            CPPUNIT_ASSERT_EQUAL_MESSAGE(name, files.at(name).keys, number);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(name, names, std::string(kEmbeddedScripts[i].keys));
        }
    }

    void theHeaderNamesTheResultAndTheEvents() {
        for (const auto& [name, source] : sources()) {
            const std::string header = headerOf(name, source.text);
            CPPUNIT_ASSERT_MESSAGE(name, header.find("Returns ") != std::string::npos);
            CPPUNIT_ASSERT_MESSAGE(name, header.find("Events ") != std::string::npos);
        }
    }

    void includesAreInPlaceOnceEach() {
        const auto files = sources();
        const std::regex line("--- @include \"([A-Za-z]+)\"");
        for (std::size_t i = 0; i < kEmbeddedScriptCount; ++i) {
            const std::string text = kEmbeddedScripts[i].text;
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                kEmbeddedScripts[i].name, std::string::npos, text.find("@include"));
            const std::string& source = files.at(kEmbeddedScripts[i].name).text;
            for (std::sregex_iterator it(source.begin(), source.end(), line), end; it != end;
                 ++it) {
                const std::string body = includeNamed((*it)[1]);
                const std::size_t at = text.find(body);
                CPPUNIT_ASSERT_MESSAGE((*it)[1], at != std::string::npos);
                CPPUNIT_ASSERT_EQUAL_MESSAGE((*it)[1], std::string::npos, text.find(body, at + 1));
            }
        }
    }

    void theTableOfKeysIsMadeOfTheHeader() {
        std::ptrdiff_t tables = 0;
        for (std::size_t i = 0; i < kEmbeddedScriptCount; ++i) {
            const EmbeddedScript& script = kEmbeddedScripts[i];
            const std::string text = script.text;
            CPPUNIT_ASSERT_EQUAL_MESSAGE(script.name, std::string::npos, text.find("--- @keys"));
            tables += text.find("local keys = { [") != std::string::npos ? 1 : 0;
            if (std::string(script.name) == "checkStalled") {
                CPPUNIT_ASSERT(
                    text.find("local keys = { ['stalled'] = KEYS[1], ['wait'] = KEYS[2], "
                              "['active'] = KEYS[3], ['stalledCheck'] = KEYS[4], ['meta'] = "
                              "KEYS[5], ['marker'] = KEYS[6], ['events'] = KEYS[7], ['repeat'] = "
                              "KEYS[8], ['paused'] = KEYS[9] }\n") != std::string::npos);
            }
        }
        const auto files = sources();
        const auto wanted = std::count_if(files.begin(), files.end(), [](const auto& file) {
            return file.second.text.find("--- @keys\n") != std::string::npos;
        });
        CPPUNIT_ASSERT(wanted >= 10);
        CPPUNIT_ASSERT_EQUAL(wanted, tables);
    }

    void everyIncludeIsUsed() {
        std::string all;
        for (const auto& [name, source] : sources()) {
            all += source.text;
        }
        const fs::path includes = fs::path(DROVER_SOURCE_DIR) / "engine/lua/includes";
        for (const auto& entry : fs::directory_iterator(includes)) {
            all += contentOf(entry.path());
        }
        for (const auto& entry : fs::directory_iterator(includes)) {
            const std::string stem = entry.path().stem().string();
            CPPUNIT_ASSERT_MESSAGE(stem,
                                   all.find("@include \"" + stem + "\"") != std::string::npos);
        }
    }

    void noScriptReadsTheTimeOfRedis() {
        // Every time of the protocol is a client's; two clocks in one score would disagree.
        for (std::size_t i = 0; i < kEmbeddedScriptCount; ++i) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(kEmbeddedScripts[i].name,
                                         std::string::npos,
                                         std::string(kEmbeddedScripts[i].text).find("'TIME'"));
        }
    }

    void theRegistryHasThemByNameAndByHash() {
        const ScriptRegistry registry;
        for (std::size_t i = 0; i < kEmbeddedScriptCount; ++i) {
            const Script& script = registry.get(kEmbeddedScripts[i].name);
            CPPUNIT_ASSERT_EQUAL(kEmbeddedScripts[i].keyCount, script.keyCount);
            CPPUNIT_ASSERT_EQUAL(std::size_t{40}, script.sha1.size());
            CPPUNIT_ASSERT_EQUAL(script.name, registry.bySha1(script.sha1).name);
        }
    }

    void anUnknownNameIsRefused() {
        const ScriptRegistry registry;
        CPPUNIT_ASSERT_THROW((void)registry.get("addJob"), Poco::NotFoundException);
        CPPUNIT_ASSERT_THROW((void)registry.bySha1("00"), Poco::NotFoundException);
    }

private:
    /// Its text behind the includes that it begins with.
    static std::string includeNamed(const std::string& name) {
        const std::string text =
            contentOf(fs::path(DROVER_SOURCE_DIR) / "engine/lua/includes" / (name + ".lua"));
        const std::size_t last = text.rfind("--- @include");
        return last == std::string::npos ? text : text.substr(text.find('\n', last) + 1);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EmbeddedScriptsTest);
