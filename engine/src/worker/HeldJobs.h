#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "worker/JobRun.h"

namespace drover {

/// Holds the jobs of one queue whose locks this process has: from the claim until Redis has their outcome.
/// Threads: every method may be called from any; the claim loop adds and removes, the lock keeper reads and cancels.
class HeldJobs {
public:
    void add(const std::vector<std::shared_ptr<JobRun>>& runs) {
        const std::lock_guard lock(mutex_);
        for (const auto& run : runs) {
            if (runs_.emplace(run.get(), run).second) {
                bytes_ += run->bytes();
            }
        }
    }
    void remove(const JobRun& run) {
        const std::lock_guard lock(mutex_);
        if (runs_.erase(&run) > 0) {
            bytes_ -= run.bytes();
        }
    }
    [[nodiscard]] std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return runs_.size();
    }
    /// Returns the bytes of all jobs together.
    [[nodiscard]] std::int64_t bytes() const {
        const std::lock_guard lock(mutex_);
        return bytes_;
    }
    /// Returns job ids and lock tokens, without jobs whose lock is known to be lost.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> locks() const {
        const std::lock_guard lock(mutex_);
        std::vector<std::pair<std::string, std::string>> locks;
        locks.reserve(runs_.size());
        for (const auto& [key, run] : runs_) {
            if (run->cancelled() != CancelReason::Lost) {
                locks.emplace_back(run->job().id, run->job().token);
            }
        }
        return locks;
    }
    /// Sets the cancel token of the run that has this lock; returns whether the token changed. Nothing changes if the job is
    /// not held any more, or its outcome is on the way.
    bool cancel(const std::string& id,
                const std::string& token,
                CancelReason reason,
                const std::string& why = "") {
        const std::lock_guard lock(mutex_);
        for (const auto& [key, run] : runs_) {
            if (run->job().id == id && run->job().token == token &&
                run->state() < JobRun::State::Settling) {
                return run->cancel(reason, why);
            }
        }
        return false;
    }
    void cancelAll(CancelReason reason) {
        const std::lock_guard lock(mutex_);
        for (const auto& [key, run] : runs_) {
            run->cancel(reason);
        }
    }

private:
    mutable std::mutex mutex_;
    std::int64_t bytes_ = 0;
    std::unordered_map<const JobRun*, std::shared_ptr<JobRun>> runs_;
};

}  // namespace drover
