#include <algorithm>
#include <cctype>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "auth/TokenFile.h"
#include "cli/RunCommand.h"
#include "drover/Json.h"
#include "support/Assert.h"
#include "support/FakeSchema.h"

using drover::AccessToken;
using drover::ExitCode;
using drover::Scope;
using drover::api::parseTokenFile;
using drover::api::TokenTable;
using drover::test::assertContains;
using drover::test::assertEqual;

namespace {

struct Printed {
    ExitCode code;
    std::string out, err;
};

Printed tokenNew(std::vector<std::string> args) {
    args.insert(args.begin(), {"token", "new"});
    std::ostringstream out;
    std::ostringstream err;
    const ExitCode code = drover::cli::runCommand(args, {}, drover::test::FakeSchema(), out, err);
    return {code, out.str(), err.str()};
}

/// Returns what is on the line of that number, counted from 0.
std::string lineOf(const std::string& text, int number) {
    std::istringstream lines(text);
    std::string line;
    for (int i = 0; i <= number; ++i) {
        line.clear();
        std::getline(lines, line);
    }
    return line;
}

}  // namespace

/// `drover token new` prints a token and the line that makes it valid.
class AppTokenCommandTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AppTokenCommandTest);
    CPPUNIT_TEST(theFrontAcceptsWhatIsPrinted);
    CPPUNIT_TEST(jsonHasTheSame);
    CPPUNIT_TEST(aTokenHas32RandomBytesInOneWord);
    CPPUNIT_TEST(aNameOrScopeThatNoLineCanHaveIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void theFrontAcceptsWhatIsPrinted() {
        const Printed printed = tokenNew({"shop", "--scope", "add:mail-*", "--scope=read"});
        CPPUNIT_ASSERT_MESSAGE(printed.err, printed.code == ExitCode::Ok);
        const TokenTable table = parseTokenFile(lineOf(printed.out, 1), "tokens");
        const AccessToken* found = table.find(lineOf(printed.out, 0));
        CPPUNIT_ASSERT(found != nullptr);
        assertEqual("shop", found->name);
        CPPUNIT_ASSERT(found->allows({Scope::Kind::Add, "mail-eu"}));
        CPPUNIT_ASSERT(found->allows({Scope::Kind::Read, ""}));
        CPPUNIT_ASSERT(!found->allows({Scope::Kind::Operate, ""}));
        CPPUNIT_ASSERT_EQUAL(std::string(), lineOf(printed.out, 2));
    }

    void jsonHasTheSame() {
        const Printed printed = tokenNew({"shop", "--json", "--scope", "operate"});
        const drover::JsonView json = drover::JsonView::parse(printed.out);
        const TokenTable table = parseTokenFile(*json["line"].string(), "tokens");
        CPPUNIT_ASSERT(table.find(*json["token"].string()) != nullptr);
    }

    void aTokenHas32RandomBytesInOneWord() {
        const std::string token = lineOf(tokenNew({"shop", "--scope", "read"}).out, 0);
        assertEqual("drv_", token.substr(0, 4));
        CPPUNIT_ASSERT_EQUAL(std::size_t{4 + 43}, token.size());
        CPPUNIT_ASSERT(std::all_of(token.begin(), token.end(), [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
        }));
        CPPUNIT_ASSERT(token != lineOf(tokenNew({"shop", "--scope", "read"}).out, 0));
    }

    void aNameOrScopeThatNoLineCanHaveIsRefused() {
        const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
            {{"my shop", "--scope", "read"}, "1 to 64 letters, digits and ._@-"},
            {{"drv_shop", "--scope", "read"}, "cannot begin with drv_"},
            {{"shop"}, "token new needs --scope SCOPE"},
            {{"shop", "--scope", "reed"}, "--scope: unknown scope \"reed\""},
            {{"shop", "--scope", "add"}, "--scope: add needs a queue"}};
        for (const auto& [args, message] : cases) {
            const Printed printed = tokenNew(args);
            CPPUNIT_ASSERT(printed.code == ExitCode::Usage);
            CPPUNIT_ASSERT_EQUAL(std::string(), printed.out);
            assertContains(printed.err, message);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AppTokenCommandTest);
