#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Queue.h"
#include "queue/ops/Add.h"
#include "support/Assert.h"
#include "support/RedisFixture.h"
#include "support/TcpProxy.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using Status = AddResult::Status;

NewJob named(const std::string& name) {
    NewJob job;
    job.name = name;
    return job;
}

NewJob withId(const std::string& id) {
    NewJob job = named("custom");
    job.opts.jobId = id;
    return job;
}

JobRecord record(const std::string& name) {
    JobRecord record;
    record.name = name;
    record.data = "{}";
    record.opts = "{}";
    record.timestampMs = 1;
    return record;
}

std::vector<AddResult> addOnce(Queue& queue, std::vector<NewJob> jobs, const AddOnce& once) {
    const auto promise = std::make_shared<std::promise<std::vector<AddResult>>>();
    std::future<std::vector<AddResult>> results = promise->get_future();
    queue.addOnceAsync(std::move(jobs), once, [promise](std::vector<AddResult> all) {
        promise->set_value(std::move(all));
    });
    return results.get();
}

}  // namespace

/// An add with a key happens once, whoever sends it again and however the first reply ended.
class AddOnceTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(AddOnceTest);
    CPPUNIT_TEST(aRepetitionHasTheFirstResults);
    CPPUNIT_TEST(anotherContentAddsNothing);
    CPPUNIT_TEST(aLostReplyIsDecidedByTheRepetition);
    CPPUNIT_TEST(aJobThatCouldNotBeStoredIsTriedAgain);
    CPPUNIT_TEST(theRefusalOfAJobIsRemembered);
    CPPUNIT_TEST(oneCallMayHaveTheSameKeyTwice);
    CPPUNIT_TEST(neighboursOfOneCallDoNotMatter);
    CPPUNIT_TEST(aKeyOfAnotherTypeAddsNothing);
    CPPUNIT_TEST(theRecordExpires);
    CPPUNIT_TEST(aMalformedKeyIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void aRepetitionHasTheFirstResults() {
        const auto queue = open();
        const auto first = addOnce(*queue, {named("a"), withId("order-1"), named("b")}, once_);
        for (const AddResult& result : first) {
            CPPUNIT_ASSERT(result.status == Status::Added);
            CPPUNIT_ASSERT(!result.repeated);
        }
        assertEqual("order-1", first[1].id);
        const auto counter = text({"GET", keys().idCounter});
        const auto seen = events();
        const auto again = addOnce(*open(), {named("a"), withId("order-1"), named("b")}, once_);
        for (std::size_t i = 0; i < first.size(); ++i) {
            CPPUNIT_ASSERT(again[i].status == Status::Added);
            CPPUNIT_ASSERT(again[i].repeated);
            assertEqual(first[i].id, again[i].id);
            CPPUNIT_ASSERT_EQUAL(first[i].timestampMs, again[i].timestampMs);
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, waiting());
        assertEqual(counter, text({"GET", keys().idCounter}));
        CPPUNIT_ASSERT(seen == events());
    }

    void anotherContentAddsNothing() {
        const auto queue = open();
        addOnce(*queue, {named("a")}, once_);
        AddOnce other = once_;
        other.fingerprint = "other";
        CPPUNIT_ASSERT(addOnce(*queue, {named("a")}, other)[0].status == Status::KeyTaken);
        // As many jobs belong to the key as the first time.
        for (const AddResult& result : addOnce(*queue, {named("a"), named("b")}, once_)) {
            CPPUNIT_ASSERT(result.status == Status::KeyTaken);
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, waiting());
        other.key = "another";
        CPPUNIT_ASSERT(addOnce(*queue, {named("a")}, other)[0].status == Status::Added);
    }

    void aLostReplyIsDecidedByTheRepetition() {
        TcpProxy proxy(server_->plainPort());
        const auto queue = std::make_unique<WholeQueue>(plainAt(proxy.port()), settingsOf());
        CPPUNIT_ASSERT(queue->add(named("first")).status == Status::Added);
        proxy.loseReply("the-doubtful-one");
        CPPUNIT_ASSERT(addOnce(*queue, {named("the-doubtful-one")}, once_)[0].status ==
                       Status::Unknown);
        AddResult result;
        eventually("the repetition", [&] {
            result = addOnce(*queue, {named("the-doubtful-one")}, once_)[0];
            return result.status == Status::Added;
        });
        CPPUNIT_ASSERT(result.repeated);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, waiting());
        assertEqual("the-doubtful-one", hash(result.id).at("name"));
    }

    void aJobThatCouldNotBeStoredIsTriedAgain() {
        const auto queue = open();
        NewJob single = named("single");
        single.opts.deduplication.emplace();
        single.opts.deduplication->id = "x";
        const std::string owner = keys().qualifiedName() + ":de:x";
        redis({"SADD", owner, "not a job"});
        const auto first = addOnce(*queue, {named("a"), single}, once_);
        CPPUNIT_ASSERT(first[0].status == Status::Added);
        CPPUNIT_ASSERT(first[1].status == Status::Unavailable);
        redis({"DEL", owner});
        const auto again = addOnce(*queue, {named("a"), single}, once_);
        CPPUNIT_ASSERT(again[0].repeated);
        assertEqual(first[0].id, again[0].id);
        CPPUNIT_ASSERT(again[1].status == Status::Added);
        CPPUNIT_ASSERT(!again[1].repeated);
        CPPUNIT_ASSERT(addOnce(*queue, {named("a"), single}, once_)[1].repeated);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, waiting());
    }

    void theRefusalOfAJobIsRemembered() {
        JobRecord orphan = record("orphan");
        orphan.parentKey = keys().job("parent");
        orphan.parent = R"({"id":"parent","queueKey":")" + keys().qualifiedName() + "\"}";
        CPPUNIT_ASSERT_EQUAL(-5, add({orphan}, {{&once_, 0, 1}})[0].code);
        redis({"HSET", keys().job("parent"), "name", "x"});
        const auto again = add({orphan}, {{&once_, 0, 1}});
        CPPUNIT_ASSERT_EQUAL(-5, again[0].code);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, again[0].timestampMs.value());
    }

    void oneCallMayHaveTheSameKeyTwice() {
        AddOnce other = once_;
        other.fingerprint = "other";
        const auto added = add({record("a"), record("a"), record("a")},
                               {{&once_, 0, 1}, {&once_, 1, 1}, {&other, 2, 1}});
        CPPUNIT_ASSERT(!added[0].timestampMs);
        assertEqual(added[0].id, added[1].id);
        CPPUNIT_ASSERT(added[1].timestampMs.has_value());
        CPPUNIT_ASSERT(added[2].keyTaken);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, waiting());
        assertEqual("1", text({"GET", keys().idCounter}));
    }

    void neighboursOfOneCallDoNotMatter() {
        AddOnce other = once_;
        other.key = "second";
        add({record("a"), record("b")}, {{&once_, 1, 1}});
        const auto added = add({record("c"), record("b"), record("d"), record("e"), record("f")},
                               {{&once_, 1, 1}, {&other, 2, 2}});
        assertEqual("2", added[1].id);
        CPPUNIT_ASSERT(added[1].timestampMs.has_value());
        for (const std::size_t i : {0U, 2U, 3U, 4U}) {
            CPPUNIT_ASSERT(!added[i].timestampMs);
        }
        assertEqual("c", hash("3").at("name"));
        assertEqual("f", hash("6").at("name"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{6}, waiting());
        assertEqual("4", add({record("d"), record("e")}, {{&other, 0, 2}})[0].id);
    }

    void aKeyOfAnotherTypeAddsNothing() {
        redis({"SADD", recordKey(), "x"});
        const auto added = add({record("a"), record("b")}, {{&once_, 1, 1}});
        assertEqual("1", added[0].id);
        assertContains(added[1].error, "WRONGTYPE");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, waiting());
    }

    void theRecordExpires() {
        AddOnce once = once_;
        once.ttl = std::chrono::hours(1);
        add({record("a")}, {{&once, 0, 1}});
        const std::int64_t left = number({"PTTL", recordKey()});
        CPPUNIT_ASSERT(left > 3500000 && left <= 3600000);
        redis({"DEL", recordKey()});
        assertEqual("2", add({record("a")}, {{&once, 0, 1}})[0].id);
    }

    void aMalformedKeyIsRefused() {
        const auto queue = open();
        AddOnce once = once_;
        for (const std::string& key : {std::string(), std::string("a:b"), std::string(129, 'x')}) {
            once.key = key;
            const auto results = addOnce(*queue, {named("a")}, once);
            CPPUNIT_ASSERT(results[0].status == Status::Rejected);
            assertContains(results[0].message, "is not 1 to 128 of [A-Za-z0-9_-]");
        }
        once = once_;
        once.ttl = milliseconds(0);
        assertContains(addOnce(*queue, {named("a")}, once)[0].message, "1 ms or more, not 0");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, waiting());
    }

private:
    [[nodiscard]] Queue::Settings settingsOf() const {
        Queue::Settings settings;
        settings.name = keys().qualifiedName().substr(std::string("bull:").size());
        return settings;
    }
    std::unique_ptr<WholeQueue> open() {
        return std::make_unique<WholeQueue>(options(), settingsOf());
    }
    std::vector<AddedId> add(const std::vector<JobRecord>& jobs,
                             const std::vector<ops::OnceGroup>& onces) {
        return ops::addJobs(context(), client(), jobs, clock_.wallMs(), onces);
    }
    [[nodiscard]] std::int64_t waiting() { return number({"LLEN", keys().wait}); }
    [[nodiscard]] std::string recordKey() const {
        return keys().qualifiedName() + ":drover:once:" + once_.key;
    }

    const AddOnce once_{"key-1", "content"};
};

CPPUNIT_TEST_SUITE_REGISTRATION(AddOnceTest);
