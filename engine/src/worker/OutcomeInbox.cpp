#include "worker/OutcomeInbox.h"

namespace drover {

void OutcomeInbox::push(std::vector<std::shared_ptr<JobRun>> runs) {
    bool wasEmpty = false;
    {
        const std::lock_guard lock(mutex_);
        wasEmpty = runs_.empty();
        runs_.insert(runs_.end(),
                     std::make_move_iterator(runs.begin()),
                     std::make_move_iterator(runs.end()));
    }
    if (wasEmpty) {
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

}  // namespace drover
