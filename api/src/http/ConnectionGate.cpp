#include "http/ConnectionGate.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <Poco/Net/NetException.h>

#include "http/GuardedSocket.h"
#include "http/HttpText.h"

namespace drover::api {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSweepInterval{100};
constexpr milliseconds kDrainSweepInterval{10};
/// How long and how much a closed connection may still send before it is cut.
constexpr milliseconds kLinger{2000};
constexpr std::size_t kLingerBytes = 1U << 20U;
/// The part of that time for which the end of the server waits.
constexpr milliseconds kDrainLinger{100};
/// Connections beyond the caps that get an answer; further ones are closed without one.
constexpr std::size_t kMaxTurnedAway = 1024;
constexpr int kEventsPerTurn = 256;
constexpr int kAcceptsPerTurn = 256;
constexpr std::size_t kReadBytes = 16384;

/// Throws with the operation, the address and the reason.
[[noreturn]] void fail(const std::string& operation, const Poco::Net::SocketAddress& address) {
    throw Poco::Net::NetException(operation + " " + address.toString() + ": " +
                                  std::strerror(errno));
}

/// Returns the unit of the cap per address: an IPv4 address, or an IPv6 /64, which one customer gets.
std::string groupOf(const Poco::Net::SocketAddress& peer) {
    const Poco::Net::IPAddress host = peer.host();
    const auto* bytes = static_cast<const char*>(host.addr());
    return {bytes, host.family() == Poco::Net::IPAddress::IPv6 ? std::size_t{8} : std::size_t{4}};
}

}  // namespace

ConnectionGate::ConnectionGate(Settings settings)
    : settings_(std::move(settings)),
      address_(settings_.host, settings_.port),
      nextSweep_(Clock::now() + kSweepInterval),
      listenAgain_(Clock::time_point::min()) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    wakeup_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (epoll_ < 0 || wakeup_ < 0) {
        fail("epoll for", address_);
    }
    listen();
    // A null pointer stands for the listener, the address of the member for the wake-up.
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
    event.data.ptr = &wakeup_;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_, &event);
}

