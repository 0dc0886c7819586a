#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "queue/QueueContext.h"
#include "queue/ops/Add.h"
#include "queue/ops/Advance.h"
#include "queue/ops/Control.h"
#include "queue/ops/Flow.h"
#include "queue/ops/JobChanges.h"
#include "queue/ops/Locks.h"
#include "queue/ops/Maintenance.h"
#include "queue/ops/Schedulers.h"
#include "queue/ops/Settle.h"
#include "queue/ops/Stalled.h"
#include "support/Assert.h"
#include "support/RedisFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::seconds;
using Strings = std::vector<std::string>;

/// Put before a script: its commands are counted in `fault:count`, and the one whose number is in `fault:at` fails.
constexpr const char* kFault = R"lua(
local redis = (function(real)
  local at, n = tonumber(real.call('GET', 'fault:at') or 0), 0
  local function command(name)
    return function(...)
      n = n + 1
      real.call('SET', 'fault:count', n)
      if n ~= at then return real[name](...) end
      local planted = { err = 'ERR planted error' }
      if name == 'pcall' then return planted end
      error(planted)
    end
  end
  return setmetatable({ call = command('call'), pcall = command('pcall') }, { __index = real })
end)(redis)
)lua";

/// The queue that the parents of some jobs are in.
constexpr const char* kParents = "bull:parents";

}  // namespace

