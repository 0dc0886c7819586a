#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "Reservation.h"
#include "drover/Job.h"
#include "drover/Routes.h"
#include "store/SessionPool.h"

namespace drover::reservation {

class ReservationRepository;
struct RequestState;

/// The endpoints of the reservation application that need SQL.
///
/// A database that is away, or too slow, answers 503 with Retry-After, in less than checkoutTimeout plus the session's
/// statement timeout and margin.
/// Threads: the handlers of its routes may run on any number of threads. It outlives its routes.
class ReservationRoutes {
public:
    struct Settings {
        std::string queue;  ///< Qualified name, "<prefix>:<queue>": the ledger's key.
        std::string source = "plugin reservation-api";
        std::chrono::milliseconds checkoutTimeout{400};
    };
    /// Finds a job of that queue while it lives; throws RedisIoException when Redis is away.
    using JobLookup = std::function<std::optional<Job>(const std::string& id)>;

    ReservationRoutes(store::SessionPool& pool, JobLookup findJob, Settings settings);

    [[nodiscard]] std::vector<Route> routes();

private:
    Response getReservation(const Request& request);
    Response getRequest(const Request& request);
    Response postUser(const Request& request);
    Response getUser(const Request& request);
    Response postEvent(const Request& request);
    Response getEvent(const Request& request);

    /// Returns the ledger's entry of exactly this request, or of the newest one with the id.
    std::optional<RequestState> storedState(const std::string& jobId,
                                            const std::optional<std::int64_t>& timestamp);
    /// Returns how many requests have had the id of a job that lives; std::nullopt: the database is away now.
    std::optional<std::int64_t> requestsWithIdOf(const Job& job);
    /// Returns the job, if the id belongs to a job at all. Throws JobFormatException if its hash cannot be read.
    std::optional<Job> liveJob(const std::string& id);

    /// Runs `query` on a session of the pool; infrastructure becomes HttpError 503.
    template <typename Ask>
    auto withDatabase(Ask query);

    store::SessionPool& pool_;
    JobLookup findJob_;
    Settings settings_;
};

}  // namespace drover::reservation
