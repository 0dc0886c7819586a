#include <algorithm>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "plugin/abi/HostFunctions.h"
#include "support/Assert.h"
#include "support/Patience.h"
#include "support/ServerProcess.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

/// Section O: events, and the lists of workers.
class EventsSection : public Conformance {
public:
    using Conformance::Conformance;

    void c250_resultsAndProgressAreAlwaysJson() {
        // Node's reader ends for good at the first one that is not.
        subscribe();
        behaviours_["odd"] = [](RunningJob& job) {
            RunningJob* const jobs[] = {&job};
            drover_call call{jobs};
            const auto bytes = [](std::string_view text) {
                return drover_bytes{text.data(), text.size()};
            };
            for (const char* text : {"half done", "{", "[1,]"}) {
                CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT,
                                     hostApi().update_progress(&call, 0, bytes(text)));
                CPPUNIT_ASSERT_EQUAL(+DROVER_E_ARGUMENT, hostApi().complete(&call, 0, bytes(text)));
            }
            CPPUNIT_ASSERT_EQUAL(+DROVER_OK,
                                 hostApi().update_progress(&call, 0, bytes("\"half done\"")));
            CPPUNIT_ASSERT_EQUAL(+DROVER_OK, hostApi().complete(&call, 0, bytes("\"done\"")));
        };
        startWorker(Side::Ours);
        const std::string odd = run(Side::Node, "odd");
        assertEqual("\"half done\"", field(odd, "progress"));
        assertEqual("\"done\"", field(odd, "returnvalue"));
        const std::string next = run(Side::Node, "mail");
        node("events.wait", "\"event\": \"completed\", \"job\": " + next);
    }

    void c254_nodeListsOurWorkerOnce() {
        settings_.workerName = "cashier";
        startWorker(Side::Ours);
        untilAsleep();
        const auto workers = node("queue.getWorkers");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(textOf(workers), 1u, workers.Size());
        assertEqual(queueName(), workers[0]["name"].GetString());
        const std::string raw = workers[0]["rawname"].GetString();
        assertEqual(":w:cashier", raw.substr(raw.rfind(":w:")));
        startWorker(Side::Node, R"({"name": "clerk"})");
        eventually("two workers", [&] { return node("queue.getWorkers").Size() == 2; });
        stopWorker(Side::Ours);
        eventually("one worker", [&] { return node("queue.getWorkers").Size() == 1; });
    }

    void c256_aStopLetsWhatRunsEndAndNodeGoesOn() {
        settings_.concurrency = 1;
        settings_.batchSize = 1;
        startWorker(Side::Ours);
        const std::string running = add(Side::Node, "hold");
        eventually("it began", [&] { return seenByOurs().size() == 1; });
        const std::string next = add(Side::Node, "mail");
        worker_->drain();
        release(Side::Ours);
        eventually("ours is done", [&] { return worker_->finished(); });
        assertEqual("completed", nodeState(running));
        assertEqual("waiting", nodeState(next));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, seenByOurs().size());
        CPPUNIT_ASSERT_EQUAL(0.0, scoreOf("marker", "0"));
        startWorker(Side::Node);
        untilState(next, "completed");

        // The same with Node's worker asleep beside it: a job that ours gives up wakes it.
        worker_.reset();
        startWorker(Side::Ours);
        const std::string held = add(Side::Ours, "hold");
        eventually("somebody runs it",
                   [&] { return begun(Side::Ours).size() + begun(Side::Node).size() == 3; });
        release(begun(Side::Ours).size() == 2 ? Side::Ours : Side::Node);
        untilState(held, "completed");
    }

    void c257_nodeRecoversTheJobOfOurKilledWorker() {
        const std::string folder = makeTempFolder("drover-killed-");
        ServerProcess ours;
        std::vector<std::string> command = {DROVER_BINARY_DIR "/engine/drover", "run"};
        for (const std::string& setting :
             {"plugins.dir=" + std::string(DROVER_BINARY_DIR "/plugins"),
              std::string("plugins.load=echo"),
              "redis.port=" + std::to_string(server_->port()),
              "queue.echo.name=" + queueName(),
              std::string("queue.echo.lockDurationMs=2000"),
              "control.socket=" + folder + "/control.sock"}) {
            command.insert(command.end(), {"--set", setting});
        }
        ours.start(command, folder + "/log");
        const std::string id = add(Side::Node, "echo", R"({"sleepMs":60000})");
        untilState(id, "active");
        ours.stop(9);
        const std::int64_t lock = number({"PTTL", key(id + ":lock")});
        CPPUNIT_ASSERT_MESSAGE(std::to_string(lock), lock > 0);
        const auto killedAt = std::chrono::steady_clock::now();
        startWorker(Side::Node, R"({"stalledInterval": 300})");
        node("worker.wait", "\"worker\": \"w\", \"event\": \"active\", \"job\": \"" + id + "\"");
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - killedAt < milliseconds(lock) + kAtOnce);
        untilState(id, "completed");
        removeTree(folder);
        assertEqual("2", field(id, "ats"));
        assertEqual("1", field(id, "atm"));
    }

    void c258_weHoldNoMoreThanOurConcurrency() {
        settings_.concurrency = 5;
        settings_.threads = 8;
        settings_.batchSize = 2;
        std::vector<NewJob> jobs(200, {"slow", "{}", {}});
        behaviours_["slow"] = [](RunningJob& job) {
            job.waitCancelled(milliseconds(3));
            job.setOutcome({JobOutcome::Kind::Completed, "{}", "", 0});
        };
        queue().addBulk(jobs, std::chrono::steady_clock::now() + seconds(10));
        startWorker(Side::Ours);
        eventually("all completed", [&] {
            CPPUNIT_ASSERT(number({"LLEN", key("active")}) <= 5);
            return number({"ZCARD", key("completed")}) == 200;
        });
        int active = 0;
        int most = 0;
        for (const std::string& line : streamed()) {
            active += line.rfind("active ", 0) == 0 ? 1 : line.rfind("completed ", 0) == 0 ? -1 : 0;
            most = std::max(most, active);
        }
        CPPUNIT_ASSERT_MESSAGE(std::to_string(most), most >= 2 && most <= 5);
    }

