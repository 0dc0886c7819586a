#include "faults/Faults.h"

#include <csignal>
#include <stdexcept>
#include <thread>
#include <utility>

namespace drover::test {

namespace {

using Kind = NetworkFault::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

NetworkFault networkFault(Kind kind, Way way) {
    NetworkFault fault;
    fault.kind = kind;
    fault.way = way;
    switch (kind) {
        case Kind::Drop:
        case Kind::Cut:
        case Kind::Corrupt:
            fault.rate = 0.05;
            break;
        case Kind::Duplicate:
            fault.rate = 0.2;
            break;
        case Kind::Delay:
            fault.delay = milliseconds(150);
            break;
        case Kind::Dribble:
            fault.bytes = 200;
            fault.delay = milliseconds(2);
            break;
        case Kind::BlackHole:
            break;
    }
    return fault;
}

std::string networkPromise(Kind kind, Way way, bool redis) {
    const std::string server = redis ? "Redis" : "PostgreSQL";
    switch (kind) {
        case Kind::Drop:
            return std::string(way == Way::ToServer ? "A request" : "A reply") +
                   " that never arrives ends by its "
                   "deadline; the connection is replaced, and an unknown call is not repeated "
                   "blindly.";
        case Kind::Delay:
            return "150 ms more for each message cost time only.";
        case Kind::Cut:
            return "A connection reset in the middle of a message is replaced; unknown effects are "
                   "looked up.";
        case Kind::Duplicate:
            if (way == Way::ToServer && redis) {
                return "A request that a middlebox sends twice may make a second job: it gets an "
                       "outcome of its own, "
                       "and never a second seat.";
            }
            return way == Way::ToServer
                       ? "A statement that arrives twice decides each request once."
                       : "A reply that arrives twice does not count as the next one: the "
                         "connection is replaced.";
        case Kind::Corrupt:
            return "Damaged framing ends the connection, not the process. Damaged payload is for "
                   "TLS to find.";
        case Kind::Dribble:
            return "100 kB/s in small portions: the deadline counts from the last progress, and "
                   "work goes on.";
        case Kind::BlackHole:
            return server + " that " + (way == Way::ToServer ? "receives" : "sends") +
                   " nothing: 503 instead of hanging; late arrivals take effect once.";
    }
    return "";
}

void addNetworkFaults(std::vector<Fault>& all, bool redis) {
    for (const Kind kind : everyNetworkFault()) {
        for (const Way way : {Way::ToServer, Way::ToClient}) {
            Fault fault;
            fault.name =
                std::string(redis ? "redis-" : "postgres-") + nameOf(kind) + "-" + nameOf(way);
            fault.promise = networkPromise(kind, way, redis);
            const auto proxy = [redis](Rig& rig) -> TcpProxy& {
                return redis ? rig.redisProxy() : rig.postgresProxy();
            };
            fault.begin = [=](Rig& rig) { proxy(rig).inject(networkFault(kind, way)); };
            fault.end = [=](Rig& rig) {
                proxy(rig).heal();
                if (proxy(rig).touched() == 0) {
                    throw std::runtime_error("the fault met no bytes");
                }
            };
            // Longer than the locks last.
            fault.lasts = milliseconds(kind == Kind::BlackHole ? 3500 : 2500);
            fault.wireRepeats = redis && kind == Kind::Duplicate && way == Way::ToServer;
            all.push_back(std::move(fault));
        }
    }
}

Fault fault(std::string name, std::string promise) {
    Fault made;
    made.name = std::move(name);
    made.promise = std::move(promise);
    return made;
}

/// A setting of Redis that is on for a while.
Fault redisSetting(const std::string& name,
                   const std::string& promise,
                   const std::string& key,
                   const std::string& broken,
                   const std::string& sound) {
    Fault made = fault(name, promise);
    made.begin = [=](Rig& rig) {
        rig.redis({"CONFIG", "SET", key, broken});
        // Open connections retain their rights.
        rig.redis({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    };
    made.end = [=](Rig& rig) { rig.redis({"CONFIG", "SET", key, sound}); };
    return made;
}

/// A trigger that lets no outcome be written.
Fault trigger(const std::string& name, const std::string& promise, const std::string& raise) {
    Fault made = fault(name, promise);
    made.begin = [=](Rig& rig) {
        rig.sql(
            "CREATE FUNCTION rig_raises() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE "
            "EXCEPTION " +
            raise +
            "; END $$; CREATE TRIGGER rig_raises BEFORE INSERT ON reservation_outcomes"
            " FOR EACH STATEMENT EXECUTE FUNCTION rig_raises()");
    };
    made.end = [](Rig& rig) {
        rig.sql("DROP TRIGGER rig_raises ON reservation_outcomes; DROP FUNCTION rig_raises()");
    };
    return made;
}

void addRedisFaults(std::vector<Fault>& all) {
    for (const bool byAof : {false, true}) {
        Fault rewound = fault(
            byAof ? "redis-rewound-to-aof" : "redis-rewound-to-rdb",
            "Redis starts with an older copy and issues ids again: its own losses stay; jobs that "
            "were done before are recognised; a new job with an old id is decided for itself.");
        rewound.begin = [byAof](Rig& rig) { rig.rememberRedis(byAof); };
        rewound.end = [](Rig& rig) {
            rig.stopConsumersFor(30);
            rig.rewindRedis();
            rig.startConsumers();
        };
        all.push_back(rewound);
    }
    Fault emptied =
        fault("redis-emptied", "FLUSHALL: Redis's own losses stay; work goes on with ids from 1.");
    emptied.end = [](Rig& rig) {
        rig.stopConsumersFor(30);
        rig.emptyRedis();
        rig.startConsumers();
    };
    all.push_back(emptied);

    all.push_back(redisSetting(
        "redis-filled",
        "Writes refused with OOM: 503, and consumers hold their outcomes until Redis accepts them.",
        "maxmemory",
        "1",
        "0"));
    all.push_back(redisSetting("redis-no-replicas",
                               "Writes refused with NOREPLICAS: as when it is full.",
                               "min-replicas-to-write",
                               "1",
                               "0"));
    all.push_back(redisSetting(
        "redis-refused-password",
        "A password that the processes were not given: 503, slow retries, and back by itself.",
        "requirepass",
        "secret",
        ""));
    all.push_back(redisSetting(
        "redis-refused-connections",
        "More clients than Redis accepts: 503, retries with jitter, and back by itself.",
        "maxclients",
        "1",
        "10000"));

    Fault demoted = fault(
        "redis-demoted",
        "A master that became a replica refuses writes: every connection looks for the master "
        "again; nothing fails.");
    demoted.begin = [](Rig& rig) { rig.redis({"REPLICAOF", "127.0.0.1", "1"}); };
    demoted.end = [](Rig& rig) { rig.redis({"REPLICAOF", "NO", "ONE"}); };
    all.push_back(demoted);

    Fault stopped =
        fault("redis-paused", "A server that accepts and never answers: 503 by the deadline.");
    stopped.begin = [](Rig& rig) { rig.redisServer().freeze(); };
    stopped.end = [](Rig& rig) { rig.redisServer().thaw(); };
    stopped.lasts = milliseconds(3500);
    all.push_back(stopped);

    Fault paused = fault("redis-client-pause",
                         "CLIENT PAUSE: late answers are answers; nothing is done twice.");
    paused.begin = [](Rig& rig) { rig.redis({"CLIENT", "PAUSE", "2500", "ALL"}); };
    all.push_back(paused);

    Fault slowed = fault("redis-slowed", "Standstills of 400 ms, in turn, cost time only.");
    slowed.repeat = [](Rig& rig) { rig.redis({"DEBUG", "SLEEP", "0.4"}); };
    slowed.every = milliseconds(50);
    all.push_back(slowed);

    Fault cut = fault("redis-clients-killed", "CLIENT KILL of every connection, again and again.");
    cut.repeat = [](Rig& rig) { rig.redis({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}); };
    all.push_back(cut);

    Fault flushed =
        fault("redis-scripts-flushed", "SCRIPT FLUSH: scripts are sent again by their text.");
    flushed.repeat = [](Rig& rig) { rig.redis({"SCRIPT", "FLUSH"}); };
    all.push_back(flushed);

    Fault restarted = fault("redis-restarted",
                            "A clean restart loses nothing: 503 meanwhile, no attempt is burned.");
    restarted.begin = [](Rig& rig) { rig.redisServer().stop(SIGTERM); };
    restarted.end = [](Rig& rig) { rig.redisServer().start(); };
    restarted.lasts = milliseconds(1500);
    all.push_back(restarted);

    Fault killed =
        fault("redis-killed", "SIGKILL: Redis loses at most the data that it had not yet written.");
    killed.begin = [](Rig& rig) { rig.killRedis(); };
    killed.end = [](Rig& rig) { rig.redisServer().start(); };
    killed.lasts = milliseconds(1500);
    all.push_back(killed);

    Fault failedOver =
        fault("redis-failed-over",
              "A replica that lags takes the place of a master that died: Redis itself loses "
              "unreplicated data; jobs that were done before are recognised; a new job with an old "
              "id is decided for itself, even while a consumer holds the old one.");
    failedOver.begin = [](Rig& rig) { rig.startReplica(milliseconds(700)); };
    failedOver.end = [](Rig& rig) {
        // Consumers live on, and hold jobs that the new master may not have; only Redis has later jobs.
        rig.sql("BEGIN; SELECT 1 FROM events FOR UPDATE");
        rig.waitForAccepted(30, seconds(60));
        rig.signalConsumers(SIGSTOP);
        rig.waitForAccepted(30, seconds(60));
        rig.failOver();
        rig.signalConsumers(SIGCONT);
        rig.sql("COMMIT");
    };
    all.push_back(failedOver);

    Fault split =
        fault("redis-split",
              "Two masters for a while, until the old one is demoted: Redis itself loses the data "
              "of the old one alone; a job that both have, worked on at both, is decided once.");
    split.begin = failedOver.begin;
    split.end = [](Rig& rig) {
        rig.splitRedis();
        // A consumer at the new master, beside one that stays with the producer at the old one.
        rig.fleet().killConsumer(0);
        rig.fleet().startConsumer(0);
        rig.waitForAccepted(100, seconds(60));
        rig.fleet().consumer(1).signal(SIGSTOP);
        rig.waitForAccepted(30, seconds(60));
        // The new master issues the same ids again.
        rig.fleet().killProducer();
        rig.fleet().startProducer();
        rig.waitForAccepted(100, seconds(60));
        rig.healSplit();
        rig.fleet().consumer(1).signal(SIGCONT);
    };
    all.push_back(split);
}

void addPostgresFaults(std::vector<Fault>& all) {
    all.push_back(
        trigger("postgres-filled",
                "Disk full (53100): requests are accepted, jobs wait, no attempt is burned.",
                "'could not extend file: No space left on device' USING ERRCODE = '53100'"));
    all.push_back(
        trigger("postgres-trigger-raises",
                "An error that is not the request's fault counts as an outage, with an alarm.",
                "'a trigger of another team'"));

    Fault check =
        fault("postgres-check-added",
              "A CHECK added by hand refuses every reservation: an outage, with an alarm.");
    check.begin = [](Rig& rig) {
        rig.sql("ALTER TABLE reservations ADD CONSTRAINT rig_refuses CHECK (false) NOT VALID");
    };
    check.end = [](Rig& rig) { rig.sql("ALTER TABLE reservations DROP CONSTRAINT rig_refuses"); };
    all.push_back(check);

    Fault sequence =
        fault("postgres-sequence-behind",
              "A sequence behind its table after a restore: an outage, until it is set right.");
    sequence.begin = [](Rig& rig) { rig.sql("SELECT setval('reservations_id_seq', 1, false)"); };
    sequence.end = [](Rig& rig) {
        rig.sql("SELECT setval('reservations_id_seq', (SELECT max(id) FROM reservations) + 1000)");
    };
    all.push_back(sequence);

    Fault demoted = fault("postgres-read-only",
                          "A server that became read-only (25006): jobs wait for a new session.");
    demoted.begin = [](Rig& rig) {
        rig.sql("ALTER DATABASE " + rig.database() + " SET default_transaction_read_only = on");
        rig.endSessions();
    };
    demoted.end = [](Rig& rig) {
        rig.sql("ALTER DATABASE " + rig.database() + " RESET default_transaction_read_only");
    };
    all.push_back(demoted);

    Fault refused = fault("postgres-refused-connections",
                          "The server refuses every session: jobs wait, and none fails.");
    refused.begin = [](Rig& rig) {
        rig.sql("UPDATE pg_database SET datallowconn = false WHERE datname = '" + rig.database() +
                "'");
        rig.endSessions();
    };
    refused.end = [](Rig& rig) {
        rig.sql("UPDATE pg_database SET datallowconn = true WHERE datname = '" + rig.database() +
                "'");
    };
    all.push_back(refused);

    Fault password =
        fault("postgres-refused-password",
              "A password that the processes were not given: jobs wait, and none fails.");
    password.begin = [](Rig& rig) { rig.postgresServer().trustClients(false); };
    // Again and again: the server may read its new rules a moment later.
    password.repeat = [](Rig& rig) { rig.endSessions(); };
    password.end = [](Rig& rig) { rig.postgresServer().trustClients(true); };
    all.push_back(password);

    Fault locked =
        fault("postgres-locked",
              "Events locked by another session: batches wait or give up, and are run again.");
    locked.begin = [](Rig& rig) { rig.sql("BEGIN; SELECT 1 FROM events FOR UPDATE"); };
    locked.end = [](Rig& rig) { rig.sql("COMMIT"); };
    locked.lasts = milliseconds(3500);
    all.push_back(locked);

    Fault paused =
        fault("postgres-paused",
              "A server that accepts and never answers: the statement ends by its limit.");
    paused.begin = [](Rig& rig) { rig.postgresServer().freeze(); };
    paused.end = [](Rig& rig) { rig.postgresServer().thaw(); };
    paused.lasts = milliseconds(4000);
    all.push_back(paused);

    Fault slowed = fault("postgres-slowed", "Standstills of 400 ms, in turn, cost time only.");
    slowed.repeat = [](Rig& rig) {
        rig.postgresServer().freeze();
        std::this_thread::sleep_for(milliseconds(400));
        rig.postgresServer().thaw();
    };
    slowed.every = milliseconds(50);
    all.push_back(slowed);

    Fault ended =
        fault("postgres-sessions-ended",
              "pg_terminate_backend, again and again: a new session looks up the outcome.");
    ended.repeat = [](Rig& rig) { rig.endSessions(); };
    all.push_back(ended);

    Fault cancelled = fault("postgres-statements-cancelled",
                            "pg_cancel_backend, again and again: the batch is run again.");
    cancelled.repeat = [](Rig& rig) {
        rig.sql(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()");
    };
    cancelled.every = milliseconds(20);
    all.push_back(cancelled);

    Fault restarted = fault("postgres-restarted",
                            "A restart: requests are accepted, jobs wait, no attempt is burned.");
    restarted.begin = [](Rig& rig) { rig.postgresServer().stop(SIGINT); };
    restarted.end = [](Rig& rig) { rig.postgresServer().start(); };
    restarted.lasts = milliseconds(1500);
    all.push_back(restarted);

    Fault killed = fault("postgres-killed",
                         "An immediate shutdown, as a crash: committed outcomes are found again.");
    killed.begin = [](Rig& rig) { rig.postgresServer().stop(SIGQUIT); };
    killed.end = [](Rig& rig) { rig.postgresServer().start(); };
    killed.lasts = milliseconds(1500);
    all.push_back(killed);

    Fault rewound =
        fault("postgres-rewound",
              "PostgreSQL starts with an older copy of its files: it loses the later outcomes and "
              "seats itself, which are sold again once; a job that Redis still has is decided "
              "again.");
    rewound.begin = [](Rig& rig) { rig.rememberPostgres(); };
    rewound.end = [](Rig& rig) { rig.rewindPostgres(); };
    all.push_back(rewound);

    Fault restored =
        fault("postgres-restored",
              "An older dump is restored under live sessions: as before, and every session goes on "
              "with the new tables and functions.");
    restored.begin = [](Rig& rig) { rig.rememberDump(); };
    restored.end = [](Rig& rig) { rig.restorePostgres(); };
    all.push_back(restored);
}

void addPostgresSetups(std::vector<Fault>& all) {
    Fault pooler = fault("pooler-restarted",
                         "PgBouncer in transaction mode is put between, then killed and started "
                         "again: batches are handed back, no attempt is burned.");
    pooler.begin = [](Rig& rig) { rig.restartPooler(); };
    pooler.end = [](Rig& rig) { rig.restartPooler(); };
    pooler.lasts = milliseconds(500);
    pooler.times = 3;
    all.push_back(pooler);

    Fault failedOver =
        fault("postgres-failed-over",
              "A standby that has every commit is promoted when its primary dies: the second host "
              "of the URL is found, no attempt is burned.");
    failedOver.begin = [](Rig& rig) { rig.startStandby(); };
    failedOver.end = [](Rig& rig) { rig.failOverPostgres(); };
    failedOver.lasts = milliseconds(500);
    failedOver.times = 2;  // There and back.
    failedOver.twoHosts = true;
    all.push_back(failedOver);
}

void addProcessFaults(std::vector<Fault>& all) {
    Fault killed = fault("consumers-killed",
                         "SIGKILL at any moment costs time: lock, stalled interval and a second.");
    killed.repeat = [](Rig& rig) {
        std::mt19937 random(static_cast<unsigned>(rig.random()()));
        rig.fleet().killRandomConsumer(random);
    };
    killed.every = milliseconds(300);
    all.push_back(killed);

    Fault producer =
        fault("producer-killed",
              "Every 201 that was sent stands; a request without answer may have an outcome.");
    producer.repeat = [](Rig& rig) {
        rig.fleet().killProducer();
        rig.fleet().startProducer();
    };
    producer.every = milliseconds(800);
    all.push_back(producer);

    Fault stopped =
        fault("consumer-paused",
              "A consumer that sleeps longer than its locks: its late outcomes are discarded.");
    stopped.begin = [](Rig& rig) { rig.fleet().consumer(0).signal(SIGSTOP); };
    stopped.end = [](Rig& rig) { rig.fleet().consumer(0).signal(SIGCONT); };
    stopped.lasts = milliseconds(4000);
    all.push_back(stopped);

    Fault sleeping =
        fault("producer-paused",
              "A producer that sleeps in the middle of its calls: nothing is added twice.");
    sleeping.begin = [](Rig& rig) { rig.fleet().producer().signal(SIGSTOP); };
    sleeping.end = [](Rig& rig) { rig.fleet().producer().signal(SIGCONT); };
    sleeping.lasts = milliseconds(4000);
    all.push_back(sleeping);

    Fault terminated =
        fault("consumers-restarted", "TERM: claimed jobs are finished or handed back.");
    terminated.repeat = [](Rig& rig) {
        const std::size_t index = rig.random()() % rig.fleet().consumers();
        rig.fleet().consumer(index).stop(SIGTERM);
        rig.fleet().startConsumer(index);
    };
    terminated.every = milliseconds(500);
    all.push_back(terminated);
}

}  // namespace

std::string stormPromise() {
    return "Consumers and the producer killed by SIGKILL at random while Redis is rewound again "
           "and again: only Redis's own losses are lost; nothing doubled, nothing oversold.";
}

const std::vector<Fault>& everyFault() {
    static const std::vector<Fault> kAll = [] {
        std::vector<Fault> made;
        addNetworkFaults(made, true);
        addRedisFaults(made);
        addNetworkFaults(made, false);
        addPostgresFaults(made);
        addPostgresSetups(made);
        addProcessFaults(made);
        return made;
    }();
    return kAll;
}

}  // namespace drover::test
