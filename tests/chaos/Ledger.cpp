#include "chaos/Ledger.h"

#include <algorithm>
#include <utility>

#include <cppunit/TestAssert.h>

namespace drover::test {

void Ledger::useServer(store::SessionSettings settings) {
    session_.reset();
    settings_ = std::move(settings);
}

store::Session& Ledger::session() {
    if (!session_ || !session_->probe()) {
        session_.reset();
        session_ = std::make_unique<store::Session>(settings_);
    }
    return *session_;
}

std::int64_t Ledger::number(const std::string& sql) {
    return session().execute("SELECT (" + sql + ")::bigint").bigint(0, 0);
}

std::int64_t Ledger::rows(std::int64_t eventId) {
    return number("SELECT count(*) FROM reservations WHERE status = 'RESERVED' AND event_id = " +
                  std::to_string(eventId));
}

std::int64_t Ledger::counter(std::int64_t eventId) {
    return number("SELECT reserved FROM events WHERE id = " + std::to_string(eventId));
}

std::int64_t Ledger::rejections(std::int64_t eventId) {
    return number(
        "SELECT count(*) FROM reservation_outcomes WHERE state = 'REJECTED' AND event_id = " +
        std::to_string(eventId));
}

std::int64_t Ledger::outcomes(const std::string& state) {
    return number("SELECT count(*) FROM reservation_outcomes WHERE state = '" + state + "'");
}

bool Ledger::decided(const Answer& answer) {
    return session()
               .execute(
                   "SELECT 1 FROM reservation_outcomes WHERE job_id = $1 AND job_timestamp_ms = $2"
                   " AND queue = 'bull:reservation-queue'",
                   store::Params().text(answer.jobId).bigint(answer.timestampMs))
               .rows() == 1;
}

void Ledger::assertExact(const std::vector<Answer>& answers) {
    // The primary key alone would let two outcomes of a job id pass if its timestamp had changed on the way.
    std::map<std::string, std::vector<std::pair<std::int64_t, Ask>>> stored;
    const store::Result outcomes = session().execute(
        "SELECT job_id, job_timestamp_ms, event_id, user_id FROM reservation_outcomes");
    for (int row = 0; row < outcomes.rows(); ++row) {
        stored[std::string(outcomes.text(row, 0))].push_back(
            {outcomes.bigint(row, 1), {outcomes.bigint(row, 2), outcomes.bigint(row, 3)}});
    }
    for (const Answer& answer : answers) {
        if (!answer.accepted()) {
            continue;
        }
        const auto found = stored.find(answer.jobId);
        CPPUNIT_ASSERT_MESSAGE("accepted and lost: job " + answer.jobId, found != stored.end());
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            "outcomes of job " + answer.jobId, std::size_t{1}, found->second.size());
        const auto& [timestampMs, ask] = found->second.front();
        CPPUNIT_ASSERT_EQUAL(answer.timestampMs, timestampMs);
        CPPUNIT_ASSERT_EQUAL(answer.ask.eventId, ask.eventId);
        CPPUNIT_ASSERT_EQUAL(answer.ask.userId, ask.userId);
        stored.erase(found);
    }
    // An answer that was lost leaves open whether its job was added.
    const auto unanswered = std::count_if(
        answers.begin(), answers.end(), [](const Answer& answer) { return !answer.accepted(); });
    CPPUNIT_ASSERT_MESSAGE(std::to_string(stored.size()) + " outcomes of requests nobody sent",
                           static_cast<std::ptrdiff_t>(stored.size()) <= unanswered);

    CPPUNIT_ASSERT_EQUAL_MESSAGE(
        "reservations that are not what exactly one outcome tells",
        std::int64_t{0},
        number("SELECT count(*) FROM reservations r LEFT JOIN ("
               "SELECT reservation_id, count(*) AS outcomes, min(user_id) AS user_id,"
               " min(event_id) AS event_id FROM reservation_outcomes"
               " WHERE reservation_id IS NOT NULL GROUP BY reservation_id) o"
               " ON o.reservation_id = r.id"
               " WHERE r.status <> 'RESERVED' OR o.outcomes IS DISTINCT FROM 1"
               " OR o.user_id <> r.user_id OR o.event_id <> r.event_id"));
    CPPUNIT_ASSERT_EQUAL_MESSAGE("reserved outcomes and reservations",
                                 number("SELECT count(*) FROM reservations"),
                                 this->outcomes("RESERVED"));
    CPPUNIT_ASSERT_EQUAL_MESSAGE(
        "users with two seats of an event",
        std::int64_t{0},
        number("SELECT count(*) FROM (SELECT 1 FROM reservations GROUP BY event_id, user_id"
               " HAVING count(*) > 1) twice"));
    CPPUNIT_ASSERT_EQUAL_MESSAGE(
        "events whose counter is not the number of their rows",
        std::int64_t{0},
        number("SELECT count(*) FROM events e WHERE e.reserved <> ("
               "SELECT count(*) FROM reservations r WHERE r.event_id = e.id)"));
}

}  // namespace drover::test
