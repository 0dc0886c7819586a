#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <rapidjson/document.h>
#include <set>
#include <string>
#include <vector>

#include "support/NodePeer.h"
#include "support/WholeQueue.h"
#include "support/WorkerFixture.h"

namespace drover::test {

/// The side that acts on the queue.
enum class Side { Ours, Node };

/// "ours" or "Node's", for messages.
const char* nameOf(Side side);

/// A job as Drover's handler got it.
struct SeenJob {
    std::string id, name, data;
    int attemptsMade = 0, attemptsStarted = 0;
    std::int64_t startedAtMs = 0;
};

/// Drover and real BullMQ of one version on one queue. Every verb has the side that does it as its first argument, so
/// that a test reads the same in both directions.
///
/// The workers of both sides behave alike, by the name of the job: "fail" always fails, "flaky" fails its first attempt,
/// "twice" its first two, "unrecoverable" throws for good, "progress" reports {"half":true}, "hold" waits for release();
/// every other name returns its data. The reason of a failure is "told to fail".
///
/// No test may leave anything over in Redis, see findOrphans.
class CompatFixture : public WorkerFixture {
public:
    void setUp() override;
    void tearDown() override;

protected:
    explicit CompatFixture(std::string version) : version_(std::move(version)) {}

    [[nodiscard]] bool is670() const { return version_ == "6.7.0"; }
    [[nodiscard]] bool is581() const { return version_ == "5.81.5"; }
    [[nodiscard]] bool is548() const { return version_ == "5.48.1"; }

    /// Sets whether Drover acts as with 5.x clients. To be set before useQueue() and startWorker().
    Bullmq5 bullmq5_ = Bullmq5::Auto;
    /// Everything below is about this queue from now on.
    void useQueue(const std::string& name);
    [[nodiscard]] const std::string& queueName() const { return queueName_; }
    [[nodiscard]] WholeQueue& queue() { return *queue_; }

    NodePeer& peer() { return *peer_; }
    /// One operation of the peer on the queue. `arguments` as in NodePeer::call.
    rapidjson::Document node(const std::string& operation, const std::string& arguments = "");
    /// node(), then the value as JSON text.
    std::string nodeText(const std::string& operation, const std::string& arguments = "");

    /// Returns the id. `opts`: JSON with public names.
    std::string add(Side producer,
                    const std::string& name,
                    const std::string& data = "{}",
                    const std::string& opts = "{}");
    /// `opts` of Node's worker. Drover's worker has settings_.
    void startWorker(Side side, const std::string& opts = "{}");
    /// Lets the held jobs end.
    void stopWorker(Side side);
    /// Ends one held job.
    void release(Side side);
    /// Ids of the jobs that the side's worker began, in order.
    std::vector<std::string> begun(Side side);
    [[nodiscard]] std::vector<SeenJob> seenByOurs() const;
    /// Sets the act of Drover's handler on jobs of a name, in place of the list above. To be set before the worker
    /// starts.
    std::map<std::string, std::function<void(RunningJob&)>> behaviours_;
    /// Sets the own backoff of Drover's handler.
    std::function<std::optional<std::int64_t>(int attemptsMade)> backoff_;

    /// Returns the state by BullMQ's getState().
    std::string nodeState(const std::string& id);
    void untilState(const std::string& id, const std::string& state);
    /// Waits until Drover's handler has the job: an active job may not have begun.
    void untilBegun(const std::string& id);
    /// JSON.stringify(await getJob(id)).
    std::string jobJson(const std::string& id);
    std::string field(const std::string& id, const std::string& name);
    [[nodiscard]] std::string key(const std::string& suffix) const {
        return "bull:" + queueName_ + ":" + suffix;
    }
    /// Waits until a worker of this queue sleeps in BZPOPMIN.
    void untilIdle();
    /// Waits until no job is on its way to or from a worker.
    void untilNothingActive();

    /// Declares that the test itself has made this orphan, as findOrphans words it without the queue's
    /// "bull:<queue>:".
    void leaves(const std::string& orphan) { left_.insert("bull:" + queueName_ + ":" + orphan); }

    /// The events that BullMQ's QueueEvents delivered; subscribe() comes first.
    void subscribe() { node("events.subscribe"); }
    std::vector<std::string> deliveredEvents();
    /// Returns how many of that name were delivered.
    std::size_t delivered(const std::string& event);

private:
    void process(RunningJob& job);
    /// Checks all queues of this test, without the orphans that the test has declared.
    std::string orphans();

    const std::string version_;
    std::string queueName_;
    std::unique_ptr<NodePeer> peer_;
    std::unique_ptr<WholeQueue> queue_;
    std::atomic<int> released_{0};
    mutable std::mutex mutex_;
    std::vector<SeenJob> seen_;
    std::set<std::string> left_;
};

/// JSON text of a value.
std::string textOf(const rapidjson::Value& value);
/// JSON with the members of objects sorted: two clients agree on the values, not on the order.
std::string sortedTextOf(const rapidjson::Value& value);
/// The same text with every moment replaced, and the id as well.
std::string withoutIdAndTimes(const std::string& json);
std::string joined(const std::vector<std::string>& parts);

}  // namespace drover::test
