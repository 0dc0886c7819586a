#include <algorithm>
#include <functional>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "drover/Exceptions.h"
#include "drover/JobControl.h"
#include "drover/QueueMaintenance.h"
#include "queue/ops/Advance.h"
#include "queue/ops/Maintenance.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::hours;
using std::chrono::milliseconds;
using Strings = std::vector<std::string>;

constexpr double kPriorityStep = 4294967296.0;  // 2^32
constexpr int kHour = 3600000;

}  // namespace

/// Section L: changes of single jobs and of whole queues, and what sections D and K say of them. Each side makes the same change,
/// and the same is in Redis after it.
class ChangeSection : public Conformance {
public:
    using Conformance::Conformance;

    void c072_ourShorterDelayWakesNode() {
        startWorker(Side::Node);
        const std::string id = add(Side::Node, "mail", "{}", R"({"delay":60000})");
        untilAsleep();
        const std::int64_t changed = clock_.wallMs();
        jobs().changeDelay(id, milliseconds(300));
        untilState(id, "completed");
        const std::int64_t late = std::stoll(field(id, "processedOn")) - changed - 300;
        CPPUNIT_ASSERT_MESSAGE(std::to_string(late) + " ms late", late >= -2 && late < 4000);
    }

    void c073_ourPromoteStartsTheJobInNode() {
        startWorker(Side::Node);
        const std::string id = add(Side::Node, "mail", "{}", R"({"delay":60000})");
        untilAsleep();
        const std::int64_t promoted = clock_.wallMs();
        jobs().promote(id);
        untilState(id, "completed");
        CPPUNIT_ASSERT(std::stoll(field(id, "processedOn")) - promoted < 2000);
    }

