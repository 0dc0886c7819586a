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

/// What Redis says about a queue, the one of reservations by default, read by a client of the test's own.
class QueueState {
public:
    explicit QueueState(int port, const std::string& queue = "reservation-queue");

    /// Reads another server from now on, such as a replica that was promoted.
    void useServer(int port);
    /// Empties the server, and keeps every event that is to come.
    void reset();
    [[nodiscard]] std::int64_t active();
    /// Whether no job is waiting, delayed or active. False too while Redis is away.
    [[nodiscard]] bool idle();
    /// Asserts that each job ended once, as its outcome says, and that none failed but for a reason of the
    /// application.
    void assertEndings(std::int64_t reserved, std::int64_t rejected);
    /// Asserts that jobs that were kept are completed, `count` of them, each with its first attempt.
    void assertFirstAttempts(std::int64_t count);
    /// Asserts that nothing is left behind: no lock without an active job, no active job nor any that is still to be done,
    /// no hash that is in no set, nor any other key that is not the queue's own.
    void assertClean();
    /// What findOrphans() finds of the queue.
    [[nodiscard]] std::string orphans();

    /// One command, for what a test wants to do to the server. Throws as RedisClient does.
    Reply call(const std::vector<std::string>& args);
    [[nodiscard]] RedisClient& client() { return *client_; }
    [[nodiscard]] const QueueKeys& keys() const { return keys_; }

private:
    std::set<std::string> members(const std::string& key);

    QueueKeys keys_;
    std::unique_ptr<RedisClient> client_;
};

}  // namespace drover::test