/// A script is not rolled back, and yet no error inside of one loses a job: each job is in one state afterwards, and
/// no lock is left of a job that is not active. That holds for each command that fails, and for any type of key under
/// one job or the queue.
class ScriptFaultsTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(ScriptFaultsTest);
    CPPUNIT_TEST(anyFailedCommandOfAFinishAndClaim);
    CPPUNIT_TEST(anyFailedCommandOfAFinishAndClaimNextToBullmq5);
    CPPUNIT_TEST(anyFailedCommandOfARetry);
    CPPUNIT_TEST(anyFailedCommandOfAHandBack);
    CPPUNIT_TEST(anyFailedCommandOfAWaitForChildren);
    CPPUNIT_TEST(anyFailedCommandOfAStalledCheck);
    CPPUNIT_TEST(anyFailedCommandOfAStalledCheckNextToBullmq5);
    CPPUNIT_TEST(anyFailedCommandOfAnAdd);
    CPPUNIT_TEST(anyFailedCommandOfADeduplicatedAdd);
    CPPUNIT_TEST(anyFailedCommandOfAFlow);
    CPPUNIT_TEST(anyFailedCommandOfAScheduler);
    CPPUNIT_TEST(anyFailedCommandOfARescue);
    CPPUNIT_TEST(anyFailedCommandOfPauseAndResume);
    CPPUNIT_TEST(anyFailedCommandOfAPromotion);
    CPPUNIT_TEST(anyFailedCommandOfAChangedDelay);
    CPPUNIT_TEST(anyFailedCommandOfAChangedPriority);
    CPPUNIT_TEST(anyFailedCommandOfARetriedEnd);
    CPPUNIT_TEST(anyFailedCommandOfARemoval);
    CPPUNIT_TEST(anyFailedCommandOfAChildThatLeaves);
    CPPUNIT_TEST(anyFailedCommandOfAClean);
    CPPUNIT_TEST(anyFailedCommandOfManyRetries);
    CPPUNIT_TEST(anyFailedCommandOfAnObliteration);
    CPPUNIT_TEST(anyKeyOfAnotherType);
    CPPUNIT_TEST(aRuleBeyondAllNumbersHarmsNoJob);
    CPPUNIT_TEST(aMalformedParentKeyHarmsNoOtherJob);
    CPPUNIT_TEST(idsWhoseKeyIsNotAHashAreSetAside);
    CPPUNIT_TEST(aLockOfAnotherTypeStopsNoRenewal);
    CPPUNIT_TEST(lostJobsThatEndedGoBackToTheirSet);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        RedisFixture::setUp();
        useOwnServer();
        RedisOptions faulty = options();
        faulty.scripts = std::make_shared<const ScriptRegistry>(
            [](std::string_view, std::string_view text) { return kFault + std::string(text); });
        faulty_ = std::make_unique<RedisClient>(faulty, "faulty");
    }
    void tearDown() override {
        faulty_.reset();
        RedisFixture::tearDown();
    }

    void anyFailedCommandOfAFinishAndClaim() {
        failEach([this] { prepareAdvance(); }, [this] { runAdvance(Bullmq5::Off); });
    }
    void anyFailedCommandOfAFinishAndClaimNextToBullmq5() {
        failEach([this] { prepareAdvance(); }, [this] { runAdvance(Bullmq5::On); });
    }
    void anyFailedCommandOfARetry() {
        failEach([this] { prepareSettling(); },
                 [this] {
                     ops::retryJobs(context(),
                                    *faulty_,
                                    {{"1", "token", 5000, false, "boom", "[]"},
                                     {"2", "token", 0, false, "boom", "[]"},
                                     {"3", "token", 0, true, "boom", "[]"}},
                                    clock_.wallMs() + 100);
                 });
    }
    void anyFailedCommandOfAHandBack() {
        failEach([this] { prepareSettling(); },
                 [this] {
                     ops::handBackJobs(context(),
                                       *faulty_,
                                       {{"3", "token", 0, true},
                                        {"2", "token", clock_.wallMs() + 60000, true},
                                        {"1", "token", 0, true}},
                                       clock_.wallMs());
                 });
    }
    void anyFailedCommandOfAWaitForChildren() {
        failEach(
            [this] {
                prepareSettling();
                redis({"SADD", keys().job("1:dependencies"), "bull:other:1"});
                redis({"SADD", keys().job("2:dependencies"), "bull:other:2"});
            },
            [this] {
                ops::moveToWaitingChildren(
                    context(),
                    *faulty_,
                    {{"1", "token"}, {"2", "token", "bull:other:2"}, {"3", "token"}},
                    clock_.wallMs());
            });
    }
    void anyFailedCommandOfAStalledCheck() {
        failEach([this] { prepareStalled(); }, [this] { runStalled(Bullmq5::Off); });
    }
    void anyFailedCommandOfAStalledCheckNextToBullmq5() {
        failEach([this] { prepareStalled(); }, [this] { runStalled(Bullmq5::On); });
    }
    void anyFailedCommandOfAnAdd() {
        failEach(
            [this] {
                addParent("p");
                addJob();
                JobRecord known = item();
                known.customId = "known";
                ops::addJobs(context(), client(), {known}, clock_.wallMs());
            },
            [this] {
                std::vector<JobRecord> items(6, item());
                items[1].delayMs = 60000;
                items[2].priority = 3;
                items[3].parentKey = std::string(kParents) + ":p";
                items[3].parent = R"({"id":"p","queueKey":"bull:parents"})";
                items[4].customId = "known";
                items[4].parentKey = items[3].parentKey;
                items[4].parent = items[3].parent;
                items[5].lifo = true;
                ops::addJobs(context(), *faulty_, items, clock_.wallMs());
            });
    }
    void anyFailedCommandOfADeduplicatedAdd() {
        const auto deduplicated = [this](const std::string& id, std::int64_t delayMs) {
            JobRecord record = item();
            record.delayMs = delayMs;
            record.deduplication = Deduplication{id, 0, false, false, false, false};
            return record;
        };
        failEach(
            [&] {
                ops::addJobs(context(), client(), {deduplicated("a", 0)}, clock_.wallMs());
                claim(1);
                ops::addJobs(context(),
                             client(),
                             {deduplicated("r", 60000), deduplicated("m", 60000)},
                             clock_.wallMs());
            },
            [&] {
                std::vector<JobRecord> items = {deduplicated("a", 0),
                                                deduplicated("r", 60000),
                                                deduplicated("m", 90000),
                                                deduplicated("m", 0),
                                                deduplicated("n", 0),
                                                item()};
                items[0].deduplication->keepLastIfActive = true;
                items[1].deduplication->replace = true;
                items[2].deduplication->reschedule = true;
                ops::addJobs(context(), *faulty_, items, clock_.wallMs());
            },
            [&] {
                // An id is never owned by a job that was not stored, so that each of them is free in the end.
                for (const char* id : {"r", "m", "n"}) {
                    const Reply owner = redis({"GET", keys().job("de:" + std::string(id))});
                    CPPUNIT_ASSERT(owner.isNil() ||
                                   number({"EXISTS", keys().job(std::string(owner.text()))}) == 1);
                }
            });
    }
    void anyFailedCommandOfAFlow() {
        // Parents are "top", "p" and "m"; the child of "m" has completed, so that "m" is released.
        FlowRecords flow;
        flow.queues.push_back(context());
        flow.queues.emplace_back(QueueKeys("bull", "parents"));
        const auto add =
            [&](const std::string& id, std::size_t parent, const std::string& parentKey) {
                FlowRecords::Node& node = flow.nodes.emplace_back();
                node.record = item();
                node.record.customId = id;
                node.record.parentKey = parentKey;
                const std::size_t colon = parentKey.rfind(':');
                node.record.parent = R"({"id":")" + parentKey.substr(colon + 1) +
                                     R"(","queueKey":")" + parentKey.substr(0, colon) + "\"}";
                node.parent = parent;
                node.mayExist = true;
                node.record.hasChildren = id == "p" || id == "m";
            };
        add("p", 0, std::string(kParents) + ":top");
        for (const char* id : {"c", "d", "e", "known", "m"}) {
            add(id, 0, keys().job("p"));
        }
        flow.nodes[2].record.delayMs = 60000;
        flow.nodes[3].record.priority = 3;
        add("done", 5, keys().job("m"));
        const std::vector<std::string> fresh = {"p", "c", "d", "e", "m"};
        const auto stored = [&] {
            return std::count_if(fresh.begin(), fresh.end(), [&](const std::string& id) {
                return number({"EXISTS", keys().job(id)}) == 1;
            });
        };
        const auto call = [&] {
            Command command = ops::flowCall(*faulty_, flow, clock_.wallMs());
            static_cast<void>(faulty_->run(command));
        };
        const auto prepare = [&] {
            addParent("top");
            JobRecord known = item();
            known.customId = "known";
            ops::addJobs(context(), client(), {known}, clock_.wallMs());
            redis({"HSET",
                   keys().job("done"),
                   "name",
                   "done",
                   "data",
                   "{}",
                   "opts",
                   "{}",
                   "timestamp",
                   "1",
                   "returnvalue",
                   "1"});
            redis({"ZADD", keys().completed, "1", "done"});
        };
        std::set<std::int64_t> outcomes;
        failEach(prepare, [&] {
            try {
                call();
            } catch (const Exception&) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE(trial_, 0L, static_cast<long>(stored()));
                CPPUNIT_ASSERT_EQUAL_MESSAGE(trial_,
                                             std::int64_t{0},
                                             number({"EXISTS",
                                                     std::string(kParents) + ":top:dependencies",
                                                     keys().job("m:processed")}));
                for (const char* id : {"known", "done"}) {
                    CPPUNIT_ASSERT_EQUAL_MESSAGE(
                        trial_, std::int64_t{0}, number({"HEXISTS", keys().job(id), "parentKey"}));
                }
                outcomes.insert(0);
                return;
            }
            CPPUNIT_ASSERT_EQUAL_MESSAGE(trial_, 5L, static_cast<long>(stored()));
            CPPUNIT_ASSERT_MESSAGE(trial_, stateOf("m") == JobState::Waiting);
            outcomes.insert(5);
        });
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, outcomes.size());
    }
    void anyFailedCommandOfAScheduler() {
        const auto state = [this] {
            constexpr std::int64_t kHour =
                3600000;  // The next slot stays in the future on a slow machine.
            const std::int64_t due = clock_.wallMs() / kHour * kHour;
            const std::string id = "repeat:s:" + std::to_string(due);
            SchedulerItem next;
            next.scheduler = "s";
            next.claimedId = id;
            next.everyMs = kHour;
            next.repeat = R"({"every":3600000})";
            next.next.opts = R"({"attempts":0})";
            return std::make_pair(id, next);
        };
        // Not a structured binding: clang 14 captures none.
        auto first = state();
        auto& id = first.first;
        auto& next = first.second;
        failEach(
            [&] {
                std::tie(id, next) = state();
                redis({"HSET", keys().job("repeat:s"), "ic", "1", "every", "3600000", "name", "x"});
                redis({"ZADD", keys().repeat, id.substr(9), "s"});
                JobRecord record = item();
                record.customId = id;
                ops::addJobs(context(), client(), {record}, clock_.wallMs());
                claim(1);
            },
            [&] { ops::iterateScheduler(context(), *faulty_, next, clock_.wallMs()); },
            [&] {
                // The scheduler goes on after any failure: this time or the next.
                CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", keys().delayed}));
                CPPUNIT_ASSERT(text({"ZSCORE", keys().repeat, "s"}) != id.substr(9));
            });
    }
    void anyFailedCommandOfARescue() {
        failEach(
            [this] {
                for (int i = 0; i < 3; ++i) {
                    addJob();
                }
                redis({"LREM", keys().wait, "0", "2"});
                redis({"HSET", keys().job("dn:d"), "name", "next", "data", "{}", "opts", "{}"});
            },
            [this] {
                ops::rescueLost(
                    context(), *faulty_, {"1", "2", "3"}, {"d"}, clock_.wallMs(), clock_.wallMs());
            },
            [this] {
                CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, number({"LLEN", keys().wait}));
            },
            {"2"});
    }
    void anyFailedCommandOfPauseAndResume() {
        const auto prepare = [this] {
            for (int i = 0; i < 4; ++i) {
                addJob();
            }
            redis({"RPOPLPUSH", keys().wait, keys().paused});
        };
        const QueueContext shared(keys(), Bullmq5::On);
        failEach(prepare, [&] { ops::pause(shared, *faulty_); });
        failEach(
            [&] {
                prepare();
                ops::pause(shared, client());
                redis({"RPOPLPUSH", keys().paused, keys().wait});
            },
            [&] { ops::resume(shared, *faulty_); });
    }

    void anyFailedCommandOfAPromotion() {
        for (const int priority : {0, 3}) {
            failEach([&] { addOne(60000, priority); },
                     [&] { (void)ops::promoteJob(context(), *faulty_, "1"); },
                     [&] {
                         CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"ZCARD", keys().delayed}));
                     });
        }
    }
    void anyFailedCommandOfAChangedDelay() {
        failEach([&] { addOne(60000, 0); },
                 [&] {
                     (void)ops::changeDelay(
                         context(), *faulty_, "1", std::chrono::milliseconds(9), clock_.wallMs());
                 },
                 [&] { assertEqual("9", hash("1")["delay"]); });
    }
    void anyFailedCommandOfAChangedPriority() {
        for (const auto& [before, after] : {std::pair{0, 3}, std::pair{3, 0}, std::pair{3, 4}}) {
            failEach([&, before = before] { addOne(0, before); },
                     [&, after = after] {
                         (void)ops::changePriority(context(), *faulty_, "1", after, false);
                     },
                     [&, after = after] {
                         CPPUNIT_ASSERT_EQUAL(std::to_string(after), hash("1")["priority"]);
                     });
        }
    }
    void anyFailedCommandOfARetriedEnd() {
        failEach(
            [&] {
                addParent("p");
                addChild("p", "");
                addChild("p", "");
                claim(1);
                AdvanceRequest request = finishing(1);
                request.finish[0].completed = false;
                ops::advance(context(), client(), request, clock_.wallMs());
                redis({"SREM", "bull:parents:p:dependencies", keys().job("1")});
                redis({"HSET", "bull:parents:p:failed", keys().job("1"), "boom"});
            },
            [&] { (void)ops::reprocessJob(context(), *faulty_, "1", false, true, true); },
            [&] { CPPUNIT_ASSERT(stateOf("1") == JobState::Waiting); });
    }
    void anyFailedCommandOfARemoval() {
        failEach(
            [&] {
                addParent("p");
                addChild("p", "");
                addChild("p", "");
                addJob();
                redis({"HSET", keys().job("1"), "deid", "d"});
                redis({"SET", keys().job("de:d"), "1"});
            },
            [&] { (void)ops::removeJob(context(), *faulty_, "1", true, 1000); },
            [&] {
                CPPUNIT_ASSERT(stateOf("1") == JobState::Unknown);
                CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                                     number({"EXISTS", keys().job("1"), keys().job("de:d")}));
                assertEqual(keys().job("2"), text({"SRANDMEMBER", "bull:parents:p:dependencies"}));
            },
            {"1"});  // A hash whose id left its state; the second call removes it.
    }
    void anyFailedCommandOfAChildThatLeaves() {
        failEach(
            [&] {
                addParent("p");
                addChild("p", "");
            },
            [&] { (void)ops::removeChildDependency(context(), *faulty_, "1"); },
            [&] {
                CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", "bull:parents:wait"}));
            });
    }

    void anyFailedCommandOfAClean() {
        for (const bool middle : {false, true}) {
            failEach(
                [&] {
                    addParent("p");
                    addChild("p", "");
                    for (int i = 0; i < 4; ++i) {
                        addJob();
                    }
                    if (middle) {
                        redis({"HSET", keys().job("2"), "timestamp", "99999999999999"});
                    }
                },
                [&] { ops::cleanJobs(context(), *faulty_, "wait", 0, 4, clock_.wallMs() + 1000); },
                [&] {
                    const Strings left = list(keys().wait);
                    CPPUNIT_ASSERT(std::find(left.begin(), left.end(), "1") == left.end());
                    CPPUNIT_ASSERT_EQUAL(middle,
                                         std::find(left.begin(), left.end(), "2") != left.end());
                    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", "bull:parents:wait"}));
                });
        }
    }
    void anyFailedCommandOfManyRetries() {
        failEach(
            [&] {
                for (int i = 0; i < 3; ++i) {
                    addJob();
                }
                claim(3);
                AdvanceRequest request = finishing(3);
                for (FinishItem& one : request.finish) {
                    one.completed = false;
                }
                ops::advance(context(), client(), request, clock_.wallMs());
            },
            [&] { ops::requeueJobs(context(), *faulty_, "failed", "+inf", 10, clock_.wallMs()); },
            [&] {
                CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number({"LLEN", keys().wait}));
            });
    }
    void anyFailedCommandOfAnObliteration() {
        failEach(
            [&] {
                addJob();
                addJob();
                claim(1);
                addOne(60000, 0);
                redis({"ZADD", keys().repeat, "1", "s"});
                redis({"HSET", keys().job("repeat:s"), "ic", "1"});
                redis({"HSET", keys().meta, "paused", "1"});
            },
            [&] { ops::obliterate(context(), *faulty_, 100, true); },
            [&] {
                CPPUNIT_ASSERT_EQUAL(std::size_t{0},
                                     redis({"KEYS", keys().qualifiedName() + ":*"}).size());
            },
            {"1", "2", "3"});
    }

    void anyKeyOfAnotherType() {
        const Strings jobKeys{"1",
                              "1:lock",
                              "2:logs",
                              "3:dependencies",
                              "3:processed",
                              "3:unsuccessful",
                              "4:failed",
                              "8",
                              "8:lock",
                              "9",
                              "10",
                              "12"};
        const Strings queueKeys{"wait",
                                "active",
                                "prioritized",
                                "delayed",
                                "completed",
                                "failed",
                                "events",
                                "meta",
                                "marker",
                                "limiter",
                                "pc",
                                "stalled",
                                "paused",
                                "id",
                                "de:d",
                                "dn:d",
                                "metrics:completed"};
        const Strings parentKeys{"p",
                                 "p:dependencies",
                                 "p:processed",
                                 "p:failed",
                                 "p:unsuccessful",
                                 "wait",
                                 "prioritized",
                                 "waiting-children",
                                 "events",
                                 "meta",
                                 "marker",
                                 "delayed"};
        Strings planted;
        const auto all = [&](const std::string& prefix, const Strings& names) {
            for (const std::string& name : names) {
                planted.push_back(prefix + name);
            }
        };
        all(keys().jobPrefix(), jobKeys);
        all(keys().jobPrefix(), queueKeys);
        all(std::string(kParents) + ":", parentKeys);
        for (const Bullmq5 mode : {Bullmq5::Off, Bullmq5::On}) {
            for (const std::string& key : planted) {
                redis({"FLUSHDB"});
                prepareAdvance();
                const auto before = placesOfJobs();
                redis({"DEL", key});
                redis({"GEOADD", key, "1", "1", "x"});  // A zset, and for zsets:
                if (isZset(key)) {
                    redis({"DEL", key});
                    redis({"RPUSH", key, "x"});
                }
                trial_ = key;
                try {
                    runAdvance(mode);
                } catch (const Exception&) {
                    // A key of the queue: nothing may have changed then.
                }
                checkPlaces(before, key);
            }
        }
    }

    void aRuleBeyondAllNumbersHarmsNoJob() {
        for (int i = 0; i < 60; ++i) {
            addJob();
        }
        claim(60);
        AdvanceRequest request = finishing(60);
        request.finish[30].keep.count = std::numeric_limits<std::int64_t>::max();
        request.finish[31].keep.limit = std::numeric_limits<std::int64_t>::max();
        request.finish[31].keep.ageSeconds = std::numeric_limits<std::int64_t>::max();
        ops::advance(context(), client(), request, clock_.wallMs());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{60}, number({"ZCARD", keys().completed}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"LLEN", keys().active}));
    }

    void aMalformedParentKeyHarmsNoOtherJob() {
        for (int i = 0; i < 60; ++i) {
            addJob();
        }
        redis({"HSET", keys().job("7"), "parentKey", "nonsense", "parent", "[1,"});
        claim(60);
        const AdvanceResult result =
            ops::advance(context(), client(), finishing(60), clock_.wallMs());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, result.problems().size());
        assertEqual("7", result.problems()[0].id);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{60}, number({"ZCARD", keys().completed}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"LLEN", keys().active}));
    }

    void idsWhoseKeyIsNotAHashAreSetAside() {
        Strings ids;
        for (int i = 0; i < 200; ++i) {
            ids.push_back(addJob());
        }
        for (int i = 0; i < 200; i += 2) {
            redis({"DEL", keys().job(ids[i])});
            redis({"SET", keys().job(ids[i]), "no job"});
        }
        std::size_t claimed = 0;
        std::size_t told = 0;
        for (int round = 0; round < 10; ++round) {
            AdvanceRequest request;
            request.claim = 100;
            request.token = "token";
            request.lockDuration = seconds(10);
            const AdvanceResult result =
                ops::advance(context(), client(), request, clock_.wallMs());
            claimed += result.claimed();
            told += result.problems().size();
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, claimed);
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, told);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, number({"LLEN", keys().active}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, number({"HLEN", keys().job("drover:set-aside")}));
        assertEqual("no job", text({"GET", keys().job(ids[0])}));
        // In their order.
        CPPUNIT_ASSERT_EQUAL(ids[1], list(keys().active).back());
        CPPUNIT_ASSERT_EQUAL(ids[199], list(keys().active).front());
    }

    void aLockOfAnotherTypeStopsNoRenewal() {
        for (int i = 0; i < 3; ++i) {
            addJob();
        }
        claim(3);
        redis({"DEL", keys().job("2:lock")});
        redis({"RPUSH", keys().job("2:lock"), "x"});
        const RenewResult renewed = ops::extendLocks(
            context(), client(), {{"1", "token"}, {"2", "token"}, {"3", "token"}}, seconds(10));
        CPPUNIT_ASSERT((std::vector<std::size_t>{1} == renewed.lost));
    }

    void lostJobsThatEndedGoBackToTheirSet() {
        for (int i = 0; i < 3; ++i) {
            addJob();
        }
        redis({"DEL", keys().wait});
        redis({"HSET", keys().job("1"), "finishedOn", "1000", "returnvalue", "7"});
        redis({"HSET", keys().job("2"), "finishedOn", "2000", "failedReason", "boom"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, rescueLost(context()));
        assertEqual("1000", text({"ZSCORE", keys().completed, "1"}));
        assertEqual("2000", text({"ZSCORE", keys().failed, "2"}));
        CPPUNIT_ASSERT((Strings{"3"} == list(keys().wait)));
    }

private:
    using Places = std::map<std::string, Strings>;  ///< Key of a job to the states that it is in.

    /// Runs `call` once undisturbed, then once for each of its commands with that one failing; every time `prepare` first.
    /// After a failure the caller repeats its call, as a worker does; `after` looks at the result.
    void failEach(
        const std::function<void()>& prepare,
        const std::function<void()>& call,
        const std::function<void()>& after = [] {},
        const std::set<std::string>& lost = {}) {
        redis({"FLUSHDB"});
        prepare();
        call();
        const std::int64_t commands = number({"GET", "fault:count"});
        CPPUNIT_ASSERT(commands > 3);
        for (std::int64_t n = 1; n <= commands; ++n) {
            trial_ = "command " + std::to_string(n) + " of " + std::to_string(commands);
            redis({"FLUSHDB"});
            prepare();
            const auto order = list(keys().wait);
            redis({"SET", "fault:at", std::to_string(n)});
            try {
                call();
            } catch (const Exception&) {
                // As a whole: then nothing has changed, or the next call makes it complete.
            }
            redis({"DEL", "fault:at"});
            check(order, lost);
            call();
            check(order, {});
            after();
        }
    }

    void check(const Strings& orderBefore, const std::set<std::string>& lost) {
        for (const auto& [key, states] : placesOfJobs()) {
            const std::string id = key.substr(key.rfind(':') + 1);
            if (states.empty() && lost.count(id) > 0) {
                continue;
            }
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                trial_ + ": states of " + key + joined(states), std::size_t{1}, states.size());
            const bool locked = number({"EXISTS", key + ":lock"}) == 1;
            CPPUNIT_ASSERT_MESSAGE(trial_ + ": " + key + " is locked in " + states[0],
                                   !locked || states[0] == "active");
        }
        // Neighbours that still wait have their order.
        Strings still;
        const Strings now = list(keys().wait);
        std::copy_if(now.begin(), now.end(), std::back_inserter(still), [&](const auto& id) {
            return std::find(orderBefore.begin(), orderBefore.end(), id) != orderBefore.end();
        });
        Strings expected;
        std::copy_if(orderBefore.begin(),
                     orderBefore.end(),
                     std::back_inserter(expected),
                     [&](const auto& id) {
                         return std::find(still.begin(), still.end(), id) != still.end();
                     });
        CPPUNIT_ASSERT_MESSAGE(trial_ + ": order of wait" + joined(now), expected == still);
    }

    /// After a run with `planted` under a key of another type: every other job is in one state.
    void checkPlaces(const Places& before, const std::string& planted) {
        const Places now = placesOfJobs();
        for (const auto& [key, states] : before) {
            const std::string where = states.empty() ? "" : states[0];
            const std::string queue = key.substr(0, key.rfind(':'));
            if (key == planted || queue + ":" + where == planted) {
                continue;  // The planted key is its hash, or the list that it was in.
            }
            const auto found = now.find(key);
            if (found == now.end()) {
                continue;  // Finished and removed.
            }
            CPPUNIT_ASSERT_EQUAL_MESSAGE(planted + " of another type: states of " + key +
                                             joined(found->second) + ", before in " + where,
                                         std::size_t{1},
                                         found->second.size());
        }
    }

    bool isZset(const std::string& key) const {
        for (const char* name : {":prioritized",
                                 ":delayed",
                                 ":completed",
                                 ":failed",
                                 ":marker",
                                 ":waiting-children",
                                 ":unsuccessful"}) {
            const std::string text(name);
            if (key.size() > text.size() &&
                key.compare(key.size() - text.size(), text.size(), text) == 0) {
                return true;
            }
        }
        return false;
    }

    /// Each job's hash, of both queues, and the states that have its id.
    Places placesOfJobs() {
        Places places;
        for (const std::string& queue : {keys().qualifiedName(), std::string(kParents)}) {
            const Reply all = redis({"KEYS", queue + ":*"});
            for (std::size_t i = 0; i < all.size(); ++i) {
                const std::string key(all.at(i).text());
                if (text({"TYPE", key}) == "hash" && number({"HEXISTS", key, "timestamp"}) == 1) {
                    places[key];
                }
            }
            for (const char* name : {"wait",
                                     "paused",
                                     "active",
                                     "prioritized",
                                     "delayed",
                                     "waiting-children",
                                     "completed",
                                     "failed"}) {
                const std::string state = queue + ":" + name;
                const std::string type = text({"TYPE", state});
                const Strings ids = type == "list"   ? list(state)
                                    : type == "zset" ? members(state)
                                                     : Strings();
                for (const std::string& id : ids) {
                    const auto job = places.find(queue + ":" + id);
                    if (job != places.end()) {
                        job->second.emplace_back(name);
                    }
                }
            }
        }
        return places;
    }

    Strings members(const std::string& key) {
        const Reply reply = redis({"ZRANGE", key, "0", "-1"});
        Strings ids;
        for (std::size_t i = 0; i < reply.size(); ++i) {
            ids.emplace_back(reply.at(i).text());
        }
        return ids;
    }

    static std::string joined(const Strings& texts) {
        std::string all;
        for (const std::string& text : texts) {
            all += " " + text;
        }
        return all;
    }

    JobRecord item() const {
        JobRecord item;
        item.name = "test";
        item.data = "{}";
        item.opts = "{}";
        item.timestampMs = clock_.wallMs();
        return item;
    }

    void addOne(std::int64_t delayMs, int priority) {
        JobRecord one = item();
        one.delayMs = delayMs;
        one.priority = priority;
        ops::addJobs(context(), client(), {one}, clock_.wallMs());
    }

    void addParent(const std::string& id) {
        const std::string prefix = std::string(kParents) + ":";
        redis({"HSET",
               prefix + id,
               "name",
               "parent",
               "data",
               "{}",
               "opts",
               "{}",
               "timestamp",
               "1",
               "delay",
               "0",
               "priority",
               "0"});
        redis({"ZADD", prefix + "waiting-children", "1", id});
    }

    void addChild(const std::string& parent, const std::string& flag) {
        JobRecord child = item();
        child.parentKey = std::string(kParents) + ":" + parent;
        child.parent = R"({"id":")" + parent + R"(","queueKey":"bull:parents")" + flag + "}";
        ops::addJobs(context(), client(), {child}, clock_.wallMs());
    }

    AdvanceRequest finishing(int count) {
        AdvanceRequest request;
        for (int i = 1; i <= count; ++i) {
            FinishItem finish;
            finish.id = std::to_string(i);
            finish.token = "token";
            finish.value = "1";
            finish.stacktrace = "[]";
            finish.attempts = 1;
            request.finish.push_back(finish);
        }
        return request;
    }

    /// Active: 1 and 2 plain, 3 the child of p, 4 the last child of q that will fail it, 5 with a deduplication id and one
    /// kept back, 6 and 7 plain. Waiting: 8, 9. Prioritized: 10. Due: 11, and 12 with a priority. Completed: 13.
    void prepareAdvance() {
        addParent("p");
        addParent("q");
        addJob();
        addJob();
        addChild("p", "");
        addChild("q", R"(,"fpof":true)");
        addJob();
        addJob();
        addJob();
        redis({"HSET", keys().job("5"), "deid", "d"});
        redis({"SET", keys().job("de:d"), "5"});
        redis({"HSET",
               keys().job("dn:d"),
               "name",
               "next",
               "data",
               "{}",
               "opts",
               R"({"de":{"id":"d"}})"});
        claim(7);
        addJob();
        addJob();
        JobRecord urgent = item();
        urgent.priority = 5;
        JobRecord due = item();
        due.delayMs = 1;
        JobRecord dueUrgent = due;
        dueUrgent.priority = 4;
        ops::addJobs(context(), client(), {urgent, due, dueUrgent, item()}, clock_.wallMs());
        redis({"LREM", keys().wait, "1", "13"});
        redis({"HSET", keys().job("13"), "finishedOn", "1"});
        redis({"ZADD", keys().completed, "1", "13"});
        redis({"SADD", keys().stalled, "1", "2"});
        redis({"HSET", keys().meta, "max", "100", "duration", "60000"});
    }

    void runAdvance(Bullmq5 mode) {
        AdvanceRequest request = finishing(7);
        request.finish[0].keep.count = 0;
        request.finish[2].deduplicationId = "";
        request.finish[3].completed = false;
        request.finish[3].value = "boom";
        request.finish[4].deduplicationId = "d";
        request.finish[5].keep = {1, 3600, 1000};
        request.finish[6].completed = false;
        request.finish[6].value = "boom";
        request.finish[6].keep.ageSeconds = 3600;
        request.claim = 4;
        request.token = "next";
        request.lockDuration = seconds(10);
        request.workerName = "w";
        request.metricsPoints = 10;
        const QueueContext context(keys(), mode);
        ops::advance(context, *faulty_, request, clock_.wallMs() + 100);
    }

    /// Active: 1 to 3, the third with a priority. Waiting: 4, 5. Due: 6.
    void prepareSettling() {
        addJob();
        addJob();
        JobRecord urgent = item();
        urgent.priority = 5;
        ops::addJobs(context(), client(), {urgent}, clock_.wallMs());
        claim(3);
        addJob();
        addJob();
        JobRecord due = item();
        due.delayMs = 1;
        ops::addJobs(context(), client(), {due}, clock_.wallMs());
    }

    /// Active and stalled: 1, 2 for the second time, 3 the child of q for the second time. Waiting: 4.
    void prepareStalled() {
        addParent("q");
        addJob();
        addJob();
        addChild("q", R"(,"fpof":true)");
        claim(3);
        addJob();
        redis({"DEL", keys().job("1:lock"), keys().job("2:lock"), keys().job("3:lock")});
        redis({"SADD", keys().stalled, "1", "2", "3"});
        redis({"HSET", keys().job("2"), "stc", "1"});
        redis({"HSET", keys().job("3"), "stc", "1"});
    }

    void runStalled(Bullmq5 mode) {
        redis({"DEL", keys().stalledCheck});
        const QueueContext context(keys(), mode);
        ops::checkStalled(context, *faulty_, clock_.wallMs(), seconds(5), 1, 100, false);
    }

    std::unique_ptr<RedisClient> faulty_;
    std::string trial_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ScriptFaultsTest);
