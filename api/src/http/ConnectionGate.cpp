#include "http/ConnectionGate.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "http/AnswerOf.h"
#include "http/HttpText.h"
#include "http/PendingAnswer.h"
#include "http/PlainTransport.h"

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
constexpr int kEventsPerTurn = 256;
constexpr int kAcceptsPerTurn = 256;
constexpr std::size_t kReadBytes = 16384;
/// A longer time would overflow the clock.
constexpr std::chrono::hours kLongest{24 * 365};

}  // namespace

ConnectionGate::ConnectionGate(Settings settings, Front& front, Poco::Logger& logger)
    : settings_(std::move(settings)),
      front_(front),
      logger_(logger),
      accessLog_(logger),
      listener_(Poco::Net::SocketAddress(settings_.host, settings_.port), epoll_),
      caps_(settings_.caps,
            connections_,
            [this](Connection& connection) { return closeWaiting(connection); }),
      nextSweep_(now_ + kSweepInterval) {
    epoll_.add(inbox_->fd(), EPOLLIN);
}

ConnectionGate::~ConnectionGate() {
    inbox_->close();
    for (const auto& connection : connections_) {
        if (connection) {
            ::close(connection->fd);
            if (connection->exchange) {
                connection->exchange->end();
            }
            if (connection->stream) {
                connection->stream->close();
            }
            if (connection->intake) {
                connection->intake->onClientLeft();
            }
        }
    }
}

bool ConnectionGate::poll(milliseconds timeout) {
    now_ = Clock::now();
    // At the end the caller wants its thread back soon.
    const auto until = now_ + (draining() ? std::min(timeout, kDrainSweepInterval) : timeout);
    while (ready_.empty()) {
        if (now_ >= nextSweep_) {
            deliverAll();  // Events that were sent before the drain reach their clients.
            sweep();
            nextSweep_ = now_ + (draining() ? kDrainSweepInterval : kSweepInterval);
        }
        if (now_ >= until) {
            break;
        }
        waitForEvents(std::chrono::ceil<milliseconds>(std::min(until, nextSweep_) - now_));
        deliverAll();
        accepted_ = false;
        front_.endOfTurn();
        deliverAll();
        closed_.clear();
    }
    return !ready_.empty();
}

void ConnectionGate::waitForEvents(milliseconds wait) {
    std::array<epoll_event, kEventsPerTurn> events;  // NOLINT: filled by epoll_wait
    const int count = epoll_wait(epoll_.fd(),
                                 events.data(),
                                 kEventsPerTurn,
                                 inbox_->rest() && !accepted_
                                     ? static_cast<int>(std::max(wait, milliseconds(0)).count())
                                     : 0);
    now_ = Clock::now();
    bool signalled = false;
    bool clientsWait = false;
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        signalled = signalled || event.data.fd == inbox_->fd();
    }
    inbox_->rise(signalled);
    if (signalled) {
        nextSweep_ = draining() ? now_ : nextSweep_;
    }
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const auto fd = static_cast<std::size_t>(event.data.fd);
        if (event.data.fd == listener_.fd()) {
            clientsWait = true;
        } else if (fd < connections_.size() && connections_[fd]) {
            Connection& connection = *connections_[fd];
            closeIfThrows(connection, [&] { handle(connection, event.events); });
        }
    }
    // Last, since a connection closed above leaves its descriptor to a new one.
    if (clientsWait) {
        acceptAll();
    }
}

std::unique_ptr<PoolRequest> ConnectionGate::popReady() {
    if (ready_.empty()) {
        return nullptr;
    }
    std::unique_ptr<PoolRequest> request = std::move(ready_.front());
    ready_.pop_front();
    return request;
}

void ConnectionGate::acceptAll() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        const std::optional<Listener::Client> client = listener_.accept(now_);
        if (!client) {
            return;
        }
        admit(client->fd, client->address);
    }
}

