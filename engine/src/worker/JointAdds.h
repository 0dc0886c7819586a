#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "drover/Queue.h"
#include "queue/JobRecord.h"
#include "queue/QueueContext.h"
#include "redis/ClientPool.h"

namespace drover {

/// Joins the adds of many handlers' threads to one queue into one script call at a time.
///
/// The thread that comes first sends. Adds that arrive meanwhile wait, and one of their threads sends them all. So a queue needs
/// neither a thread nor a connection of its own, and a queue without an add under way needs no memory.
/// Nothing is sent twice: a lost reply makes its adds Unknown.
/// Threads: add() from any thread.
class JointAdds {
public:
    /// Jobs per script call: a script holds up every other client of the server.
    static constexpr std::size_t kMostPerCall = 512;

    /// Adds jobs in order and returns a result for each, by a client of the queue's server. Blocks until the answer, which the deadlines of commands bound.
    /// Never throws for expected trouble.
    std::vector<AddResult> add(const QueueContext& queue,
                               ClientPool& clients,
                               std::vector<JobRecord> records);

private:
    /// Jobs of one thread, on its stack.
    struct Waiter {
        std::vector<JobRecord> records;
        std::vector<AddResult> results{};
        bool done = false;
    };
    /// The adds of one queue, while there are any.
    struct Line {
        std::deque<Waiter*> waiting{};
        bool sending = false;
        std::size_t threads = 0;
        std::condition_variable changed{};
    };

    std::vector<AddResult> addSome(const QueueContext& queue,
                                   ClientPool& clients,
                                   std::vector<JobRecord> records);
    /// Sends the adds at the front. Called with the lock, which it releases meanwhile.
    void sendFront(const QueueContext& queue,
                   ClientPool& clients,
                   Line& line,
                   std::unique_lock<std::mutex>& lock);
    [[nodiscard]] static std::vector<AddResult> send(const QueueContext& queue,
                                                     ClientPool& clients,
                                                     std::vector<JobRecord>& records);

    std::mutex mutex_;
    std::map<std::string, Line> lines_;  ///< By qualified name.
};

}  // namespace drover
