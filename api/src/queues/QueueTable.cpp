#include "queues/QueueTable.h"

#include <utility>

namespace drover::api {

QueueTable::QueueTable(Redis redis,
                       std::function<Queue::Settings(const std::string&)> settingsOf,
                       std::size_t most)
    : redis_(std::move(redis)),
      settingsOf_(std::move(settingsOf)),
      most_(most),
      closing_([this] { closeRetired(); }) {}

QueueTable::~QueueTable() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    closing_.join();
}

std::shared_ptr<Queue> QueueTable::open(const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto found = entries_.find(name);
    if (found == entries_.end()) {
        if (entries_.size() >= most_ && !retireOne()) {
            return nullptr;
        }
        found = entries_.emplace(name, std::make_unique<Entry>(redis_, settingsOf_(name))).first;
    }
    Entry& entry = *found->second;
    entry.lastUse = ++uses_;
    ++entry.inUse;
    return {&entry.queue, [&entry](Queue*) { --entry.inUse; }};
}

bool QueueTable::retireOne() {
    auto oldest = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
        if (entry->second->inUse == 0 &&
            (oldest == entries_.end() || entry->second->lastUse < oldest->second->lastUse)) {
            oldest = entry;
        }
    }
    if (oldest == entries_.end()) {
        return false;
    }
    retired_.push_back(std::move(oldest->second));
    entries_.erase(oldest);
    changed_.notify_all();
    return true;
}

void QueueTable::closeRetired() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stopping_ || !retired_.empty(); });
        if (retired_.empty()) {
            return;
        }
        std::vector<std::unique_ptr<Entry>> closed = std::exchange(retired_, {});
        lock.unlock();
        closed.clear();  // Waits for what Redis still has to answer.
        lock.lock();
    }
}

}  // namespace drover::api
