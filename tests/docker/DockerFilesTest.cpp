#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>
#include <yaml-cpp/yaml.h>

#include <cppunit/extensions/HelperMacros.h>

#include "docker/DockerFile.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

namespace {

using drover::test::DockerInstruction;
using drover::test::parseDockerfile;
using drover::test::wordsOf;

const std::string kRoot = DROVER_SOURCE_DIR "/";
const std::set<std::string> kCommands = {"run", "health", "db migrate"};

std::string textOf(const std::string& file) {
    std::ifstream in(kRoot + file);
    std::stringstream text;
    text << in.rdbuf();
    CPPUNIT_ASSERT_MESSAGE(file + " is missing or empty", !text.str().empty());
    return text.str();
}

/// The words of `name=(...)` in tools/packages.sh.
std::set<std::string> packagesOfDev(const std::string& name) {
    const std::string text = textOf("tools/packages.sh");
    const std::size_t start = text.find("\n" + name + "=(");
    CPPUNIT_ASSERT_MESSAGE("tools/packages.sh has no list " + name, start != std::string::npos);
    const std::size_t open = text.find('(', start) + 1;
    const auto words = wordsOf(text.substr(open, text.find(')', open) - open));
    return {words.begin(), words.end()};
}

/// The packages that the RUN lines of a stage install with apt-get.
std::set<std::string> packagesOfStage(const std::string& stage) {
    std::set<std::string> found;
    for (const DockerInstruction& instruction : parseDockerfile(kRoot + "Dockerfile")) {
        const std::size_t start = instruction.arguments.find("apt-get install");
        if (instruction.name != "RUN" || instruction.stage != stage || start == std::string::npos) {
            continue;
        }
        const std::size_t end = instruction.arguments.find("&&", start);
        auto words = wordsOf(instruction.arguments.substr(start, end - start));
        words.erase(words.begin(), words.begin() + 2);
        std::copy_if(words.begin(),
                     words.end(),
                     std::inserter(found, found.end()),
                     [](const std::string& word) { return word[0] != '-'; });
    }
    return found;
}

/// KEY=VALUE lines.
std::map<std::string, std::string> environmentFile(const std::string& file) {
    std::stringstream lines(textOf(file));
    std::map<std::string, std::string> values;
    for (std::string line; std::getline(lines, line);) {
        const std::size_t equals = line.find('=');
        if (!line.empty() && line[0] != '#' && equals != std::string::npos) {
            values[line.substr(0, equals)] = line.substr(equals + 1);
        }
    }
    return values;
}

/// `service`'s value for `key`, looked for in what it merges too: yaml-cpp leaves "<<" as it is.
YAML::Node valueOf(const YAML::Node& service, const std::string& key) {
    if (service[key]) {
        return service[key];
    }
    return service["<<"] ? service["<<"][key] : YAML::Node(YAML::NodeType::Undefined);
}

/// "db migrate" of ["db", "migrate", "--schema", ...]: the words before the first option.
std::string commandOf(const YAML::Node& words) {
    std::string command;
    for (const YAML::Node& word : words) {
        if (word.as<std::string>()[0] == '-') {
            break;
        }
        command += (command.empty() ? "" : " ") + word.as<std::string>();
    }
    return command;
}

}  // namespace