    void c178_theRemovalOfTheOwnerFreesItsId() {
        const std::string opts = R"({"deduplication":{"id":"once","keepLastIfActive":true}})";
        eachSide([&](Side side) {
            const std::string id = add(Side::Node, "mail", "{}", opts);
            redis({"HSET", key("dn:once"), "name", "mail", "data", "{}", "opts", "{}"});
            remove(side, id);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({id, "de:once", "dn:once"}));
            CPPUNIT_ASSERT(add(Side::Node, "mail", "{}", opts) != id);
        });
    }

    void c179_theRemovedKeyFreesTheIdForNode() {
        const std::string opts = R"({"deduplication":{"id":"once"}})";
        const std::string first = add(Side::Node, "mail", "{}", opts);
        CPPUNIT_ASSERT_EQUAL(first, add(Side::Node, "mail", "{}", opts));
        CPPUNIT_ASSERT_EQUAL(first, jobs().deduplicationJobId("once").value_or("none"));
        CPPUNIT_ASSERT(jobs().removeDeduplicationKey("once"));
        const std::string second = add(Side::Node, "mail", "{}", opts);
        CPPUNIT_ASSERT(second != first);
        CPPUNIT_ASSERT(!jobs().removeDeduplicationKeyOf(first));
        CPPUNIT_ASSERT(jobs().removeDeduplicationKeyOf(second));
        CPPUNIT_ASSERT(add(Side::Node, "mail", "{}", opts) != second);
    }

    void c181_promote() {
        eachSide([&](Side side) {
            const std::string id = add(Side::Node, "mail", "{}", R"({"delay":60000})");
            const std::string other = add(Side::Node, "mail");
            const auto promote = [&] {
                if (side == Side::Ours) {
                    jobs().promote(id);
                } else {
                    job(id, "promote");
                }
            };
            promote();
            CPPUNIT_ASSERT_EQUAL(joined({id, other}), joined(list(key("wait"))));
            assertEqual("0", field(id, "delay"));
            assertEqual("waiting prev=delayed", lastEventOf(id));
            // 5.48.1 has the text without the code.
            CPPUNIT_ASSERT_EQUAL(side == Side::Node && is548() ? 0 : -3, codeOf(promote));
        });
    }

    void c182_changeDelay() {
        eachSide([&](Side side) {
            const std::string id = add(Side::Node, "mail", "{}", R"({"delay":60000})");
            const std::int64_t changed = clock_.wallMs();
            if (side == Side::Ours) {
                jobs().changeDelay(id, milliseconds(5000));
            } else {
                job(id, "changeDelay", "5000");
            }
            const auto due = static_cast<std::int64_t>(scoreOf("delayed", id) / 4096);
            CPPUNIT_ASSERT(due >= changed + 5000 - kClockError &&
                           due <= clock_.wallMs() + 5000 + kClockError);
            assertEqual("5000", field(id, "delay"));
            CPPUNIT_ASSERT_EQUAL("delayed delay=" + std::to_string(due), lastEventOf(id));
            CPPUNIT_ASSERT_EQUAL(static_cast<double>(due), scoreOf("marker", "1"));
        });
    }

    void c183_changePriority() {
        eachSide([&](Side side) {
            const std::string id = add(Side::Node, "mail", "{}", R"({"priority":0})");
            const std::string other = add(Side::Node, "mail");
            const std::string opts = field(id, "opts");
            const std::string streamedBefore = eventsOf(id);
            changePriority(side, id, 3);
            CPPUNIT_ASSERT_EQUAL(3 * kPriorityStep + 1, scoreOf("prioritized", id));
            assertEqual("prioritized", nodeState(id));
            CPPUNIT_ASSERT(queue().state(id) == JobState::Prioritized);
            assertEqual("3", field(id, "priority"));
            changePriority(otherOf(side), id, 0);
            CPPUNIT_ASSERT_EQUAL(joined({id, other}), joined(list(key("wait"))));
            assertEqual("0", field(id, "priority"));
            CPPUNIT_ASSERT_EQUAL(opts, field(id, "opts"));
            CPPUNIT_ASSERT_EQUAL(streamedBefore, eventsOf(id));
        });
    }

    void c184_changePriorityOfADelayedJob() {
        eachSide([&](Side side) {
            const std::string id = add(Side::Node, "mail", "{}", R"({"delay":200})");
            changePriority(side, id, 5);
            assertEqual("delayed", nodeState(id));
            node("queue.pause");  // A claim then promotes alone.
            eventually("promoted", [&] {
                claim();
                return !redis({"ZSCORE", key("prioritized"), id}).isNil();
            });
            CPPUNIT_ASSERT_EQUAL(5 * kPriorityStep + 1, scoreOf("prioritized", id));
            node("queue.resume");
        });
    }

    void c188_retryByTheOtherSide() {
        eachSide([&](Side side) {
            startWorker(otherOf(side));
            const std::string id = run(Side::Node, "fail", "{}", R"({"priority":3})");
            stopWorker(otherOf(side));
            retry(side, id);
            for (const char* gone : {"finishedOn", "processedOn", "failedReason"}) {
                assertEqual("(none)", fieldOrNone(id, gone));
            }
            assertEqual("waiting prev=failed", lastEventOf(id));
            const bool byPriority = side == Side::Ours || is670();
            assertEqual(byPriority ? "prioritized" : "waiting", nodeState(id));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"failed"}));
        });
    }

    void c189_retryThatResetsTheCounters() {
        eachSide([&](Side side) {
            startWorker(Side::Ours);
            const std::string id = run(Side::Node, "fail");
            stopWorker(Side::Ours);
            if (side == Side::Ours) {
                jobs().retry(id, {JobState::Failed, true, true});
            } else {
                job(id,
                    "retry",
                    R"("failed", {"resetAttemptsMade": true, "resetAttemptsStarted": true})");
            }
            assertEqual("(none)", fieldOrNone(id, "atm"));
            assertEqual("(none)", fieldOrNone(id, "ats"));
        });
    }

    void c190_retryOfAllFailedJobs() {
        eachSide([&](Side side) {
            startWorker(Side::Ours);
            const std::string first = run(Side::Node, "fail");
            const std::string second = run(Side::Node, "fail", "{}", R"({"priority":2})");
            stopWorker(Side::Ours);
            if (side == Side::Ours) {
                CPPUNIT_ASSERT_EQUAL(std::size_t{2}, work().retryJobs());
            } else {
                node("queue.retryJobs", R"("args": [{}])");
            }
            CPPUNIT_ASSERT_EQUAL(joined({second, first}), joined(list(key("wait"))));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"failed", "prioritized"}));
            for (const std::string& id : {first, second}) {
                assertEqual("waiting prev=failed", lastEventOf(id));
                assertEqual("(none)", fieldOrNone(id, "finishedOn"));
            }
        });
    }

    void c191_promotionOfAllDelayedJobs() {
        eachSide([&](Side side) {
            const std::string first = add(Side::Node, "mail", "{}", R"({"delay":60000})");
            const std::string second =
                add(Side::Node, "mail", "{}", R"({"delay":90000,"priority":4})");
            if (side == Side::Ours) {
                CPPUNIT_ASSERT_EQUAL(std::size_t{2}, work().promoteJobs());
            } else {
                node("queue.promoteJobs");
            }
            CPPUNIT_ASSERT_EQUAL(joined({second, first}), joined(list(key("wait"))));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"delayed", "prioritized"}));
            for (const std::string& id : {first, second}) {
                assertEqual("waiting prev=delayed", lastEventOf(id));
            }
        });
    }

    void c192_removeLeavesNothing() {
        eachSide([&](Side side) {
            const std::pair<const char*, const char*> kStates[] = {
                {"wait", "{}"},
                {"delayed", R"({"delay":60000})"},
                {"prioritized", R"({"priority":2})"}};
            for (const auto& [state, opts] : kStates) {
                const std::string id = add(Side::Node, "mail", "{}", opts);
                job(id, "log", "\"row\"");
                remove(side, id);
                CPPUNIT_ASSERT_EQUAL(std::string("removed prev=") + state, lastEventOf(id));
                CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({id, id + ":logs", state}));
            }
            startWorker(Side::Ours);
            const std::string good = run(Side::Node, "mail");
            const std::string bad = run(Side::Node, "fail");
            stopWorker(Side::Ours);
            remove(side, good);
            remove(side, bad);
            assertEqual("removed prev=completed", lastEventOf(good));
            assertEqual("removed prev=failed", lastEventOf(bad));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({good, bad, "completed", "failed"}));
        });
    }

    void c193_removeOfALockedJob() {
        for (const Side holder : kBoth) {
            startWorker(holder);
            const std::string id = add(Side::Node, "hold");
            untilState(id, "active");
            CPPUNIT_ASSERT(!jobs().remove(id));
            CPPUNIT_ASSERT_THROW(job(id, "remove"), PeerError);
            assertEqual("active", nodeState(id));
            release(holder);
            untilState(id, "completed");
            stopWorker(holder);
        }
        const std::size_t streamedBefore = streamed().size();
        CPPUNIT_ASSERT(jobs().remove("none"));
        CPPUNIT_ASSERT_EQUAL(1, node("queue.remove", R"("args": ["none"])").GetInt());
        CPPUNIT_ASSERT_EQUAL(streamedBefore, streamed().size());
    }

    void c194_theNextJobOfASchedulerIsNotRemoved() {
        node("queue.upsertJobScheduler",
             R"("args": ["tick", {"every": )" + std::to_string(kHour) + R"(}, {"name": "mail"}])");
        const std::string id = "repeat:tick:" + text({"ZSCORE", key("repeat"), "tick"});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, existing({id}));
        CPPUNIT_ASSERT_EQUAL(-8, codeOf([&] { (void)jobs().remove(id); }));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, existing({id}));
        if (!is548()) {
            CPPUNIT_ASSERT_EQUAL(-8, codeOf([&] { job(id, "remove"); }));
        }
    }

    void c195_cleanOfFinishedJobs() {
        eachSide([&](Side side) {
            for (const bool completed : {true, false}) {
                const std::string state = completed ? "completed" : "failed";
                startWorker(Side::Ours);
                const std::string old = run(Side::Node, completed ? "mail" : "fail");
                const std::string young = run(Side::Node, completed ? "mail" : "fail");
                stopWorker(Side::Ours);
                redis({"ZADD", key(state), "1000", old});
                CPPUNIT_ASSERT_EQUAL(old, joined(clean(side, state, kHour)));
                assertEqual("cleaned count=1", streamed().back());
                assertEqual("", joined(clean(side, state, kHour)));
                assertEqual("cleaned count=0", streamed().back());
                CPPUNIT_ASSERT_EQUAL(young, joined(members(state)));
                CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({old}));
            }
        });
    }

    void c196_cleanOfActiveJobs() {
        eachSide([&](Side side) {
            const std::string held = add(Side::Node, "mail");
            const std::string lost = add(Side::Node, "mail");
            claim();
            claim();
            redis({"DEL", key(lost + ":lock")});
            nextMillisecond();
            CPPUNIT_ASSERT_EQUAL(lost, joined(clean(side, "active", 0)));
            CPPUNIT_ASSERT_EQUAL(held, joined(list(key("active"))));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({lost}));
        });
    }

    void c197_schedulersGoOn() {
        node("queue.upsertJobScheduler",
             R"("args": ["tick", {"every": )" + std::to_string(kHour) + R"(}, {"name": "mail"}])");
        const auto next = [&] { return "repeat:tick:" + text({"ZSCORE", key("repeat"), "tick"}); };
        // First it is due, then delayed.
        for (const bool due : {true, false}) {
            const std::string id = next();
            const std::string state = nodeState(id) == "delayed" ? "delayed" : "wait";
            CPPUNIT_ASSERT_EQUAL(due, state == "wait");
            nextMillisecond();
            const std::string waiting = add(Side::Node, "mail");
            const std::string delayed = add(Side::Node, "mail", "{}", R"({"delay":60000})");
            nextMillisecond();
            CPPUNIT_ASSERT_EQUAL(state == "delayed" ? delayed : waiting,
                                 joined(clean(Side::Ours, state, 0)));
            work().drain(true);
            CPPUNIT_ASSERT_EQUAL(id, joined(state == "wait" ? list(key(state)) : members(state)));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, existing({id}));
            if (due) {
                startWorker(Side::Ours);
                untilState(id, "completed");
                stopWorker(Side::Ours);
            }
        }
        CPPUNIT_ASSERT_EQUAL(1u, node("queue.getJobSchedulers").Size());
    }

    void c198_drain() {
        eachSide([&](Side side) {
            startWorker(Side::Ours);
            run(Side::Node, "mail");
            run(Side::Node, "fail");
            stopWorker(Side::Ours);
            add(Side::Node, "mail");
            claim();
            add(Side::Node, "mail");
            add(Side::Node, "mail", "{}", R"({"priority":2})");
            add(Side::Node, "mail", "{}", R"({"delay":60000})");
            const std::size_t streamedBefore = streamed().size();
            for (const bool delayed : {false, true}) {
                if (side == Side::Ours) {
                    work().drain(delayed);
                } else {
                    node("queue.drain", delayed ? "\"args\": [true]" : "");
                }
                CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait", "prioritized"}));
                CPPUNIT_ASSERT_EQUAL(std::int64_t{delayed ? 3 : 4},
                                     existing({"active", "completed", "failed", "delayed"}));
            }
            CPPUNIT_ASSERT_EQUAL(streamedBefore, streamed().size());
        });
    }

    void c199_obliterate() {
        add(Side::Node, "mail");
        claim();
        add(Side::Node, "mail", "{}", R"({"delay":60000})");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, ops::obliterate(ours(), client(), 10, true).code);
        CPPUNIT_ASSERT_THROW(work().obliterate(), JobStateException);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, existing({"active", "delayed"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, work().obliterate(true));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, redis({"KEYS", key("*")}).size());
        CPPUNIT_ASSERT(!node("queue.isPaused").GetBool());
        assertEqual("1", add(Side::Node, "mail"));
    }

    void c200_ourAddsAfterNodesObliterate() {
        add(Side::Ours, "mail");
        add(Side::Node, "mail", "{}", R"({"delay":60000})");
        node("queue.obliterate", R"("args": [{"force": true}])");
        assertEqual("1", add(Side::Ours, "mail"));
        startWorker(Side::Node);
        untilState("1", "completed");
    }

