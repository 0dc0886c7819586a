#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "drover/Redis.h"
#include "drover/Responder.h"

namespace drover::admin {

/// Sends the events of queues to HTTP clients. One reader per queue serves all clients of the process.
///
/// A client that follows gets each event when the reader has it. A client that is behind, because it resumes or reads too
/// slowly, catches up by pages of the stream on a thread of its own, and follows again: it misses nothing that the stream
/// still has, and delays no other client.
///
/// Beside the queue's events there are two: `drover:ready`, once per client, from which on events come as they happen, and
/// `drover:gap` where entries may be lost, since the stream was trimmed, deleted or begun anew.
/// Threads: any.
class EventHub {
public:
    EventHub(Redis redis, std::string prefix, std::size_t mostQueues = 64);
    /// Stops.
    ~EventHub();
    EventHub(const EventHub&) = delete;
    EventHub& operator=(const EventHub&) = delete;

    /// Answers with the events of a queue behind the id `after`; std::nullopt: from now on. Returns false, without an answer, if
    /// too many queues have readers or after stop(). Throws Poco::InvalidArgumentException for a bad name of a queue.
    bool attach(const std::string& queue,
                const std::optional<std::string>& after,
                Responder& responder);
    /// Ends all streams.
    void stop();

    /// Returns how many queues have a reader.
    [[nodiscard]] std::size_t readers() const;

private:
    class Channel;
    struct Client;
    using Clock = std::chrono::steady_clock;

    /// A client that is behind, and when it is looked at.
    struct Pending {
        std::shared_ptr<Channel> channel;
        std::shared_ptr<Client> client;
        Clock::time_point due;
    };

    void loop();
    /// Sends a page to a client that is behind, and lets it follow if it has caught up.
    void catchUp(const Pending& pending);
    /// Returns true if the client follows now.
    static bool follow(const Pending& pending, std::uint64_t deliveries, bool streamIsEmpty);
    void enqueue(std::shared_ptr<Channel> channel,
                 std::shared_ptr<Client> client,
                 std::chrono::milliseconds delay);
    void awaitRoom(const std::shared_ptr<Channel>& channel, const std::shared_ptr<Client>& client);
    /// Forgets clients that have left, and closes readers without clients.
    void sweep();

    const Redis redis_;
    const std::string prefix_;
    const std::size_t mostQueues_;

    // Locks are taken in this order: mutex_, that of a channel, pendingMutex_.
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<Channel>> channels_;
    bool stopping_ = false;  ///< Guarded by both.

    std::mutex pendingMutex_;
    std::condition_variable changed_;
    std::deque<Pending> pending_;
    std::thread thread_;
};

}  // namespace drover::admin
