#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "http/TlsContext.h"
#include "support/Assert.h"
#include "support/TestCertificate.h"

using drover::api::TlsContext;
using drover::test::assertContains;
using drover::test::assertStartsWith;
using drover::test::TestCertificate;

namespace {

TlsContext contextOf(const std::string& certificate, const std::string& key) {
    return {{certificate, "a.properties:1: api.tls.certificate"},
            {key, "a.properties:2: api.tls.key"}};
}

TlsContext contextOf(const TestCertificate& files) {
    return contextOf(files.certificate(), files.key());
}

std::string refusalOf(const std::string& certificate, const std::string& key) {
    try {
        (void)contextOf(certificate, key);
    } catch (const drover::ConfigException& error) {
        return error.message();
    }
    return "(accepted)";
}

}  // namespace

/// A certificate and its key are accepted together, or refused with the setting, the file and the cure.
class ApiTlsContextTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiTlsContextTest);
    CPPUNIT_TEST(aCertificateAndItsKeyAreAccepted);
    CPPUNIT_TEST(filesThatCannotBeReadAreNamed);
    CPPUNIT_TEST(otherTextsThanPemAreRefused);
    CPPUNIT_TEST(aKeyOfAnotherCertificateIsRefused);
    CPPUNIT_TEST(aKeyWithAPassphraseIsRefused);
    CPPUNIT_TEST(aWeakKeyIsRefused);
    CPPUNIT_TEST(aKeyThatEveryUserCanReadIsWarnedAbout);
    CPPUNIT_TEST(aCertificateOutOfItsTimeIsWarnedAbout);
    CPPUNIT_TEST_SUITE_END();

public:
    void aCertificateAndItsKeyAreAccepted() {
        const TestCertificate elliptic("one.example");
        TestCertificate::Kind kind;
        kind.curve = nullptr;
        const TestCertificate rsa("one.example", kind);
        const TlsContext context = contextOf(elliptic);
        CPPUNIT_ASSERT(context.warnings().empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{10}, context.lastDay().size());
        CPPUNIT_ASSERT(context.sameAs(contextOf(elliptic)));
        CPPUNIT_ASSERT(!context.sameAs(contextOf(rsa)));

        // The same certificate with another issuer behind it.
        std::ofstream(elliptic.certificate(), std::ios::app)
            << std::ifstream(rsa.certificate()).rdbuf();
        CPPUNIT_ASSERT(!context.sameAs(contextOf(elliptic)));
    }

    void filesThatCannotBeReadAreNamed() {
        const TestCertificate files("one.example");
        const std::string folder = std::filesystem::path(files.key()).parent_path();
        assertStartsWith(refusalOf("/nowhere.pem", files.key()),
                         "a.properties:1: api.tls.certificate = /nowhere.pem: No such file");
        assertStartsWith(refusalOf(files.certificate(), "/nowhere.pem"),
                         "a.properties:2: api.tls.key = /nowhere.pem: No such file");
        assertContains(refusalOf(files.certificate(), folder), "it must be a regular file");
        mkfifo((folder + "/pipe").c_str(), S_IRUSR | S_IWUSR);
        assertContains(refusalOf(folder + "/pipe", files.key()), "it must be a regular file");
    }

    void otherTextsThanPemAreRefused() {
        const TestCertificate files("one.example");
        assertContains(refusalOf(files.key(), files.key()),
                       "it has no certificate that OpenSSL accepts (no start line); right is");
        assertContains(refusalOf(files.certificate(), files.certificate()),
                       "it has no private key that OpenSSL can read");
    }

    void aKeyOfAnotherCertificateIsRefused() {
        const TestCertificate files("one.example");
        TestCertificate::Kind kind;
        for (const char* curve : {"P-256", static_cast<const char*>(nullptr)}) {
            kind.curve = curve;
            const TestCertificate other("other.example", kind);
            assertContains(refusalOf(files.certificate(), other.key()),
                           "does not belong to the first certificate of " + files.certificate());
        }
    }

    void aKeyWithAPassphraseIsRefused() {
        TestCertificate::Kind kind;
        kind.passphrase = "secret";
        const TestCertificate files("one.example", kind);
        assertContains(refusalOf(files.certificate(), files.key()), "the key has a passphrase");
    }

    void aWeakKeyIsRefused() {
        TestCertificate::Kind kind;
        kind.curve = nullptr;
        kind.rsaBits = 1024;
        const TestCertificate files("one.example", kind);
        assertContains(refusalOf(files.certificate(), files.key()), "key too small");
    }

    void aKeyThatEveryUserCanReadIsWarnedAbout() {
        const TestCertificate files("one.example");
        chmod(files.key().c_str(), S_IRUSR | S_IWUSR | S_IRGRP);
        CPPUNIT_ASSERT(contextOf(files).warnings().empty());
        chmod(files.key().c_str(), S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
        assertContains(contextOf(files).warnings().at(0),
                       "every user of the machine can read the key; chmod o-r " + files.key());
    }

    void aCertificateOutOfItsTimeIsWarnedAbout() {
        TestCertificate::Kind kind;
        kind.firstDay = -10;
        kind.lastDay = -1;
        const TestCertificate old("one.example", kind);
        assertContains(contextOf(old).warnings().at(0), "has expired, its last day was 2");
        kind.firstDay = 1;
        kind.lastDay = 10;
        const TestCertificate early("one.example", kind);
        assertContains(contextOf(early).warnings().at(0), "is not valid before 2");
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiTlsContextTest);
