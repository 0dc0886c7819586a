#include "worker/OutcomeInbox.h"

namespace drover {

void OutcomeInbox::push(std::vector<std::shared_ptr<JobRun>> runs) {
    bool enough = false;
    {
        const std::lock_guard lock(mutex_);
        const bool before = runs_.size() >= wakeFrom_;
        runs_.insert(runs_.end(),
                     std::make_move_iterator(runs.begin()),
                     std::make_move_iterator(runs.end()));
        enough = !before && runs_.size() >= wakeFrom_;
    }
    if (enough) {
        wake();
    }
}

std::vector<std::shared_ptr<JobRun>> OutcomeInbox::take() {
    signal_.clear();
    std::vector<std::shared_ptr<JobRun>> taken;
    const std::lock_guard lock(mutex_);
    taken.swap(runs_);
    return taken;
}

void OutcomeInbox::wakeFrom(std::size_t count) {
    const std::lock_guard lock(mutex_);
    wakeFrom_ = count;
    if (runs_.size() >= wakeFrom_) {
        wake();
    }
}

}  // namespace drover
