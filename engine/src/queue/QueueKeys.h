#pragma once

#include <string>
#include <string_view>

namespace drover {

/// The Redis keys of one queue. Source: BullMQ, `<prefix>:<queue>:<type>`; a job's hash is `<prefix>:<queue>:<id>`.
/// Threads: immutable.
class QueueKeys {
public:
    /// Throws Poco::InvalidArgumentException for a name that queueNameError() refuses.
    QueueKeys(std::string_view prefix, std::string_view queue);

    /// The queue's own name.
    [[nodiscard]] const std::string& queue() const { return queue_; }
    /// "<prefix>:<queue>", as in `parent.queueKey`.
    [[nodiscard]] const std::string& qualifiedName() const { return qualifiedName_; }
    /// "<prefix>:<queue>:", what scripts put before an id.
    [[nodiscard]] const std::string& jobPrefix() const { return jobPrefix_; }
    [[nodiscard]] std::string job(std::string_view id) const {
        return jobPrefix_ + std::string(id);
    }

    const std::string wait, paused, active, prioritized, delayed, waitingChildren, completed,
        failed;
    const std::string idCounter, meta, events, marker, pc, limiter, stalled, stalledCheck, repeat;
    /// Keys of Drover alone: two segments below the queue, which no BullMQ call touches (docs/wire-format.md#own).
    /// `cancels` is the stream of requests to cancel, with fields id, token and reason.
    const std::string cancel, cancels, rescue, rescueShared;

    /// Returns the client name of a worker's blocking connection: `<prefix>:<base64(queue)>[:w:<name>]`.
    [[nodiscard]] std::string workerClientName(std::string_view workerName) const;
    /// Returns the client name of a reader of events: `<prefix>:<base64(queue)>:qe`.
    [[nodiscard]] std::string eventsClientName() const { return workerClientName("") + ":qe"; }

private:
    QueueKeys(const std::string& qualifiedName, std::string prefix, std::string queue);

    std::string qualifiedName_;
    std::string jobPrefix_;
    std::string prefix_;
    std::string queue_;
};

}  // namespace drover
