#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "Reservation.h"
#include "drover/Handler.h"
#include "store/Session.h"

namespace drover::reservation {

/// Serves `reserveEvent`: a batch of jobs is one statement, and each job gets its own outcome.
///
/// RESERVED completes the job with `{"reservationId": int, "status": "RESERVED"}`; a rejection is unrecoverable, with its
/// reason. Bad data fails its own job only, and is stored as a rejection. The session is opened by the first batch and
/// again by the next one after its link ended; the engine's breaker is the backoff between the two.
///
/// A database that answers and does not decide (a trigger that raises, see DecisionRefused) fails no job:
/// - all of a batch refused: unavailable, nothing is claimed for a while;
/// - some refused, their neighbours decided: the refused ones are put off (delayed, 5 s doubling to 60 s), and logged;
/// - one job refused alone twice in a row, as the breaker's probe: put off likewise, so that it does not block the queue.
class ReserveEventHandler : public BatchHandler {
public:
    explicit ReserveEventHandler(const Config& config);

    void process(std::span<ActiveJob> jobs) override;
    /// Sets outcomes from the ledger: a job that crashed after its commit has its effect already.
    std::optional<Outcome> outcomeOf(const ActiveJob& job) override;

private:
    /// Jobs of one queue and their requests, in the same order.
    struct Batch {
        std::vector<ActiveJob*> jobs;
        std::vector<SeatRequest> requests;
    };
    /// The result of a batch that was decided in parts.
    struct Verdict {
        bool decided = false;             ///< Some job of it.
        std::vector<ActiveJob*> refused;  ///< Each of them alone.
        std::string reason;               ///< The reason of the first refusal.
    };

    void run(std::string_view queue, const Batch& batch);
    /// Decides `count` jobs from `first` on; refused ones again in halves, down to single jobs.
    void decide(std::string_view queue,
                const Batch& batch,
                std::size_t first,
                std::size_t count,
                Verdict& verdict);
    /// Fails a job whose data or id cannot be read, and stores the rejection where that is possible.
    void rejectUnreadable(ActiveJob& job, const std::string& reason);
    store::Session& session();

    store::SessionSettings settings_;
    std::unique_ptr<store::Session> session_;
    std::string
        lastRefused_;  ///< The job that was refused alone last; empty: a job was decided since.
};

}  // namespace drover::reservation
