#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "cli/Operated.h"
#include "drover/QueueMaintenance.h"

namespace drover::cli {

/// Works on many jobs of one queue in Redis, and returns their number. `calls` shows it on the terminal meanwhile.
using JobsWork =
    std::function<std::size_t(QueueMaintenance& queue, const QueueMaintenance::Calls& calls)>;

/// Runs `work` on the queue `name`, or on each of its shards, and prints how many jobs it was: {"queue", "<done>": number}, or a
/// sentence.
void workOnJobs(const Invocation& call,
                const Operated& on,
                const std::string& name,
                const char* done,
                const JobsWork& work);

}  // namespace drover::cli
