#include "worker/JobTimes.h"

#include "drover/Json.h"

namespace drover {

namespace {

constexpr const char* kOther = "other";

}  // namespace

JobTimes::Times& JobTimes::find(std::string_view name) {
    auto found = byName_.find(name);
    if (found == byName_.end()) {
        const bool fits =
            byName_.size() < kMostNames && name.size() <= kLongestName && isUtf8(name);
        const std::lock_guard lock(mutex_);
        found = byName_.try_emplace(fits ? std::string(name) : kOther).first;
    }
    lastName_ = name;
    last_ = &found->second;
    return *last_;
}

void JobTimes::measure(Metrics& metrics, const std::string& queue) const {
    MetricFamily& wait = metrics.histogram("drover_job_wait_seconds",
                                           "Time from the adding of a job, or the end of its "
                                           "delay, to the claim of its first attempt");
    MetricFamily& run = metrics.histogram("drover_job_run_seconds",
                                          "Time that a handler had a job; a batch counts for "
                                          "each of its jobs");
    const std::lock_guard lock(mutex_);
    for (const auto& [name, times] : byName_) {
        wait.add({{"queue", queue}, {"name", name}}, times.wait.figures());
        run.add({{"queue", queue}, {"name", name}}, times.run.figures());
    }
}

}  // namespace drover
