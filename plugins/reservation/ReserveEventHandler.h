#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "Reservation.h"
#include "drover/Handler.h"
#include "store/Session.h"

namespace drover::reservation {

/// Serves `reserveEvent`: a batch of jobs is one statement, and each job gets its own outcome.
///
/// RESERVED completes the job with `{"reservationId": int, "status": "RESERVED"}`; a rejection is unrecoverable, with its
/// reason. Bad data fails its own job only. The session is opened by the first batch and again by the next one after its
/// link ended; the engine's breaker is the backoff between the two.
class ReserveEventHandler : public BatchHandler {
public:
    explicit ReserveEventHandler(const Config& config);

    void process(std::span<ActiveJob> jobs) override;
    /// Answers from the ledger: a job that crashed after its commit has its effect already.
    std::optional<Outcome> outcomeOf(const ActiveJob& job) override;

private:
    /// Jobs of one queue, and what they ask for, in the same order.
    struct Batch {
        std::vector<ActiveJob*> jobs;
        std::vector<SeatRequest> requests;
    };

    void run(std::string_view queue, const Batch& batch);
    store::Session& session();

    store::SessionSettings settings_;
    std::unique_ptr<store::Session> session_;
};

}  // namespace drover::reservation
