#include "http/GuardedSocket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

#include "http/ConnectionGate.h"
#include "http/HttpText.h"

namespace drover::api {

// Poco serves only a socket that has a descriptor. giveBack() removes it again, since the base's destructor closes its
// descriptor, and only the gate may close.
GuardedSocket::GuardedSocket(ConnectionGate& gate, Connection& connection)
    : gate_(gate), connection_(&connection), peer_(connection.peer) {
    reset(connection.fd);
}

GuardedSocket::~GuardedSocket() {
    // Also for a connection that no thread served before the server stopped.
    giveBack(false);
}

std::chrono::milliseconds GuardedSocket::waited() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Connection::Clock::now() -
                                                                 connection_->readySince);
}

bool GuardedSocket::draining() const {
    return gate_.draining();
}

bool GuardedSocket::poll(const Poco::Timespan& /*timeout*/, int mode) {
    if (connection_ == nullptr) {
        return false;
    }
    if ((mode & SELECT_READ) == 0) {
        return true;
    }
    if (std::exchange(first_, false)) {
        gate_.begun();
        return true;
    }
    return nextRequest();
}

bool GuardedSocket::nextRequest() {
    RequestReader& reader = connection_->reader;
    const bool keep = reader.head().keepAlive && !broken_ && !gate_.draining();
    reader.next();
    served_ = 0;
    if (!keep || connection_->hasOutput()) {
        giveBack(keep);
        return false;
    }
    for (;;) {
        switch (reader.advance()) {
            case RequestReader::State::Complete:
                connection_->readySince = Connection::Clock::now();
                return true;
            case RequestReader::State::Refused: {
                const std::string answer =
                    closingAnswer(errorResponse(reader.refusalStatus(), reader.refusalMessage()));
                sendBytes(answer.data(), static_cast<int>(answer.size()), 0);
                giveBack(false);
                return false;
            }
            case RequestReader::State::Partial:
                giveBack(true);
                return false;
            case RequestReader::State::Empty:
                break;
        }
        if (gate_.someoneWaits()) {
            giveBack(true);
            return false;
        }
        std::array<char, 16384> bytes;  // NOLINT: filled by recv
        const ssize_t count = recv(connection_->fd, bytes.data(), bytes.size(), 0);
        if (count > 0) {
            reader.append(bytes.data(), static_cast<std::size_t>(count));
        } else if (count == 0 || errno != EINTR) {
            giveBack(count < 0 && errno == EAGAIN);
            return false;
        }
    }
}

int GuardedSocket::receiveBytes(void* buffer, int length, int /*flags*/) {
    if (connection_ == nullptr) {
        return 0;
    }
    // Head and body apart: Poco's own buffer must be empty behind the head, or an unread body would be parsed as the
    // next request (docs/pitfalls.md#n3).
    const std::string_view head = connection_->reader.headBytes();
    std::string_view rest = served_ < head.size()
                                ? head.substr(served_)
                                : connection_->reader.body().substr(served_ - head.size());
    rest = rest.substr(0, static_cast<std::size_t>(std::max(length, 0)));
    std::memcpy(buffer, rest.data(), rest.size());
    served_ += rest.size();
    return static_cast<int>(rest.size());
}

int GuardedSocket::sendBytes(const void* buffer, int length, int /*flags*/) {
    // A client that is gone is not an error of its handler: the rest is dropped and the connection ends.
    if (connection_ == nullptr || broken_) {
        return length;
    }
    const auto* bytes = static_cast<const char*>(buffer);
    auto left = static_cast<std::size_t>(length);
    while (left > 0 && !connection_->hasOutput()) {
        const ssize_t count = send(connection_->fd, bytes, left, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count >= 0) {
            bytes += count;
            left -= static_cast<std::size_t>(count);
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            broken_ = true;
            return length;
        }
    }
    if (left > 0 && gate_.mayBuffer(left)) {
        connection_->output.append(bytes, left);
    } else if (left > 0) {
        shutdown();
    }
    return length;
}

void GuardedSocket::giveBack(bool keep) {
    if (connection_ != nullptr) {
        if (std::exchange(first_, false)) {
            gate_.begun();
        }
        reset();
        gate_.giveBack(*std::exchange(connection_, nullptr), keep);
    }
}

void GuardedSocket::close() {
    giveBack(false);
}

void GuardedSocket::shutdown() {
    broken_ = true;
    if (connection_ != nullptr) {
        ::shutdown(connection_->fd, SHUT_RDWR);
    }
}

Poco::Net::SocketAddress GuardedSocket::address() {
    return gate_.address();
}

Poco::Net::SocketAddress GuardedSocket::peerAddress() {
    return peer_;
}

}  // namespace drover::api
