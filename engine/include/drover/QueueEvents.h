#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/Export.h"

namespace drover {

class Redis;

/// One entry of a queue's event stream: raw, with a typed view of known events.
///
/// A value. Source: BullMQ, stream `<prefix>:<queue>:events`; the first field is `event`, all values are text.
struct DROVER_API QueueEvent {
    enum class Type {
        Added,
        Waiting,
        Delayed,
        WaitingChildren,
        Active,
        Progress,
        Completed,
        Failed,
        RetriesExhausted,
        Stalled,
        Drained,
        Paused,
        Resumed,
        Cleaned,
        Removed,
        Duplicated,
        Deduplicated,
        Other  ///< From another version or another client; see `name` and `fields`.
    };

    std::string id;    ///< "<ms>-<n>". For Settings::after of a later reader.
    std::string name;  ///< As in the stream: "waiting-children".
    Type type = Type::Other;
    std::vector<std::pair<std::string, std::string>> fields;  ///< All but `event`, in their order.

    /// Returns std::nullopt if the entry has no such field.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const;

    // The fields of known events. An absent text is empty; an absent number, or a text that is not one, is std::nullopt.
    [[nodiscard]] std::string_view jobId() const;    ///< Empty for events of the whole queue.
    [[nodiscard]] std::string_view jobName() const;  ///< Added.
    [[nodiscard]] std::string_view prev()
        const;  ///< The state left: "waiting", "active", "delayed" …
    [[nodiscard]] std::optional<std::int64_t> dueMs() const;         ///< Delayed: epoch.
    [[nodiscard]] std::string_view progress() const;                 ///< Progress: JSON text.
    [[nodiscard]] std::string_view returnValue() const;              ///< Completed: JSON text.
    [[nodiscard]] std::string_view failedReason() const;             ///< Failed.
    [[nodiscard]] std::optional<std::int64_t> attemptsMade() const;  ///< RetriesExhausted.
    [[nodiscard]] std::optional<std::int64_t> count() const;         ///< Cleaned.
    [[nodiscard]] std::string_view deduplicationId() const;          ///< Deduplicated.
    [[nodiscard]] std::string_view deduplicatedJobId()
        const;  ///< Deduplicated: the id that was not added.
};

/// Entries of a queue's event stream, in their order.
struct EventPage {
    std::vector<QueueEvent> events;
    /// Id behind which the next page begins: that of the last event, else the given one; "0-0" if the stream was begun anew.
    std::string next;
    /// Entries may have been lost in front of these: the stream was trimmed behind the given id, deleted or begun anew.
    bool gap = false;
};

/// Passes the events of one queue to a listener, in the order of the stream.
///
/// After an outage of Redis reading goes on behind the last entry that was passed on; a reader of a later process does the
/// same from that entry's id. Entries that the stream lost meanwhile (its length is bounded, `obliterate` deletes it) are
/// lost. A stream that was begun anew with lower ids, as after a restore of Redis from a copy, is read from its beginning.
/// Threads: the listener is called from one thread that belongs to this object, never from two at once and never after
/// stop() has returned. Every method may be called from any thread, stop() also from the listener.
/// Wire: a connection of its own that CLIENT LIST shows as `<prefix>:<base64(queue)>:qe`; XREAD BLOCK.
class DROVER_API QueueEvents {
public:
    /// Exceptions of the listener are logged, and reading goes on. While the listener runs, entries wait in Redis.
    using Listener = std::function<void(const QueueEvent&)>;

    struct Settings {
        std::string prefix = "bull";
        std::string name;  ///< The queue. Not empty, no ':'.
        /// Id of the last entry that is known already; "$": entries from now on; "0": all entries.
        std::string after = "$";
        std::chrono::milliseconds blockTimeout{10000};  ///< How long one XREAD waits.
        /// Called on the listener's thread when entries may have been lost: after an outage of Redis, when the stream was
        /// trimmed before they were read, and when it was begun anew. Empty: nothing is called.
        std::function<void()> onGap{};
    };

    /// Begins at once, in the background: Redis may be away. Throws Poco::InvalidArgumentException for a bad queue name or
    /// id, or a timeout below 1 ms.
    QueueEvents(const Redis& redis, Settings settings, Listener listener);
    /// Stops. Not from the listener.
    ~QueueEvents();
    QueueEvents(const QueueEvents&) = delete;
    QueueEvents& operator=(const QueueEvents&) = delete;

    /// Waits until the first entry to pass on is settled, for "$" by a read of the stream: no later entry is missed.
    /// Returns false if Redis did not answer in time; attempts go on.
    bool waitUntilReady(std::chrono::milliseconds patience);

    /// Returns the id behind which reading goes on: that of the last entry for which the listener has returned, else the first
    /// one. Empty until waitUntilReady() would return true.
    [[nodiscard]] std::string lastId() const;

    /// Returns true if Redis answered the last command.
    [[nodiscard]] bool healthy() const;

    /// Ends the thread: at once while it waits for entries; else after the listener's call, or a connection attempt with
    /// its own timeouts. From the listener it returns before that.
    void stop();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