void ConnectionGate::useTls(std::shared_ptr<const TlsContext> context) {
    const std::lock_guard lock(tlsMutex_);
    tls_ = std::move(context);
}

std::unique_ptr<Transport> ConnectionGate::transportFor(int fd) {
    const std::lock_guard lock(tlsMutex_);
    return tls_ ? tls_->accept(fd) : std::make_unique<PlainTransport>(fd);
}

void ConnectionGate::admit(int fd, const Poco::Net::SocketAddress& peer) {
    auto owned = std::make_unique<Connection>(fd, transportFor(fd), peer, settings_.limits);
    Connection& connection = *owned;
    using Place = ConnectionCaps::Place;
    const Place place =
        caps_.admit(connection, peer, front_.isProxy(connection.remoteAddress), now_);
    if (place == Place::NoAnswer) {
        ::close(fd);
        return;
    }
    if (connections_.size() <= static_cast<std::size_t>(fd)) {
        connections_.resize(static_cast<std::size_t>(fd) + 1);
    }
    connections_[static_cast<std::size_t>(fd)] = std::move(owned);
    // Registered once, by edges: a change is reported also while no call waits for it, and Connection remembers it.
    epoll_.add(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);

    if (place != Place::Given) {
        return refuse(
            connection,
            errorResponse(503,
                          place == Place::NoneAtAll ? "Too many connections"
                                                    : "Too many connections from this address",
                          1));
    }
    // A client that never sends anything has no more time than one that sends slowly.
    enter(connection, Phase::Waiting, std::min(settings_.requestTimeout, settings_.idleTimeout));
}

/// Closes a connection that waits for its client. Returns false if its request has come meanwhile.
bool ConnectionGate::closeWaiting(Connection& connection) {
    if (connection.phase == Phase::Waiting) {
        connection.readiness.readable = true;
        read(connection);
        if (connection.phase == Phase::Closed) {
            return true;  // It had left.
        }
        if (connection.phase != Phase::Waiting) {
            return false;
        }
    }
    close(connection);
    return true;
}

void ConnectionGate::enter(Connection& connection, Phase phase, milliseconds atMost) {
    connection.phase = phase;
    connection.since = now_;
    connection.deadline = now_ + std::min<milliseconds>(atMost, kLongest);
}

void ConnectionGate::handle(Connection& connection, std::uint32_t events) {
    // Room alone may be what a transport waits for before it can receive (docs/pitfalls.md#o4).
    Readiness& readiness = connection.readiness;
    readiness.readable = true;
    readiness.peerShut = readiness.peerShut || (events & EPOLLRDHUP) != 0;
    readiness.lost = readiness.lost || (events & (EPOLLHUP | EPOLLERR)) != 0;
    switch (connection.phase) {
        case Phase::Waiting:
        case Phase::Reading:
            return read(connection);
        case Phase::Answering:
            // A client that has only shut its side still reads.
            return readiness.lost ? close(connection) : void();
        case Phase::Writing:
            return flush(connection);
        case Phase::Streaming:
            if (readiness.lost || (readiness.peerShut && !connection.intake)) {
                return close(connection);
            }
            flush(connection);
            return receive(connection);
        case Phase::Lingering:
            return discard(connection);
        case Phase::Closed:
            return;
    }
}

void ConnectionGate::read(Connection& connection) {
    std::array<char, kReadBytes> bytes;  // NOLINT: filled by recv
    while (connection.readiness.readable &&
           (connection.phase == Phase::Waiting || connection.phase == Phase::Reading)) {
        const Transfer got = connection.transport->receive(bytes.data(), bytes.size());
        switch (got.kind) {
            case Transfer::Kind::Some:
                connection.readiness.onReceived(got);
                connection.reader.append(bytes.data(), got.bytes);
                examine(connection);
                break;
            case Transfer::Kind::Later:
                connection.readiness.readable = false;
                break;
            case Transfer::Kind::End:
                if (connection.phase == Phase::Reading) {
                    // The client may have shut only its own side: it gets the reason why its request failed.
                    return refuse(connection,
                                  errorResponse(400, "The request ended before it was complete"));
                }
                return close(connection);
            case Transfer::Kind::Foreign:
                connection.transport = std::make_unique<PlainTransport>(connection.fd);
                return refuse(connection, errorResponse(400, "This port speaks HTTPS"));
            case Transfer::Kind::Broken:
                return closeBroken(connection);
        }
    }
}

