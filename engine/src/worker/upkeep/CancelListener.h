#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/WakeSignal.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"
#include "worker/HeldJobs.h"

namespace drover {

/// Receives requests to cancel jobs that this process holds as soon as they are made: one blocking read of the streams that
/// cancelJob writes, for all queues.
///
/// The renewal of the locks finds requests that are made while Redis is away, or where one read of several queues is not
/// possible.
/// Threads: one of its own; the public methods from any.
class CancelListener {
public:
    /// `block`: how long one read waits in Redis before the next one.
    explicit CancelListener(std::unique_ptr<RedisClient> redis,
                            std::chrono::milliseconds block = std::chrono::seconds(5));
    ~CancelListener();
    CancelListener(const CancelListener&) = delete;
    CancelListener& operator=(const CancelListener&) = delete;

    /// Both references must live until stop().
    void watch(const QueueContext& queue, HeldJobs& held);
    void start();
    void stop();

private:
    struct Watched {
        const QueueContext* queue;
        HeldJobs* held;
        std::string key;
        std::string after;  ///< Id of the last entry that was read.
    };

    void loop();
    /// One blocking read, and what it brings.
    void read();
    void apply(const ReplyView& streams);
    void pause(std::chrono::milliseconds duration);

    const std::unique_ptr<RedisClient> redis_;
    const std::chrono::milliseconds block_;
    WakeSignal wake_;
    std::mutex mutex_;
    std::vector<Watched> added_;    ///< Not read yet; under mutex_.
    std::vector<Watched> watched_;  ///< The thread's.
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

/// Sets the cancel token of a job that is held, and logs it. Does nothing if the job is not held or is cancelled already.
/// `words` are for the handler and for people; broken UTF-8 in them is repaired.
void cancelRun(HeldJobs& held,
               const std::string& queue,
               const std::string& id,
               const std::string& token,
               const std::string& words);

}  // namespace drover