/// The Dockerfile, docker-compose.yml, docker-compose.dev.yml and .env.dev agree with each other and with the repository. No
/// engine is needed: tests/docker/run-steps builds the image's file system in a plain Debian root.
class DockerFilesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(DockerFilesTest);
    CPPUNIT_TEST(copiedFilesExistAndAreNotIgnored);
    CPPUNIT_TEST(theBuildStageInstallsWhatDevInstalls);
    CPPUNIT_TEST(theLastStageHasLibrariesOnlyAndItsOwnUser);
    CPPUNIT_TEST(commandsAreThoseOfTheBinary);
    CPPUNIT_TEST(theServicesAreThoseOfTheDesign);
    CPPUNIT_TEST(dependenciesCanBecomeTrue);
    CPPUNIT_TEST(volumesAndFilesAreDeclared);
    CPPUNIT_TEST(theEnvironmentNamesTheServices);
    CPPUNIT_TEST(redisRetainsItsData);
    CPPUNIT_TEST(forDevelopmentConsumersLoadWhatTheWatchBuilds);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        compose_ = YAML::LoadFile(kRoot + "docker-compose.yml");
        services_ = compose_["services"];
        development_ = YAML::LoadFile(kRoot + "docker-compose.dev.yml");
        environment_ = environmentFile(".env.dev");
    }

    void copiedFilesExistAndAreNotIgnored() {
        const std::vector<std::string> ignored = wordsOf(textOf(".dockerignore"));
        int copied = 0;
        for (const DockerInstruction& instruction : parseDockerfile(kRoot + "Dockerfile")) {
            auto words = wordsOf(instruction.arguments);
            if (instruction.name != "COPY" || words[0].rfind("--from=", 0) == 0) {
                continue;
            }
            words.pop_back();  // The target.
            for (const std::string& source : words) {
                ++copied;
                CPPUNIT_ASSERT_MESSAGE("COPY " + source + ": not in the repository",
                                       std::filesystem::exists(kRoot + source));
                const std::string top = source.substr(0, source.find('/'));
                CPPUNIT_ASSERT_MESSAGE(
                    "COPY " + source + ": .dockerignore leaves it out",
                    std::find(ignored.begin(), ignored.end(), top) == ignored.end());
            }
        }
        CPPUNIT_ASSERT(copied > 5);
    }

    void theBuildStageInstallsWhatDevInstalls() {
        CPPUNIT_ASSERT(packagesOfDev("build_packages") == packagesOfStage("build"));
        CPPUNIT_ASSERT(packagesOfDev("node_packages") == packagesOfStage("web"));
    }

    void theLastStageHasLibrariesOnlyAndItsOwnUser() {
        for (const std::string& package : packagesOfStage("")) {
            CPPUNIT_ASSERT_MESSAGE(
                package + " does not belong into the image",
                package == "tzdata" ||
                    (package.rfind("lib", 0) == 0 && package.find("-dev") == std::string::npos));
        }
        std::map<std::string, std::string> last;
        for (const DockerInstruction& instruction : parseDockerfile(kRoot + "Dockerfile")) {
            if (instruction.stage.empty()) {
                last[instruction.name] = instruction.arguments;
            }
        }
        assertEqual("drover", last["USER"]);
        assertEqual("[\"drover\"]", last["ENTRYPOINT"]);
        assertContains(last["HEALTHCHECK"], "[\"drover\", \"health\"]");
    }

    void commandsAreThoseOfTheBinary() {
        int seen = 0;
        for (const DockerInstruction& instruction : parseDockerfile(kRoot + "Dockerfile")) {
            if (instruction.name == "CMD") {
                ++seen;
                assertCommand("Dockerfile", YAML::Load(instruction.arguments));
            }
        }
        for (const auto& entry : services_) {
            if (valueOf(entry.second, "build")) {
                ++seen;
                assertCommand(entry.first.as<std::string>(), entry.second["command"]);
            }
        }
        CPPUNIT_ASSERT_EQUAL(4, seen);
    }

    void theServicesAreThoseOfTheDesign() {
        for (const char* name : {"redis", "db", "migrate", "producer", "consumer"}) {
            CPPUNIT_ASSERT_MESSAGE(std::string("no service ") + name, services_[name]);
        }
        CPPUNIT_ASSERT_EQUAL(3, services_["consumer"]["deploy"]["replicas"].as<int>());
        CPPUNIT_ASSERT_EQUAL("8080:" + environment_["SERVICE_PORT"],
                             services_["producer"]["ports"][0].as<std::string>());
        // The first replica of a replicated service would have its published port alone.
        CPPUNIT_ASSERT(!valueOf(services_["consumer"], "ports"));
        for (const char* name : {"redis", "db", "producer", "consumer"}) {
            CPPUNIT_ASSERT_MESSAGE(std::string(name) + " has no health check",
                                   services_[name]["healthcheck"]["test"]);
        }
    }

    void dependenciesCanBecomeTrue() {
        for (const auto& entry : services_) {
            for (const auto& dependency : valueOf(entry.second, "depends_on")) {
                const std::string name = dependency.first.as<std::string>();
                const std::string condition = dependency.second["condition"].as<std::string>();
                const YAML::Node target = services_[name];
                CPPUNIT_ASSERT_MESSAGE(name + " is no service", target);
                const bool canBe = condition == "service_healthy"
                                       ? static_cast<bool>(target["healthcheck"]["test"])
                                       : condition == "service_completed_successfully" &&
                                             target["restart"].as<std::string>() == "no";
                CPPUNIT_ASSERT_MESSAGE(name + " never is " + condition, canBe);
            }
        }
    }

    void volumesAndFilesAreDeclared() {
        for (const YAML::Node& compose : {compose_, development_}) {
            for (const auto& entry : compose["services"]) {
                for (const YAML::Node& volume : valueOf(entry.second, "volumes")) {
                    const std::string source = mountOf(volume).source;
                    const bool known = source[0] == '.' ? std::filesystem::exists(kRoot + source)
                                                        : compose["volumes"].IsMap() &&
                                                              hasKey(compose["volumes"], source);
                    CPPUNIT_ASSERT_MESSAGE("volume " + source + " is not declared", known);
                }
                const YAML::Node file = valueOf(entry.second, "env_file");
                CPPUNIT_ASSERT(!file || std::filesystem::exists(kRoot + file.as<std::string>()));
            }
        }
    }

    void theEnvironmentNamesTheServices() {
        for (const char* name : {"SERVICE_PORT",
                                 "ENVIRONMENT",
                                 "DATABASE_URL",
                                 "REDIS_HOST",
                                 "REDIS_PORT",
                                 "REDIS_PASSWORD",
                                 "REDIS_QUEUE_HOST",
                                 "REDIS_QUEUE_PORT",
                                 "REDIS_QUEUE_PASSWORD"}) {
            CPPUNIT_ASSERT_MESSAGE(std::string(name) + " is not in .env.dev",
                                   environment_.count(name) == 1);
        }
        CPPUNIT_ASSERT(services_[environment_["REDIS_HOST"]]);
        CPPUNIT_ASSERT_EQUAL(environment_["REDIS_HOST"], environment_["REDIS_QUEUE_HOST"]);
        CPPUNIT_ASSERT_EQUAL("postgresql://" + environment_["POSTGRES_USER"] + ":" +
                                 environment_["POSTGRES_PASSWORD"] + "@db:5432/" +
                                 environment_["POSTGRES_DB"] + "?schema=public",
                             environment_["DATABASE_URL"]);
    }

    void redisRetainsItsData() {
        const std::string command = services_["redis"]["command"].as<std::string>();
        assertContains(command, "--appendonly yes");
        assertContains(command, "--maxmemory-policy noeviction");
    }

    /// docker-compose.dev.yml is read on top of the other file.
    void forDevelopmentConsumersLoadWhatTheWatchBuilds() {
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, development_["services"].size());
        const YAML::Node watch = development_["services"]["watch"];
        const std::string target = watch["build"]["target"].as<std::string>();
        std::map<std::string, std::string> stage;
        for (const DockerInstruction& instruction : parseDockerfile(kRoot + "Dockerfile")) {
            if (instruction.stage == target) {
                stage[instruction.name] = instruction.arguments;
            }
        }
        CPPUNIT_ASSERT_EQUAL_MESSAGE("no stage " + target, std::size_t{3}, stage.size());
        const YAML::Node command = YAML::Load(stage["ENTRYPOINT"]);
        const std::string script = command[0].as<std::string>();
        const std::string folder = command[1].as<std::string>();
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            script + " is no program", 0, ::access((kRoot + script).c_str(), X_OK));

        std::map<std::string, Mount> mounts;
        for (const YAML::Node& volume : watch["volumes"]) {
            mounts.emplace(mountOf(volume).target, mountOf(volume));
        }
        const Mount& sources = mounts[stage["WORKDIR"] + "/plugins"];
        assertEqual("./plugins", sources.source);
        CPPUNIT_ASSERT(sources.readOnly);
        CPPUNIT_ASSERT(!mounts[folder].source.empty() && !mounts[folder].readOnly);

        const YAML::Node consumer = development_["services"]["consumer"];
        const Mount mount = mountOf(consumer["volumes"][0]);
        CPPUNIT_ASSERT_EQUAL(mounts[folder].source, mount.source);
        CPPUNIT_ASSERT(mount.readOnly);
        // A folder of the machine would belong to the developer there: the engine refuses files that other users can
        // write.
        CPPUNIT_ASSERT(hasKey(development_["volumes"], mount.source));
        CPPUNIT_ASSERT_EQUAL(mount.target,
                             consumer["environment"]["DROVER_PLUGINS_DIR"].as<std::string>());
        assertEqual("*", consumer["environment"]["DROVER_PLUGINS_LOAD"].as<std::string>());
        CPPUNIT_ASSERT(!consumer["environment"]["DROVER_PLUGINS_WATCH"]);
    }

private:
    struct Mount {
        std::string source;
        std::string target;
        bool readOnly = false;
    };

    /// The target of "source:target" or "source:target:ro".
    static Mount mountOf(const YAML::Node& volume) {
        std::stringstream text(volume.as<std::string>());
        Mount mount;
        std::string mode;
        std::getline(text, mount.source, ':');
        std::getline(text, mount.target, ':');
        std::getline(text, mode);
        mount.readOnly = mode == "ro";
        return mount;
    }

    static void assertCommand(const std::string& where, const YAML::Node& words) {
        CPPUNIT_ASSERT_MESSAGE(where + ": no command", words && words.IsSequence());
        CPPUNIT_ASSERT_MESSAGE(where + ": drover has no command '" + commandOf(words) + "'",
                               kCommands.count(commandOf(words)) == 1);
    }

    static bool hasKey(const YAML::Node& map, const std::string& key) {
        return std::any_of(map.begin(), map.end(), [&key](const auto& entry) {
            return entry.first.template as<std::string>() == key;
        });
    }

    YAML::Node compose_;
    YAML::Node development_;
    YAML::Node services_;
    std::map<std::string, std::string> environment_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(DockerFilesTest);
