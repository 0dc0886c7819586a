#include "compat/CompatFixture.h"

#include <algorithm>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <regex>

#include <cppunit/TestAssert.h>

#include "support/OrphanScan.h"
#include "support/WholeQueue.h"

namespace drover::test {

namespace {

constexpr const char* kNodeBehaviours =
    R"({"fail": {"do": "fail"}, "flaky": {"do": "fail", "times": 1}, "twice": {"do": "fail", "times": 2},)"
    R"( "unrecoverable": {"do": "unrecoverable", "message": "told to fail"},)"
    R"( "progress": {"do": "progress", "value": {"half": true}}, "hold": {"do": "hold"}, "*": {"do": "echo"}})";

/// A peer that a test has left as new serves the next one: Node needs longer to load BullMQ than most tests run.
std::unique_ptr<NodePeer> idlePeer;

}  // namespace

const char* nameOf(Side side) {
    return side == Side::Ours ? "ours" : "Node's";
}

std::string textOf(const rapidjson::Value& value) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

std::string sortedTextOf(const rapidjson::Value& json) {
    if (!json.IsObject()) {
        return textOf(json);
    }
    std::map<std::string, std::string> members;
    for (const auto& member : json.GetObject()) {
        members[member.name.GetString()] = sortedTextOf(member.value);
    }
    std::string text = "{";
    for (const auto& [name, value] : members) {
        text += name + ":" + value + ",";
    }
    return text + "}";
}

std::string withoutIdAndTimes(const std::string& json) {
    static const std::regex kId("\"id\":\"[^\"]*\"");
    static const std::regex kMoment("\"(timestamp|processedOn|finishedOn)\":[0-9]+");
    return std::regex_replace(std::regex_replace(json, kId, "\"id\":\"?\""), kMoment, "\"$1\":0");
}

std::string joined(const std::vector<std::string>& parts) {
    std::string all;
    for (const std::string& part : parts) {
        all += (all.empty() ? "" : "\n") + part;
    }
    return all;
}

void CompatFixture::setUp() {
    WorkerFixture::setUp();
    peer_ = std::move(idlePeer);
    if (peer_ == nullptr || peer_->version() != version_ || peer_->redisPort() != server_->port()) {
        peer_ = std::make_unique<NodePeer>(version_, *server_);
    }
    useQueue(keys().queue());
}

void CompatFixture::tearDown() {
    keeper_.reset();
    sweeper_.reset();
    worker_.reset();
    queue_.reset();
    std::string left;
    if (peer_ != nullptr) {
        try {
            peer_->call("close", "", std::chrono::seconds(2));
            idlePeer = std::move(peer_);
        } catch (const std::exception&) {
            peer_.reset();  // The test has killed it, or it hangs on a server that is gone.
        }
        // The server may still run the peer's last command.
        const auto deadline = clock_.monotonic() + std::chrono::seconds(1);
        do {
            left = orphans();
        } while (!left.empty() && clock_.monotonic() < deadline);
    }
    WorkerFixture::tearDown();
    CPPUNIT_ASSERT_EQUAL_MESSAGE("left over", std::string(), left);
}

std::string CompatFixture::orphans() {
    // The fixture's own queue and those that the test named after it.
    std::vector<std::string> found;
    for (const char* more : {":*", "-*"}) {
        for (const std::string& orphan : findOrphans(client(), keys().qualifiedName() + more)) {
            if (left_.count(orphan) == 0) {
                found.push_back(orphan);
            }
        }
    }
    return joined(found);
}

void CompatFixture::useQueue(const std::string& name) {
    queueName_ = name;
    Queue::Settings settings;
    settings.name = name;
    settings.addTimeout = std::chrono::seconds(10);
    settings.bullmq5 = bullmq5_;
    queue_ = std::make_unique<WholeQueue>(options(), settings);
}

rapidjson::Document CompatFixture::node(const std::string& operation,
                                        const std::string& arguments) {
    return peer_->call(
        operation,
        "\"queue\": \"" + queueName_ + "\"" + (arguments.empty() ? "" : ", " + arguments));
}

std::string CompatFixture::nodeText(const std::string& operation, const std::string& arguments) {
    return textOf(node(operation, arguments));
}

std::string CompatFixture::add(Side producer,
                               const std::string& name,
                               const std::string& data,
                               const std::string& opts) {
    if (producer == Side::Node) {
        const rapidjson::Document job =
            node("queue.add", "\"args\": [\"" + name + "\", " + data + ", " + opts + "]");
        return job["id"].GetString();
    }
    const AddResult result = queue_->add({name, data, JobOptions::parse(opts)});
    CPPUNIT_ASSERT_MESSAGE(result.message, result.status == AddResult::Status::Added);
    return result.id;
}

void CompatFixture::startWorker(Side side, const std::string& opts) {
    if (side == Side::Node) {
        node("worker.start",
             "\"worker\": \"w\", \"behaviours\": " + std::string(kNodeBehaviours) +
                 ", \"opts\": " + opts);
        return;
    }
    settings_.prefix = "bull";
    settings_.name = queueName_;
    settings_.bullmq5 = bullmq5_;
    auto handler = std::make_shared<FakeHandler>([this](std::span<RunningJob* const> jobs) {
        for (RunningJob* job : jobs) {
            process(*job);
        }
    });
    handler->backoff = backoff_;
    worker_ = std::make_unique<Worker>(
        settings_, options(), clock_, std::vector<std::shared_ptr<HandlerType>>{handler});
    worker_->start();
}

void CompatFixture::stopWorker(Side side) {
    if (side == Side::Node) {
        node("worker.close", "\"worker\": \"w\"");
        return;
    }
    worker_->drain();
    eventually("our worker finished", [this] { return worker_->finished(); });
    worker_.reset();
}

void CompatFixture::process(RunningJob& running) {
    const ClaimedJob& job = running.job();
    {
        const std::lock_guard lock(mutex_);
        seen_.push_back(
            {job.id, job.name, job.data, job.attemptsMade, job.attemptsStarted, clock_.wallMs()});
    }
    if (const auto own = behaviours_.find(job.name); own != behaviours_.end()) {
        return own->second(running);
    }
    const auto fail = [&](JobOutcome::Kind kind) {
        running.setOutcome({kind, "told to fail", "Error: told to fail", 0});
    };
    if (job.name == "fail" || (job.name == "flaky" && job.attemptsMade < 1) ||
        (job.name == "twice" && job.attemptsMade < 2)) {
        return fail(JobOutcome::Kind::Failed);
    }
    if (job.name == "unrecoverable") {
        return fail(JobOutcome::Kind::Unrecoverable);
    }
    if (job.name == "progress") {
        running.updateProgress("{\"half\":true}");
    }
    if (job.name == "hold") {
        while (released_ == 0) {
            if (running.waitCancelled(std::chrono::milliseconds(2)) != CancelReason::None) {
                return;  // As a process that died: no event about the job.
            }
        }
        --released_;
    }
    running.setOutcome({JobOutcome::Kind::Completed, job.data, "", 0});
}

void CompatFixture::release(Side side) {
    if (side == Side::Ours) {
        ++released_;
        return;
    }
    // The event `active` comes a little before the processor holds the job.
    eventually("Node holds a job",
               [this] { return node("worker.release", "\"worker\": \"w\"").GetBool(); });
}

std::vector<std::string> CompatFixture::begun(Side side) {
    std::vector<std::string> ids;
    if (side == Side::Ours) {
        for (const SeenJob& job : seenByOurs()) {
            ids.push_back(job.id);
        }
        return ids;
    }
    const auto seen = node("worker.seen", "\"worker\": \"w\", \"event\": \"active\"");
    for (const auto& record : seen.GetArray()) {
        ids.emplace_back(record["jobId"].GetString());
    }
    return ids;
}

std::vector<SeenJob> CompatFixture::seenByOurs() const {
    const std::lock_guard lock(mutex_);
    return seen_;
}

std::string CompatFixture::nodeState(const std::string& id) {
    return node("queue.getJobState", "\"args\": [\"" + id + "\"]").GetString();
}

void CompatFixture::untilBegun(const std::string& id) {
    eventually("job " + id + " has begun", [&] {
        const auto ids = begun(Side::Ours);
        return std::find(ids.begin(), ids.end(), id) != ids.end();
    });
}

void CompatFixture::untilState(const std::string& id, const std::string& state) {
    eventually("job " + id + " is " + state, [&] { return nodeState(id) == state; });
}

std::string CompatFixture::jobJson(const std::string& id) {
    const auto json = node("job.json", "\"job\": \"" + id + "\"");
    return json.IsNull() ? "no such job" : json.GetString();
}

std::string CompatFixture::field(const std::string& id, const std::string& name) {
    return text({"HGET", key(id), name});
}

void CompatFixture::untilIdle() {
    eventually("a worker sleeps", [this] {
        // Connections of Drover and of Node carry the queue's name in base64; the command shows which of them sleeps.
        // Other queues' workers are gone with their tests.
        const std::string clients = text({"CLIENT", "LIST"});
        return clients.find("cmd=bzpopmin") != std::string::npos;
    });
}

void CompatFixture::untilNothingActive() {
    eventually("nothing is active", [this] { return number({"LLEN", key("active")}) == 0; });
}

std::vector<std::string> CompatFixture::deliveredEvents() {
    std::vector<std::string> events;
    auto seen = node("events.seen");
    for (auto& event : seen.GetArray()) {
        event.EraseMember("id");
        if (event.HasMember("delay")) {
            event["delay"].SetString("due");
        }
        events.push_back(textOf(event));
    }
    return events;
}

std::size_t CompatFixture::delivered(const std::string& event) {
    return node("events.seen", "\"event\": \"" + event + "\"").Size();
}

}  // namespace drover::test
