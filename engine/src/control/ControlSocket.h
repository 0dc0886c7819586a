#pragma once

#include <chrono>
#include <list>
#include <string>
#include <thread>

#include "control/ControlCommands.h"
#include "control/UnixSocket.h"

namespace drover {

/// Serves control commands on a Unix socket: one JSON request per line, one JSON answer per line.
///
/// No client can hold it: a client has `deadline` to send its whole request, and `deadline` again to receive the answer;
/// then its connection is closed. A request over `maxRequestBytes`, and a client beyond `maxClients`, gets an error and is
/// closed. Threads: one of its own serves all clients; the destructor ends it.
class ControlSocket {
public:
    struct Limits {
        std::size_t maxClients = 16;
        std::size_t maxRequestBytes = 65536;
        std::chrono::milliseconds deadline{5000};
    };

    /// Throws as ListeningUnixSocket. `commands` must outlive it.
    ControlSocket(const std::string& path, const ControlCommands& commands, const Limits& limits);
    ControlSocket(const std::string& path, const ControlCommands& commands)
        : ControlSocket(path, commands, Limits{}) {}
    ~ControlSocket();
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;

    [[nodiscard]] const std::string& path() const { return listener_.path(); }

private:
    using Clock = std::chrono::steady_clock;

    struct Client {
        Descriptor descriptor;
        std::string in;
        std::string out;
        Clock::time_point deadline;
        bool last = false;  ///< Closed once `out` is sent.
    };

    void run();
    void serveOnce();
    void accept();
    /// Returns false if the client is to be closed.
    bool serve(Client& client, short events);
    bool receive(Client& client);
    bool send(Client& client);
    void answerLines(Client& client);
    [[nodiscard]] int waitMs() const;

    const ControlCommands& commands_;
    const Limits limits_;
    ListeningUnixSocket listener_;
    Descriptor wake_;
    std::list<Client> clients_;
    bool ended_ = false;  ///< Used by the thread alone.
    std::thread thread_;
};

}  // namespace drover
