#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "drover/Routes.h"
#include "support/Assert.h"

using drover::test::assertContains;

using drover::Parameter;
using drover::Route;
using drover::Routes;
using namespace std::string_literals;

/// The route table accepts routes that it can serve, refuses any other by name, and never changes under a reader.
class RoutesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RoutesTest);
    CPPUNIT_TEST(aRouteIsInTheNextSnapshotAndNotInTheLast);
    CPPUNIT_TEST(theSamePatternTwiceNamesBothSources);
    CPPUNIT_TEST(otherMethodsAndLiteralsDoNotCollide);
    CPPUNIT_TEST(unknownMethodsAreRefused);
    CPPUNIT_TEST(malformedPathsAreRefused);
    CPPUNIT_TEST(wellFormedPathsAreAccepted);
    CPPUNIT_TEST(pathAndDeclarationMustAgree);
    CPPUNIT_TEST(aNameIsDeclaredOnce);
    CPPUNIT_TEST(impossibleRangesAreRefused);
    CPPUNIT_TEST(aRouteNeedsAHandler);
    CPPUNIT_TEST(aRouteHasOneKindOfHandler);
    CPPUNIT_TEST(aBodyOfAnyJsonHasNoDeclaredMembers);
    CPPUNIT_TEST(aDeclaredHeaderHasAName);
    CPPUNIT_TEST(aRefusedRouteLeavesTheTableAsItWas);
    CPPUNIT_TEST(replaceSwapsTheRoutesOfOneSource);
    CPPUNIT_TEST(replaceIsAllOrNothing);
    CPPUNIT_TEST(replacedRoutesMayRetainTheirPatterns);
    CPPUNIT_TEST(aDraftIsServedOnceItIsPublished);
    CPPUNIT_TEST(readersSeeWholeTablesWhileWritersWork);
    CPPUNIT_TEST_SUITE_END();

