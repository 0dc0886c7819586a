#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/Command.h"
#include "cli/ConfigOptions.h"
#include "cli/Terminal.h"
#include "drover/Bullmq5.h"
#include "drover/JobSchedulers.h"
#include "drover/QueueReader.h"
#include "drover/Redis.h"
#include "drover/Shards.h"

namespace drover::cli {

namespace options {

inline constexpr Option kRedis{
    "redis", "URL", "the server, over the configuration: redis://user:password@host:port/db"};
inline constexpr Option kQueue{
    "queue",
    "NAME",
    "the queue, by its name or its alias; default: the only one that is configured"};
inline constexpr Option kYes{"yes", nullptr, "does it without a question"};
inline constexpr Option kWatch{
    "watch", nullptr, "shows it anew each second, until Ctrl-C; with --json a line each"};

}  // namespace options

/// Returns the options of a command on queues: configuration, server, JSON, and `more`.
[[nodiscard]] std::vector<Option> operateOptions(std::vector<Option> more = {});

/// The Redis and the queues on which a command works, as configuration and command line name them.
class Operated {
public:
    /// Throws ConfigException, and UsageException for a bad --redis.
    explicit Operated(const Invocation& call);

    [[nodiscard]] const Redis& redis() const { return redis_; }
    [[nodiscard]] const std::string& prefix() const { return prefix_; }
    [[nodiscard]] const Configuration& config() const { return config_; }

    /// Returns the name of a queue that is given by name or by alias. Throws UsageException for a bad one.
    [[nodiscard]] std::string nameOf(const std::string& given) const;
    /// Returns the names in Redis of the queue `name`: those of its shards, or that name.
    [[nodiscard]] std::vector<std::string> inRedis(const std::string& name) const {
        return shardsOf(name).namesOf(name);
    }
    [[nodiscard]] Shards shardsOf(const std::string& name) const;
    /// Returns the configured queues that have shards.
    [[nodiscard]] ShardedQueues sharded() const;

    /// Returns the queue of --queue, or the only one that is configured. Throws UsageException.
    [[nodiscard]] std::string queue() const;
    /// The same for work on one job, whose queue has no shards: `--queue` names the shard.
    [[nodiscard]] std::string queueOfJobs() const;
    /// The same for work on one scheduler: the shard is that of its id.
    [[nodiscard]] std::string queueOfScheduler(const std::string& id) const;
    /// Returns the names of all configured queues.
    [[nodiscard]] std::vector<std::string> configured() const;
    /// Returns whether 5.x clients share the queue, as it is configured.
    [[nodiscard]] Bullmq5 bullmq5(const std::string& name) const;

    /// Returns the settings of a class that changes a queue.
    template <typename Class>
    [[nodiscard]] typename Class::Settings settings(const std::string& name) const {
        return {prefix_, name, bullmq5(name)};
    }
    [[nodiscard]] QueueReader reader(const std::string& name) const {
        return {redis_, QueueReader::Settings{prefix_, name}};
    }

private:
    const Invocation& call_;
    const Configuration config_;
    const Redis redis_;
    const std::string prefix_;
};

/// Runs `show` once, or with --watch each second until the person ends it. A terminal is redrawn.
/// Throws UsageException for --watch without a terminal and without --json.
ExitCode watched(const Invocation& call, const std::function<ExitCode(Output& output)>& show);

/// Runs `show` each second until the person ends it, as watched() does with --watch.
ExitCode repeated(const Invocation& call, const std::function<ExitCode(Output& output)>& show);

/// Returns Ok if --yes is given or the person says yes; else Unconfirmed, with a sentence on the standard error.
[[nodiscard]] ExitCode confirmed(const Invocation& call, const std::string& question);

}  // namespace drover::cli
