#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "queue/QueueKeys.h"
#include "redis/RedisClient.h"

namespace drover::test {

/// Reads a queue, that of reservations by default, from Redis by a client of the test's own.
class QueueState {
public:
    explicit QueueState(int port, const std::string& queue = "reservation-queue");

    /// Reads another server from now on, such as a replica that was promoted.
    void useServer(int port);
    /// Empties the server, and makes it retain every later event.
    void reset();
    [[nodiscard]] std::int64_t active();
    /// Returns true if no job is waiting, delayed or active; false while Redis is away.
    [[nodiscard]] bool idle();
    /// Asserts that each job ended once, as its outcome requires, and that none failed but for a reason of the
    /// application.
    void assertEndings(std::int64_t reserved, std::int64_t rejected);
    /// Asserts that jobs that were kept are completed, `count` of them, each with its first attempt.
    void assertFirstAttempts(std::int64_t count);
    /// Asserts that nothing is left behind: no lock without an active job, no active or unfinished job, no hash
    /// outside of every set, and no key that is not the queue's own.
    void assertClean();
    /// Returns true for a key of the reports that processes write of themselves, which expire.
    [[nodiscard]] static bool isReport(const std::string& key);
    /// Returns the leftovers that findOrphans() finds of the queue.
    [[nodiscard]] std::string orphans();

    /// Runs one command on the server. Throws as RedisClient does.
    Reply call(const std::vector<std::string>& args);
    [[nodiscard]] RedisClient& client() { return *client_; }
    [[nodiscard]] const QueueKeys& keys() const { return keys_; }

private:
    std::set<std::string> members(const std::string& key);

    QueueKeys keys_;
    std::unique_ptr<RedisClient> client_;
};

}  // namespace drover::test
