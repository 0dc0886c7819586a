#include <algorithm>
#include <limits>
#include <memory>

#include "cli/Operated.h"
#include "cli/Removal.h"
#include "cli/Table.h"

namespace drover::cli {

namespace {

constexpr Option kState{
    "state", "STATE", "completed (the default), failed, waiting, active, delayed or prioritized"};
constexpr Option kOlderThan{
    "older-than", "TIME", "leaves jobs that ended, began or were added later: 90s, 15m, 2h, 30d"};
constexpr Option kLimit{"limit", "NUMBER", "the most jobs to remove, the oldest first"};

/// `drover queue clean`. Throws UsageException, ConfigException and RedisIoException.
class QueueClean : public Command {
public:
    QueueClean()
        : Command({"queue clean",
                   "removes old jobs of a state",
                   operateOptions({kState, kOlderThan, kLimit, options::kYes}),
                   "QUEUE",
                   "Active jobs that a worker holds stay, and so do the next jobs of "
                   "schedulers.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string name = on.nameOf(call.line.arguments()[0]);
        QueueMaintenance::Clean clean;
        if (const std::string state = call.line.value(kState); !state.empty()) {
            clean.state = parseJobState(state);
        }
        std::string older;
        if (const std::string time = call.line.value(kOlderThan); !time.empty()) {
            clean.grace = std::chrono::milliseconds(parseDuration(kOlderThan.name, time));
            older = " older than " + time;
        }
        if (const std::string limit = call.line.value(kLimit); !limit.empty()) {
            clean.limit = static_cast<std::size_t>(
                parseInteger(kLimit.name, limit, 1, std::numeric_limits<std::int32_t>::max()));
        }
        if (const ExitCode code = confirmed(call,
                                            std::string("Remove the ") + toString(clean.state) +
                                                " jobs of " + name + older + "?");
            code != ExitCode::Ok) {
            return code;
        }
        const bool isLimited = clean.limit > 0;
        workOnJobs(call, on, name, "removed", [&](auto& queue, const auto& calls) -> std::size_t {
            if (isLimited && clean.limit == 0) {
                return 0;  // Shards before this one had so many.
            }
            const std::size_t removed = queue.clean(clean, calls).size();
            clean.limit -= isLimited ? std::min(removed, clean.limit) : 0;
            return removed;
        });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeQueueClean() {
    return std::make_unique<QueueClean>();
}

}  // namespace drover::cli
