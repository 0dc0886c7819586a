#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "ReservationRoutes.h"
#include "drover/Service.h"
#include "drover/ServiceKeys.h"
#include "store/SessionPool.h"

namespace drover::reservation {

namespace {

store::SessionSettings sessionSettings(const ServiceConfig& config) {
    store::SessionSettings settings;
    settings.url =
        store::DatabaseUrl::parse(config.text("database.url"), config.text("database.statements"));
    settings.applicationName = "drover reservation-api";
    settings.statementTimeout = std::chrono::milliseconds(config.integer("statementTimeoutMs"));
    // Locks are waited for within the statement's time; the margin covers the way back.
    settings.lockTimeout = settings.statementTimeout;
    settings.answerMargin = std::chrono::milliseconds(100);
    return settings;
}

ReservationRoutes::Settings routeSettings(const ServiceConfig& config, const Queue& queue) {
    ReservationRoutes::Settings settings;
    settings.queue = queue.qualifiedName();
    settings.checkoutTimeout = std::chrono::milliseconds(config.integer("checkoutTimeoutMs"));
    return settings;
}

/// The service plugin: its sessions, its routes, its health check.
class ReservationService : public Service {
public:
    explicit ReservationService(ServiceContext& context)
        : pool_(sessionSettings(context.config()),
                static_cast<std::size_t>(context.config().integer("sessions"))),
          routes_(
              pool_,
              [&reader = context.queueReader(context.config().text("queue"))](
                  const std::string& id) { return reader.job(id); },
              routeSettings(context.config(), context.queue(context.config().text("queue")))) {
        for (Route& route : routes_.routes()) {
            context.routes().add(std::move(route));
        }
        context.addHealthCheck("database", [this] {
            const std::string trouble = pool_.trouble();
            return HealthReport{trouble.empty(), trouble.empty() ? "ok" : trouble};
        });
        context.addMetrics([this](Metrics& metrics) {
            const store::SessionPool::Usage usage = pool_.usage();
            MetricFamily& sessions = metrics.gauge(
                "drover_store_sessions", "Sessions with the database, by the plugin and the state");
            for (const auto& [state, count] : {std::pair("idle", usage.idle),
                                               std::pair("lent", usage.lent),
                                               std::pair("missing", usage.missing)}) {
                sessions.add({{"plugin", "reservation-api"}, {"state", state}}, count);
            }
        });
    }

private:
    store::SessionPool pool_;
    ReservationRoutes routes_;
};

const ServiceDescriptor kDescriptor = {
    DROVER_BUILD_STAMP,
    "reservation-api",
    "0.1.0",
    "Routes of the reservation application that need SQL",
    {textKey(
         "database.url",
         nullptr,
         "Where the reservations are: postgresql://user:password@host:port/database?schema=name.",
         DROVER_CONFIG_REQUIRED | DROVER_CONFIG_SECRET | DROVER_CONFIG_SHARED),
     textKey("database.statements",
             "auto",
             "Whether prepared statements have names: auto, named or unnamed.",
             DROVER_CONFIG_SHARED),
     textKey("queue", "reservation", "Alias of the queue whose requests are looked up."),
     numberKey("sessions", "4", 1, 64, "Sessions with the database, shared by all requests."),
     numberKey("checkoutTimeoutMs",
               "400",
               1,
               5000,
               "A request waits this long for a session, then answers 503."),
     numberKey("statementTimeoutMs",
               "400",
               10,
               60000,
               "The database ends a statement after this; then 503.")},
    {},
    [](ServiceContext& context) -> std::unique_ptr<Service> {
        return std::make_unique<ReservationService>(context);
    }};

}  // namespace

}  // namespace drover::reservation

DROVER_SERVICE(drover::reservation::kDescriptor);
