#include "http/TlsTransport.h"

#include <cerrno>
#include <new>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <utility>

#include "http/PlainTransport.h"

namespace drover::api {

namespace {

/// Bytes that a client may send without a byte of a request among them. A handshake has less than a tenth.
constexpr std::size_t kMostOverhead = 256U << 10U;

bool isLetter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

/// The socket as OpenSSL sees it.
struct TlsTransport::Wire {
    explicit Wire(int fd) : socket(fd) {}

    static BIO* makeBio(Wire& wire);
    static int read(BIO* bio, char* buffer, int size);
    static int write(BIO* bio, const char* bytes, int size);
    static long control(BIO* bio, int command, long /*number*/, void* /*pointer*/);

    PlainTransport socket;
    bool begun = false;        ///< A byte has come.
    bool foreign = false;      ///< The first byte was a letter.
    bool more = false;         ///< The last read filled its buffer.
    bool ended = false;        ///< The client has shut its side.
    std::size_t received = 0;  ///< In this transfer.
};

BIO* TlsTransport::Wire::makeBio(Wire& wire) {
    static BIO_METHOD* const kMethod = [] {
        BIO_METHOD* const method =
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
        if (method == nullptr) {
            throw std::bad_alloc();
        }
        BIO_meth_set_read(method, &Wire::read);
        BIO_meth_set_write(method, &Wire::write);
        BIO_meth_set_ctrl(method, &Wire::control);
        return method;
    }();
    BIO* const bio = BIO_new(kMethod);
    if (bio == nullptr) {
        throw std::bad_alloc();
    }
    BIO_set_data(bio, &wire);
    BIO_set_init(bio, 1);
    return bio;
}

int TlsTransport::Wire::read(BIO* bio, char* buffer, int size) {
    Wire& wire = *static_cast<Wire*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (wire.foreign || wire.received > kMostOverhead) {
        return -1;
    }
    const Transfer got = wire.socket.receive(buffer, static_cast<std::size_t>(size));
    wire.more = got.more;
    wire.received += got.bytes;
    switch (got.kind) {
        case Transfer::Kind::Some:
            wire.foreign = !std::exchange(wire.begun, true) && isLetter(*buffer);
            return wire.foreign ? -1 : static_cast<int>(got.bytes);
        case Transfer::Kind::Later:
            BIO_set_retry_read(bio);
            return -1;
        case Transfer::Kind::End:
            wire.ended = true;
            return 0;
        case Transfer::Kind::Foreign:
        case Transfer::Kind::Broken:
            break;
    }
    return -1;
}

int TlsTransport::Wire::write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    const Transfer sent =
        static_cast<Wire*>(BIO_get_data(bio))->socket.send({bytes, static_cast<std::size_t>(size)});
    if (sent.kind == Transfer::Kind::Later) {
        BIO_set_retry_write(bio);
    }
    return sent.kind == Transfer::Kind::Some ? static_cast<int>(sent.bytes) : -1;
}

long TlsTransport::Wire::control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
    switch (command) {
        case BIO_CTRL_FLUSH:
            return 1;
        case BIO_CTRL_EOF:
            return static_cast<Wire*>(BIO_get_data(bio))->ended ? 1 : 0;
        default:
            return 0;
    }
}

TlsTransport::TlsTransport(ssl_ctx_st& context, int fd)
    : wire_(std::make_unique<Wire>(fd)), ssl_(SSL_new(&context), &SSL_free) {
    if (!ssl_) {
        throw std::bad_alloc();
    }
    BIO* const bio = Wire::makeBio(*wire_);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_accept_state(ssl_.get());
}

TlsTransport::~TlsTransport() = default;

void TlsTransport::begin() {
    wire_->received = 0;
    // OpenSSL looks at the errors of the thread, another connection's too, to explain a result (docs/pitfalls.md#o3).
    ERR_clear_error();
}

Transfer TlsTransport::receive(char* buffer, std::size_t size) {
    begin();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), buffer, size, &count);
    if (result != 1) {
        return unmoved(result);
    }
    // Bytes that OpenSSL has read ahead raise no event of the descriptor (docs/pitfalls.md#o1).
    return {Transfer::Kind::Some, count, wire_->more || SSL_has_pending(ssl_.get()) == 1};
}

Transfer TlsTransport::send(std::string_view bytes) {
    begin();
    std::size_t count = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
    return result == 1 ? Transfer{Transfer::Kind::Some, count} : unmoved(result);
}

Transfer TlsTransport::unmoved(int result) {
    if (wire_->foreign) {
        broken_ = true;
        return {Transfer::Kind::Foreign};
    }
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            return {Transfer::Kind::Later};
        case SSL_ERROR_ZERO_RETURN:
            return {Transfer::Kind::End};
        default:
            break;
    }
    broken_ = true;
    if (const char* const reason = ERR_reason_error_string(ERR_peek_error())) {
        problem_ = reason;
    }
    return {Transfer::Kind::Broken};
}

bool TlsTransport::sendEnd() {
    if (broken_ || SSL_in_init(ssl_.get()) == 1) {
        return true;
    }
    begin();
    const int result = SSL_shutdown(ssl_.get());
    return result >= 0 || SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_WRITE;
}

}  // namespace drover::api