private:
    [[nodiscard]] JobControl jobs() {
        return JobControl(handleOf(options()), {"bull", queueName(), bullmq5_});
    }
    [[nodiscard]] QueueMaintenance work() {
        return QueueMaintenance(handleOf(options()), {"bull", queueName(), bullmq5_});
    }
    /// Does it on a queue of its own for each side.
    void eachSide(const std::function<void(Side)>& act) {
        const std::string base = queueName();
        for (const Side side : kBoth) {
            useQueue(base + (side == Side::Ours ? "-ours" : "-node"));
            act(side);
        }
        useQueue(base);
    }
    void job(const std::string& id, const std::string& method, const std::string& args = "") {
        node("job." + method, "\"job\": \"" + id + "\", \"args\": [" + args + "]");
    }
    /// Returns the code of the error that the call throws.
    static int codeOf(const std::function<void()>& call) {
        try {
            call();
        } catch (const JobStateException& error) {
            return error.code();
        } catch (const PeerError& error) {
            return error.code;
        }
        CPPUNIT_FAIL("no error");
        return 0;
    }
    void changePriority(Side side, const std::string& id, int priority) {
        if (side == Side::Ours) {
            jobs().changePriority(id, priority);
        } else {
            job(id, "changePriority", "{\"priority\": " + std::to_string(priority) + "}");
        }
    }
    void retry(Side side, const std::string& id) {
        if (side == Side::Ours) {
            jobs().retry(id);
        } else {
            job(id, "retry");
        }
    }
    void remove(Side side, const std::string& id) {
        if (side == Side::Ours) {
            CPPUNIT_ASSERT(jobs().remove(id));
        } else {
            job(id, "remove");
        }
    }
    Strings clean(Side side, const std::string& state, int graceMs) {
        if (side == Side::Ours) {
            const std::pair<const char*, JobState> kStates[] = {{"wait", JobState::Waiting},
                                                                {"active", JobState::Active},
                                                                {"delayed", JobState::Delayed},
                                                                {"completed", JobState::Completed},
                                                                {"failed", JobState::Failed}};
            for (const auto& [name, value] : kStates) {
                if (name == state) {
                    return work().clean({value, milliseconds(graceMs)});
                }
            }
        }
        Strings ids;
        const auto cleaned = node(
            "queue.clean", "\"args\": [" + std::to_string(graceMs) + ", 1000, \"" + state + "\"]");
        for (const auto& id : cleaned.GetArray()) {
            ids.emplace_back(id.GetString());
        }
        return ids;
    }
    /// Claims one job, or promotes what is due.
    void claim() {
        AdvanceRequest request;
        request.claim = 1;
        request.token = "token";
        request.lockDuration = std::chrono::seconds(30);
        ops::advance(ours(), client(), request, clock_.wallMs());
    }
    std::string lastEventOf(const std::string& id) {
        const std::string all = eventsOf(id);
        const std::size_t at = all.rfind(" | ");
        return at == std::string::npos ? all : all.substr(at + 3);
    }
};

