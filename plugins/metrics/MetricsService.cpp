#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <Poco/StringTokenizer.h>

#include "ProcessFigures.h"
#include "QueueReadings.h"
#include "TextFormat.h"
#include "drover/Exceptions.h"
#include "drover/Service.h"
#include "drover/ServiceKeys.h"

namespace drover::metrics {

namespace {

constexpr const char* kSource = "plugin metrics";

QueueSearch::Settings searchOf(const ServiceConfig& config) {
    QueueSearch::Settings settings;
    settings.prefix = config.text("prefix");
    const Poco::StringTokenizer globs(
        config.text("queues"),
        ",",
        Poco::StringTokenizer::TOK_TRIM | Poco::StringTokenizer::TOK_IGNORE_EMPTY);
    settings.globs.assign(globs.begin(), globs.end());
    settings.most = static_cast<std::size_t>(config.integer("maxQueues"));
    settings.interval = std::chrono::milliseconds(config.integer("searchIntervalMs"));
    return settings;
}

std::optional<Scope> scopeOf(const ServiceConfig& config) {
    const std::string auth = config.text("auth");
    if (auth == "none") {
        return std::nullopt;
    }
    if (auth != "token") {
        throw ConfigException(config.origin("auth") + ": metrics.auth = " + auth +
                              ": none or token is right");
    }
    return Scope{Scope::Kind::Read};
}

/// The service plugin: the route GET /metrics.
class MetricsService : public Service {
public:
    explicit MetricsService(ServiceContext& context)
        : context_(context),
          readings_(std::make_shared<QueueReadings>(context, searchOf(context.config()))) {
        apply(context, readings_);
    }

    void start() override { readings_->start(); }

    [[nodiscard]] std::function<void()> prepareReload(ServiceContext& next) override {
        QueueSearch::Settings settings = searchOf(next.config());
        if (settings == readings_->settings()) {
            return {};
        }
        const auto fresh = std::make_shared<QueueReadings>(context_, std::move(settings));
        fresh->start();
        apply(next, fresh);
        return [this, fresh] { std::exchange(readings_, fresh)->stop(); };
    }

    void stop(std::chrono::milliseconds /*grace*/) override { readings_->stop(); }

private:
    /// A running request stays with the readings of before.
    void apply(ServiceContext& context, const std::shared_ptr<QueueReadings>& readings) {
        Route route;
        route.method = "GET";
        route.path = "/metrics";
        route.summary = "The figures of the process and of its queues, for Prometheus.";
        route.tag = "metrics";
        route.source = kSource;
        route.responses = {{200, "Text in the format of Prometheus, version 0.0.4.", ""}};
        route.scope = scopeOf(context.config());
        route.handler = [this, readings](const Request&) { return answer(*readings); };
        context.routes().replace(kSource, {std::move(route)});
    }

    Response answer(QueueReadings& readings) {
        Metrics metrics = context_.collectMetrics();
        addProcess(metrics);
        readings.addTo(metrics);
        Response response;
        response.contentType = kTextFormat;
        response.body = textOf(metrics);
        return response;
    }

    ServiceContext& context_;
    std::shared_ptr<QueueReadings> readings_;  ///< Those in force.
};

const ServiceDescriptor kDescriptor = {
    DROVER_BUILD_STAMP,
    "metrics",
    DROVER_VERSION,
    "GET /metrics: the figures of the process and of its queues, for Prometheus.",
    {textKey("auth",
             "none",
             "none: every client may read /metrics; token: a token with the scope read is needed.",
             // The front looks at its start whether it has tokens for its routes.
             0),
     textKey("queues",
             "",
             "Queues that are looked for in Redis, as globs parted by commas, besides those of the "
             "configuration: mail-*, reports, *. Empty: none.",
             DROVER_CONFIG_RELOADABLE),
     textKey(
         "prefix", "bull", "Prefix of the queues that are looked for.", DROVER_CONFIG_RELOADABLE),
     numberKey("maxQueues",
               "2000",
               1,
               100000,
               "Most queues in an answer; others are left out.",
               DROVER_CONFIG_RELOADABLE),
     numberKey("searchIntervalMs",
               "60000",
               100,
               86400000,
               "Pause between two searches for queues, each of which looks at every key of Redis.",
               DROVER_CONFIG_RELOADABLE)},
    {},
    [](ServiceContext& context) -> std::unique_ptr<Service> {
        return std::make_unique<MetricsService>(context);
    }};

}  // namespace

}  // namespace drover::metrics

DROVER_SERVICE(drover::metrics::kDescriptor);
