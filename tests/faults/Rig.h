#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "chaos/AcceptanceLog.h"
#include "chaos/Fleet.h"
#include "faults/Checker.h"
#include "support/PgBouncer.h"
#include "support/PostgresServer.h"
#include "support/RedisServer.h"
#include "support/TcpProxy.h"

namespace drover::test {

/// A fleet under load whose servers are behind proxies, and every fault that can be made in it.
/// Threads: one, the main one; processes die with the thread that started them.
class Rig {
public:
    using Milliseconds = std::chrono::milliseconds;

    /// `twoHosts`: the database URL of the processes has two hosts, of which the second is down until startStandby().
    Rig(int consumers, std::uint64_t seed, bool twoHosts = false);
    /// Ends the processes, then sets the shared servers right for the next rig.
    ~Rig();
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    /// Starts a load for events of its own: half of the requests are for 100 seats.
    void startLoad(int perSecond);
    [[nodiscard]] Load& load() { return *load_; }
    /// Waits until `count` more requests are accepted.
    void waitForAccepted(std::size_t count, Milliseconds within);
    /// Waits for a request that is accepted after `time` and decided; returns how long after `time` it was seen.
    Milliseconds waitForRecovery(std::chrono::steady_clock::time_point time, Milliseconds within);
    /// Ends the load and waits until every job is done.
    void settle(Milliseconds within);
    [[nodiscard]] Verdict check(bool wireRepeats = false);

    /// The server's own connection, past the proxy.
    Reply redis(const std::vector<std::string>& command) { return fleet_->queue().call(command); }
    void sql(const std::string& script) { fleet_->ledger().session().script(script); }
    /// Ends every session of the database but the rig's.
    void endSessions();

    /// Kills every consumer, and waits until `count` requests are accepted, which then are in Redis alone.
    void stopConsumersFor(std::size_t count);
    void startConsumers();
    void signalConsumers(int number);

    /// A copy of Redis, for rewindRedis(). Every second one is made of the append-only files.
    void rememberRedis();
    void rememberRedis(bool byAof);
    /// Puts the copy in place of the present data of Redis, and logs which jobs the server has lost thereby: those
    /// that it had when its last client was cut off, and has not when it is back.
    void rewindRedis();
    /// FLUSHALL, logged likewise.
    void emptyRedis();
    /// SIGKILL, by which the server may lose data that it has not written yet.
    void killRedis();

    /// Starts a replica of Redis that gets everything `lag` late.
    void startReplica(Milliseconds lag);
    /// Kills the master and promotes the replica, to which all clients come back. Logs the jobs that the master had
    /// and the replica has not.
    void failOver();
    /// Promotes the replica beside the master: new connections reach it, those that are open stay at the old one.
    void splitRedis();
    /// Makes the old master a replica of the new one, as a sentinel that sees both again, and ends its connections.
    /// Logs the jobs that only the old one had.
    void healSplit();

    /// A copy of PostgreSQL's cluster, for rewindPostgres().
    void rememberPostgres();
    /// Kills the consumers, ends PostgreSQL as by a crash, and starts it with the copy. Logs the requests whose outcome the
    /// server has lost thereby, without those whose jobs Redis still has to be done: these are to be decided again.
    void rewindPostgres();
    /// A dump of the database, for restorePostgres().
    void rememberDump();
    /// Restores the dump in place, in one transaction that waits until every decided job has ended, while every session
    /// stays. Logs the requests whose outcome the database has lost thereby.
    void restorePostgres();

    /// Puts a PgBouncer between the processes and PostgreSQL, or kills the one that is there and starts it again.
    void restartPooler();

    /// Starts a standby of PostgreSQL behind the host of the URL that is down. Commits wait for it, so that it loses nothing.
    void startStandby();
    /// Kills PostgreSQL as by a crash, and promotes the standby.
    void failOverPostgres();

    [[nodiscard]] Fleet& fleet() { return *fleet_; }
    [[nodiscard]] TcpProxy& redisProxy() { return redisProxy_; }
    [[nodiscard]] TcpProxy& postgresProxy() { return postgresProxy_; }
    /// The one that the fleet began with.
    [[nodiscard]] RedisServer& redisServer() { return RedisServer::shared(); }
    [[nodiscard]] PostgresServer& postgresServer() {
        return primary_ ? *primary_ : PostgresServer::shared();
    }
    [[nodiscard]] std::mt19937_64& random() { return random_; }
    [[nodiscard]] std::string database() const { return fleet_->database(); }

private:
    /// Isolates Redis, lets it lose something, and returns which jobs it has not any more.
    [[nodiscard]] std::set<JobKey> loseInRedis(const std::function<void()>& lose);
    /// Cuts every client off, and waits until the server has run their last commands.
    void isolateRedis();
    void logLost(const std::set<JobKey>& jobs);
    /// The same where a server that has lost nothing means that the fault did not take place.
    void logLostSome(const std::set<JobKey>& jobs);
    void promoteReplica();

    std::mt19937_64 random_;
    std::unique_ptr<TcpProxy> replication_;
    std::unique_ptr<RedisServer> replica_;
    std::set<JobKey> replicated_;  ///< The jobs that the replica had when it was promoted.
    TcpProxy redisProxy_;
    TcpProxy postgresProxy_;
    TcpProxy secondProxy_;                     ///< To the second host of the URL.
    bool onSecond_ = false;                    ///< The primary is behind secondProxy_.
    std::unique_ptr<PostgresServer> primary_;  ///< The promoted one; null: the shared one.
    std::unique_ptr<PostgresServer> standby_;
    std::unique_ptr<PgBouncer> pooler_;
    std::unique_ptr<Fleet> fleet_;
    std::unique_ptr<AcceptanceLog> log_;
    std::unique_ptr<Load> load_;
    RedisServer::Backup backup_;
    int backups_ = 0;
    PostgresServer::Backup cluster_;
    std::string dump_;
};

}  // namespace drover::test
