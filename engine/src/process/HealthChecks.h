#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "process/Component.h"

namespace drover {

/// The named checks of a process; what its readiness is made of.
/// Threads: every method may be called from any thread.
class HealthChecks {
public:
    void add(const std::string& name, std::function<HealthReport()> check);
    /// Runs every check, in the order of adding. One that throws is not ok.
    [[nodiscard]] HealthReports run() const;

private:
    mutable std::mutex mutex_;
    std::vector<std::pair<std::string, std::function<HealthReport()>>> checks_;
};

}  // namespace drover
