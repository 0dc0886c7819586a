#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "queue/JobRecord.h"
#include "queue/ops/Add.h"
#include "support/Assert.h"
#include "support/RedisFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using Match = AddResult::Match;
using namespace std::string_literals;
using Strings = std::vector<std::string>;

}  // namespace

/// addJobs: parents, jobs that exist, and every mode of deduplication, between plain jobs in one call.
class AddScriptTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(AddScriptTest);
    CPPUNIT_TEST(aSecondAddAnswersTheOwner);
    CPPUNIT_TEST(oneCallMixesPlainAndDeduplicatedJobs);
    CPPUNIT_TEST(neighboursMayDifferInTheirTraces);
    CPPUNIT_TEST(aTtlLimitsHowLongTheIdIsOwned);
    CPPUNIT_TEST(extendRenewsTheTtl);
    CPPUNIT_TEST(replaceRemovesADelayedOwner);
    CPPUNIT_TEST(replaceLeavesTheTtlUnlessItExtends);
    CPPUNIT_TEST(replaceLeavesAnOwnerThatIsNotDelayed);
    CPPUNIT_TEST(rescheduleMovesADelayedOwner);
    CPPUNIT_TEST(theLastAddIsKeptBackWhileTheOwnerIsActive);
    CPPUNIT_TEST(anIdWhoseOwnerIsGoneIsTakenOver);
    CPPUNIT_TEST(besideBullmq5AFreshOwnerDropsWhatWasKeptBack);
    CPPUNIT_TEST(anIdOfAnotherTypeRefusesOneJobAlone);
    CPPUNIT_TEST(aChildEntersTheDependenciesOfItsParent);
    CPPUNIT_TEST(aMissingParentUsesUpNoId);
    CPPUNIT_TEST(aParentMayComeInTheSameCall);
    CPPUNIT_TEST(aJobThatExistsIsAdopted);
    CPPUNIT_TEST_SUITE_END();