void ConnectionGate::listen() {
    listener_ = socket(address_.af(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    if (listener_ < 0 || setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(listener_, address_.addr(), address_.length()) != 0 ||
        ::listen(listener_, SOMAXCONN) != 0) {
        const int reason = errno;
        stopListening();
        ::close(epoll_);
        ::close(wakeup_);
        errno = reason;
        fail("listen on", address_);
    }
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &length);
    address_ = Poco::Net::SocketAddress(reinterpret_cast<sockaddr*>(&bound), length);
}

ConnectionGate::~ConnectionGate() {
    stopListening();
    for (const auto& [fd, connection] : connections_) {
        ::close(fd);
    }
    ::close(wakeup_);
    ::close(epoll_);
}

void ConnectionGate::stopListening() {
    if (listener_ >= 0) {
        ::close(std::exchange(listener_, -1));
    }
}

bool ConnectionGate::poll(milliseconds timeout) {
    // At the end the caller wants its thread back soon.
    const auto until =
        Clock::now() + (draining() ? std::min(timeout, kDrainSweepInterval) : timeout);
    while (ready_.empty()) {
        const auto now = Clock::now();
        if (now >= nextSweep_) {
            sweep();
            nextSweep_ = now + (draining() ? kDrainSweepInterval : kSweepInterval);
        }
        if (now >= until) {
            break;
        }
        const auto wait = std::chrono::ceil<milliseconds>(std::min(until, nextSweep_) - now);
        std::array<epoll_event, kEventsPerTurn> events{};
        const int count = epoll_wait(epoll_,
                                     events.data(),
                                     kEventsPerTurn,
                                     static_cast<int>(std::max(wait, milliseconds(0)).count()));
        if (count > 0) {
            // Writes of a thread before it armed a connection must be visible here; the kernel's order is not the language's.
            const std::lock_guard lock(handOver_);
        }
        bool clientsWait = false;
        for (int i = 0; i < count; ++i) {
            void* const source = events[static_cast<std::size_t>(i)].data.ptr;
            if (source == nullptr) {
                clientsWait = true;
            } else if (source == &wakeup_) {
                std::uint64_t ignored = 0;
                (void)!::read(wakeup_, &ignored, sizeof(ignored));
                nextSweep_ = Clock::now();
            } else {
                handle(*static_cast<Connection*>(source));
            }
        }
        // Last, since making room closes connections, which may be among these events.
        if (clientsWait) {
            acceptAll();
        }
    }
    return !ready_.empty();
}

Connection* ConnectionGate::take() {
    if (ready_.empty()) {
        return nullptr;
    }
    Connection* const connection = ready_.front();
    ready_.pop_front();
    return connection;
}

void ConnectionGate::acceptAll() {
    for (int i = 0; i < kAcceptsPerTurn && listener_ >= 0; ++i) {
        sockaddr_storage from{};
        socklen_t length = sizeof(from);
        // Blocking, since a serving thread waits in recv() for the next request; here every call has MSG_DONTWAIT.
        const int fd =
            accept4(listener_, reinterpret_cast<sockaddr*>(&from), &length, SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(fd, Poco::Net::SocketAddress(reinterpret_cast<sockaddr*>(&from), length));
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            // Out of descriptors: the listener would stay readable and spin. Look again when some may be free.
            epoll_event nothing{};
            epoll_ctl(epoll_, EPOLL_CTL_MOD, listener_, &nothing);
            listenAgain_ = Clock::now() + kSweepInterval;
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
        // Any other error concerns this one connection, which is gone already.
    }
}

void ConnectionGate::admit(int fd, const Poco::Net::SocketAddress& peer) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(GuardedSocket::kHotWait);
    const timeval wait{0, static_cast<suseconds_t>(micros.count())};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));

    auto owned = std::make_unique<Connection>(fd, peer, settings_.limits);
    Connection& connection = *owned;
    connection.group = groupOf(peer);
    Group& fromThere = perAddress_[connection.group];
    ++fromThere.count;  // So that the group stays while others of it make room.
    if (fromThere.count > settings_.maxConnectionsPerAddress) {
        makeRoom(&connection.group, fromThere.roomAgain);
    }
    if (connections_.size() - turnedAway_ >= settings_.maxConnections) {
        makeRoom(nullptr, roomAgain_);
    }
    const bool full = connections_.size() - turnedAway_ >= settings_.maxConnections;
    connection.turnedAway = full || fromThere.count > settings_.maxConnectionsPerAddress;
    if (connection.turnedAway) {
        leaveGroup(connection);
    }
    if (connection.turnedAway && turnedAway_++ >= kMaxTurnedAway) {
        --turnedAway_;
        ::close(fd);
        return;
    }
    connections_.emplace(fd, std::move(owned));
    epoll_event event{};
    event.data.ptr = &connection;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);

    if (connection.turnedAway) {
        refuse(
            connection,
            errorResponse(
                503, full ? "Too many connections" : "Too many connections from this address", 1));
        return;
    }
    // A client that never sends anything has no more time than one that sends slowly.
    connection.since = Clock::now();
    connection.deadline =
        connection.since + std::min(settings_.requestTimeout, settings_.idleTimeout);
    arm(connection, EPOLLIN);
}

