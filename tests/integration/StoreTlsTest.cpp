#include <functional>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Unavailable.h"
#include "store/Session.h"
#include "support/Assert.h"
#include "support/PostgresServer.h"
#include "support/TestCertificate.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using drover::store::DatabaseUrl;
using drover::store::Session;
using drover::store::SessionSettings;
using drover::test::PostgresServer;
using drover::test::TestCertificate;

/// sslmode and the files of certificates reach libpq through database.url.
class StoreTlsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(StoreTlsTest);
    CPPUNIT_TEST(verifyFullAcceptsTheCertificateOfTheHost);
    CPPUNIT_TEST(verifyFullRefusesAnotherName);
    CPPUNIT_TEST(aClientPresentsItsCertificate);
    CPPUNIT_TEST_SUITE_END();

public:
    void verifyFullAcceptsTheCertificateOfTheHost() {
        const TestCertificate certificate("127.0.0.1");
        const PostgresServer server(&certificate, "hostssl all all 127.0.0.1/32 trust");
        Session session(
            settings(server, "sslmode=verify-full&sslrootcert=" + certificate.certificate()));
        assertEqual("TLSv1.3",
                    session.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
                        .text(0, 0));
        assertContains(refusal(settings(server, "sslmode=disable")), "no encryption");
        const TestCertificate other("127.0.0.1");
        assertContains(
            refusal(settings(server, "sslmode=verify-full&sslrootcert=" + other.certificate())),
            "certificate verify failed");
    }

    void verifyFullRefusesAnotherName() {
        const TestCertificate certificate("db.example");
        const PostgresServer server(&certificate);
        const std::string root = "&sslrootcert=" + certificate.certificate();
        assertContains(refusal(settings(server, "sslmode=verify-full" + root)),
                       "\"db.example\" does not match host name \"127.0.0.1\"");
        Session session(settings(server, "sslmode=verify-ca" + root));
        CPPUNIT_ASSERT(session.usable());
    }

    void aClientPresentsItsCertificate() {
        // One certificate for both sides: the server trusts it, and its name is the user's.
        const TestCertificate certificate("postgres");
        const PostgresServer server(&certificate, "hostssl all all 127.0.0.1/32 cert");
        Session session(settings(server,
                                 "sslmode=verify-ca&sslrootcert=" + certificate.certificate() +
                                     "&sslcert=" + certificate.certificate() +
                                     "&sslkey=" + certificate.key()));
        assertEqual(
            "/CN=postgres",
            session.execute("SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
                .text(0, 0));
        assertContains(refusal(settings(server, "sslmode=require")), "certificate");
    }

private:
    static SessionSettings settings(const PostgresServer& server, const std::string& query) {
        SessionSettings settings;
        settings.url = DatabaseUrl::parse(server.url() + "?" + query);
        return settings;
    }

    static std::string refusal(const SessionSettings& settings) {
        try {
            const Session session(settings);
        } catch (const drover::Unavailable& error) {
            return error.what();
        }
        return "accepted";
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreTlsTest);
