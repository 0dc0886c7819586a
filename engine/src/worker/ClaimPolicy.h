#pragma once

#include <chrono>
#include <cstdint>

#include "core/Clock.h"

namespace drover {

/// Decides how many jobs, and how many bytes of them, a worker claims.
///
/// A worker holds only as many jobs ahead as begin within half of `unstartedMax`, by the time that the last batches took:
/// many short jobs, no long ones. A claim has only as many long jobs as idle threads begin at once.
/// Jobs may miss that time all the same: they run alone, or belong to another handler than the idle one. They bound the
/// jobs held to the number that was at work; the bound is lifted step by step, more slowly each time.
/// A claim whose reply is lost or slow makes the next one smaller; quick replies make it larger again.
/// No I/O, no clock of its own. Threads: one at a time.
class ClaimPolicy {
public:
    using Time = Clock::Monotonic;

    static constexpr int kMostJobs = 256;  ///< Per claim: a script holds up every other client.
    static constexpr std::int64_t kMostBytes = 8 << 20;  ///< Per claim, the last job not counted.
    static constexpr std::int64_t kFirstBytes = 1 << 20;
    /// A claim whose reply takes longer is made smaller.
    static constexpr std::chrono::milliseconds kSlow{1000};

    /// The assumed length of a batch before the first one has ended: too long to hold jobs ahead by default.
    static constexpr std::chrono::milliseconds kUnknown{300};

    /// The configured limits.
    struct Limits {
        int concurrency;  ///< Most jobs held.
        std::chrono::milliseconds unstartedMax;
        std::int64_t maxBytes;  ///< Most bytes of jobs held, the job that passes them included.
    };
    /// The jobs that a worker has, and has under way: a claim counts as if it had all jobs that it may have.
    struct Load {
        int slots;           ///< How many jobs all threads run at once.
        int ready;           ///< The part of them that idle threads run.
        int unstarted;       ///< Jobs that wait for a thread.
        int held;            ///< All jobs, those at work included.
        std::int64_t bytes;  ///< The bytes of the jobs held.
    };

    explicit ClaimPolicy(const Limits& limits) : limits_(limits), bound_(limits.concurrency) {}
    /// Changes the limits; the measurements stay.
    void change(const Limits& limits);

    /// Returns how many jobs may be claimed now, as far as bytes allow it at least one of them: see isFull().
    [[nodiscard]] int jobs(const Load& load, Time now);
    /// Returns how many bytes are enough for a claim; at least 1.
    [[nodiscard]] std::int64_t bytes(const Load& load) const;
    /// Returns true if the jobs held have so many bytes that none may be claimed.
    [[nodiscard]] bool isFull(const Load& load) const;
    /// Returns when jobs() may grow by itself; Time::max() if it does not.
    [[nodiscard]] Time nextChange() const;

    /// A thread has run a batch of `jobs`, of `most` that it may have.
    void onBatch(int jobs, int most, std::chrono::nanoseconds took);
    /// Jobs were handed back that had not begun in time, while `atWork` further jobs were held.
    void onHandedBack(int atWork, Time now);
    /// A claim of so many jobs was answered.
    void onAnswer(std::int64_t enoughBytes, std::chrono::nanoseconds took);
    /// The reply to a claim of so many jobs was lost.
    void onLost(int jobs);

private:
    Limits limits_;
    std::chrono::nanoseconds fullBatch_ = kUnknown;  ///< How long one takes.
    bool measured_ = false;
    int bound_;                           ///< Most jobs held, learned.
    std::chrono::milliseconds pause_{0};  ///< Between two steps of the bound.
    Time boundUntil_{};
    int callJobs_ = kMostJobs;
    std::int64_t callBytes_ = kFirstBytes;
};

}  // namespace drover
