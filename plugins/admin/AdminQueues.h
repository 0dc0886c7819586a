#pragma once

#include <functional>
#include <string>
#include <vector>

#include "drover/Queue.h"
#include "drover/Redis.h"
#include "drover/Shards.h"

namespace drover::admin {

/// The queues that the routes serve: those whose names match a glob.
/// Threads: any.
class AdminQueues {
public:
    using SettingsOf = std::function<Queue::Settings(const std::string& name)>;

    /// `globs` are parted by commas. Throws ConfigException for one that is not a glob.
    AdminQueues(const std::string& globs,
                Redis redis,
                SettingsOf settingsOf,
                ShardedQueues sharded = {});

    [[nodiscard]] bool has(const std::string& name) const;
    /// Throws HttpError 404 if no glob has the queue.
    void require(const std::string& name) const;

    /// Returns a class of queues for one queue: QueueReader, JobControl … Throws HttpError 400 for a queue with shards.
    template <typename Part>
    [[nodiscard]] Part part(const std::string& name) const {
        const Queue::Settings settings = settingsOf_(name);
        requireOne(settings);
        return partOf<Part>(settings, name);
    }
    /// Calls `work` with such a class for the queue, or for each of its shards and its name.
    template <typename Part, typename Work>
    void each(const std::string& name, Work work) const {
        const Queue::Settings settings = settingsOf_(name);
        for (const std::string& one : settings.shards.namesOf(name)) {
            Part part = partOf<Part>(settings, one);
            work(part, one);
        }
    }
    [[nodiscard]] Queue::Settings settings(const std::string& name) const {
        return settingsOf_(name);
    }
    /// Returns the prefix of queues that the configuration does not name.
    [[nodiscard]] std::string prefix() const { return settingsOf_("*").prefix; }
    [[nodiscard]] const Redis& redis() const { return redis_; }
    /// Returns the queues that have shards.
    [[nodiscard]] const ShardedQueues& sharded() const { return sharded_; }

private:
    static void requireOne(const Queue::Settings& settings);
    template <typename Part>
    [[nodiscard]] Part partOf(const Queue::Settings& settings, const std::string& name) const {
        typename Part::Settings its;
        its.prefix = settings.prefix;
        its.name = name;
        if constexpr (requires { its.bullmq5; }) {
            its.bullmq5 = settings.bullmq5;
        }
        return Part(redis_, its);
    }

    std::vector<std::string> globs_;
    const Redis redis_;
    const SettingsOf settingsOf_;
    const ShardedQueues sharded_;
};

}  // namespace drover::admin
