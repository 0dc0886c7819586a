#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "process/Component.h"

namespace drover {

/// The named checks of a process, which together are its readiness.
/// Threads: every method may be called from any thread.
class HealthChecks {
public:
    void add(const std::string& name, std::function<HealthReport()> check);
    /// Runs every check, in the order of adding. A check that throws is not ok.
    [[nodiscard]] HealthReports run() const;

private:
    mutable std::mutex mutex_;
    std::vector<std::pair<std::string, std::function<HealthReport()>>> checks_;
};

}  // namespace drover