/// Closes the connection that waits longest for its client, of those from `group` unless it is nullptr. Returns false if
/// no connection may be closed, and stores in `notBefore` until when, so that a flood does not search for each new one.
bool ConnectionGate::makeRoom(const std::string* group, Clock::time_point& notBefore) {
    const std::lock_guard lock(handOver_);
    const auto now = Clock::now();
    while (now >= notBefore) {
        Connection* longest = nullptr;
        for (const auto& [fd, connection] : connections_) {
            const Phase phase = connection->phase.load(std::memory_order_acquire);
            const bool waits = phase == Phase::Waiting || phase == Phase::Lingering ||
                               (phase == Phase::Reading && settings_.partialGivesWay);
            if (waits && !connection->turnedAway &&
                (group == nullptr || connection->group == *group) &&
                (longest == nullptr || connection->since < longest->since)) {
                longest = connection.get();
            }
        }
        const auto since = longest == nullptr ? now : longest->since;
        if (longest == nullptr || now < since + settings_.idleGivesWayAfter) {
            notBefore = since + settings_.idleGivesWayAfter;
            return false;
        }
        char next = 0;
        if (longest->phase.load(std::memory_order_relaxed) == Phase::Waiting &&
            recv(longest->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
            read(*longest);  // Its request has come meanwhile: it waits no more.
            continue;
        }
        close(*longest);
        return true;
    }
    return false;
}

void ConnectionGate::handle(Connection& connection) {
    switch (connection.phase.load(std::memory_order_acquire)) {
        case Phase::Waiting:
        case Phase::Reading:
            return read(connection);
        case Phase::Writing:
            return flush(connection);
        case Phase::Lingering:
            return discard(connection);
        case Phase::Serving:
            return;  // Not armed; nothing to do with it.
    }
}

void ConnectionGate::read(Connection& connection) {
    std::array<char, kReadBytes> bytes;  // NOLINT: filled by recv
    const ssize_t count = recv(connection.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) {
        connection.reader.append(bytes.data(), static_cast<std::size_t>(count));
        return examine(connection);
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return arm(connection, EPOLLIN);
    }
    if (count == 0 && connection.phase.load(std::memory_order_relaxed) == Phase::Reading) {
        // The client may have shut only its own side: it gets the reason why its request failed.
        return refuse(connection, errorResponse(400, "The request ended before it was complete"));
    }
    close(connection);
}

void ConnectionGate::examine(Connection& connection) {
    switch (connection.reader.advance()) {
        case RequestReader::State::Complete:
            connection.phase.store(Phase::Serving, std::memory_order_relaxed);
            connection.readySince = Clock::now();
            serving_.fetch_add(1, std::memory_order_acq_rel);
            queued_.fetch_add(1, std::memory_order_relaxed);
            ready_.push_back(&connection);
            return;
        case RequestReader::State::Refused:
            return refuse(connection,
                          errorResponse(connection.reader.refusalStatus(),
                                        connection.reader.refusalMessage()));
        case RequestReader::State::Partial:
            if (connection.phase.load(std::memory_order_relaxed) != Phase::Reading) {
                await(connection);
            }
            if (connection.reader.takeExpectContinue()) {
                constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
                // 25 bytes into an empty buffer; if they do not fit, the client is gone.
                (void)!send(
                    connection.fd, kContinue.data(), kContinue.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            }
            break;
        case RequestReader::State::Empty:
            await(connection);
            break;
    }
    arm(connection, EPOLLIN);
}

void ConnectionGate::await(Connection& connection) {
    const bool begun = connection.reader.state() == RequestReader::State::Partial;
    connection.since = Clock::now();
    connection.deadline =
        connection.since + (begun ? settings_.requestTimeout : settings_.idleTimeout);
    connection.phase.store(begun ? Phase::Reading : Phase::Waiting, std::memory_order_release);
}

void ConnectionGate::giveBack(Connection& connection, bool keep) {
    const std::lock_guard lock(handOver_);
    serving_.fetch_sub(1, std::memory_order_acq_rel);
    if (connection.hasOutput()) {
        connection.closeAfterOutput = !keep;
        connection.deadline = Clock::now() + settings_.sendTimeout;
        connection.phase.store(Phase::Writing, std::memory_order_release);
        arm(connection, EPOLLOUT);
    } else if (keep) {
        await(connection);
        arm(connection, EPOLLIN);
    } else {
        linger(connection);
    }
}

bool ConnectionGate::mayBuffer(std::size_t bytes) {
    if (buffered_.fetch_add(bytes, std::memory_order_relaxed) + bytes <=
        settings_.maxBufferedBytes) {
        return true;
    }
    buffered_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
}

void ConnectionGate::flush(Connection& connection) {
    while (connection.hasOutput()) {
        const ssize_t count = send(connection.fd,
                                   connection.output.data() + connection.written,
                                   connection.output.size() - connection.written,
                                   MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                return arm(connection, EPOLLOUT);
            }
            return close(connection);
        }
        connection.written += static_cast<std::size_t>(count);
    }
    buffered_.fetch_sub(connection.output.size(), std::memory_order_relaxed);
    connection.output = {};
    connection.written = 0;
    if (connection.closeAfterOutput || draining()) {
        return linger(connection);
    }
    examine(connection);
}

void ConnectionGate::refuse(Connection& connection, const Response& response) {
    connection.output = closingAnswer(response);
    connection.written = 0;
    connection.closeAfterOutput = true;
    if (!mayBuffer(connection.output.size())) {
        connection.output.clear();
        return close(connection);
    }
    connection.deadline = Clock::now() + settings_.sendTimeout;
    connection.phase.store(Phase::Writing, std::memory_order_relaxed);
    flush(connection);
}

void ConnectionGate::linger(Connection& connection) {
    // Closing with unread bytes in the kernel sends a reset, and the client may lose the answer before it reads it.
    shutdown(connection.fd, SHUT_WR);
    connection.since = Clock::now();
    connection.deadline = connection.since + kLinger;
    connection.phase.store(Phase::Lingering, std::memory_order_release);
    arm(connection, EPOLLIN);
}

void ConnectionGate::discard(Connection& connection) {
    std::array<char, kReadBytes> bytes;  // NOLINT: filled by recv
    const ssize_t count = recv(connection.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) {
        connection.discarded += static_cast<std::size_t>(count);
    }
    const bool again = count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
    if (!again || connection.discarded > kLingerBytes) {
        return close(connection);
    }
    arm(connection, EPOLLIN);
}

void ConnectionGate::close(Connection& connection) {
    buffered_.fetch_sub(connection.output.size(), std::memory_order_relaxed);
    if (connection.turnedAway) {
        --turnedAway_;
    } else {
        leaveGroup(connection);
    }
    const int fd = connection.fd;
    connections_.erase(fd);
    ::close(fd);
}

void ConnectionGate::leaveGroup(const Connection& connection) {
    const auto found = perAddress_.find(connection.group);
    if (--found->second.count == 0) {
        perAddress_.erase(found);
    }
}

void ConnectionGate::arm(const Connection& connection, std::uint32_t events) {
    epoll_event event{};
    event.events = events | EPOLLONESHOT;
    event.data.ptr = const_cast<Connection*>(&connection);
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void ConnectionGate::sweep() {
    const auto now = Clock::now();
    if (listenAgain_ != Clock::time_point::min() && now >= listenAgain_ && listener_ >= 0) {
        listenAgain_ = Clock::time_point::min();
        epoll_event event{};
        event.events = EPOLLIN;
        epoll_ctl(epoll_, EPOLL_CTL_MOD, listener_, &event);
    }
    const bool ending = draining();
    const bool cut = aborted_.load(std::memory_order_acquire);
    Clock::time_point readingDeadline = Clock::time_point::max();
    if (ending) {
        stopListening();
        const std::lock_guard lock(drainMutex_);
        readingDeadline = readingDeadline_;
    }

    const std::lock_guard handOver(handOver_);
    bool busy = false;
    std::vector<Connection*> late;
    for (const auto& [fd, connection] : connections_) {
        const Phase phase = connection->phase.load(std::memory_order_acquire);
        if (cut) {
            shutdown(fd, SHUT_RDWR);
        }
        if (phase == Phase::Serving) {
            busy = true;
            continue;
        }
        const bool given = phase == Phase::Waiting && ending;
        const bool toldToHurry = phase == Phase::Reading && now >= readingDeadline;
        if (cut || given || toldToHurry || now >= connection->deadline) {
            late.push_back(connection.get());
            busy = busy || (phase == Phase::Reading && !cut);  // Its answer is still to come.
        } else if (phase != Phase::Lingering ||
                   now < connection->deadline - kLinger + kDrainLinger) {
            busy = true;
        }
    }
    for (Connection* const connection : late) {
        expire(*connection);
    }
    if (ending && !busy) {
        const std::lock_guard lock(drainMutex_);
        drained_ = true;
        drainedSignal_.notify_all();
    }
}

void ConnectionGate::expire(Connection& connection) {
    if (connection.phase.load(std::memory_order_relaxed) != Phase::Reading || aborted_.load()) {
        return close(connection);
    }
    if (draining()) {
        return refuse(connection, errorResponse(503, "The server is stopping", 1));
    }
    refuse(connection, errorResponse(408, "The request did not arrive in time"));
}

void ConnectionGate::drain(Clock::time_point readingDeadline) {
    {
        const std::lock_guard lock(drainMutex_);
        readingDeadline_ = readingDeadline;
    }
    draining_.store(true, std::memory_order_release);
    wake();
}

bool ConnectionGate::waitUntilDrained(Clock::time_point deadline) {
    std::unique_lock lock(drainMutex_);
    return drainedSignal_.wait_until(lock, deadline, [this] { return drained_; });
}

void ConnectionGate::abort() {
    aborted_.store(true, std::memory_order_release);
    wake();
}

void ConnectionGate::wake() {
    const std::uint64_t one = 1;
    (void)!write(wakeup_, &one, sizeof(one));
}

}  // namespace drover::api
