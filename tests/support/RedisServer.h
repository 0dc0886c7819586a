#pragma once

#include <memory>
#include <string>
#include <vector>

#include "drover/Redis.h"
#include "support/ServerProcess.h"

namespace drover::test {

class ClusterNeighbours;
class Sentinels;
class TestCertificate;

/// Where the servers of the tests stand. DROVER_TEST_TOPOLOGY: "cluster", each is one node of three and has the slot of
/// queueTag(); "sentinel", each is the master that three sentinels name. Without it each stands alone.
enum class Topology { Alone, Cluster, Sentinel };
[[nodiscard]] Topology testTopology();
/// Returns what the names of the queues of a test begin with: text in braces in a cluster, so that they share a slot.
[[nodiscard]] std::string queueTag();

/// Returns how tests reach a server of theirs, or a proxy before one, on a loopback port: with DROVER_TEST_TLS=1 by TLS, with
/// DROVER_TEST_ACL=1 as setUser() does, and by a node or a sentinel in the topology of the tests.
[[nodiscard]] Redis::Settings redisAt(int port);
/// Returns the words of the line "ACL SETUSER drover …" of docs/redis.md.
[[nodiscard]] std::vector<std::string> documentedUser();
/// Makes the settings those of this user.
void setUser(Redis::Settings& settings);
/// Returns the certificate of servers that speak TLS; made once.
[[nodiscard]] const TestCertificate& redisCertificate();
/// Makes the settings those of a client of servers with redisCertificate(); nullptr: without TLS.
void setTls(Redis::Settings& settings, const TestCertificate* certificate);
/// Returns the arguments of a redis-server that speaks TLS, too.
[[nodiscard]] std::vector<std::string> tlsArguments(int port, const TestCertificate& certificate);
/// Returns the same as redisAt() as lines of a configuration file, without those of TLS. In a cluster the prefix has the
/// braces, in place of queueTag().
[[nodiscard]] std::string redisLines(int port);
/// Returns the same as a URL.
[[nodiscard]] std::string redisUrl(int port);
/// The same for processes that a test starts: "NAME=value", set in the environment of the test as well. Node's programs use
/// tests/support/redis.cjs.
[[nodiscard]] std::vector<std::string> redisVariables();

/// A private redis-server on a free loopback port. AOF on (everysec), so that its data survive a restart.
class RedisServer {
public:
    /// Selects a server that stands alone, whatever the environment of the tests has.
    struct Bare {
        /// Makes port() one for TLS; nullptr: for no TLS.
        const TestCertificate* certificate = nullptr;
    };

    /// Throws MissingService if redis-server is not installed. `extra`: more arguments ("--requirepass", "x").
    explicit RedisServer(const std::vector<std::string>& extra = {});
    RedisServer(Bare, const std::vector<std::string>& extra);
    ~RedisServer();

    /// The port for redisAt(): of the server, of another node of its cluster, or of a sentinel.
    [[nodiscard]] int port() const;
    /// The port of the server itself without TLS.
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

    /// Sends one command inline, where only "+OK" will do. Throws std::runtime_error for any other reply.
    void require(const std::string& line) const;
    /// Sends one command inline; returns as much of its reply as arrives at once. Throws std::runtime_error if there is none.
    [[nodiscard]] std::string commandText(const std::string& line) const;

    /// One server per test executable, started on first use.
    static RedisServer& shared();

private:
    /// The same as commandText(), only the first line.
    [[nodiscard]] std::string command(const std::string& line) const;
    void waitUntilReady() const;

    int plainPort_;
    int tlsPort_ = 0;  ///< 0: the tests connect without TLS.
    std::string folder_;
    std::vector<std::string> args_;
    int backups_ = 0;
    ServerProcess process_;
    std::unique_ptr<ClusterNeighbours> neighbours_;  ///< In a cluster.
    std::unique_ptr<Sentinels> sentinels_;           ///< Behind sentinels.
};

}  // namespace drover::test
