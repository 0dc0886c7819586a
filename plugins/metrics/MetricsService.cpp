#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <Poco/StringTokenizer.h>

#include "ProcessFigures.h"
#include "QueueFamilies.h"
#include "QueueSearch.h"
#include "TextFormat.h"
#include "drover/Exceptions.h"
#include "drover/Service.h"
#include "drover/operate/QueueOverview.h"

namespace drover::metrics {

namespace {

using Clock = std::chrono::steady_clock;

/// Scrapes that follow each other faster have the same figures of queues: the route is open by default.
constexpr std::chrono::milliseconds kShortestInterval{1000};

QueueSearch::Settings namesOf(const ServiceConfig& config) {
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
          most_(static_cast<std::size_t>(context.config().integer("maxQueues"))),
          search_(context.redis(), namesOf(context.config())) {
        Route route;
        route.method = "GET";
        route.path = "/metrics";
        route.summary = "The figures of the process and of its queues, for Prometheus.";
        route.tag = "metrics";
        route.source = "plugin metrics";
        route.responses = {{200, "Text in the format of Prometheus, version 0.0.4.", ""}};
        route.scope = scopeOf(context.config());
        route.handler = [this](const Request&) { return answer(); };
        context.routes().add(std::move(route));
    }

    void start() override { search_.start(); }
    void stop(std::chrono::milliseconds /*grace*/) override { search_.stop(); }

private:
    /// A reading of all queues.
    struct Reading {
        std::vector<QueueSummary> queues;
        std::size_t unreadable = 0;  ///< Queues whose keys are of other types.
        std::size_t leftOut = 0;     ///< Queues beyond metrics.maxQueues.
        bool reached = false;        ///< Redis answered.
        double seconds = 0;
        Clock::time_point at{};
    };

    Response answer() {
        Metrics metrics = context_.collectMetrics();
        addProcess(metrics);
        if (const auto reading = read()) {
            addQueues(metrics, reading->queues);
            metrics.gauge("drover_redis_up", "1 if Redis answered the reading of the queues")
                .add({}, reading->reached);
            metrics.gauge("drover_queues", "Queues that were read")
                .add({}, reading->queues.size() - reading->unreadable);
            metrics.gauge("drover_queues_unreadable", "Queues left out: a key is of another type")
                .add({}, reading->unreadable);
            metrics.gauge("drover_queues_left_out", "Queues left out: beyond metrics.maxQueues")
                .add({}, reading->leftOut);
            metrics.gauge("drover_queues_read_seconds", "Time that the reading of the queues took")
                .add({}, reading->seconds);
        }
        Response response;
        response.contentType = kTextFormat;
        response.body = textOf(metrics);
        return response;
    }

    /// Returns a reading that is not older than kShortestInterval; while another request makes one, the last.
    std::shared_ptr<const Reading> read() {
        {
            std::unique_lock lock(mutex_);
            if (reading_ && last_) {
                return last_;
            }
            changed_.wait(lock, [this] { return !reading_; });
            if (last_ && Clock::now() - last_->at < kShortestInterval) {
                return last_;
            }
            reading_ = true;
        }
        std::shared_ptr<const Reading> fresh;
        try {
            fresh = std::make_shared<const Reading>(readNow());
        } catch (...) {
            onRead(nullptr);
            throw;
        }
        onRead(fresh);
        return fresh;
    }

    /// Lets other requests read, and stores the reading if there is one.
    void onRead(std::shared_ptr<const Reading> fresh) {
        const std::lock_guard lock(mutex_);
        reading_ = false;
        if (fresh) {
            last_ = std::move(fresh);
        }
        changed_.notify_all();
    }

    Reading readNow() {
        Reading reading;
        const auto began = Clock::now();
        std::vector<QueueReader::Settings> queues = context_.queues();
        std::set<std::string> present;
        for (const QueueReader::Settings& queue : queues) {
            present.insert(queue.name);
        }
        for (std::string& name : search_.names()) {
            if (present.insert(name).second) {
                queues.push_back({prefix_, std::move(name)});
            }
        }
        const std::size_t all = queues.size();
        queues.resize(std::min(all, most_));
        reading.leftOut = all - queues.size() + search_.leftOut();
        std::map<std::string, std::vector<std::string>> byPrefix;
        for (QueueReader::Settings& queue : queues) {
            byPrefix[queue.prefix].push_back(std::move(queue.name));
        }
        try {
            for (const auto& [prefix, names] : byPrefix) {
                QueueOverview& overview =
                    overviews_.try_emplace(prefix, context_.redis(), prefix).first->second;
                for (QueueSummary& summary : overview.look(names, false)) {
                    reading.unreadable += summary.problem.empty() ? 0 : 1;
                    reading.queues.push_back(std::move(summary));
                }
            }
            reading.reached = true;
        } catch (const Poco::Exception&) {
            // The log has the outage; drover_redis_up is 0, and the figures of the process are there all the same.
            reading.queues.clear();
            reading.unreadable = 0;
        }
        reading.at = Clock::now();
        reading.seconds = std::chrono::duration<double>(reading.at - began).count();
        return reading;
    }

    ServiceContext& context_;
    const std::size_t most_;
    const std::string prefix_ = context_.config().text("prefix");
    QueueSearch search_;
    std::map<std::string, QueueOverview> overviews_;  ///< By prefix. Used by one request at a time.
    std::mutex mutex_;
    std::condition_variable changed_;
    bool reading_ = false;                 ///< Guarded by mutex_, as is
    std::shared_ptr<const Reading> last_;  ///< the last reading.
};

drover_config_key text(const char* name, const char* value, const char* description) {
    return {sizeof(drover_config_key), DROVER_CONFIG_STRING, 0, 0, 0, 0, name, value, description};
}

drover_config_key number(const char* name,
                         const char* value,
                         std::int64_t least,
                         std::int64_t most,
                         const char* description) {
    return {
        sizeof(drover_config_key), DROVER_CONFIG_INT, 0, 0, least, most, name, value, description};
}

const ServiceDescriptor kDescriptor = {
    DROVER_BUILD_STAMP,
    "metrics",
    DROVER_VERSION,
    "GET /metrics: the figures of the process and of its queues, for Prometheus.",
    {text("auth",
          "none",
          "none: every client may read /metrics; token: a token with the scope read is needed."),
     text("queues",
          "",
          "Queues that are looked for in Redis, as globs parted by commas, besides those of the "
          "configuration: mail-*, reports, *. Empty: none."),
     text("prefix", "bull", "Prefix of the queues that are looked for."),
     number("maxQueues", "2000", 1, 100000, "Most queues in an answer; others are left out."),
     number("searchIntervalMs",
            "60000",
            100,
            86400000,
            "Pause between two searches for queues, each of which looks at every key of Redis.")},
    {},
    [](ServiceContext& context) -> std::unique_ptr<Service> {
        return std::make_unique<MetricsService>(context);
    }};

}  // namespace

}  // namespace drover::metrics

DROVER_SERVICE(drover::metrics::kDescriptor);