public:
    void aSecondAddAnswersTheOwner() {
        assertEqual("1", addOne(R"({"deduplication":{"id":"d"}})").id);
        const AddedId second = addOne(R"({"deduplication":{"id":"d"}})");
        assertEqual("1", second.id);
        CPPUNIT_ASSERT(second.match == Match::Deduplication);
        assertEqual("d", hash("1").at("deid"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("2")}));
        assertEqual("2", text({"GET", keys().idCounter}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, number({"PTTL", owner()}));
        assertEqual("deduplicated 1 deduplicationId=d deduplicatedJobId=2", events().back());
    }

    void oneCallMixesPlainAndDeduplicatedJobs() {
        const std::vector<AddedId> added = add({"{}",
                                                R"({"de":{"id":"d"}})",
                                                "{}",
                                                R"({"de":{"id":"d"}})",
                                                R"({"de":{"id":"d"},"jobId":"a"})",
                                                R"({"lifo":true})"});
        Strings ids;
        for (const AddedId& one : added) {
            ids.push_back(one.id);
        }
        CPPUNIT_ASSERT((ids == Strings{"1", "2", "3", "2", "2", "6"}));
        CPPUNIT_ASSERT((list(keys().wait) == Strings{"3", "2", "1", "6"}));
        assertEqual("6", text({"GET", keys().idCounter}));
    }

    void neighboursMayDifferInTheirTraces() {
        const Strings opts = {R"({"attempts":3,"tm":"{\"a\":1}"})",
                              R"({"attempts":3,"tm":"b,\"tm\":"})",
                              R"({"attempts":3,"lifo":true,"tm":"c"})",
                              R"({"attempts":3})",
                              R"({"attempts":3,"jobId":"own","tm":"d"})",
                              R"({"attempts":3,"tm":"e"})",
                              R"({"attempts":3,"tm":"e"})",
                              R"({"attempts":3,"tm":"f","omc":true})"};
        const std::vector<AddedId> added = add(opts);
        for (std::size_t i = 0; i < opts.size(); ++i) {
            CPPUNIT_ASSERT_EQUAL(opts[i], hash(added[i].id).at("opts"));
            assertEqual(R"({"n":1})", hash(added[i].id).at("data"));
        }
        assertEqual("own", added[4].id);
    }

    void aTtlLimitsHowLongTheIdIsOwned() {
        addOne(R"({"de":{"id":"d","ttl":60000}})");
        expectTtl(1, 60000);
        redis({"PEXPIRE", owner(), "1000"});
        CPPUNIT_ASSERT(addOne(R"({"de":{"id":"d","ttl":60000}})").match == Match::Deduplication);
        expectTtl(1, 1000);
    }

    void extendRenewsTheTtl() {
        const std::string opts = R"({"de":{"id":"d","ttl":60000,"extend":true}})";
        addOne(opts);
        redis({"PEXPIRE", owner(), "1000"});
        assertEqual("1", addOne(opts).id);
        expectTtl(1001, 60000);
        assertEqual("1", text({"GET", owner()}));
    }

    void replaceRemovesADelayedOwner() {
        const std::string opts = R"({"delay":50000,"de":{"id":"d","replace":true}})";
        addOne(opts);
        redis({"RPUSH", keys().job("1:logs"), "row"});
        const AddedId second = addOne(opts);
        assertEqual("2", second.id);
        CPPUNIT_ASSERT(second.match == Match::None);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().job("1"), keys().job("1:logs")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", keys().delayed}));
        assertEqual("2", text({"GET", owner()}));
        const Strings all = events();
        const Strings last(all.end() - 4, all.end());
        CPPUNIT_ASSERT_EQUAL("removed 1 prev=delayed"s, last[0]);
        CPPUNIT_ASSERT_EQUAL("deduplicated 2 deduplicationId=d deduplicatedJobId=1"s, last[1]);
        CPPUNIT_ASSERT_EQUAL("added 2 name=mail"s, last[2]);
        assertStartsWith(last[3], "delayed 2 delay=");
    }

    void replaceLeavesTheTtlUnlessItExtends() {
        addOne(R"({"delay":50000,"de":{"id":"d","ttl":60000,"replace":true}})");
        redis({"PEXPIRE", owner(), "1000"});
        assertEqual("2",
                    addOne(R"({"delay":50000,"de":{"id":"d","ttl":60000,"replace":true}})").id);
        expectTtl(1, 1000);
        addOne(R"({"delay":50000,"de":{"id":"d","ttl":60000,"replace":true,"extend":true}})");
        expectTtl(1001, 60000);
        addOne(R"({"delay":50000,"de":{"id":"d","replace":true}})");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, number({"PTTL", owner()}));
    }

    void replaceLeavesAnOwnerThatIsNotDelayed() {
        const std::string opts = R"({"de":{"id":"d","replace":true}})";
        addOne(opts);
        const std::size_t before = events().size();
        assertEqual("1", addOne(opts).id);
        CPPUNIT_ASSERT_EQUAL(before, events().size());
    }

    void rescheduleMovesADelayedOwner() {
        addOne(R"({"delay":50000,"timestamp":1000000,"de":{"id":"d"}})");
        const AddedId second =
            addOne(R"({"delay":70000,"timestamp":2000000,"de":{"id":"d","reschedule":true}})");
        assertEqual("1", second.id);
        assertEqual("70000", hash("1").at("delay"));
        assertEqual(std::to_string(std::int64_t{2070000} * 4096),
                    text({"ZSCORE", keys().delayed, "1"}));
        assertEqual("2070000", text({"ZSCORE", keys().marker, "1"}));
        assertEqual("delayed 1 delay=2070000", events().back());
        // An owner that waits stays where it is.
        addOne(R"({"de":{"id":"e"}})");
        addOne(R"({"delay":5,"de":{"id":"e","reschedule":true}})");
        assertEqual("deduplicated 3 deduplicationId=e deduplicatedJobId=4", events().back());
    }

    void theLastAddIsKeptBackWhileTheOwnerIsActive() {
        const std::string opts =
            R"({"de":{"id":"d","ttl":60000,"keepLastIfActive":true},"priority":3})";
        addOne(R"({"de":{"id":"d","ttl":60000}})");
        claim(1);
        for (const char* expected : {"2", "3"}) {
            assertEqual("1", addOne(opts).id);
            assertEqual(expected, text({"HGET", next(), "jid"}));
        }
        assertEqual("mail", text({"HGET", next(), "name"}));
        assertEqual(R"({"n":1})", text({"HGET", next(), "data"}));
        assertContains(text({"HGET", next(), "opts"}), R"("keepLastIfActive":true)");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, number({"HLEN", next()}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, number({"PTTL", owner()}));
        assertEqual("deduplicated 1 deduplicationId=d deduplicatedJobId=3", events().back());
    }

    void anIdWhoseOwnerIsGoneIsTakenOver() {
        redis({"SET", owner(), "gone"});
        redis({"HSET", next(), "name", "x"});
        const AddedId added = addOne(R"({"de":{"id":"d","ttl":60000}})");
        CPPUNIT_ASSERT(added.match == Match::None);
        assertEqual(added.id, text({"GET", owner()}));
        expectTtl(1, 60000);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", next()}));
        // With a TTL it throttles, its job gone or not.
        redis({"SET", owner(), "gone", "PX", "60000"});
        assertEqual("gone", addOne(R"({"de":{"id":"d","ttl":60000}})").id);
    }

    void besideBullmq5AFreshOwnerDropsWhatWasKeptBack() {
        for (const Bullmq5 mode : {Bullmq5::Off, Bullmq5::On}) {
            redis({"DEL", owner()});
            redis({"HSET", next(), "name", "x"});
            ops::addJobs(QueueContext(keys(), mode),
                         client(),
                         {record(R"({"de":{"id":"d"}})")},
                         clock_.wallMs());
            CPPUNIT_ASSERT_EQUAL(std::int64_t{mode == Bullmq5::Off}, number({"EXISTS", next()}));
        }
    }

    void anIdOfAnotherTypeRefusesOneJobAlone() {
        redis({"LPUSH", owner(), "x"});
        const std::vector<AddedId> added = add({"{}", R"({"de":{"id":"d"}})", "{}"});
        assertContains(added[1].error, "WRONGTYPE");
        CPPUNIT_ASSERT((list(keys().wait) == Strings{"3", "1"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("2")}));
    }

    void aChildEntersTheDependenciesOfItsParent() {
        addOne(R"({"jobId":"p"})");
        const AddedId child = addOne(R"({"cpof":true,"parent":)" + parent("p") + "}");
        assertEqual(keys().job("p"), hash(child.id).at("parentKey"));
        assertEqual(R"({"id":"p","queueKey":")" + keys().qualifiedName() + R"(","cpof":true})",
                    hash(child.id).at("parent"));
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{1},
            number({"SISMEMBER", keys().job("p:dependencies"), keys().job(child.id)}));
    }

    void aMissingParentUsesUpNoId() {
        const std::vector<AddedId> added =
            add({"{}", R"({"parent":)" + parent("none") + "}", "{}"});
        CPPUNIT_ASSERT_EQUAL(-5, added[1].code);
        assertEqual("2", added[2].id);
        assertEqual("2", text({"GET", keys().idCounter}));
    }

    void aParentMayComeInTheSameCall() {
        const std::vector<AddedId> added =
            add({R"({"jobId":"p"})", R"({"parent":)" + parent("p") + "}"});
        assertEqual("2", added[1].id);
    }

    void aJobThatExistsIsAdopted() {
        addOne(R"({"jobId":"p"})");
        addOne(R"({"jobId":"q"})");
        addOne(R"({"jobId":"a"})");
        AddedId again = addOne(R"({"jobId":"a","parent":)" + parent("p") + "}");
        assertEqual("a", again.id);
        CPPUNIT_ASSERT(again.match == Match::Id);
        assertEqual("duplicated a", events().back());
        again = addOne(R"({"jobId":"a","parent":)" + parent("q") + "}");
        CPPUNIT_ASSERT_EQUAL(-7, again.code);
        assertEqual("duplicated a", events().back());
        redis({"DEL", keys().job("p")});
        assertEqual("a", addOne(R"({"jobId":"a","parent":)" + parent("q") + "}").id);
        assertEqual(keys().job("q"), hash("a").at("parentKey"));
    }

private:
    static JobRecord record(const std::string& opts) {
        return recordOf({"mail", R"({"n":1})", JobOptions::parse(opts)});
    }
    std::vector<AddedId> add(const Strings& opts) {
        std::vector<JobRecord> records;
        for (const std::string& one : opts) {
            records.push_back(record(one));
        }
        return ops::addJobs(context(), client(), records, clock_.wallMs());
    }
    AddedId addOne(const std::string& opts) { return add({opts}).front(); }

    [[nodiscard]] std::string owner() const { return keys().job("de:d"); }
    [[nodiscard]] std::string next() const { return keys().job("dn:d"); }
    [[nodiscard]] std::string parent(const std::string& id) const {
        return R"({"id":")" + id + R"(","queue":")" + keys().qualifiedName() + "\"}";
    }
    void expectTtl(std::int64_t least, std::int64_t most) {
        const std::int64_t ttl = number({"PTTL", owner()});
        CPPUNIT_ASSERT_MESSAGE(std::to_string(ttl), ttl >= least && ttl <= most);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AddScriptTest);
