#include "faults/Rig.h"

#include <algorithm>
#include <csignal>
#include <optional>
#include <set>
#include <utility>

#include "drover/Exceptions.h"

namespace drover::test {

namespace {

using Clock = std::chrono::steady_clock;

/// A server with appendfsync everysec may hold a write back for this long while its disk is busy.
constexpr std::int64_t kUnwrittenMs = 2000;

Fleet::Settings settingsFor(int consumers, int redisPort, int postgresPort) {
    Fleet::Settings settings;
    settings.consumers = consumers;
    settings.redisPort = redisPort;
    settings.postgresPort = postgresPort;
    return settings;
}

}  // namespace

Rig::Rig(int consumers, std::uint64_t seed)
    : random_(seed),
      redisProxy_(RedisServer::shared().port(), 0, seed),
      postgresProxy_(PostgresServer::shared().port(), 0, seed + 1),
      fleet_(std::make_unique<Fleet>(
          settingsFor(consumers, redisProxy_.port(), postgresProxy_.port()))),
      log_(std::make_unique<AcceptanceLog>(fleet_->folder() + "/acceptances.log")) {
    // The checker reads no events: a long run need not keep them, nor need every copy of Redis.
    redis({"HSET", fleet_->queue().keys().meta, "opts.maxLenEvents", "1000"});
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

void Rig::rememberRedis() {
    rememberRedis(++backups_ % 2 == 0);
}

void Rig::rememberRedis(bool byAof) {
    backup_ = byAof ? redisServer().copyAof() : redisServer().backUp();
}

void Rig::rewindRedis() {
    loseInRedis([this] {
        redisServer().stop(SIGKILL);
        redisServer().rewind(backup_);
    });
}

void Rig::emptyRedis() {
    loseInRedis([this] { redis({"FLUSHALL"}); });
}

void Rig::loseInRedis(const std::function<void()>& lose) {
    // From here on the rig is the only client, which first does what was sent to it.
    redisProxy_.refuse();
    redisProxy_.cutAll();
    eventually(
        "the rig is the server's only client",
        [this] {
            const std::string list(redis({"CLIENT", "LIST", "TYPE", "normal"}).text());
            return std::count(list.begin(), list.end(), '\n') == 1;
        },
        std::chrono::seconds(20));
    std::set<JobKey> had = unfinishedJobs(fleet_->queue());
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
        std::chrono::seconds(20));
    for (const JobKey& job : had) {
        if (has.count(job) == 0) {
            log_->lostByServer(job);
        }
    }
    redisProxy_.heal();
}

void Rig::killRedis() {
    const std::int64_t from = wallMs() - kUnwrittenMs;
    redisServer().stop(SIGKILL);
    log_->lostByServer({from, wallMs(), "redis-server killed"});
}

}  // namespace drover::test
