#include <memory>

#include "cli/Operated.h"
#include "drover/Exceptions.h"
#include "drover/JobControl.h"

namespace drover::cli {

namespace {

constexpr Option kReason{"reason", "TEXT", "for the log, and for the reason of a job that fails"};

struct Result {
    bool requested = false;
    JobState state = JobState::Unknown;
    std::string sentence;
};

Result refusalIn(JobState state) {
    if (state == JobState::Unknown) {
        return {false, state, "there is no such job"};
    }
    return {false,
            state,
            std::string("is ") + toString(state) +
                (state == JobState::Active
                     ? ", but no worker holds its lock: none would receive the request"
                     : ": only an active job can be cancelled")};
}

/// `drover job cancel ID`: requests that the process which works on the job sets its cancel token. Ok: requested.
/// NotThere: the job does not exist, or no worker has it. Throws UsageException, ConfigException and
/// RedisIoException.
class JobCancel : public Command {
public:
    JobCancel()
        : Command(
              {"job cancel",
               "sets the cancel token of an active job, whichever process works on it",
               operateOptions({options::kQueue, kReason}),
               "ID",
               "The job's worker receives it at once, or else when it renews the job's lock, "
               "after half of lockDurationMs.\nThe outcome of the job stays what its handler "
               "returns; a handler that never reads its token is not stopped.\nWorkers of "
               "BullMQ receive no such request. Exit code 66: there is no such job, or it is not "
               "active.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string queue = on.queueOfJobs();
        const std::string& id = call.line.arguments()[0];
        Result result{true,
                      JobState::Active,
                      "is requested to end; a worker of Drover receives the request at once, or "
                      "when it renews the lock, after half of lockDurationMs; the outcome that its "
                      "handler then returns counts"};
        JobControl jobs(on.redis(), on.settings<JobControl>(queue));
        try {
            jobs.cancel(id, call.line.value(kReason));
        } catch (const JobStateException&) {
            result = refusalIn(on.reader(queue).state(id));
        }
        const std::string name = on.prefix() + ":" + queue;
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("requested").boolean(result.requested);
                json.key("queue").text(name);
                json.key("id").text(id);
                json.key("state").text(toString(result.state));
                json.key("message").text(result.sentence);
                json.endObject();
            },
            [&](std::ostream& text) {
                text << "job " << id << " of " << name << ": " << result.sentence << '\n';
            });
        return result.requested ? ExitCode::Ok : ExitCode::NotThere;
    }
};

}  // namespace

std::unique_ptr<Command> makeJobCancel() {
    return std::make_unique<JobCancel>();
}

}  // namespace drover::cli
