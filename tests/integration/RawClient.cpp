#include "RawClient.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "support/Patience.h"

namespace drover::test {

std::string RawAnswer::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
}

RawClient::RawClient(std::uint16_t port, int receiveBufferBytes)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receiveBufferBytes > 0) {
        setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receiveBufferBytes, sizeof(receiveBufferBytes));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
        const std::string reason = std::strerror(errno);
        ::close(fd_);
        throw std::runtime_error("cannot connect to port " + std::to_string(port) + ": " + reason);
    }
}

RawClient::RawClient(std::uint16_t port, const std::shared_ptr<ssl_ctx_st>& tls, int receiveBuffer)
    : RawClient(port, receiveBuffer) {
    if (!tls) {
        return;
    }
    tls_.reset(SSL_new(tls.get()), &SSL_free);
    fcntl(fd_, F_SETFL, O_NONBLOCK);
    SSL_set_fd(tls_.get(), fd_);
    if (!complete([this] { return SSL_connect(tls_.get()); }, kPatience)) {
        const char* const reason = ERR_reason_error_string(ERR_peek_error());
        throw std::runtime_error(std::string("no TLS: ") + (reason == nullptr ? "end" : reason));
    }
}

RawClient::~RawClient() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      tls_(std::move(other.tls_)),
      input_(std::move(other.input_)) {}

bool RawClient::ready(short events, std::chrono::milliseconds patience) const {
    pollfd waiting{fd_, events, 0};
    return ::poll(&waiting, 1, static_cast<int>(std::max<long>(patience.count(), 0))) != 0;
}

template <typename Call>
bool RawClient::complete(Call call, std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    for (;;) {
        ERR_clear_error();
        const int result = call();
        if (result > 0) {
            return true;
        }
        const int reason = SSL_get_error(tls_.get(), result);
        if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
            return false;
        }
        if (!ready(reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT,
                   std::chrono::ceil<std::chrono::milliseconds>(
                       until - std::chrono::steady_clock::now()))) {
            throw std::runtime_error("nothing came within " + std::to_string(patience.count()) +
                                     " ms");
        }
    }
}

bool RawClient::send(const std::string& bytes) {
    if (tls_) {
        return bytes.empty() ||
               complete(
                   [&] {
                       return SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
                   },
                   kPatience);
    }
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t count = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) {
            return false;
        }
        sent += static_cast<std::size_t>(count);
    }
    return true;
}

void RawClient::finishSending() {
    if (tls_) {
        SSL_shutdown(tls_.get());
    }
    shutdown(fd_, SHUT_WR);
}

int RawClient::receive(std::chrono::milliseconds patience) {
    std::array<char, 65536> bytes;  // NOLINT: filled by recv
    int count = 0;
    if (tls_) {
        const bool came = complete(
            [&] {
                count = SSL_read(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
                return count;
            },
            patience);
        if (!came) {
            count = (SSL_get_shutdown(tls_.get()) & SSL_RECEIVED_SHUTDOWN) != 0 ? 0 : -1;
        }
    } else if (ready(POLLIN, patience)) {
        count = static_cast<int>(recv(fd_, bytes.data(), bytes.size(), 0));
    } else {
        throw std::runtime_error("nothing came within " + std::to_string(patience.count()) + " ms");
    }
    if (count > 0) {
        input_.append(bytes.data(), static_cast<std::size_t>(count));
    }
    return count;
}

RawAnswer RawClient::read(bool head) {
    std::size_t end = 0;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
        if (receive(kPatience) <= 0) {
            return {};
        }
    }
    RawAnswer answer;
    const std::string text = input_.substr(0, end + 2);
    input_.erase(0, end + 4);
    answer.status = std::stoi(text.substr(text.find(' ') + 1));
    for (std::size_t at = text.find("\r\n") + 2; at < text.size();) {
        const std::size_t next = text.find("\r\n", at);
        const std::string line = text.substr(at, next - at);
        const std::size_t colon = line.find(": ");
        std::string name = line.substr(0, colon);
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
            return std::tolower(c);
        });
        answer.headers[name] = line.substr(colon + 2);
        at = next + 2;
    }
    if (head || answer.status == 100 || answer.status == 204) {
        return answer;
    }
    const std::size_t length = std::stoul(answer.headers.at("content-length"));
    while (input_.size() < length) {
        if (receive(kPatience) <= 0) {
            return {};
        }
    }
    answer.body = input_.substr(0, length);
    input_.erase(0, length);
    return answer;
}

std::string RawClient::readUntil(const std::string& text) {
    std::size_t found = 0;
    while ((found = input_.find(text)) == std::string::npos) {
        if (receive(kPatience) <= 0) {
            throw std::runtime_error("the connection ended before \"" + text + "\", after:\n" +
                                     input_);
        }
    }
    std::string read = input_.substr(0, found + text.size());
    input_.erase(0, found + text.size());
    return read;
}

std::string RawClient::readSome() {
    if (input_.empty()) {
        (void)receive(kPatience);
    }
    return std::exchange(input_, {});
}

void RawClient::discard(std::size_t bytes) {
    while (input_.size() < bytes) {
        bytes -= input_.size();
        input_.clear();
        if (receive(kPatience) <= 0) {
            throw std::runtime_error("the connection ended");
        }
    }
    input_.erase(0, bytes);
}

void RawClient::reset() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    ::close(std::exchange(fd_, -1));
}

bool RawClient::closedCleanly() {
    return input_.empty() && receive(kPatience) == 0;
}

bool RawClient::closedSoon(std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
        try {
            if (receive(patience) <= 0) {
                return true;
            }
        } catch (const std::runtime_error&) {
            return false;
        }
    }
    return false;
}

bool RawClient::silentFor(std::chrono::milliseconds time) {
    if (!input_.empty()) {
        return false;
    }
    try {
        (void)receive(time);
        return false;
    } catch (const std::runtime_error&) {
        return true;
    }
}

std::string RawClient::serverName() const {
    const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(tls_.get()),
                                                            &X509_free);
    std::array<char, 64> name{};
    X509_NAME_get_text_by_NID(
        X509_get_subject_name(shown.get()), NID_commonName, name.data(), name.size());
    return name.data();
}

std::string request(const std::string& methodAndTarget,
                    const std::string& headers,
                    const std::string& body) {
    std::string text = methodAndTarget + " HTTP/1.1\r\nHost: localhost\r\n";
    if (!headers.empty()) {
        text += headers + "\r\n";
    }
    if (!body.empty()) {
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    return text + "\r\n" + body;
}

}  // namespace drover::test
