#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/Clock.h"
#include "drover/Queue.h"
#include "queue/LoadMeter.h"
#include "queue/QueueContext.h"
#include "queue/ops/Load.h"
#include "redis/RedisClient.h"

namespace drover {

/// Returns the refusal of `jobs` further jobs, with its reason and when another try may succeed; std::nullopt: they are
/// within the bounds. A load or a memory that is not known yet refuses nothing.
[[nodiscard]] std::optional<AddResult> refusalOf(const Queue::Admission& bounds,
                                                 const std::string& queue,
                                                 const std::optional<QueueLoad>& load,
                                                 const std::optional<RedisMemory>& memory,
                                                 std::int64_t jobs);

/// Refuses adds beyond the bounds of a queue, by samples of its load.
///
/// Bounds are upheld to within the adds of other processes between two samples.
/// Threads: one of its own samples, another one ends the waits for the first sample; the public methods from any.
class AdmissionControl {
public:
    /// How long the load of a sample counts.
    static constexpr std::chrono::milliseconds kInterval{200};

    AdmissionControl(QueueContext queue,
                     std::unique_ptr<RedisClient> redis,
                     const Queue::Admission& bounds);
    ~AdmissionControl();
    AdmissionControl(const AdmissionControl&) = delete;
    AdmissionControl& operator=(const AdmissionControl&) = delete;

    using Time = Queue::Clock::time_point;
    using Known = std::function<void(std::optional<AddResult> late)>;

    /// Returns false while a first sample is to come: adds wait for it, by whenKnown().
    [[nodiscard]] bool isKnown() const { return known_.load(std::memory_order_acquire); }
    /// Calls `known` once: when the load is known, or Redis could not be reached for it. With an Unavailable result if that
    /// takes longer than `deadline`, or this object ends. On a thread of its own, or before the call returns if isKnown().
    void whenKnown(Time deadline, Known known);
    /// Returns the refusal of so many jobs; std::nullopt: they are admitted, and count from now on.
    std::optional<AddResult> admit(std::int64_t jobs);
    /// std::nullopt before the first sample.
    [[nodiscard]] std::optional<QueueLoad> load() const;

private:
    /// An add that waits for the first sample.
    struct Held {
        Time deadline;
        Known known;
    };

    void run();
    void sample();
    /// Calls those who wait for a sample.
    void release();
    /// Ends waits at their deadlines, until the load is known.
    void watchDeadlines();
    [[nodiscard]] AddResult late() const;

    const QueueContext queue_;
    const std::unique_ptr<RedisClient> redis_;
    const Queue::Admission bounds_;
    mutable std::mutex mutex_;
    std::condition_variable stop_;
    std::condition_variable heldChanged_;
    LoadMeter meter_;                    ///< Guarded by mutex_.
    std::optional<RedisMemory> memory_;  ///< Guarded by mutex_.
    bool stopping_ = false;              ///< Guarded by mutex_.
    std::vector<Held> held_;             ///< Guarded by mutex_.
    std::atomic<bool> known_;            ///< Set with mutex_, once.
    std::thread deadlineThread_;
    std::thread thread_;
};

}  // namespace drover
