#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

namespace {

namespace fs = std::filesystem;

/// The rooms that the files of a room may include from, besides their own. "drover/X.h" stands for a public header.
///
/// A name stands for the room with the rooms in it: "plugin" is plugin/abi, plugin/loading and plugin/isolation.
const std::map<std::string, std::set<std::string>> kAllowed = {
    {"engine/src/core", {}},
    {"engine/src/trace", {"core"}},
    {"engine/src/redis", {"core"}},
    {"engine/src/queue", {"redis", "core"}},
    {"engine/src/operate", {"queue", "redis", "core"}},
    {"engine/src/worker", {"queue", "redis", "core"}},
    {"engine/src/config", {"core"}},
    {"engine/src/plugin", {"config", "core"}},
    {"engine/src/control", {"core"}},
    {"engine/src/process", {"control", "config", "core"}},
    {"engine/src/host",
     {"process", "control", "config", "plugin", "worker", "queue", "redis", "trace", "core"}},
    {"engine/src/cli",
     {"host", "process", "control", "config", "plugin", "operate", "queue", "redis", "core"}},
    {"engine/src/store", {}},
    {"engine/src/bin", {"cli", "store"}},
    {"plugins", {"store"}},
    {"api/src/http", {}},
    {"api/src/auth", {"http"}},
    {"api/src/routes", {"http"}},
    {"api/src/pages", {"http"}},
    {"api/src/queues", {"http", "routes"}},
    {"api", {"http", "auth", "routes", "queues", "pages"}},
};

/// Libraries that only the named folders may include.
const std::map<std::string, std::set<std::string>> kOwners = {
    {"hiredis/", {"engine/src/redis"}},
    {"date/", {"engine/src/core"}},
    {"openssl/", {"engine/src/core", "engine/src/redis", "api/src/http"}},
    {"libpq-fe.h", {"engine/src/store"}},
    // drover/Json.h reads and drover/JsonWriter.h writes: RapidJSON's parsers crash on numbers and nesting.
    {"rapidjson/", {}},
    {"Poco/Data/", {"engine/src/store"}},
    {"prometheus/", {"plugins"}},
};

/// Returns the innermost room of the table that holds the file; "" if none does.
std::string folderOf(const std::string& path) {
    std::string found;
    for (const auto& entry : kAllowed) {
        if (path.rfind(entry.first + "/", 0) == 0 && entry.first.size() > found.size()) {
            found = entry.first;
        }
    }
    return found;
}

/// Every source file below the walked roots, relative to the project.
std::set<std::string> sources() {
    const fs::path root = DROVER_SOURCE_DIR;
    std::set<std::string> found;
    for (const char* top : {"engine", "plugins", "api"}) {
        for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
            const std::string extension = entry.path().extension();
            if (entry.is_regular_file() && (extension == ".h" || extension == ".cpp")) {
                found.insert(fs::relative(entry.path(), root));
            }
        }
    }
    return found;
}

/// Calls `visit(file, included, line)` for each #include of each file.
template <typename Visit>
void forEachInclude(Visit visit) {
    static const std::regex kInclude(R"rx(^\s*#\s*include\s*[<"]([^>"]+)[>"])rx");
    for (const std::string& file : sources()) {
        std::ifstream in(fs::path(DROVER_SOURCE_DIR) / file);
        int number = 0;
        for (std::string line; std::getline(in, line);) {
            ++number;
            std::smatch match;
            if (std::regex_search(line, match, kInclude)) {
                visit(file, match[1].str(), file + ":" + std::to_string(number));
            }
        }
    }
}

}  // namespace

/// The arrow of the folders, walked along the #include lines.
class LayeringTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(LayeringTest);
    CPPUNIT_TEST(includesFollowTheArrow);
    CPPUNIT_TEST(librariesStayWithTheirOwners);
    CPPUNIT_TEST(sdkHeadersNeedNothingButTheStandardLibrary);
    CPPUNIT_TEST_SUITE_END();

public:
    void includesFollowTheArrow() {
        int seen = 0;
        forEachInclude([&seen](const std::string& file,
                               const std::string& included,
                               const std::string& where) {
            const std::string folder = folderOf(file);
            const auto slash = included.find('/');
            if (folder.empty() || slash == std::string::npos) {
                return;
            }
            const std::string target = included.substr(0, slash);
            if (kAllowed.count("engine/src/" + target) == 0 &&
                kAllowed.count("api/src/" + target) == 0) {
                return;
            }
            ++seen;
            const std::string own = folder.substr(folder.rfind('/') + 1);
            CPPUNIT_ASSERT_MESSAGE(where + " includes " + included + ", against the arrow",
                                   target == own || kAllowed.at(folder).count(target) != 0);
        });
        CPPUNIT_ASSERT_MESSAGE("the walk found no include at all", seen > 0);
    }

    void librariesStayWithTheirOwners() {
        forEachInclude(
            [](const std::string& file, const std::string& included, const std::string& where) {
                for (const auto& [library, owners] : kOwners) {
                    if (included.rfind(library, 0) == 0) {
                        CPPUNIT_ASSERT_MESSAGE(where + ": " + library + " belongs to other folders",
                                               owners.count(folderOf(file)) != 0);
                    }
                }
            });
    }

    void sdkHeadersNeedNothingButTheStandardLibrary() {
        const std::set<std::string> sdk = {"PluginAbi.h",
                                           "AbiText.h",
                                           "ConfigKey.h",
                                           "Handler.h",
                                           "ActiveJob.h",
                                           "Config.h",
                                           "HandlerRun.h",
                                           "FailedChildren.h",
                                           "JobChildren.h",
                                           "JobToAdd.h",
                                           "Outcome.h",
                                           "PluginBuilder.h",
                                           "SchedulerToUpsert.h",
                                           "Unavailable.h",
                                           "Json.h",
                                           "JsonWriter.h",
                                           "NodeNumber.h",
                                           "Testing.h"};
        forEachInclude(
            [&sdk](const std::string& file, const std::string& included, const std::string& where) {
                static const std::string kHeaders = "engine/include/drover/";
                const auto isForAuthors = [&sdk](const std::string& header) {
                    return header.rfind("testing/", 0) == 0 || sdk.count(header) != 0;
                };
                if (file.rfind(kHeaders, 0) != 0 || !isForAuthors(file.substr(kHeaders.size()))) {
                    return;
                }
                const bool ownHeader =
                    included.rfind("drover/", 0) == 0 && isForAuthors(included.substr(7));
                CPPUNIT_ASSERT_MESSAGE(where + ": " + included + " is not for plugin authors",
                                       ownHeader || included.find('/') == std::string::npos);
            });
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LayeringTest);
