#include <cstdint>
#include <functional>
#include <iostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "chaos/Fleet.h"
#include "faults/Checker.h"

using namespace drover::test;

namespace {

/// A mistake that is made on purpose in a clean end state.
struct Planted {
    std::string what;
    Mistake expected;
    std::string sql;                              ///< Run in a transaction that is rolled back.
    std::vector<std::vector<std::string>> redis;  ///< Undone by restoring every key.
    std::function<void(AcceptanceLog::Contents&)> log;
};

std::string bull(const std::string& key) {
    return "bull:reservation-queue:" + key;
}

/// A hash that looks like a job.
std::vector<std::string> jobHash(const std::string& id) {
    return {"HSET", bull(id), "name", "reserveEvent", "data", "{}", "timestamp", "1795382406903"};
}

}  // namespace

/// The judge of all runs is judged itself: each mistake that it is to find is made, and it finds just that mistake.
class CheckerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CheckerTest);
    CPPUNIT_TEST(everyPlantedMistakeIsFound);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyPlantedMistakeIsFound() {
        Fleet::Settings settings;
        settings.consumers = 1;
        // Finished jobs stay, so that there is something to spoil.
        settings.jobOptions = R"({"removeOnComplete":false,"removeOnFail":false})";
        Fleet fleet(settings);
        const std::string tight = std::to_string(fleet.addEvents(1, kTightSeats).front());
        AcceptanceLog file(fleet.folder() + "/acceptances.log");
        fleet.startLoad(asks(std::stoll(tight)), 1, 0, &file)->finish();
        fleet.waitUntilSettled(std::chrono::seconds(60));
        fleet.killProducer();
        fleet.killConsumer(0);

        const AcceptanceLog::Contents clean = file.read();
        const Verdict before = Checker(fleet.ledger(), fleet.queue()).check(clean);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(before.text(), std::size_t{0}, before.findings.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{31}, before.accepted);

        const std::vector<std::pair<std::string, std::string>> keys = dumpAll(fleet.queue());
        std::string wrong;
        const std::vector<Planted> all = planted(tight);
        for (const Planted& one : all) {
            AcceptanceLog::Contents log = clean;
            const Verdict verdict = plant(fleet, one, log);
            restoreAll(fleet.queue(), keys);
            if (verdict.findings.size() != 1 || verdict.findings[0].mistake != one.expected) {
                wrong += one.what + ": expected one \"" + nameOf(one.expected) + "\", found\n" +
                         verdict.text();
            }
        }
        CPPUNIT_ASSERT_MESSAGE(wrong, wrong.empty());
        CPPUNIT_ASSERT(all.size() >= 15);
        std::cerr << "  " << all.size() << " planted mistakes found\n";

        // A loss by a server is counted only in the time of that loss.
        const Planted lost = all.front();
        AcceptanceLog::Contents log = clean;
        log.windows.push_back({clean.answers.front().sentMs, clean.answers.back().answeredMs, ""});
        const Verdict counted = plant(fleet, lost, log);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(counted.text(), std::size_t{0}, counted.findings.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counted.lostByServer);
        AcceptanceLog::Contents byName = clean;
        for (const Answer& answer : clean.answers) {
            byName.lostJobs.emplace(answer.jobId, answer.timestampMs);
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, plant(fleet, lost, byName).lostByServer);
        for (const Answer& answer : clean.answers) {
            byName.lostJobs.erase({answer.jobId, answer.timestampMs});
            byName.lostJobs.emplace(answer.jobId, answer.timestampMs - 1);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, plant(fleet, lost, byName).findings.size());
        log.windows.front() = {0, clean.answers.front().sentMs - 1, ""};
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, plant(fleet, lost, log).findings.size());
        checkWhatCountsAsLost(fleet, clean);
        fleet.forgetLogs();
    }

