#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>

#include "drover/BuildStamp.h"
#include "plugin/PluginFixture.h"
#include "plugin/loading/SharedObject.h"
#include "support/Assert.h"
#include "support/ServerProcess.h"

using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;

using namespace drover;
using drover::test::PluginFixture;

namespace {

std::string readFile(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void writeFile(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace

/// Files are checked before, and descriptors after, they are opened; each refusal has its own reason.
class PluginLoaderTest : public PluginFixture {
    CPPUNIT_TEST_SUITE(PluginLoaderTest);
    CPPUNIT_TEST(handlerPluginIsDescribed);
    CPPUNIT_TEST(serviceOfThisBuildIsDescribed);
    CPPUNIT_TEST(uniqueSymbolsAreWarnedAbout);
    CPPUNIT_TEST(tooMuchStaticTlsIsRefusedInWords);
    CPPUNIT_TEST(wrongMagicIsRefused);
    CPPUNIT_TEST(newerMajorIsRefusedNamingBothSides);
    CPPUNIT_TEST(newerMinorIsRefusedNamingBothSides);
    CPPUNIT_TEST(shortStructIsRefused);
    CPPUNIT_TEST(fileWithoutPluginSymbolIsRefused);
    CPPUNIT_TEST(missingDescriptorIsRefused);
    CPPUNIT_TEST(duplicateHandlerNameIsRefused);
    CPPUNIT_TEST(badDefaultOptionsAreRefused);
    CPPUNIT_TEST(badDefaultOfAKeyIsRefused);
    CPPUNIT_TEST(serviceOfAnotherBuildIsRefusedNamingBothStamps);
    CPPUNIT_TEST(serviceWithoutStampIsRefused);
    CPPUNIT_TEST(fileOfBothKindsIsRefused);
    CPPUNIT_TEST(fileUnderAnotherNameIsRefused);
    CPPUNIT_TEST(missingFileIsRefused);
    CPPUNIT_TEST(folderAndFifoAreRefused);
    CPPUNIT_TEST(textFileIsRefused);
    CPPUNIT_TEST(everyTruncationIsRefused);
    CPPUNIT_TEST(executableAndForeignMachineAreRefused);
    CPPUNIT_TEST(missingLibraryIsRefusedNamingTheFile);
    CPPUNIT_TEST(loadedPluginSurvivesItsFile);
    CPPUNIT_TEST(replacedFileIsLoadedAnew);
    CPPUNIT_TEST(otherBytesThanWereTriedAreRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { folder_ = test::makeTempFolder("drover-plugin-test"); }
    void tearDown() override { test::removeTree(folder_); }

    void otherBytesThanWereTriedAreRefused() {
        const std::string tried = sha256OfFile(modulePath("same-a"));
        CPPUNIT_ASSERT_EQUAL(tried, PluginLoader().load(modulePath("same-a"), tried).sha256);
        try {
            (void)PluginLoader().load(modulePath("next/same-a"), tried);
            CPPUNIT_FAIL("nobody has tried these");
        } catch (const PluginException& error) {
            assertContains(error.message(),
                           "it was replaced during its trial: tried SHA-256 " + tried);
        }
    }

    void handlerPluginIsDescribed() {
        const LoadedPlugin plugin = PluginLoader().load(modulePath("plain"));
        CPPUNIT_ASSERT(!plugin.isService());
        assertEqual("plain", plugin.name);
        assertEqual("0.9", plugin.version);
        assertEqual("Works in plain C.", plugin.description);
        CPPUNIT_ASSERT_EQUAL(std::size_t{64}, plugin.sha256.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, plugin.configKeys.size());
        assertEqual("level", plugin.configKeys[0]->name);
    }

    void serviceOfThisBuildIsDescribed() {
        const LoadedPlugin plugin = PluginLoader().load(modulePath("good-service"));
        CPPUNIT_ASSERT(plugin.isService());
        assertEqual("good-service", plugin.name);
        assertEqual("port", plugin.configKeys.at(0)->name);
        assertEqual("route",
                    std::get<const ServiceDescriptor*>(plugin.descriptor)->configTables.at(0));
    }

    void uniqueSymbolsAreWarnedAbout() {
        CPPUNIT_ASSERT(PluginLoader().load(modulePath("plain")).warnings.empty());
        CPPUNIT_ASSERT(PluginLoader().load(modulePath("throwing")).warnings.empty());
#if defined(__GNUC__) && !defined(__clang__)
        const LoadedPlugin plugin = PluginLoader().load(modulePath("unique"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, plugin.warnings.size());
        assertContains(plugin.warnings[0], "unique symbols (STB_GNU_UNIQUE, ");
        assertContains(plugin.warnings[0], "-fno-gnu-unique");
        assertContains(plugin.warnings[0], "Counter<int>::value");
#endif
    }
    void tooMuchStaticTlsIsRefusedInWords() {
        assertRefused("static-tls",
                      "the dynamic linker refuses it: cannot allocate memory in static");
        assertRefused("static-tls", "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=BYTES");
    }
    void wrongMagicIsRefused() {
        assertRefused("wrong-magic", "magic number 305419896");
    }
    void newerMajorIsRefusedNamingBothSides() {
        assertRefused("newer-major", "built for plugin ABI 2.1, this engine has 1.1");
    }
    void newerMinorIsRefusedNamingBothSides() {
        assertRefused("newer-minor", "built for plugin ABI 1.2, this engine has 1.1");
    }
    void shortStructIsRefused() {
        assertRefused("short-struct", "drover_plugin_descriptor has 24 bytes");
    }
    void fileWithoutPluginSymbolIsRefused() {
        assertRefused("no-symbol", "it exports neither drover_plugin nor drover_service");
    }
    void missingDescriptorIsRefused() {
        assertRefused("null-descriptor", "returned no descriptor");
    }
    void duplicateHandlerNameIsRefused() {
        assertRefused("duplicate-handler", "the handler 'plain' is declared twice");
    }
    void badDefaultOptionsAreRefused() {
        assertRefused("bad-options", "the handler 'plain' has bad default options: not JSON: ");
    }
    void badDefaultOfAKeyIsRefused() {
        assertRefused("bad-key",
                      "'level' has a default that does not fit: 'ten' is not an integer in [1, 9]");
    }
    void serviceOfAnotherBuildIsRefusedNamingBothStamps() {
        assertRefused("foreign-service", "'0.0.1 of another compiler'");
        assertRefused("foreign-service", "'" DROVER_BUILD_STAMP "'");
    }
    void serviceWithoutStampIsRefused() {
        assertRefused("stampless-service", "without drover_build_stamp");
    }
    void fileOfBothKindsIsRefused() {
        assertRefused("both-kinds", "it exports both");
    }

    void fileUnderAnotherNameIsRefused() {
        const std::string path = copyOf("plain", "renamed.so");
        assertContains(refusalOf(path),
                       "the plugin names itself 'plain', the file is named 'renamed'");
    }

    void missingFileIsRefused() {
        const std::string path = folder_ + "/absent.so";
        assertContains(refusalOf(path), path + ": cannot be opened");
    }

    void folderAndFifoAreRefused() {
        assertContains(refusalOf(folder_), "not a regular file");
        const std::string fifo = folder_ + "/fifo.so";
        CPPUNIT_ASSERT_EQUAL(0, ::mkfifo(fifo.c_str(), 0600));
        assertContains(refusalOf(fifo), "not a regular file");
    }

    void textFileIsRefused() {
        const std::string path = folder_ + "/text.so";
        writeFile(path, "#!/bin/sh\n");
        assertContains(refusalOf(path), "not an ELF file");
        writeFile(path, "");
        assertContains(refusalOf(path), "not an ELF file");
    }

    void everyTruncationIsRefused() {
        const std::string whole = readFile(modulePath("plain"));
        const std::string path = folder_ + "/plain.so";
        int tried = 0;
        for (std::size_t size = 4; size < whole.size(); size += whole.size() / 50 + 1) {
            writeFile(path, whole.substr(0, size));
            assertContains(refusalOf(path), "truncated");
            ++tried;
        }
        writeFile(path, whole.substr(0, whole.size() - 1));
        assertContains(refusalOf(path), "truncated");
        CPPUNIT_ASSERT(tried >= 40);
    }

    void executableAndForeignMachineAreRefused() {
        std::string bytes = readFile(modulePath("plain"));
        const std::string path = folder_ + "/plain.so";
        bytes[16] = 1;  // e_type: an object file.
        writeFile(path, bytes);
        assertContains(refusalOf(path), "ELF type 1, a shared object has 3");
        bytes = readFile(modulePath("plain"));
        bytes[18] = 8;  // e_machine: MIPS.
        bytes[19] = 0;
        writeFile(path, bytes);
        assertContains(refusalOf(path), "made for ELF machine 8");
    }

    void missingLibraryIsRefusedNamingTheFile() {
        // The only library it needs, under a name that no machine has.
        std::string bytes = readFile(modulePath("plain"));
        const std::size_t at = bytes.find("libc.so.6");
        CPPUNIT_ASSERT(at != std::string::npos);
        bytes.replace(at, 9, "libX.so.6");
        const std::string path = folder_ + "/plain.so";
        writeFile(path, bytes);
        const std::string refusal = refusalOf(path);
        assertContains(refusal, path);
        assertContains(refusal, "libX.so.6");
        assertLacks(refusal, "/proc/self/fd");
    }

    void loadedPluginSurvivesItsFile() {
        const std::string path = copyOf("plain", "plain.so");
        const auto generation = start(path);
        // In place: a mapping of this file would now hold zeros, and then nothing at all.
        writeFile(path, std::string(readFile(path).size(), '\0'));
        std::filesystem::resize_file(path, 0);
        const auto instance = generation->handlerTypes().at(0)->create();
        assertOutcome(JobOutcome::Kind::Completed, "[1]", outcomeOfRun(*instance, "[1]"));
    }

    void replacedFileIsLoadedAnew() {
        const std::string path = copyOf("same-a", "same-a.so");
        const auto first = start(path)->handlerTypes().at(0)->create();
        writeFile(path, readFile(modulePath("next/same-a")));
        const auto second = start(path)->handlerTypes().at(0)->create();
        assertOutcome(JobOutcome::Kind::Completed, "[1,1,1]", outcomeOfRun(*first, "{}"));
        assertOutcome(JobOutcome::Kind::Completed, "[3,1,1]", outcomeOfRun(*second, "{}"));
        // The same file once more is a generation of its own, with a state of its own.
        const auto third = start(path)->handlerTypes().at(0)->create();
        assertOutcome(JobOutcome::Kind::Completed, "[3,1,1]", outcomeOfRun(*third, "{}"));
    }

private:
    void assertRefused(const std::string& module, const std::string& why) {
        const std::string refusal = refusalOf(modulePath(module));
        assertContains(refusal, module + ".so: ");
        assertContains(refusal, why);
    }

    std::string copyOf(const std::string& module, const std::string& as) const {
        const std::string path = folder_ + "/" + as;
        writeFile(path, readFile(modulePath(module)));
        return path;
    }

    std::string folder_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(PluginLoaderTest);