void ConnectionGate::closeBroken(Connection& connection) {
    if (logger_.debug()) {
        if (const std::string problem = connection.transport->problem(); !problem.empty()) {
            logger_.debug("the connection of %s broke: %s", connection.remoteAddress, problem);
        }
    }
    close(connection);
}

void ConnectionGate::examine(Connection& connection) {
    switch (connection.reader.advance()) {
        case RequestReader::State::Complete:
        case RequestReader::State::Head:
            return dispatch(connection);
        case RequestReader::State::Refused:
            return refuse(connection,
                          errorResponse(connection.reader.refusalStatus(),
                                        connection.reader.refusalMessage()));
        case RequestReader::State::Partial:
            if (connection.phase != Phase::Reading) {
                enter(connection, Phase::Reading, settings_.requestTimeout);
            }
            if (connection.reader.popExpectContinue()) {
                constexpr std::string_view kBytes = kContinue;
                // Without room for 25 bytes the client is gone, or has left many answers unread.
                if (connection.transport->send(kBytes).bytes < kBytes.size()) {
                    close(connection);
                }
            }
            return;
        case RequestReader::State::Empty:
            return enter(connection, Phase::Waiting, settings_.idleTimeout);
    }
}

void ConnectionGate::dispatch(Connection& connection) {
    HttpRequest request(connection.reader.pop(), connection.remoteAddress);
    connection.serial = ++lastSerial_;
    connection.wholeSince = now_;
    connection.headOnly = request.method() == "HEAD";
    connection.exchange = std::make_shared<ExchangeState>();
    const std::optional<OpenBody>& open = request.whole().openBody();
    if (open) {
        connection.intake.emplace(*open, settings_.streamBufferBytes);
    }
    Responder responder(std::make_unique<PendingAnswer>(
        PendingAnswer::Target{inbox_,
                              {connection.fd, connection.serial},
                              connection.exchange,
                              connection.headOnly,
                              request.whole().keepAlive(),
                              settings_.streamBufferBytes,
                              open ? connection.intake->state() : nullptr,
                              open && open->expectsContinue,
                              &logger_}));
    Handling handling;
    AnswerNotes& notes = connection.exchange->notes();
    notes.method = request.method();
    notes.client = connection.remoteAddress;
    std::optional<Response> refused = answerOf(request, logger_, [&]() -> std::optional<Response> {
        handling = front_.accept(request, responder, notes);
        if (open && handling.pooled) {
            handling.pooled = nullptr;
            throw HttpError(open->refusalStatus, open->refusalMessage);
        }
        return std::nullopt;
    });
    if (refused) {
        responder.respond(*std::move(refused));
    }
    accepted_ = true;
    enter(connection, Phase::Answering, handling.answerTimeout.value_or(milliseconds(0)));
    if (!handling.answerTimeout) {
        connection.deadline = Clock::time_point::max();
    }
    if (handling.pooled) {
        ready_.push_back(std::make_unique<PoolRequest>(
            std::move(request), std::move(handling.pooled), std::move(responder), pooled_));
    }
}

template <typename Work>
void ConnectionGate::closeIfThrows(Connection& connection, Work work) {
    // An exception, of a callback or for want of memory, must not cost the other events and messages of this turn.
    try {
        work();
    } catch (const std::exception& error) {
        logger_.error("a connection is closed: %s", std::string(error.what()));
        if (connection.phase != Phase::Closed) {
            close(connection);
        }
    }
}

void ConnectionGate::deliverAll() {
    for (LoopMessage& message : inbox_->popAll()) {
        deliver(message);
    }
}

