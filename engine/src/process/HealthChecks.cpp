#include "process/HealthChecks.h"

#include <exception>

namespace drover {

void HealthChecks::add(const std::string& name, std::function<HealthReport()> check) {
    const std::lock_guard<std::mutex> lock(mutex_);
    checks_.emplace_back(name, std::move(check));
}

HealthReports HealthChecks::run() const {
    // Copied, so that a slow check does not delay add().
    const auto checks = [this] {
        const std::lock_guard<std::mutex> lock(mutex_);
        return checks_;
    }();
    HealthReports reports;
    for (const auto& [name, check] : checks) {
        try {
            reports.emplace_back(name, check());
        } catch (const std::exception& error) {
            reports.emplace_back(name, HealthReport{false, error.what()});
        }
    }
    return reports;
}

}  // namespace drover
