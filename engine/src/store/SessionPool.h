#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store/Session.h"

namespace drover::store {

/// A fixed number of sessions for short statements from many threads, such as those of an HTTP front.
///
/// A thread of its own opens and reopens them (50 ms doubling to 1 s, with jitter), so that no caller waits for a
/// connect: checkout() ends by its deadline, whatever the database does. The connector's own pool
/// connects under its lock, throws instead of waiting and hands dead sessions out (docs/pitfalls.md#p15).
/// Threads: every method may be called from any thread.
class SessionPool {
public:
    /// A session for one caller; goes back when it dies. Lives shorter than its pool.
    class Lease {
    public:
        Lease(SessionPool& pool, std::unique_ptr<Session> session);
        ~Lease();
        Lease(Lease&&) noexcept = default;
        Lease& operator=(Lease&&) = delete;
        Session& operator*() const { return *session_; }
        Session* operator->() const { return session_.get(); }

    private:
        SessionPool* pool_;
        std::unique_ptr<Session> session_;
    };

    SessionPool(SessionSettings settings, std::size_t size);
    /// Every lease must be back.
    ~SessionPool();
    SessionPool(const SessionPool&) = delete;
    SessionPool& operator=(const SessionPool&) = delete;

    /// Throws Unavailable, with the reason of the last failed connect if there is one, when `wait` is over.
    Lease checkout(std::chrono::milliseconds wait);

    /// Returns why the last connect failed; empty if the database was reached. Does not touch the network.
    [[nodiscard]] std::string trouble() const;
    struct Usage {
        std::size_t idle = 0;
        std::size_t lent = 0;
        std::size_t missing = 0;  ///< Not open: the database is away, or refuses so many.
    };
    /// Returns how many sessions are in which state.
    [[nodiscard]] Usage usage() const;

private:
    void giveBack(std::unique_ptr<Session> session) noexcept;
    void openSessions();
    /// Drops idle sessions whose link has ended. Needs the mutex.
    void dropDead();

    const SessionSettings settings_;
    const std::size_t size_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;  ///< A session came back, or one is missing, or the end.
    std::vector<std::unique_ptr<Session>> idle_;
    std::size_t open_ = 0;  ///< Idle and leased.
    std::string trouble_ = "not connected yet";
    bool stopping_ = false;
    std::thread opener_;
};

}  // namespace drover::store
