#include <memory>

#include "cli/Operated.h"
#include "queue/QueueContext.h"
#include "queue/ops/Locks.h"
#include "queue/ops/Read.h"
#include "redis/RedisShared.h"

namespace drover::cli {

namespace {

constexpr Option kReason{"reason", "TEXT", "for the log, and for the reason of a job that fails"};

struct Result {
    bool requested = false;
    std::string state, sentence;
};

Result cancel(const QueueContext& queue,
              RedisClient& redis,
              const std::string& id,
              const std::string& reason) {
    switch (ops::cancelJob(queue, redis, id, reason)) {
        case CancelRequest::Requested:
            return {
                true,
                "active",
                "is requested to end; a worker of Drover receives the request at once, or when it "
                "renews the lock, after half of lockDurationMs; the outcome that its handler "
                "then returns counts"};
        case CancelRequest::NotHeld: {
            const std::string state = toString(ops::state(queue, redis, id));
            return {false,
                    state,
                    "is " + state +
                        (state == "active"
                             ? ", but no worker holds its lock: none would receive the request"
                             : ": only an active job can be cancelled")};
        }
        case CancelRequest::Unknown:
            break;
    }
    return {false, "unknown", "there is no such job"};
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
        const QueueContext queue(QueueKeys(on.prefix(), on.queue()));
        const std::string& name = queue.keys().qualifiedName();
        const std::string& id = call.line.arguments()[0];
        const Redis server = serverOf(on.redis(), name);
        const ClientPool::Lease redis = server.shared().lease();
        const Result result = cancel(queue, *redis, id, call.line.value(kReason));
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("requested").boolean(result.requested);
                json.key("queue").text(name);
                json.key("id").text(id);
                json.key("state").text(result.state);
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
