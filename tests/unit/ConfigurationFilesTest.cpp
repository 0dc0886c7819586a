#include <algorithm>
#include <sstream>
#include <string>

#include <Poco/AutoPtr.h>
#include <Poco/Util/PropertyFileConfiguration.h>
#include <cppunit/extensions/HelperMacros.h>

#include "config/ConfigFiles.h"
#include "drover/Exceptions.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;
using drover::test::assertStartsWith;

namespace {

using namespace drover;

std::string valueOf(const FileContents& contents, const std::string& key) {
    std::string value = "(absent)";
    for (const FileEntry& entry : contents.entries) {
        if (entry.key == key) {
            value = entry.value;
        }
    }
    return value;
}

std::string join(const std::vector<std::string>& lines) {
    std::string all;
    for (const std::string& line : lines) {
        all += line + "\n";
    }
    return all;
}

}  // namespace

/// The two file formats: .properties and .env.
class ConfigurationFilesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ConfigurationFilesTest);
    CPPUNIT_TEST(propertiesAreReadAsJavaReadsThem);
    CPPUNIT_TEST(unicodeEscapesThatAreNoTextAreProblems);
    CPPUNIT_TEST(invisibleCharactersAtTheEndsAreProblems);
    CPPUNIT_TEST(quotedEnvValuesMayHaveSeveralLines);
    CPPUNIT_TEST(propertiesAreReadAsPocoReadsThem);
    CPPUNIT_TEST(linesAreCountedAcrossContinuations);
    CPPUNIT_TEST(aKeyGivenTwiceInOneFileIsAProblem);
    CPPUNIT_TEST(bytesThatAreNoTextAreAProblem);
    CPPUNIT_TEST(aForgottenEqualsSignDoesNotShowTheSecret);
    CPPUNIT_TEST(envFilesHaveQuotesCommentsAndExport);
    CPPUNIT_TEST(brokenEnvLinesAreProblemsWithTheirLine);
    CPPUNIT_TEST(aFileThatFailsToBeReadIsNamed);
    CPPUNIT_TEST_SUITE_END();

