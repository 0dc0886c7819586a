#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include "BoardPage.h"
#include "BoardQueues.h"
#include "BoardRoutes.h"
#include "drover/EntityTag.h"
#include "drover/Exceptions.h"
#include "pages/OpenApi.h"
#include "support/Assert.h"

using drover::ConfigException;
using drover::entityTagOf;
using drover::Redis;
using drover::Route;
using drover::board::BoardPage;
using drover::board::BoardQueues;
using drover::board::boardRoutes;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;

namespace fs = std::filesystem;

/// The page of Bull Board as it leaves the disk, and who may call what.
class BoardPageTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(BoardPageTest);
    CPPUNIT_TEST(thePageIsFilledAndLoadsNothingFromElsewhere);
    CPPUNIT_TEST(filesHaveTypesAndOthersAreNotServed);
    CPPUNIT_TEST(aPageOfAnotherKindIsRefused);
    CPPUNIT_TEST(withoutThePackageThePageNamesTheCommand);
    CPPUNIT_TEST(everyActionHasAScope);
    CPPUNIT_TEST(theDocumentLeavesTheBoardOut);
    CPPUNIT_TEST(aBadGlobIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        folder_ = fs::temp_directory_path() / ("drover-board-" + std::to_string(getpid()));
        write("index.ejs",
              "<base href=\"<%= basePath %>\"><title><%=title%></title>"
              "<link href=\"https://fonts.example/css?a=1\" rel=\"stylesheet\">\n"
              "<link href=\"static/css/main.css\" rel=\"stylesheet\">"
              "<link rel=\"icon\" href=\"//icons.example/x\">"
              "<script type=\"application/json\"><%- uiConfig %></script>");
        write("static/js/async/part.js", "part");
        write("static/js/part.js.map", "{}");
        write("static/logo.svg", "<svg/>");
    }
    void tearDown() override { fs::remove_all(folder_); }

    void thePageIsFilledAndLoadsNothingFromElsewhere() {
        const BoardPage page(folder_, "/board");
        CPPUNIT_ASSERT(page.isInstalled());
        const std::string& body = page.index().body;
        assertContains(body, "<base href=\"/board/\"><title>Drover</title>");
        assertContains(body, "<link href=\"static/css/main.css\" rel=\"stylesheet\">");
        assertContains(body, R"({"boardTitle":"Drover")");
        assertLacks(body, "example");
        assertLacks(body, "<%");
        const std::string policy = headerOf(page.index(), "Content-Security-Policy");
        assertContains(policy, "default-src 'self'; ");
        assertLacks(policy, "http");
    }

    void filesHaveTypesAndOthersAreNotServed() {
        const BoardPage page(folder_, "/board");
        const auto part = page.file("js/async/part.js");
        CPPUNIT_ASSERT(part);
        assertEqual("part", part->body);
        assertEqual("text/javascript; charset=utf-8", part->contentType);
        assertEqual("image/svg+xml", page.file("logo.svg")->contentType);
        assertEqual(entityTagOf("part"), headerOf(*part, "ETag"));
        assertEqual(entityTagOf("<svg/>"), headerOf(*page.file("logo.svg"), "ETag"));
        for (const char* absent : {"js/part.js.map", "js", "../index.ejs", "js/../logo.svg", ""}) {
            CPPUNIT_ASSERT_MESSAGE(absent, !page.file(absent));
        }
    }

    void aPageOfAnotherKindIsRefused() {
        for (const char* text : {"<%= other %>", "<% if (x) { %>", "<%= title", "<%"}) {
            write("index.ejs", text);
            try {
                const BoardPage page(folder_, "/board");
                CPPUNIT_FAIL(text);
            } catch (const ConfigException& error) {
                assertContains(error.message(), "index.ejs has the tag <%");
            }
        }
    }

    void withoutThePackageThePageNamesTheCommand() {
        for (const std::string& folder : {std::string(), (folder_ / "static").string()}) {
            const BoardPage page(folder, "/board");
            CPPUNIT_ASSERT(!page.isInstalled());
            assertContains(page.index().body, "npm ci --ignore-scripts --prefix plugins/board");
        }
    }

    void everyActionHasAScope() {
        const std::set<std::string> destroying = {
            "clean", "{queueStatus}", "empty", "obliterate", "remove-unprocessed-children"};
        for (const Route& route : routes()) {
            const std::string what = route.method + " " + route.path;
            const std::string last = route.path.substr(route.path.rfind('/') + 1);
            if (route.path.find("/static/") != std::string::npos) {
                CPPUNIT_ASSERT_MESSAGE(what, !route.scope);
                continue;
            }
            CPPUNIT_ASSERT_MESSAGE(what, route.scope);
            const bool cleans =
                destroying.count(last) != 0 && route.path.find("/retry/") == std::string::npos;
            const std::string wanted = route.method == "GET"            ? "read"
                                       : last == "add" || last == "run" ? "add:{queueName}"
                                       : cleans                         ? "destroy"
                                                                        : "operate";
            assertEqual(what + " " + wanted, what + " " + route.scope->text());
        }
    }

    void theDocumentLeavesTheBoardOut() {
        drover::Routes table;
        table.replace("plugin board", routes());
        assertLacks(drover::api::openApiDocument(*table.snapshot(), "T", "1"), "board");
    }

    void aBadGlobIsRefused() {
        CPPUNIT_ASSERT_THROW(BoardQueues(Redis(Redis::Settings()),
                                         [](const auto&) { return drover::Queue::Settings(); },
                                         {"a:b"}),
                             ConfigException);
    }

private:
    void write(const std::string& name, const std::string& text) {
        const fs::path file = folder_ / "dist" / name;
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }

    static std::string headerOf(const drover::Response& response, const std::string& wanted) {
        for (const auto& [name, value] : response.headers) {
            if (name == wanted) {
                return value;
            }
        }
        return "";
    }

    std::vector<Route> routes() {
        return boardRoutes("/board",
                           std::make_shared<const BoardPage>(folder_, "/board"),
                           std::make_shared<const BoardQueues>(
                               Redis(Redis::Settings()),
                               [](const std::string&) { return drover::Queue::Settings(); },
                               std::vector<std::string>{"mail"}));
    }

    fs::path folder_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(BoardPageTest);
