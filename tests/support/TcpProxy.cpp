#include "support/TcpProxy.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <deque>
#include <fcntl.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <random>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace drover::test {

namespace {

using Clock = std::chrono::steady_clock;
using Kind = NetworkFault::Kind;

constexpr std::size_t kPiece = 64 * 1024;
/// Bytes that may wait in one direction before reading stops. Few, here and in the sockets: bytes that a sender has handed
/// over are on their way.
constexpr std::size_t kQueued = 64 * 1024;
constexpr int kSocketBuffer = 64 * 1024;

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

int tcpSocket() {
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void setUp(int fd) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof(kSocketBuffer));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof(kSocketBuffer));
}

/// close() with a reset instead of an orderly end.
void resetSocket(int fd) {
    const linger now{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

}  // namespace

std::string nameOf(Kind kind) {
    switch (kind) {
        case Kind::Drop:
            return "drop";
        case Kind::Delay:
            return "delay";
        case Kind::Cut:
            return "cut";
        case Kind::Duplicate:
            return "duplicate";
        case Kind::Corrupt:
            return "corrupt";
        case Kind::Dribble:
            return "dribble";
        case Kind::BlackHole:
            return "black-hole";
    }
    throw std::invalid_argument("no such network fault");
}

std::string nameOf(Way way) {
    return way == Way::ToServer ? "to-server" : "to-client";
}

const std::vector<Kind>& everyNetworkFault() {
    static const std::vector<Kind> kAll = {Kind::Drop,
                                           Kind::Delay,
                                           Kind::Cut,
                                           Kind::Duplicate,
                                           Kind::Corrupt,
                                           Kind::Dribble,
                                           Kind::BlackHole};
    return kAll;
}

/// One direction of a connection: what was read and is not yet sent, and when it may be.
struct TcpProxy::Stream {
    struct Piece {
        Clock::time_point due;
        std::string bytes;
    };

    Stream(int source, int target, Way direction, std::uint64_t seed)
        : from(source), to(target), way(direction), random(seed) {}

    int from;
    int to;
    Way way;
    std::mt19937_64 random;
    std::deque<Piece> queue;
    std::size_t queued = 0;
    Clock::time_point lastDue;
    bool midMessage =
        false;  ///< The last read filled the buffer: the next one does not begin a message.
    bool ended = false;    ///< The sender is done.
    bool endSent = false;  ///< The receiver has the end.
    bool blocked = false;  ///< The receiver's buffer is full.
};

struct TcpProxy::Link {
    Link(int ofClient, int ofServer, std::uint64_t seed)
        : client(ofClient),
          server(ofServer),
          up(ofClient, ofServer, Way::ToServer, seed * 2),
          down(ofServer, ofClient, Way::ToClient, seed * 2 + 1) {}
    ~Link() {
        (cut ? resetSocket : [](int fd) { close(fd); })(client);
        close(server);
    }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    int client;
    int server;
    Stream up;
    Stream down;
    bool losing = false;  ///< Its next reply is thrown away.
    bool cut = false;     ///< Ends with a reset.
};

TcpProxy::TcpProxy(int serverPort, int port, std::uint64_t seed)
    : serverPort_(serverPort),
      seed_(seed),
      listener_(tcpSocket()),
      wakeUp_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof(kSocketBuffer));
    sockaddr_in address = loopback(port);
    socklen_t length = sizeof(address);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
        listen(listener_, 256) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        throw std::runtime_error("proxy: cannot listen on 127.0.0.1:" + std::to_string(port));
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
}

TcpProxy::~TcpProxy() {
    stopping_ = true;
    wake();
    thread_.join();
    links_.clear();
    close(listener_);
    close(wakeUp_);
}

void TcpProxy::wake() const {
    const std::uint64_t one = 1;
    // Full means that the thread is awake anyway.
    [[maybe_unused]] const ssize_t ignored = write(wakeUp_, &one, sizeof(one));
}

void TcpProxy::inject(const NetworkFault& fault) {
    {
        const std::lock_guard lock(mutex_);
        faults_.push_back(fault);
    }
    wake();
}

void TcpProxy::moveTo(int serverPort) {
    serverPort_ = serverPort;
}

void TcpProxy::refuse() {
    refusing_ = true;
}

