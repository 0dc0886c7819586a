#include "support/TestCertificate.h"

#include <filesystem>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdexcept>
#include <stdlib.h>
#include <sys/stat.h>

namespace drover::test {

namespace {

using File = std::unique_ptr<BIO, decltype(&BIO_free)>;

void require(bool success) {
    if (!success) {
        throw std::runtime_error("OpenSSL makes no certificate");
    }
}

}  // namespace

TestCertificate::TestCertificate(const std::string& name, const Kind& kind)
    : folder_(std::filesystem::temp_directory_path() / "drover-tls-XXXXXX") {
    require(mkdtemp(folder_.data()) != nullptr);
    certificate_ = folder_ + "/certificate.pem";
    key_ = folder_ + "/key.pem";
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        kind.curve != nullptr ? EVP_EC_gen(kind.curve) : EVP_RSA_gen(kind.rsaBits), &EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), &X509_free);
    require(key && certificate);
    constexpr int kDay = 24 * 60 * 60;
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), kind.firstDay * kDay);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kind.lastDay * kDay);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* const subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject,
                               "CN",
                               MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()),
                               -1,
                               -1,
                               0);
    X509_set_issuer_name(certificate.get(), subject);
    require(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
    const File certificateFile(BIO_new_file(certificate_.c_str(), "w"), &BIO_free);
    const File keyFile(BIO_new_file(key_.c_str(), "w"), &BIO_free);
    require(certificateFile && keyFile &&
            PEM_write_bio_X509(certificateFile.get(), certificate.get()) == 1 &&
            PEM_write_bio_PrivateKey(keyFile.get(),
                                     key.get(),
                                     kind.passphrase == nullptr ? nullptr : EVP_aes_256_cbc(),
                                     nullptr,
                                     0,
                                     nullptr,
                                     const_cast<char*>(kind.passphrase)) == 1);
    chmod(key_.c_str(), S_IRUSR | S_IWUSR);
}

TestCertificate::~TestCertificate() {
    std::error_code ignored;  // A folder that stays harms no test.
    std::filesystem::remove_all(folder_, ignored);
}

const std::shared_ptr<ssl_ctx_st>& TestCertificate::client() {
    static const std::shared_ptr<ssl_ctx_st> kContext(SSL_CTX_new(TLS_client_method()),
                                                      &SSL_CTX_free);
    return kContext;
}

}  // namespace drover::test
