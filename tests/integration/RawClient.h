#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "support/Patience.h"

struct ssl_st;
struct ssl_ctx_st;

namespace drover::test {

/// One answer as it came over the wire.
struct RawAnswer {
    int status = 0;  ///< 0: the connection ended before a whole answer came.
    std::map<std::string, std::string> headers;  ///< Names in lower case.
    std::string body;

    /// "" if there is none.
    [[nodiscard]] std::string header(const std::string& name) const;
};

/// A client that sends exactly the given bytes over a socket to 127.0.0.1, which no HTTP library would do; plain, or
/// inside of TLS. Every wait has a deadline; missing it throws std::runtime_error.
class RawClient {
public:
    explicit RawClient(std::uint16_t port, int receiveBufferBytes = 0);
    /// With `tls` the handshake is over at the return; without success std::runtime_error with OpenSSL's reason.
    RawClient(std::uint16_t port, const std::shared_ptr<ssl_ctx_st>& tls, int receiveBuffer = 0);
    ~RawClient();
    RawClient(RawClient&& other) noexcept;
    RawClient& operator=(RawClient&&) = delete;
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    /// Sends all of it; a peer that closes meanwhile is not an error. Returns true if everything was sent.
    bool send(const std::string& bytes);
    /// Shuts the sending side; the peer sees the end of the bytes, within TLS by close_notify.
    void finishSending();
    /// Reads one answer. `head`: of a HEAD request, which has no body whatever Content-Length says.
    RawAnswer read(bool head = false);
    RawAnswer exchange(const std::string& bytes) {
        send(bytes);
        return read();
    }
    /// Reads until the input ends in or holds `text`, and returns it with what stands before; what follows stays.
    std::string readUntil(const std::string& text);
    /// Returns the bytes that come next; empty: the connection has ended.
    std::string readSome();
    /// Reads `bytes` and throws them away.
    void discard(std::size_t bytes);
    /// Leaves with a reset, as a process that is killed with unread input.
    void reset();
    /// Returns true if the peer ends the connection, without another byte and without a reset, in time. TLS must end by
    /// close_notify.
    bool closedCleanly();
    /// Returns true if the peer has ended the connection in any way, in time; further bytes are thrown away.
    bool closedSoon(std::chrono::milliseconds patience = kPatience);
    /// Returns true if no byte and no end come for `time`.
    bool silentFor(std::chrono::milliseconds time);

    /// Returns the common name of the certificate that the server has shown.
    [[nodiscard]] std::string serverName() const;
    [[nodiscard]] int fd() const { return fd_; }
    /// nullptr without TLS.
    [[nodiscard]] ssl_st* tls() const { return tls_.get(); }

private:
    /// Appends the next bytes to input_; 0: end, -1: reset, or TLS that ends without close_notify.
    int receive(std::chrono::milliseconds patience);
    /// Returns false if `patience` ends before the socket is ready for `events`.
    [[nodiscard]] bool ready(short events, std::chrono::milliseconds patience) const;
    /// Repeats one of OpenSSL's calls until it has a result; false: it has failed.
    template <typename Call>
    bool complete(Call call, std::chrono::milliseconds patience);

    int fd_;
    std::shared_ptr<ssl_st> tls_;
    std::string input_;
};

/// A request with the usual head; `headers` are whole lines without CRLF, joined by "\r\n".
std::string request(const std::string& methodAndTarget,
                    const std::string& headers = "",
                    const std::string& body = "");

}  // namespace drover::test