void ConnectionGate::deliver(LoopMessage& message) {
    const auto fd = static_cast<std::size_t>(message.ticket.fd);
    if (fd >= connections_.size() || !connections_[fd] ||
        connections_[fd]->serial != message.ticket.serial) {
        return LoopInbox::drop(message);  // The client has left, or the deadline has passed.
    }
    Connection& connection = *connections_[fd];
    closeIfThrows(connection, [&] { deliver(connection, message); });
}

void ConnectionGate::deliver(Connection& connection, LoopMessage& message) {
    switch (message.kind) {
        case LoopMessage::Kind::Answer:
            onAnswered(connection, message.status, message.bytes.size());
            connection.exchange.reset();
            connection.intake.reset();
            connection.closeAfterOutput = !message.keepAlive;
            enter(connection, Phase::Writing, settings_.sendTimeout);
            return send(connection, std::move(message.bytes));
        case LoopMessage::Kind::StreamBegin:
            connection.intake.reset();
            return beginStream(connection, message);
        case LoopMessage::Kind::UploadBegin: {
            beginStream(connection, message);
            if (connection.intake) {  // Else the head could not be sent.
                connection.intake->restartClock(now_);
                connection.intake->accept(connection.reader.popRest(), now_);
            }
            return receive(connection);
        }
        case LoopMessage::Kind::UploadRead:
            if (connection.intake) {
                // The client had no chance to send while the handler did not read.
                connection.intake->restartClock(now_);
            }
            return receive(connection);
        case LoopMessage::Kind::StreamPiece:
            if (connection.phase == Phase::Streaming) {
                send(connection, std::move(message.bytes));
                setUploadDeadline(connection);
            }
            return;
        case LoopMessage::Kind::StreamEnd:
            return connection.phase == Phase::Streaming ? endStream(connection) : void();
    }
}

void ConnectionGate::beginStream(Connection& connection, LoopMessage& message) {
    connection.closeAfterOutput = true;
    connection.stream = std::move(message.stream);
    enter(connection, Phase::Streaming, settings_.streamHeartbeat);
    sendCounted(connection, std::move(message.bytes));
}

/// Receives what has come of an open body, as far as its handler has room.
void ConnectionGate::receive(Connection& connection) {
    if (connection.phase != Phase::Streaming || !connection.intake) {
        return;
    }
    switch (connection.intake->receive(*connection.transport, connection.readiness, now_)) {
        case BodyIntake::Received::All:
            break;
        case BodyIntake::Received::Some:  // Goes on behind the other connections of this turn.
            inbox_->post({{connection.fd, connection.serial}, LoopMessage::Kind::UploadRead, {}});
            break;
        case BodyIntake::Received::Broken:
            return closeBroken(connection);
    }
    setUploadDeadline(connection);
}

/// The client must go on reading while there is something to read, and else go on sending.
void ConnectionGate::setUploadDeadline(Connection& connection) {
    if (connection.phase == Phase::Streaming && connection.intake) {
        connection.deadline = connection.written < connection.output.size()
                                  ? connection.since + settings_.sendTimeout
                                  : connection.intake->deadline(settings_.idleTimeout);
    }
}

void ConnectionGate::expireUpload(Connection& connection) {
    if (now_ >= connection.deadline && connection.written < connection.output.size()) {
        return close(connection);  // Nothing was read for the whole sendTimeout.
    }
    if (draining()) {
        connection.intake->onStop();
    } else {
        connection.intake->onTimeout();
    }
    setUploadDeadline(connection);
}

void ConnectionGate::sendCounted(Connection& connection, std::string bytes) {
    connection.stream->count(bytes.size());
    send(connection, std::move(bytes));
}

void ConnectionGate::send(Connection& connection, std::string bytes) {
    buffered_ += bytes.size();
    if (connection.output.empty()) {  // Else what waits stays in front (docs/pitfalls.md#o5).
        connection.since = now_;
        connection.output = std::move(bytes);
    } else {
        connection.output.append(bytes);
    }
    flush(connection);
}

