#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "http/Front.h"

namespace drover::api {

/// A request on its way through the pool, with the call that answers it.
class PoolRequest {
public:
    using Clock = std::chrono::steady_clock;

    /// `count` counts the requests that wait for a thread or have one.
    PoolRequest(HttpRequest whole,
                PooledCall pooled,
                Responder to,
                std::shared_ptr<std::atomic<int>> count)
        : request(std::move(whole)),
          call(std::move(pooled)),
          responder(std::move(to)),
          count_(std::move(count)) {
        count_->fetch_add(1, std::memory_order_acq_rel);
    }
    ~PoolRequest() { count_->fetch_sub(1, std::memory_order_acq_rel); }
    PoolRequest(const PoolRequest&) = delete;
    PoolRequest& operator=(const PoolRequest&) = delete;

    HttpRequest request;
    const PooledCall call;
    Responder responder;
    const Clock::time_point since = Clock::now();

private:
    const std::shared_ptr<std::atomic<int>> count_;
};

}  // namespace drover::api
