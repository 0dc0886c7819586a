#pragma once

#include <memory>
#include <string>

#include "http/Transport.h"

struct ssl_st;
struct ssl_ctx_st;

namespace drover::api {

/// Bytes through TLS, as the server.
///
/// OpenSSL reads and writes through functions of this class, not by read(2) and write(2): no SIGPIPE (docs/pitfalls.md#o2),
/// and a count of what a client sends. A client that sends a lot without any byte of a request, which renewed keys and
/// empty records allow, is cut, since the thread of the gate works for it meanwhile (docs/pitfalls.md#o6).
class TlsTransport : public Transport {
public:
    TlsTransport(ssl_ctx_st& context, int fd);
    ~TlsTransport() override;
    TlsTransport(const TlsTransport&) = delete;
    TlsTransport& operator=(const TlsTransport&) = delete;

    [[nodiscard]] Transfer receive(char* buffer, std::size_t size) override;
    [[nodiscard]] Transfer send(std::string_view bytes) override;
    [[nodiscard]] bool sendEnd() override;
    [[nodiscard]] std::string problem() const override { return problem_; }

private:
    struct Wire;

    void begin();
    Transfer unmoved(int result);

    const std::unique_ptr<Wire> wire_;
    const std::shared_ptr<ssl_st> ssl_;
    bool broken_ = false;
    std::string problem_;
};

}  // namespace drover::api
