#include "worker/OutcomeInbox.h"

#include <utility>

namespace drover {

void OutcomeInbox::push(FinishedBatch batch) {
    bool enough = false;
    {
        const std::lock_guard lock(mutex_);
        const bool before = runs_ >= wakeFrom_;
        runs_ += batch.runs.size();
        batches_.push_back(std::move(batch));
        enough = !before && runs_ >= wakeFrom_;
    }
    if (enough) {
        wake();
    }
}

std::vector<FinishedBatch> OutcomeInbox::popAll() {
    signal_.clear();
    std::vector<FinishedBatch> popped;
    const std::lock_guard lock(mutex_);
    popped.swap(batches_);
    runs_ = 0;
    return popped;
}

void OutcomeInbox::wakeFrom(std::size_t count) {
    const std::lock_guard lock(mutex_);
    wakeFrom_ = count;
    if (runs_ >= wakeFrom_) {
        wake();
    }
}

}  // namespace drover
