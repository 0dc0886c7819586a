#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

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
/// Threads: one of its own takes the samples; the public methods from any.
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

    /// Returns the refusal of so many jobs; std::nullopt: they are admitted, and count from now on.
    std::optional<AddResult> admit(std::int64_t jobs);
    /// std::nullopt before the first sample.
    [[nodiscard]] std::optional<QueueLoad> load() const;

private:
    void run();
    void sample();

    const QueueContext queue_;
    const std::unique_ptr<RedisClient> redis_;
    const Queue::Admission bounds_;
    mutable std::mutex mutex_;
    std::condition_variable stop_;
    LoadMeter meter_;                    ///< Guarded by mutex_.
    std::optional<RedisMemory> memory_;  ///< Guarded by mutex_.
    bool stopping_ = false;              ///< Guarded by mutex_.
    std::thread thread_;
};

}  // namespace drover
