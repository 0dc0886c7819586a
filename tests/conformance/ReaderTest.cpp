#include <map>
#include <mutex>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "drover/QueueEvents.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Type = QueueEvent::Type;
using Strings = std::vector<std::string>;

/// "<event> <field>=<value> …", fields sorted, with the entry's id.
std::string lineOf(const std::string& event,
                   const std::string& id,
                   const std::map<std::string, std::string>& fields) {
    std::string line = id + " " + event;
    for (const auto& [name, value] : fields) {
        line += " " + name + "=" + value;
    }
    return line;
}

}  // namespace

/// Two readers of one stream, BullMQ's QueueEvents and ours, over the acts of either side.
class ReaderSection : public Conformance {
public:
    using Conformance::Conformance;

    void tearDown() override {
        reader_.reset();
        delivered_.clear();
        Conformance::tearDown();
    }

    void c249_whatWeDoIsDeliveredByNode() {
        listen();
        queue().pause();
        add(Side::Ours, "mail", R"({"to":7})", R"({"jobId":"twice"})");
        add(Side::Ours, "mail", "{}", R"({"jobId":"twice"})");
        add(Side::Ours, "progress", "{}", R"({"priority":3})");
        add(Side::Ours, "flaky", "[1]", R"({"attempts":2})");
        add(Side::Ours, "twice", "{}", R"({"attempts":3,"backoff":1})");
        add(Side::Ours, "fail", "{}", R"({"attempts":1})");
        add(Side::Ours, "mail", "{}", R"({"delay":5})");
        queue().resume();
        startWorker(Side::Ours);
        eventually("six ended",
                   [&] { return queue().counts().completed + queue().counts().failed == 6; });
        // A job without a lock.
        const std::string lost = add(Side::Ours, "hold");
        untilState(lost, "active");
        redis({"DEL", key(lost + ":lock")});
        redis({"SADD", key("stalled"), lost});
        StalledSweeper sweeper(std::make_unique<RedisClient>(options(), "stalled"), clock_);
        sweeper.watch(worker_->queue(), milliseconds(100), 5);
        sweeper.start();
        eventually("stalled", [&] { return counted(Type::Stalled) == 1; });
        sweeper.stop();
        release(Side::Ours);
        release(Side::Ours);
        untilState(lost, "completed");
        untilDrained();
        stopWorker(Side::Ours);
        for (const Type type : {Type::Added,
                                Type::Waiting,
                                Type::Delayed,
                                Type::Active,
                                Type::Progress,
                                Type::Completed,
                                Type::Failed,
                                Type::Stalled,
                                Type::RetriesExhausted,
                                Type::Duplicated,
                                Type::Drained,
                                Type::Paused,
                                Type::Resumed}) {
            CPPUNIT_ASSERT(counted(type) >= 1);
        }
        expectBothTheSame();
    }

