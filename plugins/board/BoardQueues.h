#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "drover/JobControl.h"
#include "drover/JobSchedulers.h"
#include "drover/Queue.h"
#include "drover/QueueControl.h"
#include "drover/QueueMaintenance.h"
#include "drover/QueueReader.h"
#include "drover/Redis.h"

namespace drover::board {

/// One queue with all that can be done to it, made for a request.
struct BoardQueue {
    BoardQueue(const Redis& redis, const Queue::Settings& queue)
        : settings(queue),
          qualifiedName(queue.prefix + ":" + queue.name),
          reader(redis, {queue.prefix, queue.name}),
          control(redis, {queue.prefix, queue.name, queue.bullmq5}),
          jobs(redis, {queue.prefix, queue.name, queue.bullmq5}),
          maintenance(redis, {queue.prefix, queue.name, queue.bullmq5}),
          schedulers(redis, {queue.prefix, queue.name, queue.bullmq5}) {}

    const Queue::Settings settings;
    const std::string qualifiedName;
    const QueueReader reader;
    QueueControl control;
    JobControl jobs;
    QueueMaintenance maintenance;
    JobSchedulers schedulers;
};

/// The queues that the board shows: those of a list of names and globs.
///
/// A name without '*' and '?' is shown whether the queue has jobs or not. For a glob the keys of Redis are looked through, at
/// most every half minute and by the request that comes then.
/// Threads: any.
class BoardQueues {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::seconds kFresh{30};

    /// `settingsOf` returns the settings of a queue by its name.
    BoardQueues(Redis redis,
                std::function<Queue::Settings(const std::string&)> settingsOf,
                const std::vector<std::string>& wanted);

    /// Returns the names, sorted. Throws RedisIoException when Redis is away, if it must look for names.
    [[nodiscard]] std::vector<std::string> names() const;
    /// Throws BoardError 404 for a queue that is not shown.
    [[nodiscard]] BoardQueue open(const std::string& name) const;
    /// Returns the queue `<prefix>:<name>`, shown or not.
    [[nodiscard]] BoardQueue openQualified(const std::string& qualifiedName) const;
    /// Returns true if the queue is shown.
    [[nodiscard]] bool shows(const std::string& qualifiedName) const;

    [[nodiscard]] const Redis& redis() const { return redis_; }

private:
    [[nodiscard]] bool matches(const std::string& name) const;
    void look() const;

    const Redis redis_;
    const std::function<Queue::Settings(const std::string&)> settingsOf_;
    std::vector<std::string> exact_;
    std::vector<std::string> globs_;
    mutable std::mutex mutex_;
    mutable std::vector<std::string> found_;  ///< Guarded by mutex_, as is
    mutable Clock::time_point lookAgain_{};   ///< when `found_` is too old.
};

}  // namespace drover::board