void TcpProxy::heal() {
    {
        const std::lock_guard lock(mutex_);
        faults_.clear();
    }
    refusing_ = false;
    wake();
}

void TcpProxy::throttle(std::size_t bytesPerSecond) {
    rate_ = bytesPerSecond;
    wake();
}

void TcpProxy::cutAll() {
    cutting_ = true;
    wake();
}

void TcpProxy::loseReply(const std::string& toRequestWith) {
    const std::lock_guard lock(mutex_);
    aim_ = toRequestWith;
}

bool TcpProxy::held(Way way) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(faults_.begin(), faults_.end(), [way](const NetworkFault& fault) {
        return fault.kind == Kind::BlackHole && fault.way == way;
    });
}

void TcpProxy::run() {
    while (!stopping_) {
        const bool holdUp = held(Way::ToServer);
        const bool holdDown = held(Way::ToClient);
        std::vector<pollfd> fds = {{listener_, POLLIN, 0}, {wakeUp_, POLLIN, 0}};
        auto nextDue = Clock::time_point::max();
        const bool busy = rate_ > 0 && Clock::now() < freeAt_;
        if (busy) {
            nextDue = freeAt_;
        }
        for (Link& link : links_) {
            short client = 0;
            short server = 0;
            const auto prepare = [&](Stream& stream, bool hold, short& reader, short& writer) {
                touched_ += hold ? 1 : 0;
                if (!stream.ended && stream.queued < kQueued && !hold && !busy) {
                    reader |= POLLIN;
                }
                if (hold || stream.queue.empty()) {
                    return;
                }
                if (stream.blocked) {
                    writer |= POLLOUT;
                } else {
                    nextDue = std::min(nextDue, stream.queue.front().due);
                }
            };
            prepare(link.up, holdUp, client, server);
            prepare(link.down, holdDown, server, client);
            // A socket that is over reports POLLHUP for ever: -1 takes it out of the poll.
            fds.push_back({client == 0 ? -1 : link.client, client, 0});
            fds.push_back({server == 0 ? -1 : link.server, server, 0});
        }
        int timeout = 1000;
        if (nextDue != Clock::time_point::max()) {
            const auto wait = std::chrono::ceil<std::chrono::milliseconds>(nextDue - Clock::now());
            timeout = static_cast<int>(std::clamp<std::int64_t>(wait.count(), 0, 1000));
        }
        poll(fds.data(), fds.size(), timeout);
        std::uint64_t ignored = 0;
        while (read(wakeUp_, &ignored, sizeof(ignored)) > 0) {
        }
        const auto now = Clock::now();
        std::size_t index = 2;
        const bool cut = cutting_.exchange(false);
        for (auto link = links_.begin(); link != links_.end(); index += 2) {
            link->cut = link->cut || cut;
            bool alive = !link->cut;
            const auto serve = [&](Stream& stream, const pollfd& from, bool hold) {
                if (alive && (from.events & POLLIN) != 0 && from.revents != 0) {
                    alive = forward(*link, stream);
                }
                if (alive && !hold) {
                    alive = deliver(stream, now);
                }
            };
            serve(link->up, fds[index], holdUp);
            serve(link->down, fds[index + 1], holdDown);
            link = alive && !(link->up.endSent && link->down.endSent) ? std::next(link)
                                                                      : links_.erase(link);
        }
        if ((fds[0].revents & POLLIN) != 0) {
            acceptClients();
        }
    }
}

void TcpProxy::acceptClients() {
    for (;;) {
        const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) {
            return;
        }
        if (refusing_) {
            resetSocket(client);
            continue;
        }
        const int server = tcpSocket();
        setUp(server);
        const sockaddr_in address = loopback(serverPort_);
        // Loopback: it is connected or refused at once, or under way for a moment, which poll() sees.
        if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
            errno != EINPROGRESS) {
            resetSocket(client);
            close(server);
            continue;
        }
        setUp(client);
        links_.emplace_back(client, server, seed_ * 1000003 + ++accepted_);
    }
}

