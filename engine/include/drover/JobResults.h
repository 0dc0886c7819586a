#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "drover/Export.h"
#include "drover/JobEnd.h"

namespace drover {

class Redis;

/// Waits for the ends of jobs of one queue, of any number at once on one reader of its events.
///
/// An end counts from whoever finished the job. It is not missed when the job is removed at its end, nor over an outage of
/// Redis: the reader listens before it looks whether the job has ended, and after a gap in the stream it looks again. For a
/// job that is gone already, the ends in the stream are searched, at most 50,000 entries back. Nothing is polled.
/// A job that vanishes without an event, by a drain say, is waited for until the deadline.
/// Threads: every method may be called from any thread. One thread reads events, another one looks for ends and calls back.
/// Wire: the connection of QueueEvents; short reads on the connections of the handle.
class DROVER_API JobResults {
public:
    using Clock = std::chrono::steady_clock;
    /// Is called once for each wait, on the thread of this object. It must neither throw nor block: other ends wait behind
    /// it.
    using Callback = std::function<void(const JobEnd&)>;

    struct Settings {
        std::string prefix = "bull";
        std::string name;                               ///< The queue. Not empty, no ':'.
        std::chrono::milliseconds blockTimeout{10000};  ///< How long one read of events waits.
    };

    /// Begins at once, in the background: Redis may be away. Throws Poco::InvalidArgumentException for a bad queue name or
    /// a timeout below 1 ms.
    JobResults(const Redis& redis, const Settings& settings);
    /// Answers all waits with TimedOut. Not from a callback.
    ~JobResults();
    JobResults(const JobResults&) = delete;
    JobResults& operator=(const JobResults&) = delete;

    /// Waits until the job has ended. Returns TimedOut at the deadline; without Redis as well.
    /// Throws Poco::InvalidArgumentException for an empty id, Poco::IllegalStateException in a callback.
    [[nodiscard]] JobEnd waitUntilFinished(const std::string& id, Clock::time_point deadline);
    /// Calls `done` with what waitUntilFinished() would return. Returns the number of the wait, for endWait().
    ///
    /// Before `lookedBy` no wait ends at a deadline unless the job has been looked for: with a deadline that has passed
    /// `done` gets the present state. Throws Poco::InvalidArgumentException for an empty id.
    std::uint64_t whenFinished(const std::string& id,
                               Clock::time_point deadline,
                               Callback done,
                               Clock::time_point lookedBy = Clock::time_point::min());
    /// Ends a wait for the job `id` at once, with TimedOut. Does nothing for a wait that has ended.
    void endWait(const std::string& id, std::uint64_t wait);
    /// Ends all waits at once, and later ones as they begin, with TimedOut.
    void endAllWaits();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
