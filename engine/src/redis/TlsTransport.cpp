#include "redis/TlsTransport.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <new>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <system_error>

#include "drover/Exceptions.h"

namespace drover {

namespace {

/// Returns the reasons of OpenSSL's latest failure, the cause first.
/// Those of earlier calls were cleared before the call (docs/pitfalls.md#o3).
std::string reasons() {
    std::string text;
    while (const unsigned long error = ERR_get_error()) {
        const char* const reason = ERR_reason_error_string(error);
        text += (text.empty() ? "" : "; ") +
                (reason == nullptr ? "error " + std::to_string(error) : std::string(reason));
    }
    return text;
}

[[noreturn]] void refuse(const std::string& setting,
                         const std::string& file,
                         const std::string& right) {
    const std::string why = reasons();
    throw RedisAuthException("redis.tls." + setting + " = " + file + ": " + right +
                             (why.empty() ? "" : " (" + why + ")"));
}

/// Offers no passphrase: OpenSSL would wait for a terminal (docs/pitfalls.md#o7).
int withoutPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) {
    return -1;
}

// The socket as OpenSSL sees it. Its own kind writes by write(2), which raises SIGPIPE (docs/pitfalls.md#o2).

int fdOf(BIO* bio) {
    return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int writeSome(BIO* bio, const char* bytes, int count) {
    BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(fdOf(bio), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        BIO_set_retry_write(bio);
    }
    return static_cast<int>(sent);
}

int readSome(BIO* bio, char* buffer, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t received = ::recv(fdOf(bio), buffer, static_cast<std::size_t>(size), 0);
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        BIO_set_retry_read(bio);
    }
    return static_cast<int>(received);
}

long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* makeBio(int fd) {
    static BIO_METHOD* const kMethod = [] {
        BIO_METHOD* const method =
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "redis");
        if (method == nullptr) {
            throw std::bad_alloc();
        }
        BIO_meth_set_write(method, &writeSome);
        BIO_meth_set_read(method, &readSome);
        BIO_meth_set_ctrl(method, &control);
        return method;
    }();
    BIO* const bio = BIO_new(kMethod);
    if (bio == nullptr) {
        throw std::bad_alloc();
    }
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));  // NOLINT
    BIO_set_init(bio, 1);
    return bio;
}

void applyRules(SSL_CTX* context, const Redis::Tls& tls) {
    SSL_CTX_set_min_proto_version(
        context, tls.minVersion == Redis::Tls::Version::V13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_default_passwd_cb(context, &withoutPassphrase);
}

void readFiles(SSL_CTX* context, const Redis::Tls& tls) {
    if (tls.ca.empty()) {
        SSL_CTX_set_default_verify_paths(context);
    } else if (SSL_CTX_load_verify_locations(context, tls.ca.c_str(), nullptr) != 1) {
        refuse("ca", tls.ca, "it must be a readable PEM file with the certificates to trust");
    }
    if (tls.certificate.empty()) {
        return;
    }
    if (SSL_CTX_use_certificate_chain_file(context, tls.certificate.c_str()) != 1) {
        refuse("certificate",
               tls.certificate,
               "it must be a readable PEM file with the client's certificate first");
    }
    if (SSL_CTX_use_PrivateKey_file(context, tls.key.c_str(), SSL_FILETYPE_PEM) != 1) {
        refuse("key",
               tls.key,
               "it must be a readable PEM file with the private key of redis.tls.certificate, "
               "without a passphrase");
    }
}

bool isAddress(const std::string& name) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    return inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
           inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

/// Demands a certificate for `name`, and names it to the server if it is not an address.
void expectName(SSL* ssl, const std::string& name) {
    if (isAddress(name)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
        return;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(ssl, name.c_str()) != 1 || SSL_set_tlsext_host_name(ssl, name.c_str()) != 1) {
        refuse("serverName", name, "it must be a host name or an address");
    }
}

}  // namespace

TlsTransport::TlsTransport(int fd, const Redis::Tls& tls, const std::string& host)
    : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free), ssl_(nullptr, &SSL_free) {
    if (!context_) {
        throw std::bad_alloc();
    }
    ERR_clear_error();
    applyRules(context_.get(), tls);
    readFiles(context_.get(), tls);
    ssl_.reset(SSL_new(context_.get()));
    if (!ssl_) {
        throw std::bad_alloc();
    }
    BIO* const bio = makeBio(fd);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_connect_state(ssl_.get());
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    expectName(ssl_.get(),
               !tls.serverName.empty() ? tls.serverName
               : brackets              ? host.substr(1, host.size() - 2)
                                       : host);
}

TlsTransport::~TlsTransport() = default;

TlsTransport::Step TlsTransport::handshake() {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
        return Step::Done;
    }
    const int error = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return Step::Readable;
        case SSL_ERROR_WANT_WRITE:
            return Step::Writable;
        default:
            break;
    }
    if (const long verified = SSL_get_verify_result(ssl_.get()); verified != X509_V_OK) {
        throw RedisAuthException(std::string("the certificate of Redis is not trusted: ") +
                                 X509_verify_cert_error_string(verified) +
                                 "; redis.tls.ca names whom to trust, redis.tls.serverName the "
                                 "name in the certificate");
    }
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER) {
        throw RedisIoException("Redis does not speak TLS on this port");
    }
    const std::string why = reasons();
    throw RedisIoException(
        "the handshake failed: " +
        (!why.empty() ? why
         : error != 0 ? std::generic_category().message(error)
                      : std::string("Redis closed the connection, as a server without TLS does")));
}

void TlsTransport::fail(const std::string& operation, int result) {
    const int error = errno;
    const int kind = SSL_get_error(ssl_.get(), result);
    const std::string why = reasons();
    if (kind == SSL_ERROR_ZERO_RETURN || (why.empty() && error == 0)) {
        throw RedisIoException("Redis closed the connection");
    }
    if (why.find("certificate required") != std::string::npos) {
        throw RedisAuthException(
            "Redis demands a certificate of its clients: set redis.tls.certificate and "
            "redis.tls.key");
    }
    throw RedisIoException(
        operation + " Redis: " + (why.empty() ? std::generic_category().message(error) : why));
}

std::size_t TlsTransport::send(const char* bytes, std::size_t count) {
    ERR_clear_error();
    errno = 0;
    const int sent =
        SSL_write(ssl_.get(), bytes, static_cast<int>(std::min<std::size_t>(count, INT_MAX)));
    if (sent > 0) {
        return static_cast<std::size_t>(sent);
    }
    if (SSL_get_error(ssl_.get(), sent) == SSL_ERROR_WANT_WRITE) {
        return 0;
    }
    fail("send to", sent);
}

std::size_t TlsTransport::receive(char* buffer, std::size_t size) {
    ERR_clear_error();
    errno = 0;
    const int received =
        SSL_read(ssl_.get(), buffer, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
    if (received > 0) {
        return static_cast<std::size_t>(received);
    }
    if (SSL_get_error(ssl_.get(), received) == SSL_ERROR_WANT_READ) {
        return 0;
    }
    fail("receive from", received);
}

bool TlsTransport::hasInput() {
    ERR_clear_error();
    errno = 0;
    char byte = 0;
    const int peeked = SSL_peek(ssl_.get(), &byte, 1);
    if (peeked <= 0 && SSL_get_error(ssl_.get(), peeked) != SSL_ERROR_WANT_READ) {
        fail("receive from", peeked);  // OpenSSL gives the reason once.
    }
    return peeked > 0;
}

}  // namespace drover
