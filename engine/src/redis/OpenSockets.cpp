#include "redis/OpenSockets.h"

#include <sys/socket.h>

namespace drover {

void OpenSockets::Entry::end() {
    ended_ = true;
    shutdown(fd_, SHUT_RDWR);
}

std::unique_ptr<OpenSockets::Entry> OpenSockets::enter(int fd, const Redis::Address& address) {
    auto entry = std::make_unique<Entry>(*this, fd, address);
    const std::lock_guard lock(mutex_);
    entry->place_ = entries_.insert(entries_.end(), entry.get());
    if (master_ && !(*master_ == address)) {
        entry->end();
    }
    return entry;
}

void OpenSockets::endAllBut(const Redis::Address& master) {
    const std::lock_guard lock(mutex_);
    master_ = master;
    for (Entry* const entry : entries_) {
        if (!(entry->address_ == master)) {
            entry->end();
        }
    }
}

void OpenSockets::leave(Entry& entry) {
    const std::lock_guard lock(mutex_);
    entries_.erase(entry.place_);
}

}  // namespace drover