private:
    /// The fields of the job's event number `index` of that name, without what the reader adds.
    std::string fieldsDelivered(const std::string& event,
                                const std::string& id,
                                rapidjson::SizeType index) {
        const std::string which = "\"event\": \"" + event + "\", \"job\": \"" + id + "\"";
        node("events.wait", which);
        rapidjson::Document seen;
        eventually("event " + event, [&] {
            seen = node("events.seen", which);
            return seen.Size() > index;
        });
        rapidjson::Value& found = seen[index];
        found.RemoveMember("event");
        found.RemoveMember("id");
        return textOf(found);
    }

    void expectDelivered(const std::string& event,
                         const std::string& id,
                         const std::string& fields) {
        rapidjson::Document wanted;
        wanted.Parse(fields.c_str());
        rapidjson::Document got;
        const std::string text = fieldsDelivered(event, id, 0);
        got.Parse(text.c_str());
        CPPUNIT_ASSERT_MESSAGE(event + " " + text, wanted == got);
    }
};

namespace {

const Statements<EventsSection> kRegistered(
    {STATEMENT(EventsSection, c250_resultsAndProgressAreAlwaysJson),
     STATEMENT(EventsSection, c254_nodeListsOurWorkerOnce),
     STATEMENT(EventsSection, c256_aStopLetsWhatRunsEndAndNodeGoesOn),
     STATEMENT(EventsSection, c257_nodeRecoversTheJobOfOurKilledWorker),
     STATEMENT(EventsSection, c258_weHoldNoMoreThanOurConcurrency)});

}  // namespace
