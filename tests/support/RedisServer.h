#pragma once

#include <memory>
#include <string>
#include <vector>

#include "drover/Redis.h"
#include "support/ServerProcess.h"

namespace drover::test {

/// Returns how tests reach a server of theirs, or a proxy before one, on a loopback port: with DROVER_TEST_TLS=1 by TLS.
[[nodiscard]] Redis::Settings redisAt(int port);
/// Returns the same as a URL.
[[nodiscard]] std::string redisUrl(int port);
/// The same for processes that a test starts: "NAME=value", set in the environment of the test as well. Node's programs use
/// tests/support/redis.cjs.
[[nodiscard]] std::vector<std::string> redisVariables();

/// A private redis-server on a free loopback port. AOF on (everysec), so that its data survive a restart.
class RedisServer {
public:
    /// Throws MissingService if redis-server is not installed. `extra`: more arguments ("--requirepass", "x").
    explicit RedisServer(const std::vector<std::string>& extra = {});
    ~RedisServer();

    /// The port for redisAt().
    [[nodiscard]] int port() const { return tlsPort_ != 0 ? tlsPort_ : plainPort_; }
    /// The port without TLS.
    [[nodiscard]] int plainPort() const { return plainPort_; }
    /// Starts (again) on the same port with the same data; returns when it answers.
    void start();
    /// SIGTERM by default; SIGKILL loses what was not yet in the AOF.
    void stop(int signal = 15);
    /// A copy of its present data, made as RDB file.
    struct Backup {
        std::string file;
    };
    [[nodiscard]] Backup backUp();
    /// A copy of its append-only files as they are on disk now, as a snapshot of the volume has them.
    [[nodiscard]] Backup copyAof();
    /// Kills the server and starts it with an older copy: later writes are gone, and ids are issued again.
    void rewind(const Backup& backup);
    /// SIGSTOP and SIGCONT: a server that accepts and never answers.
    void freeze() { process_.signal(19); }
    void thaw() { process_.signal(18); }

    /// Makes it a master, which it may be already.
    void promote();
    /// Makes it a replica of the server at a port without TLS.
    void follow(int masterPort);
    /// Returns true if a replica has its master's data of the time when they connected, and receives later writes.
    [[nodiscard]] bool followsMaster() const;

    /// One server per test executable, started on first use.
    static RedisServer& shared();

private:
    /// One command written inline; as much of its reply as arrives at once. Throws std::runtime_error if there is none.
    [[nodiscard]] std::string commandText(const std::string& line) const;
    /// The same, only the first line. Throws std::runtime_error if there is none.
    [[nodiscard]] std::string command(const std::string& line) const;
    /// The same where only "+OK" will do.
    void require(const std::string& line) const;
    void waitUntilReady() const;

    int plainPort_;
    int tlsPort_ = 0;  ///< 0: the tests connect without TLS.
    std::string folder_;
    std::vector<std::string> args_;
    int backups_ = 0;
    ServerProcess process_;
};

}  // namespace drover::test