public:
    void aRouteIsInTheNextSnapshotAndNotInTheLast() {
        Routes routes;
        const auto before = routes.snapshot();
        routes.add(route("POST", "/reservation/{eventId}/{userId}"));
        CPPUNIT_ASSERT(before->empty());
        const auto after = routes.snapshot();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, after->size());
        CPPUNIT_ASSERT_EQUAL("/reservation/{eventId}/{userId}"s, after->front()->path);
        CPPUNIT_ASSERT_EQUAL(200, after->front()->handler({}).status);
    }

    void theSamePatternTwiceNamesBothSources() {
        Routes routes;
        routes.add(route("GET", "/event/{eventId}", "plugin reservation-api"));
        expectRefused(routes,
                      route("GET", "/event/{id}", "producer.properties api.route.event"),
                      "route GET /event/{id} (producer.properties api.route.event): already "
                      "registered as GET /event/{eventId} (plugin reservation-api)");
    }

    void otherMethodsAndLiteralsDoNotCollide() {
        Routes routes;
        routes.add(route("GET", "/event/{id}"));
        routes.add(route("PUT", "/event/{id}"));
        routes.add(route("GET", "/event/next"));
        routes.add(route("GET", "/Event/{id}"));
        routes.add(route("GET", "/event/{id}/seats"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{5}, routes.snapshot()->size());
    }

    void unknownMethodsAreRefused() {
        Routes routes;
        for (const char* method : {"", "get", "HEAD", "GET ", "BREW"}) {
            expectRefused(routes, route(method, "/x"), "GET, POST, PUT, PATCH and DELETE are");
        }
    }

    void malformedPathsAreRefused() {
        Routes routes;
        for (const char* path : {"", "x", "x/y"}) {
            expectRefused(routes, route("GET", path), "must begin with '/'");
        }
        for (const char* path : {"//", "/x/", "/x//y"}) {
            expectRefused(routes, route("GET", path), "empty segment");
        }
        for (const char* path : {"/.", "/x/../y"}) {
            expectRefused(routes, route("GET", path), "dot segment");
        }
        for (const char* path : {"/{}", "/{1a}", "/{a-b}", "/{a}{b}", "/{a b}", "/{\xC3\xA4}"}) {
            expectRefused(routes, bare("GET", path), "is not a parameter");
        }
        for (const char* path : {"/a b",
                                 "/a?b",
                                 "/a#b",
                                 "/a%20b",
                                 "/x{a}",
                                 "/{a}.json",
                                 "/a{",
                                 "/{",
                                 "/}",
                                 "/\xC3\xA4",
                                 "/a\nb"}) {
            expectRefused(routes, bare("GET", path), "is malformed");
        }
    }

    void wellFormedPathsAreAccepted() {
        Routes routes;
        for (const char* path : {"/", "/api-json", "/a.b/c~d/e_f", "/a:b@c", "/{a}/{_b2}"}) {
            routes.add(route("GET", path));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{5}, routes.snapshot()->size());
    }

    void pathAndDeclarationMustAgree() {
        Routes routes;
        expectRefused(routes,
                      bare("GET", "/event/{eventId}"),
                      "{eventId} of the path is not declared as a path parameter");
        Route extra = bare("GET", "/event");
        extra.parameters = {parameter("eventId", Parameter::In::Path)};
        expectRefused(
            routes, extra, "path parameter eventId is declared, but the path has no {eventId}");
        Route query = bare("GET", "/event/{eventId}");
        query.parameters = {parameter("eventId", Parameter::In::Query)};
        expectRefused(routes, query, "{eventId} of the path is not declared");
        Route optional = route("GET", "/event/{eventId}");
        optional.parameters.front().required = false;
        expectRefused(routes, optional, "path parameter eventId must be required");
    }

    void aNameIsDeclaredOnce() {
        Routes routes;
        Route twice = route("GET", "/event/{id}");
        twice.parameters.push_back(parameter("id", Parameter::In::Query));
        expectRefused(routes, twice, "parameter id is declared twice");
        Route inPath = bare("GET", "/event/{id}/{id}");
        inPath.parameters = {parameter("id", Parameter::In::Path)};
        expectRefused(routes, inPath, "{id} stands in the path twice");
        Route unnamed = bare("GET", "/event");
        unnamed.parameters = {parameter("", Parameter::In::Query)};
        expectRefused(routes, unnamed, "a parameter has no name");
    }

    void impossibleRangesAreRefused() {
        Routes routes;
        Route range = route("GET", "/event/{id}");
        range.parameters.front().minimum = 10;
        range.parameters.front().maximum = 9;
        expectRefused(routes, range, "parameter id has a minimum above its maximum");
        Route length = route("GET", "/event/{id}");
        length.parameters.front().minLength = 5000;
        expectRefused(routes, length, "parameter id has a minimum above its maximum");
    }

    void aRouteNeedsAHandler() {
        Routes routes;
        Route silent = route("GET", "/x");
        silent.handler = nullptr;
        expectRefused(routes, silent, "has no handler");
    }

    void aRouteHasOneKindOfHandler() {
        Routes routes;
        Route both = route("GET", "/x");
        both.asyncHandler = [](std::vector<drover::Exchange>) {};
        expectRefused(routes, both, "has a handler and an asyncHandler");
        both.handler = nullptr;
        routes.add(both);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, routes.snapshot()->size());
    }

    void aBodyOfAnyJsonHasNoDeclaredMembers() {
        Routes routes;
        Route any = route("POST", "/x");
        any.anyJson = true;
        drover::Parameter member;
        member.name = "note";
        member.in = drover::Parameter::In::Body;
        any.parameters.push_back(member);
        expectRefused(routes, any, "the route accepts any JSON");
    }

    void aDeclaredHeaderHasAName() {
        Routes routes;
        Route headed = route("GET", "/x");
        headed.headers = {"X Y"};
        expectRefused(routes, headed, "'X Y' is not the name of a header");
    }

    void aRefusedRouteLeavesTheTableAsItWas() {
        Routes routes;
        routes.add(route("GET", "/a"));
        const auto before = routes.snapshot();
        expectRefused(routes, route("GET", "/a"), "already registered");
        CPPUNIT_ASSERT(before == routes.snapshot());
    }

    void replaceSwapsTheRoutesOfOneSource() {
        Routes routes;
        routes.add(route("GET", "/a", "plugin one"));
        routes.add(route("GET", "/b", "producer.properties api.route.b"));
        routes.add(route("GET", "/c", "producer.properties api.route.c"));
        routes.replace("producer.properties ",
                       {route("GET", "/d", "producer.properties api.route.d")});
        CPPUNIT_ASSERT_EQUAL("/a /d "s, pathsOf(routes));
        routes.replace("producer.properties ", {});
        CPPUNIT_ASSERT_EQUAL("/a "s, pathsOf(routes));
    }

    void replaceIsAllOrNothing() {
        Routes routes;
        routes.add(route("GET", "/a", "plugin one"));
        routes.add(route("GET", "/b", "conf b"));
        const auto before = routes.snapshot();
        CPPUNIT_ASSERT_THROW(
            routes.replace("conf", {route("GET", "/c", "conf c"), route("GET", "/a", "conf a")}),
            drover::ConfigException);
        CPPUNIT_ASSERT_THROW(
            routes.replace("conf", {route("GET", "/c", "conf c"), route("GET", "/c", "conf d")}),
            drover::ConfigException);
        CPPUNIT_ASSERT(before == routes.snapshot());
    }

    void replacedRoutesMayRetainTheirPatterns() {
        Routes routes;
        routes.add(route("GET", "/b", "conf b"));
        routes.replace("conf", {route("GET", "/b", "conf b2")});
        CPPUNIT_ASSERT_EQUAL("conf b2"s, routes.snapshot()->front()->source);
    }

    void aDraftIsServedOnceItIsPublished() {
        Routes routes;
        routes.add(route("GET", "/a", "plugin one"));
        routes.add(route("GET", "/b", "conf b"));
        const auto before = routes.snapshot();
        Routes draft;
        draft.publish(before);
        draft.replace("conf", {route("GET", "/c", "conf c")});
        CPPUNIT_ASSERT_THROW(draft.add(route("GET", "/a", "plugin two")), drover::ConfigException);
        CPPUNIT_ASSERT(before == routes.snapshot());
        routes.publish(draft.snapshot());
        CPPUNIT_ASSERT_EQUAL("/a /c "s, pathsOf(routes));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, before->size());
    }

    void readersSeeWholeTablesWhileWritersWork() {
        Routes routes;
        std::atomic<bool> done{false};
        std::atomic<int> halves{0};
        std::thread reader([&] {
            while (!done) {
                halves += routes.snapshot()->size() % 2 == 0 ? 0 : 1;
            }
        });
        for (int turn = 0; turn < 200; ++turn) {
            routes.replace("conf", {route("GET", "/a", "conf a"), route("GET", "/b", "conf b")});
            routes.replace("conf", {});
        }
        done = true;
        reader.join();
        CPPUNIT_ASSERT_EQUAL(0, halves.load());
    }

