#include "worker/OutcomeInbox.h"

#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

namespace drover {

OutcomeInbox::OutcomeInbox() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) {
        throw std::system_error(errno, std::generic_category(), "eventfd");
    }
}

OutcomeInbox::~OutcomeInbox() {
    close(fd_);
}

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

void OutcomeInbox::wake() {
    const std::uint64_t one = 1;
    // Fails only when the counter is full: then it is readable already.
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
}

std::vector<std::shared_ptr<JobRun>> OutcomeInbox::take() {
    std::uint64_t count = 0;
    // Fails when nothing was signalled, which is as good.
    [[maybe_unused]] const ssize_t bytes = read(fd_, &count, sizeof(count));
    std::vector<std::shared_ptr<JobRun>> taken;
    const std::lock_guard lock(mutex_);
    taken.swap(runs_);
    return taken;
}

}  // namespace drover