/// Section N: changes of parents and children. Node makes the flows, each side makes the same change.
class FlowChangeSection : public Conformance {
public:
    using Conformance::Conformance;

    void setUp() override {
        Conformance::setUp();
        // One child may be held while its siblings end.
        settings_.threads = 2;
        settings_.batchSize = 1;
    }

    void c239_aRetriedChildIsPendingAgain() {
        for (const bool many : {false, true}) {
            for (const Side side : kBoth) {
                if (many && side == Side::Node && !is670()) {
                    continue;  // Its retryJobs leaves the parent's keys as they are.
                }
                const std::string queue = begin(side) + (many ? "-many" : "");
                useQueue(queue);
                flow({child("c1", "fail", R"("ignoreDependencyOnFailure": true)"),
                      child("c2", "mail", R"("delay": 60000)")});
                startWorker(Side::Ours);
                untilState("c1", "failed");
                stopWorker(Side::Ours);
                CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"HLEN", key("p:failed")}));
                if (side == Side::Ours && many) {
                    work().retryJobs();
                } else if (side == Side::Ours) {
                    jobs().retry("c1");
                } else if (many) {
                    node("queue.retryJobs", R"("args": [{}])");
                } else {
                    node("job.retry", R"("job": "c1")");
                }
                CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"p:failed"}));
                CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"SCARD", key("p:dependencies")}));
                assertEqual("waiting-children", nodeState("p"));
            }
        }
    }

    void c244_theTreeGoesWithItsRoot() {
        Strings before;
        for (const Side side : kBoth) {
            begin(side);
            flow({child("done"), child("c2", "mail", R"("delay": 60000)"), child("held", "hold")});
            startWorker(Side::Ours);
            untilState("done", "completed");
            untilState("held", "active");
            const Strings still = streamed();
            if (side == Side::Ours) {
                CPPUNIT_ASSERT(!jobs().remove("p"));
            } else {
                CPPUNIT_ASSERT_THROW(node("job.remove", R"("job": "p")"), PeerError);
            }
            CPPUNIT_ASSERT(still == streamed());
            CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, existing({"p", "done", "c2", "held"}));
            untilBegun("held");
            release(Side::Ours);
            untilState("held", "completed");
            stopWorker(Side::Ours);
            redis({"DEL", key("events")});
            if (side == Side::Ours) {
                CPPUNIT_ASSERT(jobs().remove("p"));
            } else {
                node("job.remove", R"("job": "p")");
            }
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"p", "done", "c2", "held", "wait"}));
            Strings lines = streamed();
            std::sort(lines.begin(), lines.end());
            CPPUNIT_ASSERT_MESSAGE(joined(before) + "\nand\n" + joined(lines),
                                   side == Side::Ours || before == lines);
            before = lines;
        }
    }

    void c245_theRemovalOfTheLastChildReleasesTheParent() {
        for (const Side side : kBoth) {
            begin(side);
            flow({child("c1"), child("c2")});
            removeJob(side, "c1");
            assertEqual("waiting-children", nodeState("p"));
            removeJob(side, "c2");
            CPPUNIT_ASSERT_EQUAL(std::string("p"), joined(list(key("wait"))));
            assertEqual("added name=sum | waiting-children | waiting prev=waiting-children",
                        eventsOf("p"));
        }
    }

    void c246_unprocessedChildrenGo() {
        for (const Side side : kBoth) {
            if (side == Side::Node && is548()) {
                continue;  // It has no such call.
            }
            begin(side);
            flow({child("done"),
                  child("bad", "fail"),
                  child("held", "hold"),
                  child("c4", "mail", R"("delay": 60000)")});
            startWorker(Side::Ours);
            untilState("done", "completed");
            untilState("bad", "failed");
            untilState("held", "active");
            if (side == Side::Ours) {
                CPPUNIT_ASSERT_EQUAL(std::size_t{1}, jobs().removeUnprocessedChildren("p"));
            } else {
                node("job.removeUnprocessedChildren", R"("job": "p")");
            }
            CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, existing({"done", "bad", "held", "c4"}));
            assertEqual("removed prev=delayed",
                        eventsOf("c4").substr(eventsOf("c4").rfind("removed")));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"SCARD", key("p:dependencies")}));
            untilBegun("held");
            release(Side::Ours);
            untilState("held", "completed");
            stopWorker(Side::Ours);
        }
    }

    void c247_aHardRemovalOfTheLastChild() {
        for (const Side side : kBoth) {
            begin(side);
            flow({child("c1")});
            const std::size_t streamedBefore = streamed().size();
            drain(side);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"p", "c1", "waiting-children"}));
            CPPUNIT_ASSERT_EQUAL(streamedBefore, streamed().size());

            flow({child("c2")}, queueName() + "-parent");
            drain(side);
            useQueue(queueName() + "-parent");
            CPPUNIT_ASSERT_EQUAL(std::string("p"), joined(list(key("wait"))));
            assertEqual("added name=sum | waiting-children", eventsOf("p"));
        }
    }