void ConnectionGate::flush(Connection& connection) {
    const std::size_t before = connection.written;
    while (connection.written < connection.output.size()) {
        const Transfer sent = connection.transport->send(
            std::string_view(connection.output).substr(connection.written));
        if (sent.kind == Transfer::Kind::Later) {
            break;
        }
        if (sent.kind != Transfer::Kind::Some) {
            return closeBroken(connection);
        }
        connection.written += sent.bytes;
    }
    if (connection.stream && connection.written > before) {
        connection.stream->sent(connection.written - before);
        connection.streamed += connection.written - before;
        connection.since = now_;
        connection.deadline = now_ + settings_.streamHeartbeat;
    }
    if (connection.written == connection.output.size()) {
        return outputSent(connection);
    }
    if (connection.stream) {
        // Sent bytes are dropped now and then, so that the rest does not grow behind them.
        if (connection.written > settings_.streamBufferBytes) {
            buffered_ -= connection.written;
            connection.output.erase(0, std::exchange(connection.written, 0));
        }
        connection.deadline =
            std::min(connection.deadline, connection.since + settings_.sendTimeout);
    }
    if (buffered_ > settings_.maxBufferedBytes) {
        close(connection);
    }
}

void ConnectionGate::outputSent(Connection& connection) {
    buffered_ -= connection.output.size();
    connection.output = {};
    connection.written = 0;
    if (connection.phase == Phase::Streaming) {
        return;
    }
    if (connection.closeAfterOutput || draining()) {
        return linger(connection);
    }
    connection.phase = Phase::Waiting;
    examine(connection);
    read(connection);
}

void ConnectionGate::endStream(Connection& connection) {
    onAnswered(
        connection, 200, connection.streamed + connection.output.size() - connection.written);
    connection.exchange.reset();
    connection.stream->close();
    connection.stream.reset();
    connection.intake.reset();
    enter(connection, Phase::Writing, settings_.sendTimeout);
    flush(connection);
}

void ConnectionGate::refuse(Connection& connection, const Response& response) {
    Response whole = response;
    if (connection.exchange) {
        const auto& headers = connection.exchange->notes().headers;
        whole.headers.insert(whole.headers.end(), headers.begin(), headers.end());
    }
    std::string bytes =
        answerBytes(whole, {.headOnly = connection.exchange && connection.headOnly});
    onAnswered(connection, response.status, bytes.size());
    connection.exchange.reset();
    connection.closeAfterOutput = true;
    enter(connection, Phase::Writing, settings_.sendTimeout);
    send(connection, std::move(bytes));
}

void ConnectionGate::linger(Connection& connection) {
    // Closing with unread bytes in the kernel sends a reset, and the client may lose the answer before it reads it.
    enter(connection, Phase::Lingering, kLinger);
    discard(connection);
}

void ConnectionGate::discard(Connection& connection) {
    if (!connection.shut && connection.transport->sendEnd()) {
        connection.shut = true;
        shutdown(connection.fd, SHUT_WR);
    }
    std::array<char, kReadBytes> bytes;  // NOLINT: filled by recv
    for (;;) {
        const ssize_t count = recv(connection.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN) {
            return;
        }
        connection.discarded += count > 0 ? static_cast<std::size_t>(count) : 0;
        if (count == 0 || (count < 0 && errno != EINTR) || connection.discarded > kLingerBytes) {
            return close(connection);
        }
    }
}

void ConnectionGate::close(Connection& connection) {
    if (connection.phase == Phase::Waiting) {
        // In every other phase the client misses something, and must not read an orderly end.
        (void)connection.transport->sendEnd();
    }
    buffered_ -= connection.output.size();
    caps_.leave(connection);
    connection.phase = Phase::Closed;
    closed_.push_back(std::move(connections_[static_cast<std::size_t>(connection.fd)]));
    ::close(connection.fd);
    if (connection.intake) {
        connection.intake->onClientLeft();
        connection.intake.reset();
    }
    if (connection.stream) {
        onAnswered(connection, 200, connection.streamed);
        connection.stream->close();
    } else if (connection.exchange && connection.exchange->end()) {
        onAnswered(connection, AccessLog::kClientLeft, 0);
    }
}

