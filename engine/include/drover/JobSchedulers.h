#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/Bullmq5.h"
#include "drover/Export.h"
#include "drover/JobScheduler.h"

namespace drover {

class Redis;

/// Makes, reads and removes the schedulers of one queue, on the connections of the handle.
///
/// A scheduler has one pending job at most. The worker that claims it makes the next one. Each method throws
/// RedisIoException (or a child) when Redis is away; the change may have been made, and is safe to repeat.
/// Threads: every method may be called from any thread. Source: the key `repeat`, docs/wire-format.md#schedulers.
class DROVER_API JobSchedulers {
public:
    struct Settings {
        std::string prefix = "bull";
        std::string name;  ///< Not empty, no ':'.
        Bullmq5 bullmq5 = Bullmq5::Auto;
    };
    enum class Order { SoonestFirst, LatestFirst };

    /// Throws Poco::InvalidArgumentException for a bad name.
    JobSchedulers(const Redis& redis, const Settings& settings);
    ~JobSchedulers();
    JobSchedulers(const JobSchedulers&) = delete;
    JobSchedulers& operator=(const JobSchedulers&) = delete;

    /// Adds a scheduler, or gives the one of that id this rule and this template, and replaces its pending job. With the same
    /// `every` as before the job's time stays; else it is computed anew. A job that runs already is left.
    /// Returns std::nullopt, and changes nothing, if the pattern has no run before the end.
    /// Throws Poco::InvalidArgumentException for a bad id, rule or template, naming the option, its value and the cure, and
    /// ScriptException with code -10 or -11, changing nothing, if the next run (with `every`: 33 of them) has a job already.
    std::optional<ScheduledRun> upsert(const std::string& id,
                                       const RepeatOptions& repeat,
                                       const JobTemplate& jobs = {});
    /// Removes a scheduler and its pending job, unless that job waits or runs already. Returns false if there is none.
    bool remove(const std::string& id);

    /// Returns std::nullopt if there is none.
    [[nodiscard]] std::optional<JobScheduler> get(const std::string& id) const;
    /// Returns the schedulers at the positions `first` to `last` by their next run; negative ones count from the end. Read in
    /// pages, between which a scheduler that runs moves. Leaves out members of `repeat` without a record.
    [[nodiscard]] std::vector<JobScheduler> list(std::int64_t first = 0,
                                                 std::int64_t last = -1,
                                                 Order order = Order::SoonestFirst) const;
    /// Returns the number of members of `repeat`.
    [[nodiscard]] std::int64_t count() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