private:
    [[nodiscard]] JobControl jobs() {
        return JobControl(handleOf(options()), {"bull", queueName(), bullmq5_});
    }
    [[nodiscard]] QueueMaintenance work() {
        return QueueMaintenance(handleOf(options()), {"bull", queueName(), bullmq5_});
    }
    /// Goes to a fresh queue, whose name it returns.
    std::string begin(Side side) {
        useQueue(keys().qualifiedName().substr(5) + (side == Side::Ours ? "-ours" : "-node"));
        return queueName();
    }
    [[nodiscard]] std::string child(const std::string& id,
                                    const std::string& name = "mail",
                                    const std::string& opts = "") const {
        return R"({"name": ")" + name + R"(", "queueName": ")" + queueName() +
               R"(", "opts": {"jobId": ")" + id + "\"" + (opts.empty() ? "" : ", " + opts) + "}}";
    }
    /// Adds the parent "p" with these children, in their queue or another one.
    void flow(const Strings& children, const std::string& queue = "") {
        std::string all;
        for (const std::string& one : children) {
            all += (all.empty() ? "" : ", ") + one;
        }
        peer().call("flow.add",
                    R"("args": [{"name": "sum", "queueName": ")" +
                        (queue.empty() ? queueName() : queue) +
                        R"(", "opts": {"jobId": "p"}, "children": [)" + all + "]}]");
    }
    void removeJob(Side side, const std::string& id) {
        if (side == Side::Ours) {
            CPPUNIT_ASSERT(jobs().remove(id));
        } else {
            node("job.remove", "\"job\": \"" + id + "\"");
        }
    }
    void drain(Side side) {
        if (side == Side::Ours) {
            work().drain();
        } else {
            node("queue.drain");
        }
    }
};

