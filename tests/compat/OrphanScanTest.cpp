#include <cppunit/extensions/HelperMacros.h>

#include "queue/ops/JobUpdates.h"
#include "support/OrphanScan.h"
#include "support/RedisFixture.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// The scanner that other tests end with: it names the leftovers, and nothing else.
class OrphanScanTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(OrphanScanTest);
    CPPUNIT_TEST(aQueueInUseHasNoOrphans);
    CPPUNIT_TEST(aHashInNoSetIsFound);
    CPPUNIT_TEST(aMemberWithoutHashIsFound);
    CPPUNIT_TEST(aJobInTwoSetsIsFound);
    CPPUNIT_TEST(aLockWithoutActiveJobIsFound);
    CPPUNIT_TEST(theLeftoversOfAJobAreFound);
    CPPUNIT_TEST(halfASchedulerIsFound);
    CPPUNIT_TEST_SUITE_END();

public:
    void aQueueInUseHasNoOrphans() {
        const std::string held = addJob();
        claim(1);
        const std::string waiting = addJob();
        ops::addLog(context(), client(), waiting, "a row", 0);
        redis({"SADD", key("stalled"), held});
        redis({"SET", key("de:once"), waiting});
        redis({"HSET", key("dn:once"), "name", "next"});
        redis({"RPUSH", key("wait"), "0:1"});
        redis({"HSET", key("metrics:completed"), "count", "1"});
        redis({"ZADD", key("repeat"), "1795384166452", "daily"});
        redis({"HSET", key("repeat:daily"), "every", "1000"});
        redis({"ZADD", key("waiting-children"), "1", "sum"});
        redis({"HSET", key("sum"), "name", "sum"});
        redis({"SADD", key("sum:dependencies"), key(waiting)});
        expect("");
    }

    void aHashInNoSetIsFound() {
        redis({"HSET", key("7"), "name", "mail"});
        expect("7 is a hash in no set");
    }

    void aMemberWithoutHashIsFound() {
        redis({"ZADD", key("delayed"), "1", "7"});
        expect("delayed has 7, which has no hash");
        redis({"DEL", key("delayed")});
        redis({"SADD", key("stalled"), "7"});
        expect("stalled has 7, which has no hash");
        redis({"DEL", key("stalled")});
        const std::string parent = addJob();
        redis({"SADD", key(parent + ":dependencies"), key("7")});
        expect(parent + ":dependencies has " + key("7") + ", which has no hash");
    }

    void aJobInTwoSetsIsFound() {
        const std::string id = addJob();
        redis({"ZADD", key("failed"), "1", id});
        expect(id + " is in wait and in failed");
    }

    void aLockWithoutActiveJobIsFound() {
        const std::string id = addJob();
        redis({"SET", key(id + ":lock"), "token"});
        expect(id + ":lock locks a job that is in wait");
        redis({"DEL", key(id + ":lock")});
        redis({"SET", key("7:lock"), "token"});
        expect("7:lock locks a job that is in no set");
    }

    void theLeftoversOfAJobAreFound() {
        redis({"RPUSH", key("7:logs"), "a row"});
        expect("7:logs belongs to no job");
        redis({"DEL", key("7:logs")});
        redis({"SET", key("seven"), "7"});
        expect("seven is a string of an unknown name");
    }

    void halfASchedulerIsFound() {
        redis({"ZADD", key("repeat"), "1", "daily"});
        expect("repeat has daily, which has no record");
        redis({"DEL", key("repeat")});
        redis({"HSET", key("repeat:daily"), "every", "1000"});
        expect("repeat:daily is a hash in no set");
    }

private:
    std::string key(const std::string& suffix) { return keys().qualifiedName() + ":" + suffix; }

    /// One orphan, without the queue's name; "": none.
    void expect(const std::string& orphan) {
        const std::vector<std::string> found = findOrphans(client(), keys().qualifiedName() + ":*");
        CPPUNIT_ASSERT_EQUAL(orphan.empty() ? std::string() : key(orphan),
                             found.empty() ? std::string() : found.front());
        CPPUNIT_ASSERT(found.size() <= 1);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(OrphanScanTest);
