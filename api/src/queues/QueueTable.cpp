#include "queues/QueueTable.h"

#include <utility>

#include <Poco/Exception.h>

#include "drover/QueueReader.h"

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

QueueTable::Entry* QueueTable::entryOf(const std::string& name) {
    const auto found = entries_.find(name);
    if (found != entries_.end()) {
        return found->second.get();
    }
    const Queue::Settings settings = settingsOf_(name);
    // Throws for a bad name, before another queue is closed for it.
    for (const std::string& one : settings.shards.namesOf(name)) {
        static_cast<void>(QueueReader(redis_, {settings.prefix, one}));
    }
    if (entries_.size() >= most_ && !retireOne()) {
        return nullptr;
    }
    return entries_.emplace(name, std::make_unique<Entry>()).first->second.get();
}

template <typename Part>
std::shared_ptr<Part> QueueTable::use(Entry& entry, Part& part) {
    entry.lastUse = ++uses_;
    ++entry.inUse;
    return {&part, [&entry](Part*) { --entry.inUse; }};
}

std::shared_ptr<Queue> QueueTable::open(const std::string& name) {
    const std::lock_guard lock(mutex_);
    Entry* const entry = entryOf(name);
    if (entry == nullptr) {
        return nullptr;
    }
    if (!entry->queue) {
        entry->queue.emplace(redis_, settingsOf_(name));
    }
    return use(*entry, *entry->queue);
}

std::shared_ptr<JobResults> QueueTable::results(const std::string& name) {
    const std::lock_guard lock(mutex_);
    Entry* const entry = waitsEnded_ ? nullptr : entryOf(name);
    if (entry == nullptr) {
        return nullptr;
    }
    if (!entry->results) {
        const Queue::Settings queue = settingsOf_(name);
        if (const std::string problem = queue.shards.problemOf(name); !problem.empty()) {
            throw Poco::InvalidArgumentException(problem);
        }
        JobResults::Settings settings;
        settings.prefix = queue.prefix;
        settings.name = name;
        entry->results.emplace(redis_, settings);
    }
    return use(*entry, *entry->results);
}

void QueueTable::endWaits() {
    const std::lock_guard lock(mutex_);
    waitsEnded_ = true;
    for (const auto& [name, entry] : entries_) {
        if (entry->results) {
            entry->results->endAllWaits();
        }
    }
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
