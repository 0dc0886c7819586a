#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chaos/Load.h"
#include "store/Session.h"

namespace drover::test {

/// Reads the outcomes of requests from the database by a session of the test's own, which survives a restarted
/// server.
class Ledger {
public:
    explicit Ledger(store::SessionSettings settings) : settings_(std::move(settings)) {}

    /// Live reservations of an event.
    [[nodiscard]] std::int64_t rows(std::int64_t eventId);
    /// The event's own count of them.
    [[nodiscard]] std::int64_t counter(std::int64_t eventId);
    /// Stored outcomes of an event that are rejections.
    [[nodiscard]] std::int64_t rejections(std::int64_t eventId);
    /// Stored outcomes of all events: "RESERVED" or "REJECTED".
    [[nodiscard]] std::int64_t outcomes(const std::string& state);
    /// Returns true if the request of a 201 has its outcome.
    [[nodiscard]] bool decided(const Answer& answer);

    /// Asserts that each accepted request has exactly one outcome, for its own event and user; that beyond those there are
    /// no more than requests whose answer was lost; that each reservation belongs to one outcome and each reserved outcome
    /// to one reservation; that no user holds two seats of an event; that each event's counter is the number of its
    /// rows.
    void assertExact(const std::vector<Answer>& answers);

    /// Reads from another server from now on, such as a standby that was promoted.
    void useServer(store::SessionSettings settings);

    /// A session that works, for writes of the test.
    store::Session& session();

private:
    std::int64_t number(const std::string& sql);

    store::SessionSettings settings_;
    std::unique_ptr<store::Session> session_;
};

}  // namespace drover::test
