#include <string>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "store/DatabaseUrl.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using drover::ConfigException;
using drover::store::DatabaseUrl;

/// DATABASE_URL becomes libpq keywords, and none of its secrets leaks.
class StoreDatabaseUrlTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(StoreDatabaseUrlTest);
    CPPUNIT_TEST(everyPartIsDecoded);
    CPPUNIT_TEST(partsMayBeAbsent);
    CPPUNIT_TEST(hostsMayBeSeveralAndIpv6AndSockets);
    CPPUNIT_TEST(knownParametersBecomeKeywordsAndForeignOnesAreIgnored);
    CPPUNIT_TEST(valuesAreQuotedForLibpq);
    CPPUNIT_TEST(theUrlWinsOverDefaults);
    CPPUNIT_TEST(blanksAroundDoNotCount);
    CPPUNIT_TEST(wordsOfOtherClientsAreNamedWithWhatIsRight);
    CPPUNIT_TEST(valuesAreChecked);
    CPPUNIT_TEST(pgbouncerIsRead);
    CPPUNIT_TEST(theKeyOfStatementsDecidesAndDoesNotContradict);
    CPPUNIT_TEST(hostsAreDroppedWithTheirPorts);
    CPPUNIT_TEST(malformedUrlsAreRefused);
    CPPUNIT_TEST(noErrorAndNoTargetShowsThePassword);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyPartIsDecoded() {
        const DatabaseUrl url = DatabaseUrl::parse(
            "postgresql://us%65r:p%40ss%2Fw%25rd@db.example:6543/my%20db?schema=app%2Dx");
        assertEqual("user", url.user);
        assertEqual("p@ss/w%rd", url.password);
        assertEqual("db.example", url.host);
        assertEqual("6543", url.port);
        assertEqual("my db", url.database);
        assertEqual("app-x", url.schema);
        assertEqual("db.example:6543/my db", url.target());
    }

    void partsMayBeAbsent() {
        const DatabaseUrl url = DatabaseUrl::parse("postgres://");
        CPPUNIT_ASSERT_EQUAL(std::string(), url.conninfo());
        assertEqual("host='h'", DatabaseUrl::parse("postgres://h").conninfo());
        assertEqual("host='h' user='u' dbname='d'",
                    DatabaseUrl::parse("postgres://u@h/d").conninfo());
    }

    void hostsMayBeSeveralAndIpv6AndSockets() {
        assertEqual("host='a,::1' port='1,2' dbname='d'",
                    DatabaseUrl::parse("postgresql://a:1,[::1]:2/d").conninfo());
        assertEqual("/run/pg", DatabaseUrl::parse("postgresql://%2Frun%2Fpg/d").host);
        assertEqual("/run/pg", DatabaseUrl::parse("postgresql:///d?host=/run/pg").host);
    }

    void knownParametersBecomeKeywordsAndForeignOnesAreIgnored() {
        assertEqual("host='h' dbname='d' sslmode='require' sslrootcert='/a b'",
                    DatabaseUrl::parse(
                        "postgresql://h/d?sslmode=require&connection_limit=5&sslrootcert=/a%20b")
                        .conninfo());
        assertContains(refusal("postgresql://h/d?sslmod=x"), "unknown query parameter 'sslmod'");
    }

    void valuesAreQuotedForLibpq() {
        assertEqual(R"(host='h' user='o\'hara' password='a b\\c')",
                    DatabaseUrl::parse("postgresql://o'hara:a%20b%5Cc@h").conninfo());
    }

    void theUrlWinsOverDefaults() {
        const DatabaseUrl url = DatabaseUrl::parse("postgresql://h?connect_timeout=9");
        assertEqual("host='h' connect_timeout='9' keepalives='1'",
                    url.conninfo({{"connect_timeout", "2"}, {"keepalives", "1"}}));
    }

    void blanksAroundDoNotCount() {
        assertEqual("d", DatabaseUrl::parse(" postgresql://h/d\r\n").database);
        assertEqual("s", DatabaseUrl::parse("postgresql://h/d?schema=s\n").schema);
        CPPUNIT_ASSERT(!refusal("postgresql://h/d\nx").empty());
        CPPUNIT_ASSERT(!refusal(" \n").empty());
    }

    void wordsOfOtherClientsAreNamedWithWhatIsRight() {
        const std::vector<std::pair<std::string, std::string>> cases = {
            {"sslmode=no-verify", "sslmode=require"},
            {"sslaccept=strict", "sslmode=verify-full"},
            {"sslaccept=accept_invalid_certs", "sslmode=require"},
            {"ssl=true", "sslmode=require"},
            {"options=-c%20search_path%3Dapp", "?schema=NAME"},
            {"options=-c%20statement_timeout%3D5s", "ALTER ROLE"},
            {"search_path=app", "?schema=NAME"},
            {"currentSchema=app", "?schema=NAME"},
            {"client_encoding=LATIN1", "always UTF8"},
            {"password=x", "before the '@'"},
            {"sslidentity=/x.p12", "sslcert=FILE"},
            {"dbname=x", "path of the URL"}};
        for (const auto& [query, right] : cases) {
            const std::string message = refusal("postgresql://h/d?" + query);
            assertContains(message, query.substr(0, query.find('=')));
            assertContains(message, right);
        }
    }

    void valuesAreChecked() {
        for (const std::string query : {"sslmode=on",
                                        "sslmode=Require",
                                        "target_session_attrs=master",
                                        "connect_timeout=2s",
                                        "connect_timeout=",
                                        "tcp_user_timeout=-1",
                                        "pgbouncer=yes",
                                        "keepalives=true"}) {
            const std::string message = refusal("postgresql://h/d?" + query);
            CPPUNIT_ASSERT_MESSAGE(
                message + " for " + query,
                message.find("value of " + query.substr(0, query.find('='))) != std::string::npos);
        }
        for (const std::string query : {"sslmode=verify-full", "target_session_attrs=any"}) {
            CPPUNIT_ASSERT_EQUAL(std::string(), refusal("postgresql://h/d?" + query));
        }
    }

    void pgbouncerIsRead() {
        CPPUNIT_ASSERT(!DatabaseUrl::parse("postgresql://h/d").pgbouncer.has_value());
        CPPUNIT_ASSERT(DatabaseUrl::parse("postgresql://h/d?pgbouncer=true").pgbouncer.value());
        CPPUNIT_ASSERT(!DatabaseUrl::parse("postgresql://h/d?pgbouncer=false").pgbouncer.value());
        assertEqual("host='h'", DatabaseUrl::parse("postgresql://h?pgbouncer=true").conninfo());
    }

    void theKeyOfStatementsDecidesAndDoesNotContradict() {
        const std::string url = "postgresql://h/d";
        CPPUNIT_ASSERT(!DatabaseUrl::parse(url, "auto").pgbouncer.has_value());
        CPPUNIT_ASSERT(DatabaseUrl::parse(url, "unnamed").pgbouncer.value());
        CPPUNIT_ASSERT(!DatabaseUrl::parse(url, "named").pgbouncer.value());
        CPPUNIT_ASSERT(DatabaseUrl::parse(url + "?pgbouncer=true", "auto").pgbouncer.value());
        CPPUNIT_ASSERT(DatabaseUrl::parse(url + "?pgbouncer=true", "unnamed").pgbouncer.value());
        const auto refusalOf = [&url](const std::string& query, const std::string& statements) {
            try {
                static_cast<void>(DatabaseUrl::parse(url + query, statements));
            } catch (const drover::ConfigException& error) {
                return error.message();
            }
            return std::string("accepted");
        };
        assertEqual(
            "database.statements = named: contradicts ?pgbouncer=true in database.url; "
            "leave one of them out",
            refusalOf("?pgbouncer=true", "named"));
        assertEqual(
            "database.statements = unnamed: contradicts ?pgbouncer=false in database.url; "
            "leave one of them out",
            refusalOf("?pgbouncer=false", "unnamed"));
        assertEqual("database.statements = off: is not one of auto, named, unnamed",
                    refusalOf("", "off"));
    }

    void hostsAreDroppedWithTheirPorts() {
        DatabaseUrl url = DatabaseUrl::parse("postgresql://a:1,b:2,c:3/d");
        CPPUNIT_ASSERT(url.dropFirstHost());
        assertEqual("b,c:2,3/d", url.target());
        CPPUNIT_ASSERT(url.dropFirstHost());
        assertEqual("c:3/d", url.target());
        CPPUNIT_ASSERT(!url.dropFirstHost());
        DatabaseUrl onePort = DatabaseUrl::parse("postgresql:///d?host=a,b&port=7");
        CPPUNIT_ASSERT(onePort.dropFirstHost());
        assertEqual("b:7/d", onePort.target());
    }

    void malformedUrlsAreRefused() {
        const std::vector<std::string> malformed = {"",
                                                    "host=h dbname=d",
                                                    "mysql://h/d",
                                                    "postgresql://h:0/d",
                                                    "postgresql://h:65536/d",
                                                    "postgresql://h:+5/d",
                                                    "postgresql://h:99999999999999999999/d",
                                                    "postgresql://[::1/d",
                                                    "postgresql://[::1]x/d",
                                                    "postgresql://h/a/b",
                                                    "postgresql://h/d%2",
                                                    "postgresql://h/d%zz",
                                                    "postgresql://h/d%00",
                                                    "postgresql://u:a%0Ab@h/d",
                                                    "postgresql://h/d?sslmode",
                                                    "postgresql://h/d?options=-cfsync=off",
                                                    "postgresql://h/d?password=x",
                                                    "postgresql://u:p@x@h/d",
                                                    "postgresql://h/d#fragment"};
        for (const std::string& text : malformed) {
            CPPUNIT_ASSERT_MESSAGE("accepted: " + text, !refusal(text).empty());
        }
    }

    void noErrorAndNoTargetShowsThePassword() {
        // Each password breaks the URL at another place: as a port, as a path, as a query name, as a bad escape.
        for (const std::string password :
             {"hunter", "hunter/2", "hunter?2=3", "hunter#2", "hunter@2", "hunter%", "hunter:2/"}) {
            for (const std::string rest : {"@h:x/d", "@h/d?nonsense=1", "@h/d/e", "@h/d%zz"}) {
                const std::string message = refusal("postgresql://user:" + password + rest);
                CPPUNIT_ASSERT_MESSAGE(
                    message, !message.empty() && message.find("hunter") == std::string::npos);
            }
        }
        const DatabaseUrl url = DatabaseUrl::parse("postgresql://user:hunter@h/d");
        assertEqual("h:5432/d", url.target());
    }

private:
    /// The message of the refusal; empty if the text was accepted.
    static std::string refusal(const std::string& text) {
        try {
            static_cast<void>(DatabaseUrl::parse(text));
        } catch (const ConfigException& error) {
            return error.message();
        }
        return "";
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreDatabaseUrlTest);