namespace {

const Statements<ChangeSection> kChanges(
    {STATEMENT(ChangeSection, c072_ourShorterDelayWakesNode),
     STATEMENT(ChangeSection, c073_ourPromoteStartsTheJobInNode),
     STATEMENT(ChangeSection, c178_theRemovalOfTheOwnerFreesItsId),
     STATEMENT(ChangeSection, c179_theRemovedKeyFreesTheIdForNode),
     STATEMENT(ChangeSection, c181_promote),
     STATEMENT(ChangeSection, c182_changeDelay),
     STATEMENT(ChangeSection, c183_changePriority),
     STATEMENT(ChangeSection, c184_changePriorityOfADelayedJob),
     STATEMENT(ChangeSection, c188_retryByTheOtherSide),
     STATEMENT(ChangeSection, c189_retryThatResetsTheCounters),
     STATEMENT(ChangeSection, c190_retryOfAllFailedJobs),
     STATEMENT(ChangeSection, c191_promotionOfAllDelayedJobs),
     STATEMENT(ChangeSection, c192_removeLeavesNothing),
     STATEMENT(ChangeSection, c193_removeOfALockedJob),
     STATEMENT(ChangeSection, c194_theNextJobOfASchedulerIsNotRemoved),
     STATEMENT(ChangeSection, c195_cleanOfFinishedJobs),
     STATEMENT(ChangeSection, c196_cleanOfActiveJobs),
     STATEMENT(ChangeSection, c197_schedulersGoOn),
     STATEMENT(ChangeSection, c198_drain),
     STATEMENT(ChangeSection, c199_obliterate),
     STATEMENT(ChangeSection, c200_ourAddsAfterNodesObliterate)});

const Statements<FlowChangeSection> kFlows(
    {STATEMENT(FlowChangeSection, c239_aRetriedChildIsPendingAgain),
     STATEMENT(FlowChangeSection, c244_theTreeGoesWithItsRoot),
     STATEMENT(FlowChangeSection, c245_theRemovalOfTheLastChildReleasesTheParent),
     STATEMENT(FlowChangeSection, c246_unprocessedChildrenGo),
     STATEMENT(FlowChangeSection, c247_aHardRemovalOfTheLastChild)});

}  // namespace
