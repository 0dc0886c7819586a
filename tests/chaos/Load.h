#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "chaos/AcceptanceLog.h"

namespace drover::test {

/// Clients that send each of a list of requests once, in its order, by POST /reservation/{eventId}/{userId}; each is a
/// thread with one keep-alive connection. They start at once. A refused request is not sent again.
/// Threads: the caller's one.
class Load {
public:
    /// `perSecond` is the pace of all clients together; 0: as fast as the answers come. A time in which no client
    /// could send is not made up for. `log`: each request is written there before it is sent, and each answer before
    /// the next request. Not owned; null: no log.
    Load(int port,
         std::vector<Ask> asks,
         int clients,
         int perSecond = 0,
         AcceptanceLog* log = nullptr);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// Waits until everything is sent and answered.
    void finish();
    /// Sends nothing more; waits for what is under way.
    void stop();

    [[nodiscard]] std::size_t acceptedCount() const { return accepted_; }
    /// All of them, in the order in which they came.
    [[nodiscard]] std::vector<Answer> answers() const;
    /// The first 201 that came after `time`.
    [[nodiscard]] std::optional<Answer> firstAcceptedAfter(
        std::chrono::steady_clock::time_point time) const;

private:
    void run();
    /// The next request when its turn has come; none when all are sent or the load is stopped.
    std::optional<Ask> next();

    const int port_;
    const std::vector<Ask> asks_;
    const std::chrono::microseconds gap_;
    AcceptanceLog* const log_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t sent_ = 0;
    std::chrono::steady_clock::time_point nextTurn_;
    bool stopping_ = false;
    std::vector<Answer> answers_;
    std::atomic<std::size_t> accepted_{0};
    std::vector<std::thread> clients_;
};

}  // namespace drover::test
