#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drover/Export.h"

namespace drover {

class Redis;

/// Publishes events of an application in the event stream of a queue, for QueueEvents of any client.
///
/// Threads: every method may be called from any thread.
/// Wire: XADD to `<prefix>:<queue>:events`; the first field is `event`.
class DROVER_API QueueEventsProducer {
public:
    using Fields = std::vector<std::pair<std::string, std::string>>;

    struct Settings {
        std::string prefix = "bull";
        std::string name;  ///< Not empty, no ':'.
    };

    /// Throws Poco::InvalidArgumentException for a bad name.
    QueueEventsProducer(const Redis& redis, const Settings& settings);
    ~QueueEventsProducer();
    QueueEventsProducer(const QueueEventsProducer&) = delete;
    QueueEventsProducer& operator=(const QueueEventsProducer&) = delete;

    /// Appends an event and returns its id. Trims the stream, with the events of jobs, to about `maxEvents` entries: a
    /// tenth of what the queue itself keeps by default, as BullMQ's producer does.
    /// Throws Poco::InvalidArgumentException for an empty name, the name of an event of jobs or queues, "error" (which ends
    /// a Node process without a listener), a field named "event", or a negative `maxEvents`; RedisIoException (or a child)
    /// when Redis is away: the event may have been appended.
    std::string publishEvent(const std::string& event,
                             const Fields& fields,
                             std::int64_t maxEvents = 1000);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