private:
    static Parameter parameter(const std::string& name, Parameter::In in) {
        Parameter made;
        made.name = name;
        made.in = in;
        return made;
    }

    /// A route without declared parameters.
    static Route bare(const std::string& method, const std::string& path) {
        Route made;
        made.method = method;
        made.path = path;
        made.source = "test";
        made.handler = [](const drover::Request&) { return drover::Response{}; };
        return made;
    }

    /// A route that declares each {parameter} of its path.
    static Route route(const std::string& method,
                       const std::string& path,
                       const std::string& source = "test") {
        Route made = bare(method, path);
        made.source = source;
        for (std::size_t at = path.find('{'); at != std::string::npos;
             at = path.find('{', at + 1)) {
            made.parameters.push_back(
                parameter(path.substr(at + 1, path.find('}', at) - at - 1), Parameter::In::Path));
        }
        return made;
    }

    static std::string pathsOf(const Routes& routes) {
        std::string paths;
        for (const auto& each : *routes.snapshot()) {
            paths += each->path + " ";
        }
        return paths;
    }

    static void expectRefused(Routes& routes, const Route& refused, const std::string& part) {
        try {
            routes.add(refused);
            CPPUNIT_FAIL(refused.method + " " + refused.path + " was taken");
        } catch (const drover::ConfigException& error) {
            assertContains(error.message(), part);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RoutesTest);
