#include <atomic>
#include <mutex>
#include <thread>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/QueueEvents.h"
#include "drover/QueueEventsProducer.h"
#include "drover/QueueReader.h"
#include "support/Assert.h"
#include "support/Patience.h"
#include "support/TcpProxy.h"
#include "support/WholeQueue.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = std::chrono::steady_clock;
using Type = QueueEvent::Type;
using Strings = std::vector<std::string>;

}  // namespace

/// QueueEvents: the events that it delivers, from which entry on, and the outages that it survives.
class QueueEventsTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(QueueEventsTest);
    CPPUNIT_TEST(everyEventOfTheEngineIsDelivered);
    CPPUNIT_TEST(knownEventsAreTyped);
    CPPUNIT_TEST(c251_unknownNamesAndExtraFieldsAreDelivered);
    CPPUNIT_TEST(itBeginsNow);
    CPPUNIT_TEST(itBeginsAtTheGivenEntry);
    CPPUNIT_TEST(manyEntriesOfAnInstantAreDeliveredInOrder);
    CPPUNIT_TEST(anOutageLongerThanTheBlockLosesNothing);
    CPPUNIT_TEST(largeEventsOverASlowLinkAreDelivered);
    CPPUNIT_TEST(anEventLargerThanADeadlineIsDelivered);
    CPPUNIT_TEST(fewerAreRequestedAfterLargeOrLostOnes);
    CPPUNIT_TEST(aServerThatDoesNotAnswerIsNoticed);
    CPPUNIT_TEST(itStartsWhileRedisIsAway);
    CPPUNIT_TEST(anotherReaderGoesOnAfterTheLastId);
    CPPUNIT_TEST(c252_aTrimmedStreamGoesOnWithWhatIsLeft);
    CPPUNIT_TEST(c252_aDeletedStreamGoesOnWhenItComesAgain);
    CPPUNIT_TEST(aStreamWithLowerIdsIsDeliveredFromItsBeginning);
    CPPUNIT_TEST(aDeletedNewestEntryIsNotANewStream);
    CPPUNIT_TEST(aKeyOfAnotherTypeIsSurvived);
    CPPUNIT_TEST(aListenerThatThrowsMissesNothingElse);
    CPPUNIT_TEST(stopEndsAWaitAtOnce);
    CPPUNIT_TEST(stopEndsAnOutageAtOnce);
    CPPUNIT_TEST(theListenerMayStop);
    CPPUNIT_TEST(nothingIsDeliveredAfterStop);
    CPPUNIT_TEST(itsConnectionHasItsName);
    CPPUNIT_TEST(badSettingsAreRefused);
    CPPUNIT_TEST(anOutageIsReportedAsAGap);
    CPPUNIT_TEST(trimmingBeforeTheReaderIsAGap);
    CPPUNIT_TEST(anEventOfAnApplicationIsDelivered);
    CPPUNIT_TEST(publishedEventsTrimTheStream);
    CPPUNIT_TEST(senselessEventsAreNotPublished);
    CPPUNIT_TEST(aPageGoesOnBehindAnId);
    CPPUNIT_TEST(aPageReportsWhatMayBeLost);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        eventsLog_ = std::make_unique<LogCapture>("events");
        WorkerFixture::setUp();
    }
    void tearDown() override {
        reader_.reset();
        delivered_.clear();
        WorkerFixture::tearDown();
        eventsLog_.reset();
        proxy_.reset();
    }

    void everyEventOfTheEngineIsDelivered() {
        read();
        WholeQueue queue = makeQueue();
        settings_.lockDuration = milliseconds(100);
        queue.pause();
        for (const char* opts : {R"({"jobId":"a:b:c"})",
                                 R"({"jobId":"a:b:c"})",
                                 R"({"priority":3})",
                                 R"({"delay":1})",
                                 R"({"attempts":2,"backoff":1})"}) {
            const AddResult added = queue.add({"test", "{}", JobOptions::parse(opts)});
            CPPUNIT_ASSERT_MESSAGE(added.message, added.status == AddResult::Status::Added);
        }
        const std::string parent = addJob("parent");
        redis({"SADD", keys().job(parent) + ":dependencies", "bull:elsewhere:1"});
        // One that stalled.
        const std::string stalled = addJob("stalled");
        redis({"LREM", keys().wait, "1", stalled});
        redis({"LPUSH", keys().active, stalled});
        redis({"SADD", keys().stalled, stalled});
        sweep(milliseconds(100), 5);
        eventually("stalled", [&] { return counted("stalled") == 1; });
        queue.resume();
        run(std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                if (job->job().name == "parent") {
                    job->setOutcome({JobOutcome::Kind::WaitingChildren, "", "", 0});
                    continue;
                }
                const bool fails = job->job().attemptsMade < 2 && job->job().id == "5";
                if (!fails) {
                    job->updateProgress(R"({"half":true})");
                }
                job->setOutcome({fails ? JobOutcome::Kind::Failed : JobOutcome::Kind::Completed,
                                 fails ? "no" : "{\"ok\":1}",
                                 "",
                                 0});
            }
        }));
        eventually("all ended",
                   [&] { return queue.counts().completed + queue.counts().failed == 5; });
        eventually("drained", [&] { return counted("drained") >= 1; });
        worker_.reset();
        sweeper_.reset();
        for (const char* name : {"added",
                                 "waiting",
                                 "delayed",
                                 "active",
                                 "progress",
                                 "completed",
                                 "failed",
                                 "stalled",
                                 "drained",
                                 "retries-exhausted",
                                 "duplicated",
                                 "waiting-children",
                                 "paused",
                                 "resumed"}) {
            eventually(name, [&] { return counted(name) >= 1; });
        }
        eventually("all delivered", [&] { return delivered().size() == events().size(); });
        CPPUNIT_ASSERT(lines() == events());
        for (const QueueEvent& event : delivered()) {
            CPPUNIT_ASSERT_MESSAGE(event.name, event.type != Type::Other);
        }
    }

    void knownEventsAreTyped() {
        read();
        WholeQueue queue = makeQueue();
        const std::int64_t before = clock_.wallMs();
        const AddResult added =
            queue.add({"mail", "{}", JobOptions::parse(R"({"delay":50,"attempts":1})")});
        run(std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            jobs.front()->updateProgress("[1,2]");
            jobs.front()->setOutcome({JobOutcome::Kind::Failed, "no \"seat\"", "", 0});
        }));
        eventually("exhausted", [&] { return counted("retries-exhausted") == 1; });
        const QueueEvent first = only(Type::Added);
        assertEqual(added.id, first.jobId());
        assertEqual("mail", first.jobName());
        CPPUNIT_ASSERT(first.prev().empty());
        CPPUNIT_ASSERT(!first.dueMs() && !first.count() && !first.attemptsMade());
        CPPUNIT_ASSERT_EQUAL(added.timestampMs + 50, *only(Type::Delayed).dueMs());
        CPPUNIT_ASSERT(*only(Type::Delayed).dueMs() >= before + 50 - kClockError);
        assertEqual("delayed", only(Type::Waiting).prev());
        assertEqual("[1,2]", only(Type::Progress).progress());
        assertEqual("no \"seat\"", only(Type::Failed).failedReason());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, *only(Type::RetriesExhausted).attemptsMade());
        CPPUNIT_ASSERT(only(Type::RetriesExhausted).returnValue().empty());

        emit({"event", "cleaned", "count", "12"});
        emit({"event",
              "deduplicated",
              "jobId",
              "1",
              "deduplicationId",
              "d",
              "deduplicatedJobId",
              "2"});
        emit({"event", "completed", "jobId", "9", "returnvalue", "{\"a\":1}", "prev", "active"});
        eventually("delivered", [&] { return counted("completed") == 1; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{12}, *only(Type::Cleaned).count());
        CPPUNIT_ASSERT(only(Type::Cleaned).jobId().empty());
        assertEqual("d", only(Type::Deduplicated).deduplicationId());
        assertEqual("2", only(Type::Deduplicated).deduplicatedJobId());
        assertEqual("{\"a\":1}", only(Type::Completed).returnValue());
    }

    void c251_unknownNamesAndExtraFieldsAreDelivered() {
        read();
        emit({"event", "debounced", "jobId", "1", "debounceId", "d"});
        emit({"event", "waiting", "jobId", "1", "of", "tomorrow", "event", "twice"});
        emit({"event", "delayed", "jobId", "2", "delay", "soon"});
        emit({"seat", "12"});
        emit({"event", "", "jobId", ""});
        eventually("delivered", [&] { return delivered().size() == 5; });
        const std::vector<QueueEvent> all = delivered();
        CPPUNIT_ASSERT(all[0].type == Type::Other);
        assertEqual("debounced", all[0].name);
        assertEqual("d", *all[0].field("debounceId"));
        CPPUNIT_ASSERT(all[1].type == Type::Waiting);
        assertEqual("tomorrow", *all[1].field("of"));
        assertEqual("twice", *all[1].field("event"));
        CPPUNIT_ASSERT(!all[1].field("nothing"));
        CPPUNIT_ASSERT(all[2].type == Type::Delayed && !all[2].dueMs());
        CPPUNIT_ASSERT(all[3].name.empty() && all[3].type == Type::Other);
        assertEqual("12", *all[3].field("seat"));
        CPPUNIT_ASSERT(all[4].name.empty());
    }

    void itBeginsNow() {
        addJob("before");
        read("$", milliseconds(5));
        // Many timeouts of the block later, and between two of them.
        for (int i = 0; i < 20; ++i) {
            emit({"event", "progress", "jobId", std::to_string(i), "data", "1"});
            const auto until = SteadyClock::now() + milliseconds(i);
            eventually("a while", [&] { return SteadyClock::now() > until; });
        }
        eventually("delivered", [&] { return delivered().size() == 20; });
        for (int i = 0; i < 20; ++i) {
            assertEqual(std::to_string(i), delivered()[static_cast<std::size_t>(i)].jobId());
        }
    }

    void itBeginsAtTheGivenEntry() {
        addJob();
        const std::string second = emit({"event", "paused"});
        emit({"event", "resumed"});
        read(second);
        eventually("delivered", [&] { return delivered().size() == 1; });
        CPPUNIT_ASSERT(delivered()[0].type == Type::Resumed);
        reader_.reset();
        delivered_.clear();
        read("0");
        eventually("all delivered", [&] { return delivered().size() == 4; });
        CPPUNIT_ASSERT(lines() == events());
    }

    void manyEntriesOfAnInstantAreDeliveredInOrder() {
        read();
        redis({"EVAL",
               "for i = 1, 2500 do redis.call('XADD', KEYS[1], '*', 'event', 'n', 'jobId', i) end",
               "1",
               keys().events});
        eventually("delivered", [&] { return delivered().size() == 2500; });
        CPPUNIT_ASSERT(lines() == events());
        CPPUNIT_ASSERT_EQUAL(delivered().back().id, reader_->lastId());
    }

    void anOutageLongerThanTheBlockLosesNothing() {
        useOwnServer();
        proxy_ = std::make_unique<TcpProxy>(own_->port());
        const int port = proxy_->port();
        read("$", milliseconds(100), optionsAt(port));
        emit({"event", "n", "jobId", "1"});
        eventually("delivered", [&] { return delivered().size() == 1; });
        proxy_.reset();
        eventually("noticed", [&] { return !reader_->healthy(); });
        emit({"event", "n", "jobId", "2"});
        // Several blocks long, and several attempts to connect.
        const auto until = SteadyClock::now() + milliseconds(1500);
        eventually("a while", [&] { return SteadyClock::now() > until; });
        emit({"event", "n", "jobId", "3"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, delivered().size());
        proxy_ = std::make_unique<TcpProxy>(own_->port(), port);
        eventually("delivered", [&] { return delivered().size() == 3; });
        CPPUNIT_ASSERT(lines() == events());
        CPPUNIT_ASSERT(reader_->healthy());
        // And after a restart of the server.
        own_->stop();
        own_->start();
        emitOnceItIsBack("4");
        eventually("delivered", [&] { return delivered().size() == 4; });
    }

    void largeEventsOverASlowLinkAreDelivered() {
        useOwnServer();
        proxy_ = std::make_unique<TcpProxy>(own_->port());
        const std::string value(200'000, 'v');
        for (int i = 0; i < 60; ++i) {
            emit({"event", "completed", "jobId", std::to_string(i), "returnvalue", value});
        }
        // Twelve megabytes take three seconds: longer than a block and its margin.
        proxy_->throttle(4'000'000);
        read("0-0", milliseconds(100), optionsAt(proxy_->port()));
        eventually(
            "delivered", [&] { return delivered().size() == 60; }, seconds(20));
        CPPUNIT_ASSERT(reader_->healthy());
        proxy_->throttle(0);
    }

    void anEventLargerThanADeadlineIsDelivered() {
        useOwnServer();
        proxy_ = std::make_unique<TcpProxy>(own_->port());
        emit({"event", "n", "jobId", "1", "value", std::string(4'000'000, 'v')});
        proxy_->throttle(1'000'000);
        read("0-0", milliseconds(100), optionsAt(proxy_->port()));
        eventually(
            "delivered", [&] { return delivered().size() == 1; }, seconds(20));
        proxy_->throttle(0);
    }

    void fewerAreRequestedAfterLargeOrLostOnes() {
        useOwnServer();
        redis({"CONFIG", "SET", "slowlog-log-slower-than", "0"});
        redis({"CONFIG", "SET", "slowlog-max-len", "10000"});
        const std::string value(1'000'000, 'v');
        for (int i = 0; i < 9; ++i) {
            emit({"event", "n", "jobId", std::to_string(i), "value", value});
        }
        read("0-0");
        eventually("delivered", [&] { return delivered().size() == 9; });
        emit({"event", "n", "jobId", "small"});
        eventually("half as many", [&] { return requested("500"); });
        reader_.reset();
        redis({"SLOWLOG", "RESET"});

        proxy_ = std::make_unique<TcpProxy>(own_->plainPort());
        proxy_->loseReply("XREAD");
        read("$", milliseconds(100), plainAt(proxy_->port()));
        eventually("lost", [&] { return proxy_->lost() == 1; });
        eventually("back", [&] { return reader_->healthy(); });
        emit({"event", "n", "jobId", "another"});
        eventually("half as many", [&] { return requested("500"); });
    }

    void aServerThatDoesNotAnswerIsNoticed() {
        useOwnServer();
        read("$", milliseconds(100));
        CPPUNIT_ASSERT(reader_->healthy());
        own_->freeze();
        // It would wait for an answer that never comes.
        eventually("noticed", [&] { return !reader_->healthy(); });
        own_->thaw();
        emit({"event", "n", "jobId", "1"});
        eventually("delivered", [&] { return delivered().size() == 1; });
    }

    void itStartsWhileRedisIsAway() {
        useOwnServer();
        addJob();
        own_->stop();
        begin("$", milliseconds(100), options());
        CPPUNIT_ASSERT(!reader_->waitUntilReady(milliseconds(50)));
        CPPUNIT_ASSERT(reader_->lastId().empty());
        own_->start();
        CPPUNIT_ASSERT(reader_->waitUntilReady(seconds(10)));
        emitOnceItIsBack("1");
        eventually("delivered", [&] { return delivered().size() == 1; });
    }

    void anotherReaderGoesOnAfterTheLastId() {
        read();
        emit({"event", "n", "jobId", "1"});
        eventually("delivered", [&] { return delivered().size() == 1; });
        reader_->stop();
        const std::string last = reader_->lastId();
        CPPUNIT_ASSERT_EQUAL(delivered()[0].id, last);
        emit({"event", "n", "jobId", "2"});
        read(last);
        emit({"event", "n", "jobId", "3"});
        eventually("delivered", [&] { return delivered().size() == 3; });
        CPPUNIT_ASSERT(lines() == events());
    }

    void c252_aTrimmedStreamGoesOnWithWhatIsLeft() {
        read();
        emit({"event", "n", "jobId", "1"});
        eventually("delivered", [&] { return delivered().size() == 1; });
        const std::string last = reader_->lastId();
        // Under the reader, down to nothing.
        redis({"XTRIM", keys().events, "MAXLEN", "0"});
        emit({"event", "n", "jobId", "2"});
        eventually("delivered", [&] { return delivered().size() == 2; });
        // And the events that a reader missed are gone when it comes back.
        emit({"event", "n", "jobId", "3"});
        redis({"XTRIM", keys().events, "MAXLEN", "1"});
        read(last);
        eventually("delivered", [&] { return jobIds().back() == "3"; });
        assertEqual("3", delivered().back().jobId());
    }

    void c252_aDeletedStreamGoesOnWhenItComesAgain() {
        read("$", milliseconds(50));
        emit({"event", "n", "jobId", "1"});
        eventually("delivered", [&] { return delivered().size() == 1; });
        redis({"DEL", keys().events});
        untilBlockTimedOut();
        emit({"event", "n", "jobId", "2"});
        eventually("delivered", [&] { return delivered().size() == 2; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, eventsLog_->count("begins anew"));
        CPPUNIT_ASSERT((jobIds() == Strings{"1", "2"}));
    }

    void aStreamWithLowerIdsIsDeliveredFromItsBeginning() {
        read("$", milliseconds(50));
        emit({"event", "n", "jobId", "1"});
        eventually("delivered", [&] { return delivered().size() == 1; });
        redis({"DEL", keys().events});
        redis({"XADD", keys().events, "5-1", "event", "n", "jobId", "2"});
        redis({"XADD", keys().events, "5-2", "event", "n", "jobId", "3"});
        eventually("delivered", [&] { return delivered().size() == 3; });
        CPPUNIT_ASSERT((jobIds() == Strings{"1", "2", "3"}));
        assertEqual("5-2", reader_->lastId());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, eventsLog_->count("begins anew"));
    }

    void aDeletedNewestEntryIsNotANewStream() {
        read("$", milliseconds(50));
        emit({"event", "n", "jobId", "1"});
        const std::string second = emit({"event", "n", "jobId", "2"});
        eventually("delivered", [&] { return delivered().size() == 2; });
        redis({"XDEL", keys().events, second});
        untilBlockTimedOut();
        emit({"event", "n", "jobId", "3"});
        eventually("delivered", [&] { return jobIds().back() == "3"; });
        CPPUNIT_ASSERT((jobIds() == Strings{"1", "2", "3"}));
    }

    void aKeyOfAnotherTypeIsSurvived() {
        redis({"SET", keys().events, "no stream"});
        begin("0", milliseconds(50), options());
        eventually("logged", [&] { return eventsLog_->count("is read again in") == 1; });
        reader_->stop();
    }

    void aListenerThatThrowsMissesNothingElse() {
        throwFor_ = "2";
        read();
        for (const char* id : {"1", "2", "3"}) {
            emit({"event", "n", "jobId", id});
        }
        eventually("delivered", [&] { return delivered().size() == 3; });
        CPPUNIT_ASSERT((jobIds() == Strings{"1", "2", "3"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, eventsLog_->count("the listener threw"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, eventsLog_->count("not me"));
    }

    void stopEndsAWaitAtOnce() {
        read("$", seconds(60));
        untilBlockedOn("xread");
        const auto began = SteadyClock::now();
        reader_->stop();
        CPPUNIT_ASSERT(SteadyClock::now() - began < kAtOnce);
        reader_->stop();
    }

    void stopEndsAnOutageAtOnce() {
        useOwnServer();
        read();
        own_->stop();
        eventually("noticed", [&] { return !reader_->healthy(); });
        const auto began = SteadyClock::now();
        reader_->stop();
        CPPUNIT_ASSERT(SteadyClock::now() - began < kAtOnce);
    }

    void theListenerMayStop() {
        stopFor_ = "1";
        read();
        emit({"event", "n", "jobId", "1"});
        emit({"event", "n", "jobId", "2"});
        eventually("delivered", [&] { return delivered().size() == 1; });
        reader_->stop();
        CPPUNIT_ASSERT((jobIds() == Strings{"1"}));
        CPPUNIT_ASSERT_EQUAL(delivered()[0].id, reader_->lastId());
    }

    void nothingIsDeliveredAfterStop() {
        read();
        std::atomic<bool> more{true};
        std::thread writer([&] {
            RedisClient own(options(), "writer");
            while (more) {
                own.call(Command{"XADD", keys().events, "*", "event", "n", "jobId", "1"});
            }
        });
        eventually("delivered", [&] { return delivered().size() > 100; });
        reader_->stop();
        const std::size_t then = delivered().size();
        const std::string last = reader_->lastId();
        const std::size_t written = events().size();
        eventually("more came", [&] { return events().size() > written + 100; });
        more = false;
        writer.join();
        CPPUNIT_ASSERT_EQUAL(then, delivered().size());
        CPPUNIT_ASSERT_EQUAL(delivered().back().id, last);
    }

    void itsConnectionHasItsName() {
        read();
        const std::string name = " name=" + keys().workerClientName("") + ":qe ";
        assertContains(text({"CLIENT", "LIST"}), name);
        reader_->stop();
        eventually("gone", [&] {
            return text({"CLIENT", "LIST"}).find(name) == std::string::npos;
        });
    }

    void badSettingsAreRefused() {
        const auto make = [this](const std::string& name, const std::string& after, int block) {
            QueueEvents::Settings settings;
            settings.name = name;
            settings.after = after;
            settings.blockTimeout = milliseconds(block);
            QueueEvents reader(handleOf(options()), settings, [](const QueueEvent&) {});
        };
        make("q", "17-3", 1);
        for (const char* name : {"", "a:b"}) {
            CPPUNIT_ASSERT_THROW(make(name, "$", 100), Poco::InvalidArgumentException);
        }
        for (const char* after :
             {"", "-", "1-", "now", "1-2-3", "$1", "-1", "1 ", "99999999999999999999"}) {
            CPPUNIT_ASSERT_THROW_MESSAGE(
                after, make("q", after, 100), Poco::InvalidArgumentException);
        }
        CPPUNIT_ASSERT_THROW(make("q", "$", 0), Poco::InvalidArgumentException);
    }

    void anOutageIsReportedAsAGap() {
        useOwnServer();
        proxy_ = std::make_unique<TcpProxy>(own_->port());
        const int port = proxy_->port();
        std::atomic<int> gaps{0};
        const auto reader = readGaps(gaps, port, [](const QueueEvent&) {});
        CPPUNIT_ASSERT_EQUAL(0, gaps.load());
        proxy_.reset();
        eventually("away", [&] { return !reader->healthy(); });
        proxy_ = std::make_unique<TcpProxy>(own_->port(), port);
        eventually("reported", [&] { return gaps == 1; });
    }

    void aPageGoesOnBehindAnId() {
        const QueueReader reader(handleOf(options()), {"bull", name()});
        CPPUNIT_ASSERT(reader.events("0-0").events.empty());
        for (int i = 1; i <= 5; ++i) {
            emit({"event", "n", "jobId", std::to_string(i)});
        }
        const EventPage first = reader.events("0-0", 3);
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, first.events.size());
        CPPUNIT_ASSERT_EQUAL(first.events[2].id, first.next);
        const EventPage rest = reader.events(first.next);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, rest.events.size());
        CPPUNIT_ASSERT_EQUAL(std::string("5"), std::string(rest.events[1].jobId()));
        const EventPage none = reader.events(rest.next);
        CPPUNIT_ASSERT(none.events.empty());
        CPPUNIT_ASSERT_EQUAL(rest.next, none.next);
        CPPUNIT_ASSERT(!first.gap && !rest.gap && !none.gap);
        CPPUNIT_ASSERT_THROW((void)reader.events("7-"), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW((void)reader.events("$"), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW((void)reader.events("0-0", 0), Poco::InvalidArgumentException);
    }

    void aPageReportsWhatMayBeLost() {
        const QueueReader reader(handleOf(options()), {"bull", name()});
        emit({"event", "n", "jobId", "1"});
        emit({"event", "n", "jobId", "2"});
        emit({"event", "n", "jobId", "3"});
        const EventPage all = reader.events("0-0");
        redis({"XTRIM", keys().events, "MAXLEN", "1"});
        const EventPage trimmed = reader.events(all.events[0].id);
        CPPUNIT_ASSERT(trimmed.gap);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, trimmed.events.size());
        CPPUNIT_ASSERT(!reader.events(all.events[2].id).gap);
        // An id of the future belongs to another stream.
        const EventPage future = reader.events("9999999999999-0");
        CPPUNIT_ASSERT(future.gap);
        CPPUNIT_ASSERT_EQUAL(std::string("0-0"), future.next);
        redis({"DEL", keys().events});
        const EventPage deleted = reader.events(all.events[2].id);
        CPPUNIT_ASSERT(deleted.gap);
        CPPUNIT_ASSERT_EQUAL(std::string("0-0"), deleted.next);
        CPPUNIT_ASSERT(!reader.events(deleted.next).gap);
    }

    void trimmingBeforeTheReaderIsAGap() {
        std::atomic<int> gaps{0};
        std::atomic<bool> go{false};
        std::atomic<int> seen{0};
        const auto reader = readGaps(gaps, options().port, [&](const QueueEvent&) {
            ++seen;
            eventually("may go on", [&] { return go.load(); });
        });
        addJob();
        eventually("read", [&] { return seen > 0; });
        redis({"EVAL",
               "for i = 1, 1000 do redis.call('XADD', KEYS[1], '*', 'event', 'x') end "
               "redis.call('XTRIM', KEYS[1], 'MAXLEN', 150)",
               "1",
               keys().events});
        go = true;
        eventually("reported", [&] { return gaps == 1; });
        // A reader that is behind without a loss reports none.
        redis({"EVAL",
               "for i = 1, 500 do redis.call('XADD', KEYS[1], '*', 'event', 'x') end",
               "1",
               keys().events});
        const std::string last(
            redis({"XREVRANGE", keys().events, "+", "-", "COUNT", "1"}).at(0).at(0).text());
        eventually("read", [&] { return reader->lastId() == last; });
        CPPUNIT_ASSERT_EQUAL(1, gaps.load());
    }

    void anEventOfAnApplicationIsDelivered() {
        read();
        QueueEventsProducer producer(handleOf(options()), {"bull", queueName()});
        const std::string id = producer.publishEvent("sold", {{"seat", "12"}, {"jobId", "7"}});
        eventually("delivered", [&] { return !delivered().empty(); });
        const QueueEvent event = delivered().front();
        assertEqual(id, event.id);
        assertEqual("sold", event.name);
        CPPUNIT_ASSERT(event.type == Type::Other);
        assertEqual("12", event.field("seat").value());
        assertEqual("7", event.jobId());
    }

    void publishedEventsTrimTheStream() {
        redis({"EVAL",
               "for i = 1, 3000 do redis.call('XADD', KEYS[1], '*', 'event', 'x') end",
               "1",
               keys().events});
        QueueEventsProducer producer(handleOf(options()), {"bull", queueName()});
        producer.publishEvent("sold", {}, 5000);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3001}, number({"XLEN", keys().events}));
        producer.publishEvent("sold", {});
        const std::int64_t left = number({"XLEN", keys().events});
        CPPUNIT_ASSERT_MESSAGE(std::to_string(left), left >= 1000 && left < 1200);
    }

    void senselessEventsAreNotPublished() {
        QueueEventsProducer producer(handleOf(options()), {"bull", queueName()});
        for (const char* name : {"", "completed", "waiting-children", "debounced", "error"}) {
            CPPUNIT_ASSERT_THROW_MESSAGE(
                name, producer.publishEvent(name, {}), Poco::InvalidArgumentException);
        }
        CPPUNIT_ASSERT_THROW(producer.publishEvent("sold", {{"event", "x"}}),
                             Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(producer.publishEvent("sold", {}, -1), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().events}));
    }

private:
    [[nodiscard]] std::string queueName() const { return keys().qualifiedName().substr(5); }
    /// A reader that counts gaps.
    std::unique_ptr<QueueEvents> readGaps(std::atomic<int>& gaps,
                                          int port,
                                          QueueEvents::Listener listener) {
        QueueEvents::Settings settings;
        settings.name = queueName();
        settings.blockTimeout = milliseconds(500);
        settings.onGap = [&gaps] { ++gaps; };
        auto reader = std::make_unique<QueueEvents>(
            handleOf(optionsAt(static_cast<std::uint16_t>(port))), settings, std::move(listener));
        CPPUNIT_ASSERT(reader->waitUntilReady(seconds(10)));
        return reader;
    }
    [[nodiscard]] std::string name() const { return keys().qualifiedName().substr(5); }
    WholeQueue makeQueue() {
        Queue::Settings settings;
        settings.name = name();
        settings.addTimeout = seconds(10);
        return {options(), settings};
    }

    void begin(const std::string& after, milliseconds block, const RedisOptions& server) {
        reader_.reset();
        QueueEvents::Settings settings;
        settings.name = name();
        settings.after = after;
        settings.blockTimeout = block;
        reader_ = std::make_unique<QueueEvents>(
            handleOf(server), settings, [this](const QueueEvent& event) { hear(event); });
    }
    /// Starts the reader and waits until it misses no event.
    void read(const std::string& after = "$",
              milliseconds block = milliseconds(500),
              const std::optional<RedisOptions>& server = std::nullopt) {
        begin(after, block, server.value_or(options()));
        CPPUNIT_ASSERT(reader_->waitUntilReady(seconds(10)));
        eventually("connected", [this] { return reader_->healthy(); });
    }
    void hear(const QueueEvent& event) {
        {
            const std::lock_guard lock(mutex_);
            delivered_.push_back(event);
        }
        if (!throwFor_.empty() && event.jobId() == throwFor_) {
            throw std::runtime_error("not me");
        }
        if (!stopFor_.empty() && event.jobId() == stopFor_) {
            reader_->stop();
        }
    }
    std::vector<QueueEvent> delivered() {
        const std::lock_guard lock(mutex_);
        return delivered_;
    }
    QueueEvent only(Type type) {
        std::vector<QueueEvent> found;
        for (const QueueEvent& event : delivered()) {
            if (event.type == type) {
                found.push_back(event);
            }
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, found.size());
        return found.front();
    }
    std::size_t counted(const std::string& name) {
        std::size_t count = 0;
        for (const QueueEvent& event : delivered()) {
            count += event.name == name ? 1 : 0;
        }
        return count;
    }
    Strings jobIds() {
        Strings ids;
        for (const QueueEvent& event : delivered()) {
            ids.emplace_back(event.jobId());
        }
        return ids;
    }
    /// The delivered events, in the form of events().
    Strings lines() {
        Strings all;
        for (const QueueEvent& event : delivered()) {
            std::string line = event.name;
            for (const auto& [field, value] : event.fields) {
                line += field == "jobId" ? " " + value : " " + field + "=" + value;
            }
            all.push_back(line);
        }
        return all;
    }
    std::string emit(const Strings& fields) {
        Strings command = {"XADD", keys().events, "*"};
        command.insert(command.end(), fields.begin(), fields.end());
        return text(command);
    }
    void emitOnceItIsBack(const std::string& jobId) {
        eventually("Redis is back", [&] {
            try {
                emit({"event", "n", "jobId", jobId});
                return true;
            } catch (const Poco::Exception&) {
                return false;
            }
        });
    }
    /// Waits until the reader sleeps in another XREAD than now.
    void untilBlockTimedOut() {
        const std::int64_t then = reads();
        eventually("another block", [&] { return reads() > then + 1; });
    }
    std::int64_t reads() {
        const std::string stats = text({"INFO", "commandstats"});
        const std::string mark = "cmdstat_xread:calls=";
        const std::size_t at = stats.find(mark);
        return at == std::string::npos ? 0 : std::stoll(stats.substr(at + mark.size()));
    }
    /// Returns true if a client requested that many entries; the slow log of Redis has every command that ended.
    bool requested(const std::string& count) {
        const Reply log = redis({"SLOWLOG", "GET", "-1"});
        for (std::size_t i = 0; i < log.size(); ++i) {
            const ReplyView command = log.at(i).at(3);
            for (std::size_t a = 0; command.at(0).text() == "XREAD" && a + 1 < command.size();
                 ++a) {
                if (command.at(a).text() == "COUNT" && command.at(a + 1).text() == count) {
                    return true;
                }
            }
        }
        return false;
    }
    void untilBlockedOn(const std::string& command) {
        eventually("blocked", [&] {
            return text({"CLIENT", "LIST"}).find("cmd=" + command) != std::string::npos;
        });
    }

    std::unique_ptr<LogCapture> eventsLog_;
    std::unique_ptr<TcpProxy> proxy_;
    std::mutex mutex_;
    std::vector<QueueEvent> delivered_;
    std::string throwFor_;
    std::string stopFor_;
    std::unique_ptr<QueueEvents> reader_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueEventsTest);
