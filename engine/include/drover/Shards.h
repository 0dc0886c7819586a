#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/Export.h"

namespace drover {

struct NewJob;

/// How the jobs of one queue are spread over several queues of Redis, its shards: "<name>-{0}" … "<name>-{count - 1}".
///
/// Each shard is a queue of its own for every client of BullMQ. In a cluster the braces pin it to a slot, and shards of one
/// number share theirs, whatever their queue: a job and its children fit there. A value without I/O.
/// Source: queue.<alias>.shards, .shardBy.
/// Threads: const methods may be called from any thread.
struct DROVER_API Shards {
    static constexpr int kMost = 64;

    int count = 1;   ///< [1, kMost]; 1: there is one queue, of that very name.
    std::string by;  ///< Member of a job's data whose value decides; empty: none does.

    bool operator==(const Shards&) const = default;

    /// Returns the name of a shard.
    [[nodiscard]] static std::string nameOf(const std::string& queue, int shard);
    /// Returns the number that the name of a shard has, or its qualified name; std::nullopt: it is not a shard's.
    [[nodiscard]] static std::optional<int> numberOf(std::string_view queue);

    /// Returns the part that a shard has of a number which all share: at least 1, unless the whole is 0. Parts differ by 1 at
    /// most, and add up to the whole if that is at least `count`.
    [[nodiscard]] std::int64_t partOf(std::int64_t whole, int shard) const;

    /// Returns the names that the queue has in Redis: those of the shards, or `queue` alone.
    [[nodiscard]] std::vector<std::string> namesOf(const std::string& queue) const;

    /// Returns why a job of the queue is not found by the queue's name alone; empty: it is.
    [[nodiscard]] std::string problemOf(const std::string& queue) const;

    /// Returns the name in Redis of the shard that a text decides, or that of the queue.
    [[nodiscard]] std::string nameFor(const std::string& queue, std::string_view text) const;
    /// Returns the shard that a text decides, always the same: the slot that a cluster has for it as a key, modulo `count`.
    [[nodiscard]] int shardOf(std::string_view text) const;
    /// Returns the shard that a job must go to; std::nullopt: each may have it. The first that applies decides:
    /// - the parent, if it is in a shard: its children are in shards of that number;
    /// - the value of `by` in the data: a string by its text, another value by its JSON; null and none decide nothing;
    /// - the id of its deduplication, then its custom id: each is known to its shard alone.
    /// `parentQueue`: the qualified name of the parent's queue; empty: that in the options of the job.
    [[nodiscard]] std::optional<int> shardOf(const NewJob& job,
                                             std::string_view parentQueue = "") const;
};

/// The queues that have shards, by name.
using ShardedQueues = std::map<std::string, Shards>;

}  // namespace drover
