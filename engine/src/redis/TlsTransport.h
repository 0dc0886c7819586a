#pragma once

#include <memory>
#include <string>

#include "drover/Redis.h"
#include "redis/Transport.h"

struct bio_st;
struct ssl_ctx_st;
struct ssl_st;

namespace drover {

/// Bytes encrypted by TLS 1.2 or newer, without renegotiation and compression.
///
/// Files are read for each connection, so that a renewed certificate is used without a restart.
class TlsTransport : public Transport {
public:
    /// Prepares the client's side. Throws RedisAuthException, naming the setting, for a file that cannot be used.
    TlsTransport(int fd, const Redis::Tls& tls, const std::string& host);
    ~TlsTransport() override;

    /// The step of a handshake that comes next.
    enum class Step { Done, Readable, Writable };
    /// Goes on with the handshake and returns what it waits for. Throws RedisAuthException, with the reason and the cure, if
    /// the server's certificate is not trusted or the server does not trust ours; RedisIoException for other problems.
    Step handshake();

    std::size_t send(const char* bytes, std::size_t count) override;
    std::size_t receive(char* buffer, std::size_t size) override;
    bool hasInput() override;

private:
    [[noreturn]] void fail(const std::string& operation, int result);

    std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_;
    std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
};

}  // namespace drover
