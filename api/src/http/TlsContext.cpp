#include "http/TlsContext.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drover/Exceptions.h"
#include "http/TlsTransport.h"

namespace drover::api {

namespace {

constexpr int kSecurityLevel = 2;

[[noreturn]] void refuse(const TlsContext::File& file, const std::string& complaint) {
    throw ConfigException(file.setting + " = " + file.path + ": " + complaint);
}

/// Returns the reason of OpenSSL's latest failure, in parentheses.
std::string lastReason() {
    // The first error is the cause, and those behind it name the functions that passed it on.
    const char* const reason = ERR_reason_error_string(ERR_peek_error());
    return reason == nullptr ? "" : std::string(" (") + reason + ")";
}

/// Returns the mode of the file. Throws ConfigException if this process cannot read it, or it is not a regular file.
mode_t modeOf(const TlsContext::File& file) {
    // Does not wait for the writer of a named pipe.
    const int fd = ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status {};
    const bool known = fd >= 0 && ::fstat(fd, &status) == 0;
    const int reason = errno;
    if (fd >= 0) {
        ::close(fd);
    }
    if (!known) {
        refuse(file, std::strerror(reason));
    }
    if (!S_ISREG(status.st_mode)) {
        refuse(file, "it must be a regular file in PEM format");
    }
    return status.st_mode;
}

/// Notes that OpenSSL needs a passphrase, and offers none: it would wait for a terminal (docs/pitfalls.md#o7).
int withoutPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* encrypted) {
    *static_cast<bool*>(encrypted) = true;
    return -1;
}

std::shared_ptr<EVP_PKEY> readKey(const TlsContext::File& file) {
    bool encrypted = false;
    ERR_clear_error();
    const std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_file(file.path.c_str(), "r"),
                                                       &BIO_free);
    std::shared_ptr<EVP_PKEY> key(
        in ? PEM_read_bio_PrivateKey(in.get(), nullptr, &withoutPassphrase, &encrypted) : nullptr,
        &EVP_PKEY_free);
    if (encrypted) {
        refuse(file,
               "the key has a passphrase, and the process has no terminal to read it from; openssl "
               "pkey -in " +
                   file.path + " -out KEY writes it without one");
    }
    if (!key) {
        refuse(file,
               "it has no private key that OpenSSL can read" + lastReason() +
                   "; right is a PEM file with BEGIN PRIVATE KEY");
    }
    return key;
}

/// Chooses "http/1.1", the one protocol that is served here; a client without it in its list is refused.
int chooseProtocol(SSL* /*ssl*/,
                   const unsigned char** chosen,
                   unsigned char* length,
                   const unsigned char* offered,
                   unsigned int offeredLength,
                   void* /*context*/) {
    static constexpr unsigned char kHttp11[] = "\x08http/1.1";  // NOLINT: as ALPN writes a list
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(
            &found, length, kHttp11, sizeof(kHttp11) - 1, offered, offeredLength) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

void applyRules(SSL_CTX* context) {
    if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION) {
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    }
    if (SSL_CTX_get_security_level(context) < kSecurityLevel) {
        SSL_CTX_set_security_level(context, kSecurityLevel);
    }
    // A request has a length, so an end without close_notify cuts none short unnoticed.
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    // An idle connection holds no buffers: there may be 10,000.
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                         SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    // Tickets hold the sessions, so that a session costs no memory here.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, &chooseProtocol, nullptr);
}

std::string dayOf(const ASN1_TIME* time) {
    std::tm parts{};
    std::array<char, 32> text{};
    if (ASN1_TIME_to_tm(time, &parts) != 1 ||
        std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts) == 0) {
        return "an unknown day";
    }
    return text.data();
}

}  // namespace

TlsContext::TlsContext(const File& certificate, const File& key)
    : context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free) {
    if (!context_) {
        throw Exception("OpenSSL makes no TLS context" + lastReason());
    }
    ERR_clear_error();
    applyRules(context_.get());
    (void)modeOf(certificate);
    if (SSL_CTX_use_certificate_chain_file(context_.get(), certificate.path.c_str()) != 1) {
        refuse(certificate,
               "it has no certificate that OpenSSL accepts" + lastReason() +
                   "; right is a PEM file with the server's certificate first and its issuers "
                   "behind it");
    }
    const mode_t keyMode = modeOf(key);
    const std::shared_ptr<EVP_PKEY> pair = readKey(key);
    const X509* const leaf = SSL_CTX_get0_certificate(context_.get());
    if (X509_check_private_key(leaf, pair.get()) != 1) {
        refuse(key,
               "the key does not belong to the first certificate of " + certificate.path +
                   "; right is the key with which that certificate was requested");
    }
    if (SSL_CTX_use_PrivateKey(context_.get(), pair.get()) != 1) {
        refuse(key, "OpenSSL does not accept the key" + lastReason());
    }
    if ((keyMode & S_IROTH) != 0) {
        warnings_.push_back(key.setting + " = " + key.path +
                            ": every user of the machine can read the key; chmod o-r " + key.path);
    }
    if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0) {
        warnings_.push_back(certificate.setting + " = " + certificate.path +
                            ": the certificate has expired, its last day was " + lastDay());
    } else if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0) {
        warnings_.push_back(certificate.setting + " = " + certificate.path +
                            ": the certificate is not valid before " +
                            dayOf(X509_get0_notBefore(leaf)));
    }
}

std::unique_ptr<Transport> TlsContext::accept(int fd) const {
    return std::make_unique<TlsTransport>(*context_, fd);
}

bool TlsContext::sameAs(const TlsContext& other) const {
    STACK_OF(X509)* mine = nullptr;
    STACK_OF(X509)* others = nullptr;
    SSL_CTX_get0_chain_certs(context_.get(), &mine);
    SSL_CTX_get0_chain_certs(other.context_.get(), &others);
    const int count = sk_X509_num(mine);
    if (count != sk_X509_num(others) ||
        X509_cmp(SSL_CTX_get0_certificate(context_.get()),
                 SSL_CTX_get0_certificate(other.context_.get())) != 0) {
        return false;
    }
    for (int i = 0; i < count; ++i) {
        if (X509_cmp(sk_X509_value(mine, i), sk_X509_value(others, i)) != 0) {
            return false;
        }
    }
    return true;
}

std::string TlsContext::lastDay() const {
    return dayOf(X509_get0_notAfter(SSL_CTX_get0_certificate(context_.get())));
}

}  // namespace drover::api
