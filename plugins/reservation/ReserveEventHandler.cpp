#include "ReserveEventHandler.h"

#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "ReservationRepository.h"
#include "SeatRequestJson.h"

namespace drover::reservation {

namespace {

Outcome outcomeFrom(const Decision& decision) {
    return decision.reserved() ? completed(reservedResult(*decision.reservationId))
                               : unrecoverable(decision.reason);
}

void settle(ActiveJob& job, const Outcome& outcome) {
    try {
        job.set(outcome);
    } catch (const JobLost&) {
        // Somebody else has the job now and will find what was decided in the ledger. The others of the batch are still
        // ours: an exception out of here would run all of them again.
    }
}

}  // namespace

ReserveEventHandler::ReserveEventHandler(const Config& config) {
    settings_.url = store::DatabaseUrl::parse(config.text("database.url"));
    settings_.applicationName = "drover reservation";
    settings_.statementTimeout = std::chrono::milliseconds(config.integer("statementTimeoutMs"));
    settings_.lockTimeout = std::chrono::milliseconds(config.integer("lockTimeoutMs"));
}

void ReserveEventHandler::process(std::span<ActiveJob> jobs) {
    for (std::size_t begin = 0; begin < jobs.size();) {
        // One statement knows one queue. Usually this is the whole span.
        const std::string_view queue = jobs[begin].queue();
        Batch batch;
        for (; begin < jobs.size() && jobs[begin].queue() == queue; ++begin) {
            ActiveJob& job = jobs[begin];
            try {
                SeatRequest request = parseSeatRequest(job.data());
                request.jobId = job.id();
                request.jobTimestampMs = job.timestampMs();
                batch.requests.push_back(std::move(request));
                batch.jobs.push_back(&job);
            } catch (const std::invalid_argument& error) {
                settle(job, failed(error.what()));
            }
        }
        if (!batch.jobs.empty()) {
            run(queue, batch);
        }
    }
}

void ReserveEventHandler::run(std::string_view queue, const Batch& batch) {
    const std::vector<Decision> decisions =
        ReservationRepository(session()).decide(queue, batch.requests);
    for (std::size_t i = 0; i < decisions.size(); ++i) {
        settle(*batch.jobs[i], outcomeFrom(decisions[i]));
    }
}

std::optional<Outcome> ReserveEventHandler::outcomeOf(const ActiveJob& job) {
    const auto decision =
        ReservationRepository(session()).outcome(job.queue(), job.id(), job.timestampMs());
    if (!decision) {
        return std::nullopt;
    }
    return outcomeFrom(*decision);
}

store::Session& ReserveEventHandler::session() {
    // Looked at before each batch, so that a server that restarted between two batches costs nobody a hand-back.
    if (!session_ || !session_->probe()) {
        session_.reset();
        session_ = std::make_unique<store::Session>(settings_);
    }
    return *session_;
}

}  // namespace drover::reservation
