#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include "auth/TokenFile.h"
#include "drover/Exceptions.h"
#include "support/Assert.h"

using drover::AccessToken;
using drover::Scope;
using drover::api::parseTokenFile;
using drover::api::readTokenFile;
using drover::api::TokenTable;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertStartsWith;

namespace {

const std::string kFirst = "drv_first-token-of-the-tests";
const std::string kSecond = "drv_second-token-of-the-tests";

std::string lineOf(const std::string& name, const std::string& token) {
    return AccessToken{name, AccessToken::digestOf(token), {Scope::parse("read")}}.line();
}

std::string nameOf(const TokenTable& table, const std::string& token) {
    const AccessToken* found = table.find(token);
    return found == nullptr ? "(none)" : found->name;
}

template <typename Call>
std::string refusal(Call call) {
    try {
        call();
    } catch (const drover::ConfigException& error) {
        return error.message();
    }
    return "(accepted)";
}

std::string refusalOf(const std::string& text) {
    return refusal([&text] { static_cast<void>(parseTokenFile(text, "tokens")); });
}

}  // namespace

/// The token file is read as a whole or refused with file and line, and a token is found by its digest.
class ApiTokenFileTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiTokenFileTest);
    CPPUNIT_TEST(severalTokensAreValidAtOnce);
    CPPUNIT_TEST(anotherTextIsNotFound);
    CPPUNIT_TEST(aTokenThatPeopleCouldGuessIsNeverFound);
    CPPUNIT_TEST(aTextLongerThanATokenIsNotHashed);
    CPPUNIT_TEST(remarksAndLineEndsDoNotCount);
    CPPUNIT_TEST(aMistakeIsReportedWithItsLine);
    CPPUNIT_TEST(aNameStandsOnce);
    CPPUNIT_TEST(aTokenStandsOnce);
    CPPUNIT_TEST(aFileWithoutTokensIsRefused);
    CPPUNIT_TEST(theExampleOfTheDocumentIsRight);
    CPPUNIT_TEST(aFileIsRead);
    CPPUNIT_TEST(aMissingFileIsRefused);
    CPPUNIT_TEST(aFileThatOthersCanWriteIsRefused);
    CPPUNIT_TEST(aFileOfAnotherUserIsRefused);
    CPPUNIT_TEST(onlyARegularFileIsRead);
    CPPUNIT_TEST(aHugeFileIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        folder_ = std::filesystem::temp_directory_path() /
                  ("drover-token-file-" + std::to_string(::getpid()));
        std::filesystem::create_directory(folder_);
        path_ = folder_ / "tokens";
    }
    void tearDown() override { std::filesystem::remove_all(folder_); }

    void severalTokensAreValidAtOnce() {
        const TokenTable table =
            parseTokenFile(lineOf("a", kFirst) + "\n" + lineOf("b", kSecond), "tokens");
        assertEqual("a", nameOf(table, kFirst));
        assertEqual("b", nameOf(table, kSecond));
    }

    void anotherTextIsNotFound() {
        const TokenTable table = parseTokenFile(lineOf("a", kFirst), "tokens");
        for (const std::string& token :
             {kSecond, kFirst + " ", kFirst.substr(1), std::string(), std::string(300, 'a')}) {
            assertEqual("(none)", nameOf(table, token));
        }
        assertEqual("(none)", nameOf(TokenTable(), kFirst));
    }

    void aTokenThatPeopleCouldGuessIsNeverFound() {
        const std::string longEnough(TokenTable::kLeastBytes, 'x');
        const std::string tooShort = longEnough.substr(1);
        const TokenTable table =
            parseTokenFile(lineOf("a", tooShort) + "\n" + lineOf("b", longEnough), "tokens");
        assertEqual("(none)", nameOf(table, tooShort));
        assertEqual("b", nameOf(table, longEnough));
    }

    void aTextLongerThanATokenIsNotHashed() {
        const std::string longest(TokenTable::kMostBytes, 'x');
        const TokenTable table =
            parseTokenFile(lineOf("a", longest) + "\n" + lineOf("b", longest + "x"), "tokens");
        assertEqual("a", nameOf(table, longest));
        assertEqual("(none)", nameOf(table, longest + "x"));
    }

    void remarksAndLineEndsDoNotCount() {
        const TokenTable table = parseTokenFile(
            "# tokens of the shop\r\n\r\n\t \n  # more\n" + lineOf("a", kFirst) + "\r\n#end",
            "tokens");
        assertEqual("a", nameOf(table, kFirst));
        assertEqual("read", table.find(kFirst)->scopes.at(0).text());
    }

    void aMistakeIsReportedWithItsLine() {
        assertStartsWith(refusalOf("# one\n" + lineOf("a", kFirst) + "\nb secret read\n"),
                         "tokens:3: the second word must be the SHA-256 of the token");
        assertStartsWith(refusalOf(lineOf("a", kFirst) + " wrte"),
                         "tokens:1: unknown scope \"wrte\"");
    }

    void aNameStandsOnce() {
        assertStartsWith(refusalOf(lineOf("a", kFirst) + "\n\n" + lineOf("a", kSecond)),
                         "tokens:3: the name a stands in line 1 too");
    }

    void aTokenStandsOnce() {
        assertStartsWith(refusalOf(lineOf("a", kFirst) + "\n" + lineOf("b", kFirst)),
                         "tokens:2: the token of line 1 stands here under a second name");
    }

    void aFileWithoutTokensIsRefused() {
        for (const char* text : {"", "\n", "# none\n"}) {
            assertEqual("tokens: the file has no token; drover token new prints a line for one",
                        refusalOf(text));
        }
    }

    void theExampleOfTheDocumentIsRight() {
        std::ifstream in(std::string(DROVER_SOURCE_DIR) + "/docs/access.md");
        std::string token;
        std::string file;
        for (std::string line; std::getline(in, line);) {
            if (line.rfind("drv_", 0) == 0) {
                token = line;
            } else if (line.rfind("# The shop", 0) == 0) {
                for (; line != "```" && in; std::getline(in, line)) {
                    file += line + "\n";
                }
            }
        }
        const AccessToken* found = parseTokenFile(file, "docs/access.md").find(token);
        CPPUNIT_ASSERT(found != nullptr);
    }

    void aFileIsRead() {
        write(lineOf("a", kFirst) + "\n");
        assertEqual("a", nameOf(readTokenFile(path_), kFirst));
        write(std::string(200'000, '#') + "\n" + lineOf("b", kFirst) + "\n");
        assertEqual("b", nameOf(readTokenFile(path_), kFirst));
        write("b\n");
        assertStartsWith(refusalOfFile(), path_ + ":1: a line is NAME SHA256 SCOPE...");
    }

    void aMissingFileIsRefused() {
        CPPUNIT_ASSERT_EQUAL(path_ + ": No such file or directory", refusalOfFile());
    }

    void aFileThatOthersCanWriteIsRefused() {
        write(lineOf("a", kFirst));
        for (const mode_t mode : {0602U, 0646U}) {
            CPPUNIT_ASSERT_EQUAL(0, ::chmod(path_.c_str(), mode));
            assertContains(refusalOfFile(), "can be written by others; chmod go-w " + path_);
        }
        for (const mode_t mode : {0600U, 0660U, 0644U}) {
            CPPUNIT_ASSERT_EQUAL(0, ::chmod(path_.c_str(), mode));
            assertEqual("(accepted)", refusalOfFile());
        }
        if (::geteuid() == 0) {
            CPPUNIT_ASSERT_EQUAL(0, ::chown(path_.c_str(), 0, ::getegid() + 1));
            CPPUNIT_ASSERT_EQUAL(0, ::chmod(path_.c_str(), 0660));
            assertContains(refusalOfFile(), "can be written by others");
        }
    }

    void aFileOfAnotherUserIsRefused() {
        if (::geteuid() != 0) {
            return;  // Only root can give a file away.
        }
        write(lineOf("a", kFirst));
        CPPUNIT_ASSERT_EQUAL(0, ::chown(path_.c_str(), 12345, ::getegid()));
        assertContains(refusalOfFile(), "belongs to user 12345; it must be root's");
    }

    void onlyARegularFileIsRead() {
        CPPUNIT_ASSERT_EQUAL(0, ::mkfifo(path_.c_str(), 0600));
        assertContains(refusalOfFile(), "must be a regular file");
        path_ = folder_;
        assertContains(refusalOfFile(), "must be a regular file");
    }

    void aHugeFileIsRefused() {
        write(lineOf("a", kFirst) + "\n" + std::string(1U << 20U, '#'));
        assertContains(refusalOfFile(), "at most 1 MiB");
    }

private:
    void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }

    [[nodiscard]] std::string refusalOfFile() const {
        return refusal([this] { static_cast<void>(readTokenFile(path_)); });
    }

    std::filesystem::path folder_;
    std::string path_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiTokenFileTest);
