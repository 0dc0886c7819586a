#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "plugin/PluginGeneration.h"
#include "plugin/PluginLoader.h"
#include "support/FakeRunningJob.h"
#include "support/ServerProcess.h"

using namespace drover;
using drover::test::FakeRunningJob;

extern char** environ;

/// A plugin of an outside project, made with nothing but the SDK headers and the CMake function.
class SdkTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SdkTest);
    CPPUNIT_TEST(pluginBuiltByGccWorks);
    CPPUNIT_TEST(pluginBuiltByClangWorks);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { folder_ = test::makeTempFolder("drover-sdk-test"); }
    void tearDown() override { test::removeTree(folder_); }

    void pluginBuiltByGccWorks() { buildAndRun("gcc", "g++"); }
    void pluginBuiltByClangWorks() { buildAndRun("clang", "clang++"); }

private:
    void buildAndRun(const std::string& c, const std::string& cxx) {
        // A compiler that is not installed is a missing service: skipped.
        const std::string cPath = test::findProgram(c);
        const std::string cxxPath = test::findProgram(cxx);
        // Only what an install tree would hold: headers, and the CMake function beside them.
        const std::string tree = folder_ + "/tree";
        run({"mkdir", "-p", tree + "/cmake"});
        run({"cp", "-r", source("engine/include"), tree + "/include"});
        run({"cp", source("engine/cmake/DroverAddPlugin.cmake"), tree + "/cmake"});

        const std::string build = folder_ + "/build";
        run({"cmake",
             "-S",
             source("tests/sdk/outside"),
             "-B",
             build,
             "-G",
             "Ninja",
             "-DCMAKE_BUILD_TYPE=Release",
             "-DCMAKE_C_COMPILER=" + cPath,
             "-DCMAKE_CXX_COMPILER=" + cxxPath,
             "-DDROVER_CMAKE_DIR=" + tree + "/cmake"});
        run({"cmake", "--build", build});

        const std::string plugin = build + "/plugins/outside.so";
        assertExportsOnlyTheDescriptor(plugin);
        const auto generation = PluginGeneration::start(
            PluginLoader().load(plugin), [](const std::string&) { return std::nullopt; });
        const auto instance = generation->handlerTypes().at(0)->create();
        FakeRunningJob job("{\"from\":\"outside\"}");
        RunningJob* const jobs[] = {&job};
        instance->process(jobs);
        CPPUNIT_ASSERT_EQUAL(std::string("{\"from\":\"outside\"}"), job.outcome.text);
        CPPUNIT_ASSERT(job.outcome.kind == JobOutcome::Kind::Completed);
    }

    void assertExportsOnlyTheDescriptor(const std::string& plugin) const {
        run({"sh",
             "-c",
             "nm -D --defined-only \"$1\" | awk '{print $3}' > \"$2\"",
             "sh",
             plugin,
             folder_ + "/nm"});
        CPPUNIT_ASSERT_EQUAL(std::string("drover_plugin\n"), contentOf(folder_ + "/nm"));
    }

    /// Runs a program to its end; fails with its output if that is not a good one.
    void run(const std::vector<std::string>& args) const {
        const std::string log = folder_ + "/log";
        std::vector<char*> argv;
        for (const std::string& arg : args) {
            argv.push_back(const_cast<char*>(arg.c_str()));
        }
        argv.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(
            &actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
        pid_t pid = 0;
        const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(args[0], 0, error);
        int status = 0;
        CPPUNIT_ASSERT_EQUAL(pid, ::waitpid(pid, &status, 0));
        CPPUNIT_ASSERT_MESSAGE(args[0] + ":\n" + contentOf(log), status == 0);
    }

    static std::string contentOf(const std::string& path) {
        std::ifstream in(path);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    static std::string source(const std::string& path) {
        return std::string(DROVER_SOURCE_DIR) + "/" + path;
    }

    std::string folder_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(SdkTest);