private:
    /// An outcome that the database lost is excused only if Redis had nothing left to decide it again from.
    static void checkWhatCountsAsLost(Fleet& fleet, const AcceptanceLog::Contents& clean) {
        const std::set<JobKey> before = decidedJobs(fleet.ledger());
        fleet.ledger().session().script(
            "BEGIN; DELETE FROM reservation_outcomes WHERE reason = 'sold out'");
        const std::set<JobKey> after = decidedJobs(fleet.ledger());
        AcceptanceLog::Contents log = clean;
        log.lostJobs = lostJobs(before, after);
        CPPUNIT_ASSERT_EQUAL(std::size_t{5}, log.lostJobs.size());
        const Verdict excused = Checker(fleet.ledger(), fleet.queue()).check(log);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(excused.text(), std::size_t{0}, excused.findings.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, excused.lostByServer);

        const std::set<JobKey> stillToDo = {*log.lostJobs.begin(), *log.lostJobs.rbegin()};
        log.lostJobs = lostJobs(before, after, stillToDo);
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, log.lostJobs.size());
        const Verdict found = Checker(fleet.ledger(), fleet.queue()).check(log);
        fleet.ledger().session().script("ROLLBACK");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, found.lostByServer);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(found.text(), std::size_t{2}, found.findings.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, found.lost());
    }

    static constexpr std::int64_t kTightSeats = 5;

    /// 20 at the big event, one of them twice, and 10 for the tight one.
    static std::vector<Ask> asks(std::int64_t tight) {
        std::vector<Ask> all;
        for (std::int64_t user = 1; user <= 20; ++user) {
            all.push_back({Fleet::kBigEvent, user});
        }
        all.push_back({Fleet::kBigEvent, 3});
        for (std::int64_t user = 1; user <= 10; ++user) {
            all.push_back({tight, user});
        }
        return all;
    }

    static std::vector<Planted> planted(const std::string& tight) {
        const std::string soldOut =
            "(SELECT min(job_id) FROM reservation_outcomes WHERE reason = 'sold out')";
        const std::string free =
            "ALTER TABLE reservation_outcomes DISABLE TRIGGER USER;"
            "SET CONSTRAINTS ALL DEFERRED;";
        const std::string fewer = ";UPDATE events SET reserved = reserved - 1 WHERE id = 1";
        const std::string more = ";UPDATE events SET reserved = reserved + 1 WHERE id = 1";
        return {
            {"an acceptance without outcome",
             Mistake::Lost,
             "DELETE FROM reservation_outcomes WHERE job_id = " + soldOut,
             {},
             {}},
            {"an acceptance of a job that never was",
             Mistake::Lost,
             "",
             {},
             [](AcceptanceLog::Contents& log) {
                 Answer answer = log.answers.front();
                 answer.jobId = "99999";
                 log.answers.push_back(answer);
             }},
            {"a neighbour's id as answer",
             Mistake::AnsweredTwice,
             "",
             {},
             [](AcceptanceLog::Contents& log) {
                 log.answers[1].jobId = log.answers[0].jobId;
                 log.answers[1].timestampMs = log.answers[0].timestampMs;
             }},
            {"an outcome for another user",
             Mistake::OtherRequest,
             "UPDATE reservation_outcomes SET user_id = 501 WHERE job_id = " + soldOut,
             {},
             {}},
            {"a second outcome of a request",
             Mistake::UnaskedOutcome,
             "INSERT INTO reservation_outcomes (queue, job_id, job_timestamp_ms, event_id, user_id,"
             " state, reason) SELECT queue, job_id, job_timestamp_ms + 1, event_id, user_id, state,"
             " reason FROM reservation_outcomes WHERE job_id = " +
                 soldOut,
             {},
             {}},
            {"a reservation that is lost",
             Mistake::OutcomeWithoutRow,
             "DELETE FROM reservations WHERE event_id = 1 AND user_id = 10" + fewer,
             {},
             {}},
            {"a reservation out of nowhere",
             Mistake::RowWithoutOutcome,
             "INSERT INTO reservations (event_id, user_id) VALUES (1, 500)" + more,
             {},
             {}},
            {"a reservation for two requests",
             Mistake::RowOfTwoOutcomes,
             "UPDATE reservation_outcomes SET state = 'RESERVED', reason = NULL, reservation_id ="
             " (SELECT id FROM reservations WHERE event_id = 1 AND user_id = 3)"
             " WHERE reason = 'already reserved'",
             {},
             {}},
            {"a reservation of another user",
             Mistake::RowDiffers,
             "UPDATE reservations SET user_id = 502 WHERE event_id = 1 AND user_id = 10",
             {},
             {}},
            {"a reservation that is cancelled",
             Mistake::WrongStatus,
             "UPDATE reservations SET status = 'CANCELLED', cancelled_at = now()"
             " WHERE event_id = 1 AND user_id = 10" +
                 fewer,
             {},
             {}},
            {"a reservation duplicated",
             Mistake::UserTwice,
             "DROP INDEX reservations_live_unique;"
             "WITH second AS (INSERT INTO reservations (event_id, user_id) VALUES (1, 3)"
             " RETURNING id) UPDATE reservation_outcomes SET state = 'RESERVED', reason = NULL,"
             " reservation_id = (SELECT id FROM second) WHERE reason = 'already reserved'" +
                 more,
             {},
             {}},
            {"an event oversold",
             Mistake::Oversold,
             "ALTER TABLE events DROP CONSTRAINT events_reserved_within_capacity;"
             "UPDATE events SET max_tickets = max_tickets - 1 WHERE id = " +
                 tight,
             {},
             {}},
            {"a counter off by one",
             Mistake::WrongCounter,
             "UPDATE events SET reserved = reserved + 1 WHERE id = 1",
             {},
             {}},
            {"a rejection where seats are left",
             Mistake::RejectedWithoutCause,
             free +
                 "UPDATE reservation_outcomes SET state = 'REJECTED', reason = 'sold out',"
                 " reservation_id = NULL WHERE event_id = 1 AND user_id = 10;"
                 "DELETE FROM reservations WHERE event_id = 1 AND user_id = 10" +
                 fewer,
             {},
             {}},
            {"a rejection with a wrong reason",
             Mistake::RejectedWithoutCause,
             "UPDATE reservation_outcomes SET reason = 'already reserved' WHERE job_id = " +
                 soldOut,
             {},
             {}},
            {"a job in no list", Mistake::InNoList, "", {jobHash("900")}, {}},
            {"a job in two lists",
             Mistake::InTwoLists,
             "",
             {{"ZADD", bull("failed"), "1", "1"}},
             {}},
            {"an id in wait without job",
             Mistake::GhostId,
             "",
             {{"LPUSH", bull("wait"), "901"}},
             {}},
            {"an id among the stalled without job",
             Mistake::GhostId,
             "",
             {{"SADD", bull("stalled"), "902"}},
             {}},
            {"a lock of a finished job",
             Mistake::OrphanedLock,
             "",
             {{"SET", bull("1:lock"), "token"}},
             {}},
            {"an active job without lock",
             Mistake::ActiveWithoutLock,
             "",
             {jobHash("903"), {"LPUSH", bull("active"), "903"}},
             {}},
            {"an active job at the end",
             Mistake::LeftToDo,
             "",
             {jobHash("904"), {"LPUSH", bull("active"), "904"}, {"SET", bull("904:lock"), "token"}},
             {}},
            {"a job that was not done",
             Mistake::LeftToDo,
             "",
             {jobHash("905"), {"LPUSH", bull("wait"), "905"}},
             {}},
            {"a job with a neighbour's data",
             Mistake::WrongJob,
             "",
             {{"HSET", bull("1"), "data", R"({"userId":2,"eventId":1})"}},
             {}},
            {"logs of a job that is gone",
             Mistake::Leftover,
             "",
             {{"RPUSH", bull("906:logs"), "x"}},
             {}},
            {"a key of no queue", Mistake::Leftover, "", {{"SET", "stray", "x"}}, {}},
        };
    }

    static Verdict plant(Fleet& fleet, const Planted& one, AcceptanceLog::Contents& log) {
        fleet.ledger().session().script("BEGIN;" + one.sql);
        for (const std::vector<std::string>& command : one.redis) {
            fleet.queue().call(command);
        }
        if (one.log) {
            one.log(log);
        }
        const Verdict verdict = Checker(fleet.ledger(), fleet.queue()).check(log);
        fleet.ledger().session().script("ROLLBACK");
        return verdict;
    }

    static std::vector<std::pair<std::string, std::string>> dumpAll(QueueState& queue) {
        std::vector<std::pair<std::string, std::string>> keys;
        const drover::Reply all = queue.call({"KEYS", "*"});
        for (std::size_t i = 0; i < all.size(); ++i) {
            const std::string key(all.at(i).text());
            keys.emplace_back(key, queue.call({"DUMP", key}).text());
        }
        return keys;
    }
    static void restoreAll(QueueState& queue,
                           const std::vector<std::pair<std::string, std::string>>& keys) {
        queue.call({"FLUSHALL"});
        for (const auto& [key, value] : keys) {
            queue.call({"RESTORE", key, "0", value});
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CheckerTest);