    void c251_actsOfNodeAreDeliveredByOurs() {
        listen();
        node("queue.pause");
        add(Side::Node, "mail", "{}", R"({"jobId":"twice"})");
        add(Side::Node, "mail", "{}", R"({"jobId":"twice"})");
        add(Side::Node, "mail", "{}", R"({"deduplication":{"id":"d"}})");
        add(Side::Node, "mail", "{}", R"({"deduplication":{"id":"d"}})");
        add(Side::Node, "progress", "{}", R"({"priority":3})");
        const std::string failed = add(Side::Node, "fail", "{}", R"({"attempts":1})");
        add(Side::Node, "twice", "{}", R"({"attempts":3,"backoff":1})");
        const std::string promoted = add(Side::Node, "mail", "{}", R"({"delay":60000})");
        const std::string removed = add(Side::Node, "mail", "{}", R"({"delay":60000})");
        node("job.promote", "\"job\": \"" + promoted + "\"");
        node("job.changeDelay", "\"job\": \"" + removed + "\", \"args\": [70000]");
        node("job.remove", "\"job\": \"" + removed + "\"");
        node("queue.resume");
        startWorker(Side::Node);
        untilState(failed, "failed");
        eventually("five completed", [&] { return number({"ZCARD", key("completed")}) == 5; });
        node("job.retry", "\"job\": \"" + failed + "\"");
        untilState(failed, "failed");
        const auto parent =
            peer().call("flow.add",
                        "\"args\": [{\"name\": \"sum\", \"queueName\": \"" + queueName() +
                            "\", \"children\": [{\"name\": \"part\", \"queueName\": \"" +
                            queueName() + "\"}]}]");
        untilState(parent.GetString(), "completed");
        node("queue.clean", "\"args\": [0, 100, \"completed\"]");
        // An event of an application, as BullMQ's QueueEventsProducer writes it.
        redis({"XADD", key("events"), "MAXLEN", "~", "1000", "*", "event", "sold", "seat", "12"});
        untilDrained();
        for (const Type type : {Type::Added,
                                Type::Waiting,
                                Type::Delayed,
                                Type::WaitingChildren,
                                Type::Active,
                                Type::Progress,
                                Type::Completed,
                                Type::Failed,
                                Type::RetriesExhausted,
                                Type::Duplicated,
                                Type::Deduplicated,
                                Type::Removed,
                                Type::Cleaned,
                                Type::Drained,
                                Type::Paused,
                                Type::Resumed}) {
            eventually("delivered", [&] { return counted(type) >= 1; });
        }
        expectBothTheSame();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, *first(Type::Cleaned).count() + 0);
        assertEqual("d", first(Type::Deduplicated).deduplicationId());
        assertEqual("{\"half\":true}", first(Type::Progress).progress());
        assertEqual("told to fail", first(Type::Failed).failedReason());
    }

    void c252_ourReaderSurvivesNodesObliterate() {
        listen();
        add(Side::Node, "mail");
        eventually("delivered", [&] { return delivered().size() == 2; });
        node("queue.pause");
        node("queue.obliterate", "\"args\": [{\"force\": true}]");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("events")}));
        node("queue.resume");
        const std::string again = add(Side::Ours, "mail");
        eventually("delivered", [&] {
            return !delivered().empty() && delivered().back().type == Type::Waiting &&
                   delivered().back().jobId() == again && delivered().size() > 2;
        });
        expectBothTheSame();
        // Trimmed below both readers.
        node("queue.trimEvents", "\"args\": [0]");
        add(Side::Node, "mail");
        expectBothTheSame();
    }

    void c253_theDelayOfAnEventIsATime() {
        listen();
        for (const Side producer : {Side::Ours, Side::Node}) {
            const std::string id = add(producer, "mail", "{}", R"({"delay":60000})");
            const std::int64_t due = std::stoll(field(id, "timestamp")) + 60000;
            eventually("delivered", [&] {
                return !delivered().empty() && delivered().back().type == Type::Delayed &&
                       delivered().back().jobId() == id;
            });
            CPPUNIT_ASSERT_EQUAL(due, *delivered().back().dueMs());
            const auto seen =
                node("events.wait", "\"event\": \"delayed\", \"job\": \"" + id + "\"");
            // 5.48.1 delivers the text, later versions a number.
            const auto& delay = seen["delay"];
            CPPUNIT_ASSERT_EQUAL(std::to_string(due),
                                 delay.IsString() ? std::string(delay.GetString()) : textOf(delay));
        }
    }

    void c255_aReaderIsNotAWorker() {
        listen();
        CPPUNIT_ASSERT_EQUAL(0U, node("queue.getWorkers").Size());
        const std::string name = " name=" + QueueKeys("bull", queueName()).eventsClientName() + " ";
        const std::string clients = text({"CLIENT", "LIST"});
        // Node's reader and ours.
        const std::size_t one = clients.find(name);
        CPPUNIT_ASSERT(one != std::string::npos);
        CPPUNIT_ASSERT(clients.find(name, one + 1) != std::string::npos);
        startWorker(Side::Ours);
        untilIdle();
        CPPUNIT_ASSERT_EQUAL(1U, node("queue.getWorkers").Size());
    }

    void c268_eventsOfFiveAreDelivered() {
        listen();
        add(Side::Node, "mail", "{}", R"({"deduplication":{"id":"d"}})");
        const std::string id = add(Side::Node, "mail", "{}", R"({"deduplication":{"id":"d"}})");
        eventually("delivered", [&] { return counted(Type::Deduplicated) == 1; });
        assertEqual(id, first(Type::Deduplicated).jobId());
        std::size_t debounced = 0;
        for (const QueueEvent& event : delivered()) {
            debounced += event.name == "debounced" ? 1 : 0;
            CPPUNIT_ASSERT((event.name == "debounced") == (event.type == Type::Other));
        }
        CPPUNIT_ASSERT_EQUAL(!is670() ? std::size_t{1} : std::size_t{0}, debounced);
    }

