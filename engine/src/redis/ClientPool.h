#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "redis/RedisClient.h"

namespace drover {

/// Lends a few connections to many threads, made when needed.
/// Threads: lease() from any thread; a lease belongs to the thread that called it.
class ClientPool {
public:
    using Make = std::function<std::unique_ptr<RedisClient>()>;

    ClientPool(Make make, std::size_t most) : make_(std::move(make)), most_(most) {}

    /// Holds a client until it is destroyed.
    class Lease {
    public:
        Lease(ClientPool& pool, std::unique_ptr<RedisClient> client)
            : pool_(pool), client_(std::move(client)) {}
        ~Lease() {
            if (client_) {
                pool_.accept(std::move(client_));
            }
        }
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        RedisClient& operator*() const { return *client_; }

    private:
        ClientPool& pool_;
        std::unique_ptr<RedisClient> client_;
    };

    /// Lends a client. Waits while all are lent, which the deadlines of their commands bound.
    Lease lease() {
        std::unique_lock lock(mutex_);
        returned_.wait(lock, [this] { return !idle_.empty() || made_ < most_; });
        if (idle_.empty()) {
            ++made_;
            return {*this, make_()};
        }
        std::unique_ptr<RedisClient> client = std::move(idle_.back());
        idle_.pop_back();
        return {*this, std::move(client)};
    }

private:
    void accept(std::unique_ptr<RedisClient> client) {
        {
            const std::lock_guard lock(mutex_);
            idle_.push_back(std::move(client));
        }
        returned_.notify_one();
    }

    const Make make_;
    const std::size_t most_;
    std::mutex mutex_;
    std::condition_variable returned_;
    std::vector<std::unique_ptr<RedisClient>> idle_;
    std::size_t made_ = 0;
};

}  // namespace drover
