#include "control/ControlSocket.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <Poco/Exception.h>
#include <Poco/Logger.h>

namespace drover {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::size_t kChunk = 16384;
/// How long accepting pauses when the process has no descriptor left for a client.
constexpr milliseconds kAcceptPause{100};

bool wouldBlock() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

ControlSocket::ControlSocket(const std::string& path,
                             const ControlCommands& commands,
                             const Limits& limits)
    : commands_(commands),
      limits_(limits),
      listener_(path),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_.get() < 0) {
        throw Poco::SystemException(std::string("eventfd: ") + std::strerror(errno));
    }
    thread_ = std::thread([this] { run(); });
}

ControlSocket::~ControlSocket() {
    const std::uint64_t one = 1;
    // Cannot fail: the counter is far from full.
    (void)!write(wake_.get(), &one, sizeof one);
    thread_.join();
}

void ControlSocket::run() {
    pthread_setname_np(pthread_self(), "control");
    while (!ended_) {
        try {
            serveOnce();
        } catch (const std::exception& error) {
            // Most likely memory ran out: closing the clients frees some, and the socket stays.
            clients_.clear();
            Poco::Logger::get("control").error(std::string("control socket: ") + error.what());
        }
    }
}

int ControlSocket::waitMs() const {
    auto wait = milliseconds(-1);
    for (const Client& client : clients_) {
        const auto left =
            std::max(milliseconds(0),
                     duration_cast<milliseconds>(client.deadline - Clock::now()) + milliseconds(1));
        wait = wait.count() < 0 ? left : std::min(wait, left);
    }
    return static_cast<int>(wait.count());
}

void ControlSocket::serveOnce() {
    std::vector<pollfd> polled = {{wake_.get(), POLLIN, 0}, {listener_.descriptor(), POLLIN, 0}};
    for (const Client& client : clients_) {
        // A client that does not read its answer cannot send a further request.
        polled.push_back({client.descriptor.get(),
                          static_cast<short>(client.out.empty() ? POLLIN : POLLOUT),
                          0});
    }
    if (poll(polled.data(), polled.size(), waitMs()) < 0) {
        return;
    }
    ended_ = polled[0].revents != 0;
    std::size_t index = 2;
    for (auto client = clients_.begin(); client != clients_.end(); ++index) {
        const bool stays = serve(*client, polled[index].revents) && Clock::now() < client->deadline;
        client = stays ? std::next(client) : clients_.erase(client);
    }
    if (polled[1].revents != 0 && !ended_) {
        accept();
    }
}

void ControlSocket::accept() {
    Descriptor descriptor(
        accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (descriptor.get() < 0) {
        if (!wouldBlock()) {
            pollfd wake{wake_.get(), POLLIN, 0};
            poll(&wake, 1, static_cast<int>(kAcceptPause.count()));
        }
        return;
    }
    const bool tooMany = clients_.size() >= limits_.maxClients;
    clients_.push_back({std::move(descriptor), "", "", Clock::now() + limits_.deadline, tooMany});
    if (tooMany) {
        Client& client = clients_.back();
        client.out = ControlCommands::errorAnswer("too many clients") + "\n";
        // One attempt to send: a refused client must not occupy a place.
        send(client);
        clients_.pop_back();
    }
}

bool ControlSocket::serve(Client& client, short events) {
    if (events == 0) {
        return true;
    }
    if (client.out.empty() && !receive(client)) {
        return false;
    }
    return client.out.empty() || send(client);
}

bool ControlSocket::receive(Client& client) {
    char buffer[kChunk];
    const ssize_t count = recv(client.descriptor.get(), buffer, sizeof buffer, 0);
    if (count <= 0) {
        return count < 0 && wouldBlock();
    }
    client.in.append(buffer, static_cast<std::size_t>(count));
    answerLines(client);
    if (client.in.size() > limits_.maxRequestBytes) {
        client.in.clear();
        client.out +=
            ControlCommands::errorAnswer("a request has at most " +
                                         std::to_string(limits_.maxRequestBytes) + " bytes") +
            "\n";
        client.last = true;
    }
    return true;
}

void ControlSocket::answerLines(Client& client) {
    // One at a time: answers must not pile up for a client that sends thousands of requests and reads none.
    const std::size_t end = client.in.find('\n');
    if (end == std::string::npos || end > limits_.maxRequestBytes) {
        return;
    }
    client.out = commands_.answer(client.in.substr(0, end)) + "\n";
    client.in.erase(0, end + 1);
    client.deadline = Clock::now() + limits_.deadline;
}

bool ControlSocket::send(Client& client) {
    while (!client.out.empty()) {
        const ssize_t count =
            ::send(client.descriptor.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
        if (count < 0) {
            return wouldBlock();
        }
        client.out.erase(0, static_cast<std::size_t>(count));
        if (client.out.empty() && !client.last) {
            client.deadline = Clock::now() + limits_.deadline;
            answerLines(client);
        }
    }
    return !client.last;
}

}  // namespace drover