private:
    /// Both readers, from the same entry on.
    void listen() {
        subscribe();
        QueueEvents::Settings settings;
        settings.name = queueName();
        settings.blockTimeout = milliseconds(500);
        reader_ = std::make_unique<QueueEvents>(
            handleOf(options()), settings, [this](const QueueEvent& event) {
                const std::lock_guard lock(mutex_);
                delivered_.push_back(event);
            });
        CPPUNIT_ASSERT(reader_->waitUntilReady(seconds(10)));
    }
    std::vector<QueueEvent> delivered() {
        const std::lock_guard lock(mutex_);
        return delivered_;
    }
    std::size_t counted(Type type) {
        std::size_t count = 0;
        for (const QueueEvent& event : delivered()) {
            count += event.type == type ? 1 : 0;
        }
        return count;
    }
    QueueEvent first(Type type) {
        for (const QueueEvent& event : delivered()) {
            if (event.type == type) {
                return event;
            }
        }
        CPPUNIT_FAIL("no such event");
        return {};
    }
    void untilDrained() {
        eventually("drained", [&] {
            const auto all = delivered();
            return std::any_of(all.begin(), all.end(), [](const QueueEvent& event) {
                return event.type == Type::Drained;
            });
        });
        untilNothingActive();
    }
    Strings ourLines() {
        Strings lines;
        for (const QueueEvent& event : delivered()) {
            lines.push_back(
                lineOf(event.name, event.id, {event.fields.begin(), event.fields.end()}));
        }
        return lines;
    }
    Strings nodeLines() {
        Strings lines;
        const auto seen = node("events.seen");
        for (const auto& event : seen.GetArray()) {
            std::map<std::string, std::string> fields;
            for (const auto& member : event.GetObject()) {
                fields[member.name.GetString()] =
                    member.value.IsString() ? member.value.GetString() : textOf(member.value);
            }
            const std::string name = fields["event"];
            const std::string id = fields["id"];
            fields.erase("event");
            fields.erase("id");
            lines.push_back(lineOf(name, id, fields));
        }
        return lines;
    }
    void expectBothTheSame() {
        const std::string last(
            redis({"XREVRANGE", key("events"), "+", "-", "COUNT", "1"}).at(0).at(0).text());
        eventually("ours has told all", [&] { return reader_->lastId() == last; });
        eventually("Node has delivered all", [&] {
            const Strings lines = nodeLines();
            return !lines.empty() && lines.back().rfind(last + " ", 0) == 0;
        });
        CPPUNIT_ASSERT_EQUAL(joined(nodeLines()), joined(ourLines()));
    }

    std::mutex mutex_;
    std::vector<QueueEvent> delivered_;
    std::unique_ptr<QueueEvents> reader_;
};

namespace {

const Statements<ReaderSection> kRegistered(
    {STATEMENT(ReaderSection, c249_whatWeDoIsDeliveredByNode),
     STATEMENT(ReaderSection, c251_actsOfNodeAreDeliveredByOurs),
     STATEMENT(ReaderSection, c252_ourReaderSurvivesNodesObliterate),
     STATEMENT(ReaderSection, c253_theDelayOfAnEventIsATime),
     STATEMENT(ReaderSection, c255_aReaderIsNotAWorker),
     STATEMENT(ReaderSection, c268_eventsOfFiveAreDelivered)});

}  // namespace