public:
    void aFileThatFailsToBeReadIsNamed() {
        // It opens, and its first page is not there.
        CPPUNIT_ASSERT_THROW((void)readWholeFile("/proc/self/mem"), ConfigException);
    }

    void propertiesAreReadAsJavaReadsThem() {
        // As the documentation of java.util.Properties has it.
        const FileContents contents = parseProperties(
            "a = first, \\\n    second, \\\r\n\tthird\n"
            "b = caf\\u00e9 \\u00E9 \\ud83d\\ude00\n"
            "c = keeps \\ blanks\\\n   \n"
            "d=1",
            "f");
        CPPUNIT_ASSERT_EQUAL(std::string(), join(contents.problems));
        assertEqual("first, second, third", valueOf(contents, "a"));
        assertEqual("café é 😀", valueOf(contents, "b"));
        assertEqual("keeps  blanks", valueOf(contents, "c"));
        assertEqual("1", valueOf(contents, "d"));
    }

    void unicodeEscapesThatAreNoTextAreProblems() {
        for (const std::string value :
             {"\\u12", "\\u", "\\uzzzz", "\\ud83d", "\\ud83d\\u0041", "\\ude00", "\\u0000"}) {
            const FileContents contents = parseProperties("a = " + value + "\nb = 1\n", "f");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(value, std::size_t{1}, contents.problems.size());
            assertStartsWith(contents.problems[0], "f:1: a: ");
            assertEqual("1", valueOf(contents, "b"));
        }
    }

    void invisibleCharactersAtTheEndsAreProblems() {
        for (const std::string invisible : {"\u00a0", "\u200b", "\ufeff", "\u2028", "\u3000"}) {
            for (const std::string& text : {"a = x" + invisible + "\n",
                                            "a = " + invisible + "x\n",
                                            "a" + invisible + " = x\n"}) {
                const FileContents contents = parseProperties(text, "f");
                CPPUNIT_ASSERT_EQUAL_MESSAGE(text, std::size_t{1}, contents.problems.size());
                assertContains(contents.problems[0], "invisible character U+");
            }
            CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                                 parseEnvFile("A=x" + invisible + "\n", "f").problems.size());
            // In the middle it is text.
            CPPUNIT_ASSERT(parseProperties("a = x" + invisible + "y\n", "f").problems.empty());
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             parseProperties("a = x\xC2\x85\n", "f").problems.size());
    }

    void quotedEnvValuesMayHaveSeveralLines() {
        const FileContents contents = parseEnvFile(
            "KEY=\"-----BEGIN-----\r\nabc # no comment\n-----END-----\" # a comment\n"
            "SINGLE='a\n\"b'\nTICK=`it's \"c\"`\nmy.var=1\nwith-dash=2\nAFTER=3",
            "f");
        CPPUNIT_ASSERT_EQUAL(std::string(), join(contents.problems));
        assertEqual("-----BEGIN-----\nabc # no comment\n-----END-----", valueOf(contents, "KEY"));
        assertEqual("a\n\"b", valueOf(contents, "SINGLE"));
        assertEqual("it's \"c\"", valueOf(contents, "TICK"));
        assertEqual("1", valueOf(contents, "my.var"));
        assertEqual("2", valueOf(contents, "with-dash"));
        assertEqual("f:9", contents.entries.back().where);
    }

    void propertiesAreReadAsPocoReadsThem() {
        const std::string text =
            "# comment\n! another\n\n  a.b  =  one two \n"
            "colon: value:with=both\r\n"
            "json = {\"userId\":\"{userId}\"}\n"
            "escapes = tab\\tnew\\nback\\\\slash\\x\n"
            "empty =\n"
            "hash = a # b\n"
            "dollar = ${a.b}\n"
            "end = no newline \\";
        std::istringstream stream(text);
        const Poco::AutoPtr<Poco::Util::PropertyFileConfiguration> poco(
            new Poco::Util::PropertyFileConfiguration(stream));
        const FileContents ours = parseProperties(text, "f");
        CPPUNIT_ASSERT(ours.problems.empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{8}, ours.entries.size());
        for (const FileEntry& entry : ours.entries) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(entry.key, poco->getRawString(entry.key), entry.value);
        }
    }

    void linesAreCountedAcrossContinuations() {
        const FileContents contents = parseProperties("a = 1 \\\n 2\r\nb = 2\r\r\n# c\nd = 3", "f");
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, contents.entries.size());
        assertEqual("f:1", contents.entries[0].where);
        assertEqual("f:3", contents.entries[1].where);
        assertEqual("f:6", contents.entries[2].where);
    }

    void aKeyGivenTwiceInOneFileIsAProblem() {
        const FileContents contents = parseProperties("a = 1\nb = 2\na = 3\n", "f");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, contents.problems.size());
        assertEqual("f:3: a is given already in f:1", contents.problems[0]);
    }

    void bytesThatAreNoTextAreAProblem() {
        for (const std::string& text : {std::string("a = \xff"),
                                        std::string("a = \xed\xa0\x80"),
                                        std::string("a = \0b", 6)}) {
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, parseProperties(text, "f").problems.size());
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, parseEnvFile(text, "f").problems.size());
        }
        assertEqual("한국어",
                    valueOf(parseProperties("\xEF\xBB\xBF"
                                            "a = 한국어",
                                            "f"),
                            "a"));
    }

    void aForgottenEqualsSignDoesNotShowTheSecret() {
        const std::string properties =
            parseProperties("redis.password hunter2\n", "f").problems.at(0);
        const std::string env = parseEnvFile("REDIS_PASSWORD hunter2\n", "f").problems.at(0);
        assertContains(properties, "redis.password");
        assertLacks(properties, "hunter2");
        assertLacks(env, "hunter2");
    }

    void envFilesHaveQuotesCommentsAndExport() {
        const FileContents contents = parseEnvFile(
            "# comment\n\nPLAIN=value  # comment\nHASH=a#b\nEMPTY=\nEMPTY_COMMENT= # nothing\n"
            "export EXPORTED = yes\r\nSINGLE='a \\n \"b\" # c' # d\nDOUBLE=\"a\\n\\\"b\\\" # \\$c "
            "\\q\"\n"
            "EQUALS=a=b\nDOLLAR=${PLAIN}\nTWICE=1\nTWICE=2\n",
            "f");
        CPPUNIT_ASSERT(contents.problems.empty());
        const std::vector<std::pair<std::string, std::string>> expected = {
            {"PLAIN", "value"},
            {"HASH", "a#b"},
            {"EMPTY", ""},
            {"EMPTY_COMMENT", ""},
            {"EXPORTED", "yes"},
            {"SINGLE", "a \\n \"b\" # c"},
            {"DOUBLE", "a\n\"b\" # $c \\q"},
            {"EQUALS", "a=b"},
            {"DOLLAR", "${PLAIN}"},
            {"TWICE", "2"}};
        for (const auto& [key, value] : expected) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(key, value, valueOf(contents, key));
        }
    }

    void brokenEnvLinesAreProblemsWithTheirLine() {
        const FileContents contents = parseEnvFile(
            "GOOD=1\nno equals\n1BAD=1\nOPEN=\"never closed\nREST='a' b\nLAST=2\n", "f");
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, contents.problems.size());
        assertStartsWith(contents.problems[0], "f:2: a line is NAME=value");
        assertEqual("f:4: OPEN: the closing \" is missing", contents.problems[2]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, contents.entries.size());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConfigurationFilesTest);
