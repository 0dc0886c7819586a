#include "ReserveEventHandler.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

#include "ReservationRepository.h"
#include "SeatRequestJson.h"
#include "drover/Exceptions.h"

namespace drover::reservation {

namespace {

Outcome outcomeFrom(const Decision& decision) {
    return decision.reserved() ? completed(reservedResult(*decision.reservationId))
                               : unrecoverable(decision.reason);
}

/// How many jobs are refused one by one before the whole batch counts as refused: each costs the database a statement.
constexpr std::size_t kMostRefused = 8;
constexpr std::chrono::seconds kFirstPutOff{5};
constexpr std::chrono::seconds kLongestPutOff{60};
/// An entry of a PostgreSQL index holds about 2,700 bytes; queue and timestamp are in it as well.
constexpr std::size_t kLongestJobId = 1024;

constexpr const char* kGivenUp = "given up before it was decided, since it stalled too often";

/// Throws std::invalid_argument for an id that no ledger can hold.
void checkJobId(std::string_view id) {
    if (id.size() > kLongestJobId) {
        throw std::invalid_argument("the job's id has " + std::to_string(id.size()) +
                                    " bytes, more than " + std::to_string(kLongestJobId));
    }
    if (id.find('\0') != std::string_view::npos) {
        throw std::invalid_argument("the job's id holds a NUL byte");
    }
}

std::string keyOf(const ActiveJob& job) {
    return std::string(job.queue()) + ' ' + std::string(job.id()) + ' ' +
           std::to_string(job.timestampMs());
}

void settle(ActiveJob& job, const Outcome& outcome) {
    try {
        job.set(outcome);
    } catch (const JobLost&) {
        // Another worker has the job now and will find the decision in the ledger. This worker still holds the rest of the
        // batch: an exception out of here would run all of it again.
    }
}

/// Delays jobs that the database refuses, longer each time. No attempt is counted.
void putOff(const std::vector<ActiveJob*>& jobs, const std::string& reason) {
    std::chrono::seconds longest{0};
    for (ActiveJob* job : jobs) {
        const int before = std::clamp(job->attemptsStarted() - 1, 0, 4);
        const auto pause = std::min(kLongestPutOff, kFirstPutOff * (1 << before));
        longest = std::max(longest, pause);
        settle(*job, drover::putOff(std::chrono::system_clock::now() + pause, reason));
    }
    const std::string more =
        jobs.size() == 1 ? "" : " and " + std::to_string(jobs.size() - 1) + " more of its batch";
    jobs.front()->log().error("the database refuses this job" + more + ": " + reason +
                              "; tried again within " + std::to_string(longest.count()) + " s");
}

}  // namespace

ReserveEventHandler::ReserveEventHandler(const Config& config) {
    settings_.url =
        store::DatabaseUrl::parse(config.text("database.url"), config.text("database.statements"));
    settings_.applicationName = "drover reservation";
    settings_.statementTimeout = std::chrono::milliseconds(config.integer("statementTimeoutMs"));
    settings_.lockTimeout = std::chrono::milliseconds(config.integer("lockTimeoutMs"));
}

void ReserveEventHandler::process(std::span<ActiveJob> jobs) {
    for (std::size_t begin = 0; begin < jobs.size();) {
        // One statement is about one queue. Usually this is the whole span.
        const std::string_view queue = jobs[begin].queue();
        Batch batch;
        for (; begin < jobs.size() && jobs[begin].queue() == queue; ++begin) {
            ActiveJob& job = jobs[begin];
            try {
                checkJobId(job.id());
                SeatRequest request = parseSeatRequest(job.data());
                request.jobId = job.id();
                request.jobTimestampMs = job.timestampMs();
                batch.requests.push_back(std::move(request));
                batch.jobs.push_back(&job);
            } catch (const std::invalid_argument& error) {
                rejectUnreadable(job, error.what());
            }
        }
        if (!batch.jobs.empty()) {
            run(queue, batch);
        }
    }
}

void ReserveEventHandler::run(std::string_view queue, const Batch& batch) {
    Verdict verdict;
    decide(queue, batch, 0, batch.jobs.size(), verdict);
    if (verdict.decided) {
        lastRefused_.clear();
    }
    if (verdict.refused.empty()) {
        return;
    }
    const std::string alone = batch.jobs.size() == 1 ? keyOf(*batch.jobs.front()) : "";
    if (verdict.decided || (!alone.empty() && alone == lastRefused_)) {
        putOff(verdict.refused, verdict.reason);
        lastRefused_.clear();
        return;
    }
    lastRefused_ = alone;
    // Hands back every job of the call that has no outcome, and opens the breaker with this reason.
    throw Unavailable(verdict.reason);
}

void ReserveEventHandler::decide(std::string_view queue,
                                 const Batch& batch,
                                 std::size_t first,
                                 std::size_t count,
                                 Verdict& verdict) {
    if (!verdict.decided && verdict.refused.size() >= kMostRefused) {
        return;
    }
    try {
        const auto begin = batch.requests.begin() + static_cast<std::ptrdiff_t>(first);
        const std::vector<Decision> decisions = ReservationRepository(session()).decide(
            queue, {begin, begin + static_cast<std::ptrdiff_t>(count)});
        for (std::size_t i = 0; i < count; ++i) {
            settle(*batch.jobs[first + i], outcomeFrom(decisions[i]));
        }
        verdict.decided = true;
        return;
    } catch (const DecisionRefused& refusal) {
        if (count == 1 && refusal.requestAtFault()) {
            settle(*batch.jobs[first], failed(refusal.what()));
            return;
        }
        if (verdict.reason.empty()) {
            verdict.reason = refusal.what();
        }
    }
    if (count == 1) {
        verdict.refused.push_back(batch.jobs[first]);
        return;
    }
    decide(queue, batch, first, count / 2, verdict);
    decide(queue, batch, first + count / 2, count - count / 2, verdict);
}

void ReserveEventHandler::rejectUnreadable(ActiveJob& job, const std::string& reason) {
    try {
        checkJobId(job.id());
        SeatRequest request;
        request.jobId = job.id();
        request.jobTimestampMs = job.timestampMs();
        ReservationRepository(session()).reject(job.queue(), request, reason);
    } catch (const std::invalid_argument&) {
        // An id that cannot be stored: the job's reason and the log are its only traces.
    } catch (const StoreException& error) {
        job.log().warning("the rejection is not stored: " + error.message());
    }
    settle(job, failed(reason));
}

std::optional<Outcome> ReserveEventHandler::outcomeOf(const ActiveJob& job) {
    ReservationRepository repository(session());
    if (const auto decision = repository.outcome(job.queue(), job.id(), job.timestampMs())) {
        return outcomeFrom(*decision);
    }
    SeatRequest request;
    try {
        request = parseSeatRequest(job.data());
    } catch (const std::invalid_argument&) {
        // Stored without event and user.
    }
    request.jobId = job.id();
    request.jobTimestampMs = job.timestampMs();
    try {
        repository.reject(job.queue(), request, kGivenUp);
    } catch (const StoreException& error) {
        job.log().warning("the rejection is not stored: " + error.message());
    }
    return std::nullopt;
}

store::Session& ReserveEventHandler::session() {
    // Probed before each batch, so that a server that restarted between two batches causes no hand-back.
    if (!session_ || !session_->probe()) {
        session_.reset();
        session_ = std::make_unique<store::Session>(settings_);
    }
    return *session_;
}

}  // namespace drover::reservation
