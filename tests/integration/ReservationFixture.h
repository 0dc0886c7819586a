#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ReservationRepository.h"
#include "integration/StoreFixture.h"
#include "store/Migrations.h"

namespace drover::test {

/// The migrated schema with 1,000 users, and events made on demand.
class ReservationFixture : public StoreFixture {
public:
    void setUp() override {
        StoreFixture::setUp();
        store::Migrations(settings(), kSchemaFolder).migrate();
        session_ = open();
        session_->execute(
            "INSERT INTO users (name, email) SELECT 'User', 'user' || n FROM generate_series(1, "
            "1000) n");
    }

    void tearDown() override {
        session_.reset();
        StoreFixture::tearDown();
    }

protected:
    static constexpr const char* kQueue = "bull:reservation-queue";
    static constexpr const char* kSchemaFolder = DROVER_SOURCE_DIR "/schema";

    /// The id of a new event.
    std::int64_t addEvent(std::int64_t seats) {
        static int number = 0;
        return reservation::ReservationRepository(*session_)
            .addEvent("Event " + std::to_string(++number), "2030-06-01T18:00:00Z", "Hall", seats)
            .value();
    }

    /// A request under a key that no other request has.
    static reservation::SeatRequest request(std::int64_t eventId, std::int64_t userId) {
        static std::int64_t number = 0;
        ++number;
        return {std::to_string(number), 1790000000000 + number, eventId, userId};
    }

    std::vector<reservation::Decision> decide(
        const std::vector<reservation::SeatRequest>& requests) {
        return reservation::ReservationRepository(*session_).decide(kQueue, requests);
    }

    /// "sold out", …, or "RESERVED".
    static std::string word(const reservation::Decision& decision) {
        return decision.reserved() ? "RESERVED" : decision.reason;
    }
    std::string decideOne(const reservation::SeatRequest& request) {
        return word(decide({request}).front());
    }

    /// The counter of an event, after asserting that it counts its rows and that no user is in twice.
    std::int64_t reserved(std::int64_t eventId) {
        const std::string where =
            " WHERE event_id = " + std::to_string(eventId) + " AND status = 'RESERVED'";
        const std::int64_t counter =
            number(*session_, "SELECT reserved FROM events WHERE id = " + std::to_string(eventId));
        CPPUNIT_ASSERT_EQUAL(counter,
                             number(*session_, "SELECT count(*) FROM reservations" + where));
        CPPUNIT_ASSERT_EQUAL(
            counter, number(*session_, "SELECT count(DISTINCT user_id) FROM reservations" + where));
        return counter;
    }

    /// Gives a seat back, as an operator would by hand.
    void cancel(std::int64_t eventId, std::int64_t userId) {
        session_->execute(
            "WITH gone AS (UPDATE reservations SET status = 'CANCELLED', cancelled_at = now()"
            " WHERE event_id = $1 AND user_id = $2 RETURNING 1)"
            "UPDATE events SET reserved = reserved - (SELECT count(*) FROM gone) WHERE id = $1",
            store::Params().bigint(eventId).bigint(userId));
    }

    std::unique_ptr<store::Session> session_;
};

}  // namespace drover::test
