#include "worker/LineLimit.h"

#include <utility>

namespace drover {

bool LineLimit::admit(std::size_t events) {
    if (windowIsOver()) {
        windowEnd_ = clock_->monotonic() + rule_.window;
        lines_ = 0;
    }
    if (lines_ == rule_.lines) {
        withheld_ += events;
        return false;
    }
    ++lines_;
    return true;
}

std::size_t LineLimit::popWithheld() {
    return windowIsOver() ? std::exchange(withheld_, 0) : 0;
}

}  // namespace drover
