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

/// The jobs of one queue whose locks this process holds: from the claim until Redis has their outcome.
/// Threads: the claim loop adds and removes, the lock keeper reads and marks; every method may be called from any.
class HeldJobs {
public:
    void add(const std::shared_ptr<JobRun>& run) {
        const std::lock_guard lock(mutex_);
        if (runs_.emplace(run.get(), run).second) {
            bytes_ += run->bytes();
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
    /// Of all jobs together.
    [[nodiscard]] std::int64_t bytes() const {
        const std::lock_guard lock(mutex_);
        return bytes_;
    }
    /// Job ids and lock tokens, without those known to be lost.
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
    /// Sets the cancel token of the run that has this lock; false if it is not held any more, its outcome is on the way,
    /// or the token says so already.
    bool cancel(const std::string& id,
                const std::string& token,
                CancelReason reason,
                const std::string& why = "") {
        const std::lock_guard lock(mutex_);
        for (const auto& [key, run] : runs_) {
            if (run->job().id == id && run->job().token == token && !run->settling) {
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
