#include "faults/Rig.h"

#include <algorithm>
#include <csignal>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "drover/Exceptions.h"

namespace drover::test {

namespace {

using Clock = std::chrono::steady_clock;

/// A server with appendfsync everysec may hold a write back for this long while its disk is busy.
constexpr std::int64_t kUnwrittenMs = 2000;

/// The time for an ordinary act of a server.
constexpr std::chrono::seconds kServerLimit{20};

Fleet::Settings settingsFor(int consumers, int redisPort, int postgresPort, int secondPort) {
    Fleet::Settings settings;
    settings.consumers = consumers;
    settings.redisPort = redisPort;
    settings.postgresPort = postgresPort;
    settings.secondPostgresPort = secondPort;
    return settings;
}

}  // namespace

Rig::Rig(int consumers, std::uint64_t seed, bool twoHosts)
    : random_(seed),
      redisProxy_(RedisServer::shared().port(), 0, seed),
      postgresProxy_(PostgresServer::shared().port(), 0, seed + 1),
      secondProxy_(freePort(), 0, seed + 2),
      fleet_(std::make_unique<Fleet>(settingsFor(consumers,
                                                 redisProxy_.port(),
                                                 postgresProxy_.port(),
                                                 twoHosts ? secondProxy_.port() : 0))),
      log_(std::make_unique<AcceptanceLog>(fleet_->folder() + "/acceptances.log")) {
    // The checker reads no events: neither a long run nor every copy of Redis needs them.
    redis({"HSET", fleet_->queue().keys().meta, "opts.maxLenEvents", "1000"});
}

Rig::~Rig() {
    load_.reset();
    fleet_.reset();
    if (replica_) {
        redisServer().stop(SIGKILL);
        redisServer().start();
        redisServer().promote();
    }
    if (primary_ || standby_) {
        PostgresServer::shared().stop(SIGQUIT);
        PostgresServer::shared().start();
    }
}

void Rig::startLoad(int perSecond) {
    const std::int64_t big = fleet_->addEvents(1, 1000000).front();
    const std::int64_t tight = fleet_->addEvents(1, 100).front();
    std::vector<Ask> asks;
    for (std::int64_t user = 1; user <= Fleet::kUsers; ++user) {
        asks.push_back({big, user});
        asks.push_back({tight, user});
    }
    load_ = fleet_->startLoad(std::move(asks), 6, perSecond, log_.get());
}

void Rig::waitForAccepted(std::size_t count, Milliseconds within) {
    const std::size_t before = load_->acceptedCount();
    eventually(
        std::to_string(count) + " requests accepted",
        [&] { return load_->acceptedCount() >= before + count; },
        within);
}

Rig::Milliseconds Rig::waitForRecovery(Clock::time_point time, Milliseconds within) {
    eventually(
        "a request is accepted and decided again",
        [&] {
            const std::optional<Answer> answer = load_->firstAcceptedAfter(time);
            return answer && fleet_->ledger().decided(*answer);
        },
        within);
    return std::chrono::duration_cast<Milliseconds>(Clock::now() - time);
}

void Rig::settle(Milliseconds within) {
    load_->stop();
    fleet_->waitUntilSettled(within);
}

Verdict Rig::check(bool wireRepeats) {
    Verdict verdict = Checker(fleet_->ledger(), fleet_->queue(), wireRepeats).check(log_->read());
    if (verdict.findings.empty()) {
        fleet_->forgetLogs();
    }
    return verdict;
}

void Rig::endSessions() {
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid()");
}

void Rig::stopConsumersFor(std::size_t count) {
    for (std::size_t i = 0; i < fleet_->consumers(); ++i) {
        fleet_->killConsumer(i);
    }
    waitForAccepted(count, std::chrono::seconds(60));
}

void Rig::startConsumers() {
    for (std::size_t i = 0; i < fleet_->consumers(); ++i) {
        fleet_->startConsumer(i);
    }
}

void Rig::signalConsumers(int number) {
    for (std::size_t i = 0; i < fleet_->consumers(); ++i) {
        fleet_->consumer(i).signal(number);
    }
}

void Rig::rememberRedis() {
    rememberRedis(++backups_ % 2 == 0);
}

void Rig::rememberRedis(bool byAof) {
    backup_ = byAof ? redisServer().copyAof() : redisServer().backUp();
}

void Rig::rewindRedis() {
    logLost(loseInRedis([this] {
        redisServer().stop(SIGKILL);
        redisServer().rewind(backup_);
    }));
}

void Rig::emptyRedis() {
    logLost(loseInRedis([this] { redis({"FLUSHALL"}); }));
}

void Rig::isolateRedis() {
    // From here on the rig is the only client, after the server has run the commands that it received.
    redisProxy_.refuse();
    redisProxy_.cutAll();
    eventually(
        "the rig is the server's only client",
        [this] {
            const std::string list(redis({"CLIENT", "LIST", "TYPE", "normal"}).text());
            return std::count(list.begin(), list.end(), '\n') == 1;
        },
        kServerLimit);
}

void Rig::logLost(const std::set<JobKey>& jobs) {
    for (const JobKey& job : jobs) {
        log_->lostByServer(job);
    }
}

void Rig::logLostSome(const std::set<JobKey>& jobs) {
    if (jobs.empty()) {
        throw std::runtime_error("the server lost nothing");
    }
    logLost(jobs);
}

std::set<JobKey> Rig::loseInRedis(const std::function<void()>& lose) {
    isolateRedis();
    const std::set<JobKey> had = unfinishedJobs(fleet_->queue());
    lose();
    std::set<JobKey> has;
    eventually(
        "the server answers the rig",
        [&] {
            try {
                has = unfinishedJobs(fleet_->queue());
                return true;
            } catch (const RedisIoException&) {
                return false;
            }
        },
        kServerLimit);
    redisProxy_.heal();
    return lostJobs(had, has);
}

void Rig::killRedis() {
    const std::int64_t from = wallMs() - kUnwrittenMs;
    redisServer().stop(SIGKILL);
    log_->lostByServer({from, wallMs(), "redis-server killed"});
}

void Rig::startReplica(Milliseconds lag) {
    // By default a master waits 5 s for more replicas before it serves the first.
    redis({"CONFIG", "SET", "repl-diskless-sync-delay", "0"});
    replication_ = std::make_unique<TcpProxy>(redisServer().plainPort());
    replica_ = std::make_unique<RedisServer>(
        std::vector<std::string>{"--replicaof", "127.0.0.1", std::to_string(replication_->port())});
    eventually(
        "the replica follows its master",
        [this] { return replica_->followsMaster(); },
        kServerLimit);
    NetworkFault late;
    late.kind = NetworkFault::Kind::Delay;
    late.way = Way::ToClient;
    late.delay = lag;
    replication_->inject(late);
}

void Rig::promoteReplica() {
    // Bytes that are still on their way never arrive.
    replication_->refuse();
    replication_->cutAll();
    replica_->promote();
    QueueState replica(replica_->port());
    replicated_ = allJobs(replica);
    redisProxy_.moveTo(replica_->port());
}

void Rig::failOver() {
    logLostSome(loseInRedis([this] {
        redisServer().stop(SIGKILL);
        promoteReplica();
        fleet_->queue().useServer(replica_->port());
    }));
}

void Rig::splitRedis() {
    promoteReplica();
}

void Rig::healSplit() {
    // Writes to the old master wait here until it is a replica, which refuses them.
    redis({"CLIENT", "PAUSE", "20000", "WRITE"});
    // All jobs that the new master has ever had, not only unfinished ones: it may have finished some meanwhile.
    logLostSome(lostJobs(unfinishedJobs(fleet_->queue()), replicated_));
    redisServer().follow(replica_->plainPort());
    redis({"CLIENT", "UNPAUSE"});
    redis({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    fleet_->queue().useServer(replica_->port());
}

void Rig::rememberPostgres() {
    cluster_ = postgresServer().backUp();
}

void Rig::rewindPostgres() {
    for (std::size_t i = 0; i < fleet_->consumers(); ++i) {
        fleet_->killConsumer(i);
    }
    postgresProxy_.refuse();
    postgresProxy_.cutAll();
    eventually(
        "the rig is PostgreSQL's only client",
        [this] {
            return fleet_->ledger()
                       .session()
                       .execute(
                           "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
                           " AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
                       .rows() == 0;
        },
        kServerLimit);
    // After the consumers' end nothing finishes a job.
    const std::set<JobKey> toDo = unfinishedJobs(fleet_->queue());
    const std::set<JobKey> had = decidedJobs(fleet_->ledger());
    postgresServer().rewind(cluster_);
    logLostSome(lostJobs(had, decidedJobs(fleet_->ledger()), toDo));
    postgresProxy_.heal();
    startConsumers();
}

void Rig::restartPooler() {
    if (!pooler_) {
        pooler_ = std::make_unique<PgBouncer>();
        postgresProxy_.moveTo(pooler_->port());
        postgresProxy_.cutAll();
        return;
    }
    pooler_->kill();
    pooler_->start();
}

void Rig::startStandby() {
    standby_ = postgresServer().makeStandby();
    (onSecond_ ? postgresProxy_ : secondProxy_).moveTo(standby_->port());
}

void Rig::failOverPostgres() {
    postgresServer().stop(SIGQUIT);
    standby_->promote();
    fleet_->useServer(*standby_);
    primary_ = std::move(standby_);
    onSecond_ = !onSecond_;
}

void Rig::rememberDump() {
    dump_ = postgresServer().dump(database());
}

void Rig::restorePostgres() {
    // The tables are locked first: nothing is decided between the list of outcomes and the restore.
    sql("BEGIN; LOCK TABLE events, reservation_outcomes IN ACCESS EXCLUSIVE MODE;"
        "CREATE TABLE rig_lost AS SELECT job_id, job_timestamp_ms FROM reservation_outcomes");
    const std::set<JobKey> decided = decidedJobs(fleet_->ledger(), "rig_lost");
    eventually(
        "every decided job has ended",
        [&] {
            const std::set<JobKey> toDo = unfinishedJobs(fleet_->queue());
            return std::none_of(toDo.begin(), toDo.end(), [&](const JobKey& job) {
                return decided.count(job) > 0;
            });
        },
        kServerLimit);
    sql(dump_ +
        "DELETE FROM public.rig_lost l USING public.reservation_outcomes o"
        " WHERE o.job_id = l.job_id AND o.job_timestamp_ms = l.job_timestamp_ms; COMMIT; RESET "
        "ALL");
    logLostSome(decidedJobs(fleet_->ledger(), "rig_lost"));
    sql("DROP TABLE rig_lost");
}

}  // namespace drover::test
