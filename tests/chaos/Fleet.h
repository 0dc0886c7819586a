#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "chaos/Ledger.h"
#include "chaos/Load.h"
#include "chaos/QueueState.h"
#include "support/Patience.h"
#include "support/ServerProcess.h"

namespace drover::test {

class PostgresServer;

/// One producer and its consumers as processes of their own, on the executable's Redis and PostgreSQL, which hold nothing
/// but the demo data: 20,000 users, event 1 with 1,000,000 seats, event 2 with 100.
///
/// Each process has its own port, socket and log. The logs stay, and their folder is printed, unless assertExact()
/// has passed. Threads: one, the main one; processes die with the thread that started them.
class Fleet {
public:
    using Milliseconds = std::chrono::milliseconds;

    struct Settings {
        int consumers = 3;
        Milliseconds lockDuration{2000};
        Milliseconds stalledInterval{1000};
        std::string jobOptions;  ///< JSON for the jobs of requests; empty: the options in conf/.
        int redisPort =
            0;  ///< Where the processes find Redis, such as a proxy; 0: the server itself.
        int clusterPort = 0;  ///< A node of the cluster that has the queue in place of the server.
        std::vector<std::string> producerKeys;  ///< "key=value" for the producer,
        std::vector<std::string> consumerKeys;  ///< and for consumers.
        int postgresPort = 0;                   ///< The same for PostgreSQL.
        int secondPostgresPort = 0;             ///< A second host of the URL; 0: none.
    };

    static constexpr std::int64_t kUsers = 20000;
    static constexpr std::int64_t kBigEvent = 1;
    static constexpr std::int64_t kSmallEvent = 2;
    static constexpr std::int64_t kSmallEventSeats = 100;

    /// Makes the schema and the demo data, starts everything and waits until it serves.
    explicit Fleet(Settings settings);
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    /// More events, each with so many seats; their ids.
    std::vector<std::int64_t> addEvents(int count, std::int64_t seats);

    /// Starts a consumer, or starts it again. `failpoint` is its DROVER_FAIL; empty: none.
    void startConsumer(std::size_t index, const std::string& failpoint = "");
    void waitUntilReady(std::size_t index);
    /// SIGKILL; returns when it is dead.
    void killConsumer(std::size_t index);
    /// Kills one of them and starts it again at once.
    void killRandomConsumer(std::mt19937& random);
    [[nodiscard]] ServerProcess& consumer(std::size_t index) { return consumers_[index]->process; }
    [[nodiscard]] std::string logOf(std::size_t index) const;
    [[nodiscard]] std::size_t consumers() const { return consumers_.size(); }

    /// Starts the producer, or starts it again, on the same port.
    void startProducer();
    void waitUntilProducing();
    /// SIGKILL; returns when it is dead.
    void killProducer() { producer_.stop(9); }
    [[nodiscard]] ServerProcess& producer() { return producer_; }

    /// Sends the requests by `clients` connections and returns their answers.
    std::vector<Answer> postReservations(std::vector<Ask> asks, int clients = 8);
    [[nodiscard]] std::unique_ptr<Load> startLoad(std::vector<Ask> asks,
                                                  int clients,
                                                  int perSecond,
                                                  AcceptanceLog* log = nullptr) const;

    /// Waits until no job is waiting, delayed or active; fails the test after `within`. Returns how long it took.
    Milliseconds waitUntilSettled(Milliseconds within);
    /// The longest time for a job of a killed consumer: lock, interval and a second.
    [[nodiscard]] Milliseconds recoveryLimit() const {
        return settings_.lockDuration + settings_.stalledInterval + std::chrono::seconds(1);
    }

    /// Asserts that every request of `answers` had its effect once and that Redis is clean. Call it when settled.
    void assertExact(const std::vector<Answer>& answers);
    /// The caller has proved it by other means: the logs need not stay.
    void forgetLogs() { exact_ = true; }
    [[nodiscard]] const std::string& folder() const { return folder_; }
    /// Reads outcomes from another server from now on: a standby that was promoted.
    void useServer(const PostgresServer& server);
    /// The database's name.
    [[nodiscard]] const std::string& database() const { return database_; }

    [[nodiscard]] std::int64_t rows(std::int64_t eventId) { return ledger_.rows(eventId); }
    [[nodiscard]] std::int64_t counter(std::int64_t eventId) { return ledger_.counter(eventId); }
    [[nodiscard]] std::int64_t rejections(std::int64_t eventId) {
        return ledger_.rejections(eventId);
    }
    [[nodiscard]] Ledger& ledger() { return ledger_; }
    [[nodiscard]] QueueState& queue() { return queue_; }

private:
    struct Consumer {
        std::string name;
        ServerProcess process;
    };

    void loadDemoData();
    [[nodiscard]] std::vector<std::string> commandLine(const std::string& name,
                                                       const std::vector<std::string>& words,
                                                       const std::string& failpoint = "") const;
    [[nodiscard]] std::string pathOf(const std::string& name) const { return folder_ + "/" + name; }

    const Settings settings_;
    const std::string database_;
    const int port_;
    bool exact_ = false;  ///< True if assertExact() has passed.
    QueueState queue_;
    Ledger ledger_;
    const std::string folder_;
    ServerProcess producer_;
    std::vector<std::unique_ptr<Consumer>> consumers_;
};

/// Polls until `holds`; fails the test with `what` after `within`. Returns how long it took.
std::chrono::milliseconds eventually(const std::string& what,
                                     const std::function<bool()>& holds,
                                     std::chrono::milliseconds within = kPatience);

/// How often: from the environment, where the proof run sets it; else `otherwise`.
int countFrom(const char* environment, int otherwise);

/// A generator whose seed is printed; DROVER_CHAOS_SEED repeats a run's choices.
std::mt19937 seededRandom(const std::string& test);

}  // namespace drover::test