void ConnectionGate::onAnswered(const Connection& connection, int status, std::size_t bytes) {
    const bool isTimed = connection.exchange && !connection.stream;
    AnswerNotes none;
    front_.onAnswer(
        connection.exchange ? connection.exchange->notes() : none,
        status,
        isTimed ? std::optional<std::chrono::nanoseconds>(Clock::now() - connection.wholeSince)
                : std::nullopt);
    if (front_.logsAccess()) {
        accessLog_.write(connection, status, bytes);
    }
}

void ConnectionGate::sweep() {
    listener_.resume(now_);
    const bool ending = draining();
    const bool cut = aborted_.load(std::memory_order_acquire);
    Clock::time_point readingDeadline = Clock::time_point::max();
    if (ending) {
        listener_.close();
        const std::lock_guard lock(drainMutex_);
        readingDeadline = readingDeadline_;
    }
    bool busy = false;
    std::vector<Connection*> late;
    for (const auto& connection : connections_) {
        if (!connection) {
            continue;
        }
        const Phase phase = connection->phase;
        const bool given = ending && (phase == Phase::Waiting || phase == Phase::Streaming);
        const bool mustHurry = phase == Phase::Reading && now_ >= readingDeadline;
        if (cut || given || mustHurry || now_ >= connection->deadline) {
            late.push_back(connection.get());
        }
        if (!cut && phase != Phase::Waiting &&
            (phase != Phase::Lingering || now_ < connection->since + kDrainLinger)) {
            busy = true;
        }
    }
    for (Connection* const connection : late) {
        expire(*connection, cut);
    }
    if (ending && !busy) {
        const std::lock_guard lock(drainMutex_);
        drained_ = true;
        drainedSignal_.notify_all();
    }
}

void ConnectionGate::expire(Connection& connection, bool cut) {
    if (cut) {
        return close(connection);
    }
    switch (connection.phase) {
        case Phase::Reading:
            return refuse(connection,
                          draining() ? errorResponse(503, "The server is stopping", 1)
                                     : errorResponse(408, "The request did not arrive in time"));
        case Phase::Answering:
            if (connection.exchange->end()) {
                refuse(connection, errorResponse(503, "The request was not answered in time", 1));
            } else if (now_ >= connection.deadline + settings_.sendTimeout) {
                close(connection);  // The answer that was on its way never came.
            }
            return;
        case Phase::Streaming:
            if (connection.intake) {
                return expireUpload(connection);
            }
            if (draining()) {
                return endStream(connection);
            }
            if (connection.written < connection.output.size()) {
                return close(connection);  // Nothing was read for the whole sendTimeout.
            }
            return sendCounted(connection, ":\n\n");
        case Phase::Waiting:
            // A request that has arrived by now is still answered.
            connection.readiness.readable = true;
            read(connection);
            return connection.phase == Phase::Waiting ? close(connection) : void();
        case Phase::Writing:
        case Phase::Lingering:
            return close(connection);
        case Phase::Closed:
            return;
    }
}

void ConnectionGate::drain(Clock::time_point readingDeadline) {
    {
        const std::lock_guard lock(drainMutex_);
        readingDeadline_ = readingDeadline;
    }
    inbox_->drain();
    inbox_->wake();
}

bool ConnectionGate::waitUntilDrained(Clock::time_point deadline) {
    std::unique_lock lock(drainMutex_);
    return drainedSignal_.wait_until(lock, deadline, [this] { return drained_; });
}

void ConnectionGate::abort() {
    aborted_.store(true, std::memory_order_release);
    inbox_->wake();
}

}  // namespace drover::api
