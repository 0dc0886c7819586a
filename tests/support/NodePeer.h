#pragma once

#include <chrono>
#include <map>
#include <rapidjson/document.h>
#include <stdexcept>
#include <string>
#include <sys/types.h>

#include "support/RedisServer.h"

namespace drover::test {

/// An error that BullMQ threw inside the peer; what() is its message.
class PeerError : public std::runtime_error {
public:
    PeerError(const std::string& message, std::string errorName, int errorCode)
        : std::runtime_error(message), name(std::move(errorName)), code(errorCode) {}

    std::string name;  ///< The JavaScript class: "Error", "TypeError" …
    int code;          ///< BullMQ's script code (-1 no job …); 0 if the error carries none.
};

/// The folder that NODE_PATH must name for the packages of the compatibility tests.
[[nodiscard]] std::string nodeModules();

/// Real BullMQ in a Node process, driven over a pipe. tests/compat/peer.cjs lists the operations.
///
/// One process holds one version of BullMQ and any number of its queues, workers and event readers, all on one Redis.
/// It ends with this object, and with the test process if that dies.
/// Threads: one at a time.
class NodePeer {
public:
    using Milliseconds = std::chrono::milliseconds;

    /// `version`: "6.7.0", "5.81.5" or "5.48.1".
    /// Throws MissingService if Node or the package is not installed (`./dev test` installs both).
    NodePeer(const std::string& version, const RedisServer& server);
    ~NodePeer();
    NodePeer(const NodePeer&) = delete;
    NodePeer& operator=(const NodePeer&) = delete;

    /// Performs one operation and returns its value. `arguments`: the members of the request as JSON text without the
    /// outer braces: `"queue": "mail", "args": ["welcome", {"to": 7}]`.
    /// Throws PeerError for what BullMQ threw, std::runtime_error when the peer died or did not answer in time.
    rapidjson::Document call(const std::string& operation,
                             const std::string& arguments = "",
                             Milliseconds timeout = Milliseconds(10000));

    /// Starts an operation whose answer comes later; `finish` collects it, in any order.
    int begin(const std::string& operation, const std::string& arguments = "");
    rapidjson::Document finish(int request, Milliseconds timeout = Milliseconds(10000));

    /// SIGKILL, as a worker that crashes: locks stay, nothing is closed.
    void kill();

    /// BullMQ's version as the peer itself reports it.
    [[nodiscard]] const std::string& version() const { return version_; }
    /// Returns RedisServer::port() of its server.
    [[nodiscard]] int redisPort() const { return redisPort_; }

private:
    void spawn(const std::string& node, const std::string& modules, int plainPort);
    void readOnce(int timeoutMs);
    [[noreturn]] void fail(const std::string& what);

    std::string version_;
    int redisPort_;
    pid_t pid_ = -1;
    int toPeer_ = -1;
    int fromPeer_ = -1;
    int nextId_ = 1;
    std::string unread_;
    std::map<int, rapidjson::Document> answers_;
    std::string logFile_;
};

/// Runs `tests/<script> PORT arguments` with Node and BullMQ and returns its output; fails the test if it does not end well.
/// Throws MissingService if Node or the package is not installed.
[[nodiscard]] std::string runNodeScript(const std::string& script,
                                        const RedisServer& server,
                                        const std::string& arguments);
/// The same with the port of a server, a sentinel, or a node that is not a RedisServer of the tests' topology.
[[nodiscard]] std::string runNodeScript(const std::string& script,
                                        int redisPort,
                                        const std::string& arguments);

}  // namespace drover::test
