#pragma once

#include <atomic>
#include <memory>

#include "drover/Bullmq5.h"
#include "queue/QueueKeys.h"

namespace drover {

/// Names a queue for the operations of queue/ops: its keys, and what is known of 5.x clients that share it.
///
/// A value without I/O. Copies share what scripts reported about 5.x clients: evidence counts for the whole process.
/// Threads: const methods from any thread.
class QueueContext {
public:
    explicit QueueContext(QueueKeys keys, Bullmq5 bullmq5 = Bullmq5::Auto);

    [[nodiscard]] const QueueKeys& keys() const { return keys_; }
    [[nodiscard]] Bullmq5 bullmq5Mode() const { return bullmq5_; }
    /// Returns the argument of the scripts: "on", "off", "auto", or "seen": auto, after noteBullmq5().
    [[nodiscard]] const char* bullmq5Argument() const;
    /// Records that a script found 5.x clients on the queue.
    void noteBullmq5() const { *sawBullmq5_ = true; }

private:
    QueueKeys keys_;
    Bullmq5 bullmq5_;
    std::shared_ptr<std::atomic<bool>> sawBullmq5_;
};

/// Returns why an operation on `queue` cannot include a key that a cluster has in another slot than `slot`; empty: it can.
/// A slot below 0: Redis is no cluster.
[[nodiscard]] std::string otherSlotError(int slot,
                                         const std::string& key,
                                         const QueueContext& queue);

}  // namespace drover