bool TcpProxy::forward(Link& link, Stream& stream) {
    std::string bytes(kPiece, '\0');
    const std::size_t rate = rate_;
    const std::size_t most = rate == 0 ? kPiece : std::clamp<std::size_t>(rate / 50, 1, kPiece);
    const ssize_t n = recv(stream.from, bytes.data(), most, 0);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
    }
    if (n == 0) {
        stream.ended = true;
        return true;
    }
    bytes.resize(static_cast<std::size_t>(n));
    if (rate > 0) {
        freeAt_ = std::max(freeAt_, Clock::now()) +
                  std::chrono::nanoseconds(static_cast<std::int64_t>(n) * 1'000'000'000 /
                                           static_cast<std::int64_t>(rate));
    }
    if (stream.way == Way::ToServer) {
        const std::lock_guard lock(mutex_);
        if (!aim_.empty() && bytes.find(aim_) != std::string::npos) {
            aim_.clear();
            link.losing = true;
        }
    } else if (link.losing) {
        ++lost_;
        return false;
    }
    // A part of a message that is missing would make the next message part of this one: no network does that.
    const bool whole = !stream.midMessage && bytes.size() < kPiece;
    stream.midMessage = bytes.size() == kPiece;
    if (whole) {
        const std::lock_guard lock(mutex_);
        for (const NetworkFault& fault : faults_) {
            if (fault.kind == Kind::Corrupt && fault.way == stream.way &&
                std::uniform_real_distribution<>()(stream.random) < fault.rate) {
                bytes.front() = '\xFF';
                ++touched_;
            }
        }
    }
    if (pass(stream, std::move(bytes), whole)) {
        return true;
    }
    link.cut = true;
    return false;
}

bool TcpProxy::pass(Stream& stream, std::string piece, bool whole) {
    std::vector<NetworkFault> faults;
    {
        const std::lock_guard lock(mutex_);
        faults = faults_;
    }
    auto due = Clock::now();
    std::size_t portion = 0;
    std::chrono::milliseconds gap{0};
    int copies = 1;
    for (const NetworkFault& fault : faults) {
        const bool always = fault.kind == Kind::Delay || fault.kind == Kind::Dribble;
        if (fault.way != stream.way || fault.kind == Kind::Corrupt ||
            fault.kind == Kind::BlackHole || (!always && !whole) ||
            (!always && std::uniform_real_distribution<>()(stream.random) >= fault.rate)) {
            continue;
        }
        ++touched_;
        switch (fault.kind) {
            case Kind::Drop:
                return true;
            case Kind::Cut: {
                // Half a message may have gone out: as far as the receiver's buffer has room.
                const std::size_t half =
                    std::uniform_int_distribution<std::size_t>(0, piece.size() - 1)(stream.random);
                [[maybe_unused]] const ssize_t sent =
                    send(stream.to, piece.data(), half, MSG_NOSIGNAL);
                return false;
            }
            case Kind::Delay:
                due += fault.delay;
                break;
            case Kind::Duplicate:
                copies = 2;
                break;
            case Kind::Dribble:
                portion = std::max<std::size_t>(1, fault.bytes);
                gap = fault.delay;
                break;
            case Kind::Corrupt:
            case Kind::BlackHole:
                break;
        }
    }
    for (; copies > 0; --copies) {
        const std::size_t step = portion == 0 ? piece.size() : portion;
        for (std::size_t at = 0; at < piece.size(); at += step) {
            due = std::max(due, stream.lastDue + gap);
            stream.lastDue = due;
            stream.queue.push_back({due, piece.substr(at, step)});
        }
        stream.queued += piece.size();
    }
    return true;
}

bool TcpProxy::deliver(Stream& stream, Clock::time_point now) {
    stream.blocked = false;
    while (!stream.queue.empty() && stream.queue.front().due <= now) {
        std::string& bytes = stream.queue.front().bytes;
        const ssize_t n = send(stream.to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0) {
            stream.blocked = errno == EAGAIN || errno == ENOTCONN;
            return stream.blocked || errno == EINTR;
        }
        stream.queued -= static_cast<std::size_t>(n);
        if (static_cast<std::size_t>(n) < bytes.size()) {
            bytes.erase(0, static_cast<std::size_t>(n));
            stream.blocked = true;
            return true;
        }
        stream.queue.pop_front();
    }
    if (stream.ended && stream.queue.empty() && !stream.endSent) {
        shutdown(stream.to, SHUT_WR);
        stream.endSent = true;
    }
    return true;
}

}  // namespace drover::test
