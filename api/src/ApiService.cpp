#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <sys/resource.h>

#include <Poco/Logger.h>

#include "HttpFront.h"
#include "auth/Lists.h"
#include "auth/TokenFile.h"
#include "drover/Exceptions.h"
#include "drover/Service.h"
#include "drover/ServiceKeys.h"
#include "http/HttpServer.h"
#include "pages/HealthPages.h"
#include "queues/QueueRoutes.h"
#include "queues/QueueTable.h"
#include "queues/StreamThread.h"
#include "routes/ConfiguredRoutes.h"

namespace drover::api {

namespace {

using std::chrono::milliseconds;

/// Descriptors of the process besides the connections: logs, Redis, databases, libraries.
constexpr rlim_t kOtherDescriptors = 512;

/// Raises the soft limit of descriptors as far as possible. Returns how many connections fit.
std::size_t roomForConnections(std::size_t wanted) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return wanted;
    }
    const rlim_t needed = wanted + kOtherDescriptors;
    if (limit.rlim_cur < needed) {
        limit.rlim_cur = std::min(needed, limit.rlim_max);
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= needed) {
        return wanted;
    }
    return limit.rlim_cur > 2 * kOtherDescriptors ? limit.rlim_cur - kOtherDescriptors
                                                  : limit.rlim_cur / 2;
}

/// The HTTP front as a service: routes of the table on the main port, health on its own.
class ApiService : public Service {
public:
    explicit ApiService(ServiceContext& context)
        : context_(context),
          queues_(context.redis(),
                  [&context](const std::string& name) { return context.queueSettings(name); }),
          openBodies_(static_cast<std::size_t>(context.config().integer("maxOpenBodies"))) {
        applyRoutes(context);
        HttpFront::Settings front;
        front.version = DROVER_VERSION;
        front.docsPages = context.config().text("environment") != "prod";
        front.docsFolder = context.config().text("docsDir");
        front.rules = rulesOf(context.config());
        front.accessLog = context.config().boolean("accessLog");
        front.tracer = context.redis().tracer();
        front.maxRequestsPerClient =
            static_cast<std::size_t>(context.config().integer("maxConnectionsPerAddress"));
        front.maxBodyBytes = static_cast<std::size_t>(context.config().integer("maxBodyBytes"));
        front_ = std::make_unique<HttpFront>(context.routes(), front);
        tls_ = tlsOf(context.config());
        context.addMetrics([this](Metrics& metrics) { front_->measure(metrics); });
    }

    void start() override {
        const ServiceConfig& config = context_.config();
        requireTokens(context_);
        const std::string host = config.text("host");
        const auto healthPort = static_cast<std::uint16_t>(config.integer("healthPort"));
        if (healthPort != 0) {
            health_ = std::make_unique<HttpServer>(HealthPages::serverSettings(host, healthPort),
                                                   healthPages_);
            health_->start();
            context_.logger().information(
                "health on http://%s:%hu/livez and /readyz", host, health_->port());
        }
        main_ = std::make_unique<HttpServer>(mainSettings(), *front_);
        main_->useTls(tls_);
        main_->start();
        context_.logger().information(
            "listening on %s://%s:%hu", std::string(tls_ ? "https" : "http"), host, main_->port());
        logCertificate();
    }

    [[nodiscard]] std::function<void()> prepareReload(ServiceContext& next) override {
        applyRoutes(next);
        requireTokens(next);
        return [this,
                rules = rulesOf(next.config()),
                log = next.config().boolean("accessLog"),
                tls = tlsOf(next.config())] {
            front_->replace(rules, log);
            useTls(tls);
        };
    }

    [[nodiscard]] bool stillBusy() const override { return leftBehind_; }

    void stop(milliseconds grace) override {
        const auto end = ConnectionGate::Clock::now() + grace;
        queues_
            .endWaits();  // A client may wait for the end of a job longer than the process has left.
        if (main_) {
            // A handler that did not end uses the front: both stay until the process ends.
            if (main_->stop(grace) > 0) {
                (void)front_.release();
                leftBehind_ = true;
            }
            main_.reset();
        }
        // Last, so that the process can be watched while it drains.
        if (health_) {
            health_->stop(std::max(
                std::chrono::duration_cast<milliseconds>(end - ConnectionGate::Clock::now()),
                milliseconds(100)));
            health_.reset();
        }
    }

private:
    /// Throws ConfigException for a mistake in the file of the tokens or in a list.
    static std::shared_ptr<const Gatekeeper::Rules> rulesOf(const ServiceConfig& config) {
        const std::string tokens = config.text("tokens.file");
        return std::make_shared<const Gatekeeper::Rules>(
            Gatekeeper::Rules{tokens.empty() ? TokenTable() : readTokenFile(tokens),
                              HostList(config.text("hosts")),
                              OriginPolicy(config.text("cors.origins")),
                              TrustedProxies(config.text("trustedProxies"))});
    }

    /// Returns nullptr if HTTPS is off. Throws ConfigException for half of the configuration, or a mistake in a file.
    static std::shared_ptr<const TlsContext> tlsOf(const ServiceConfig& config) {
        const std::string certificate = config.text("tls.certificate");
        const std::string key = config.text("tls.key");
        if (certificate.empty() && key.empty()) {
            return nullptr;
        }
        if (certificate.empty() || key.empty()) {
            const std::string given = key.empty() ? "tls.certificate" : "tls.key";
            throw ConfigException(config.origin(given) + ": api." + given +
                                  " is given alone; HTTPS needs api.tls.certificate and "
                                  "api.tls.key");
        }
        const auto file = [&config](const std::string& setting, const std::string& path) {
            return TlsContext::File{path, config.origin(setting) + ": api." + setting};
        };
        return std::make_shared<const TlsContext>(file("tls.certificate", certificate),
                                                  file("tls.key", key));
    }

    /// Encrypts further connections by `fresh`. The present context stays if it has the same certificate, since clients
    /// have tickets of its sessions.
    void useTls(const std::shared_ptr<const TlsContext>& fresh) {
        if (fresh ? tls_ && fresh->sameAs(*tls_) : !tls_) {
            return;
        }
        if (!fresh) {
            context_.logger().warning("HTTPS is off: further connections are plain HTTP");
        }
        tls_ = fresh;
        main_->useTls(tls_);
        logCertificate();
    }

    void logCertificate() {
        if (!tls_) {
            return;
        }
        context_.logger().information("the last day of the certificate is %s", tls_->lastDay());
        for (const std::string& warning : tls_->warnings()) {
            context_.logger().warning(warning);
        }
    }

    /// Throws ConfigException if a route demands a token and no file has any.
    static void requireTokens(ServiceContext& context) {
        if (!context.config().text("tokens.file").empty()) {
            return;
        }
        for (const auto& route : *context.routes().snapshot()) {
            if (route->scope) {
                throw ConfigException("the route " + route->method + " " + route->path + " (" +
                                      route->source + ") demands a token with the scope " +
                                      route->scope->text() +
                                      "; set api.tokens.file to the file that has them");
            }
        }
    }

    /// Puts the configured routes into the table, in place of the present ones. A running request stays on its route.
    void applyRoutes(ServiceContext& context) {
        const ServiceConfig& config = context.config();
        const milliseconds ttl(config.integer("idempotencyTtlMs"));
        const QueueRouteSettings settings{
            ttl, openBodies_.inbox(), static_cast<std::size_t>(config.integer("maxBodyBytes"))};
        std::vector<std::string> globs;
        for (const std::string_view glob : commaList(config.text("queues"))) {
            globs.emplace_back(glob);
        }
        try {
            context.routes().replace(kQueueSource, queueRoutes(globs, queues_, settings));
        } catch (const ConfigException& error) {
            throw ConfigException(config.origin("queues") + ": api.queues = " +
                                  config.text("queues") + ": " + error.message());
        }
        context.routes().replace(
            kConfiguredSource,
            configuredRoutes(
                config.below("route"),
                [&context, ttl](const std::string& alias) {
                    Queue& queue = context.queue(alias);
                    return Producer{[&queue](auto jobs, auto done) {
                                        queue.addAsync(std::move(jobs), std::move(done));
                                    },
                                    [&queue](auto jobs, auto once, auto done) {
                                        queue.addOnceAsync(
                                            std::move(jobs), std::move(once), std::move(done));
                                    },
                                    queue.qualifiedName(),
                                    queue.name(),
                                    ttl,
                                    [&queue] { return queue.load(); }};
                },
                [&config](const std::string& key) { return config.origin("route." + key); }));
    }

    HttpServer::Settings mainSettings() {
        const ServiceConfig& config = context_.config();
        HttpServer::Settings settings;
        settings.threads = static_cast<int>(config.integer("threads"));
        settings.waitTimeout = milliseconds(config.integer("waitTimeoutMs"));
        settings.gate.host = config.text("host");
        settings.gate.port = static_cast<std::uint16_t>(config.integer("port"));
        const auto wanted = static_cast<std::size_t>(config.integer("maxConnections"));
        settings.gate.caps.connections = roomForConnections(wanted);
        if (settings.gate.caps.connections < wanted) {
            context_.logger().warning(
                "the limit of open files allows %z connections, not %z as in api.maxConnections",
                settings.gate.caps.connections,
                wanted);
        }
        settings.gate.caps.connectionsPerAddress =
            static_cast<std::size_t>(config.integer("maxConnectionsPerAddress"));
        settings.gate.requestTimeout = milliseconds(config.integer("requestTimeoutMs"));
        settings.gate.idleTimeout = milliseconds(config.integer("idleTimeoutMs"));
        settings.gate.sendTimeout = milliseconds(config.integer("sendTimeoutMs"));
        settings.gate.limits.maxBodyBytes =
            static_cast<std::size_t>(config.integer("maxBodyBytes"));
        return settings;
    }

    ServiceContext& context_;
    QueueTable queues_;
    StreamThread openBodies_;  ///< Ends before the queues that its work has.
    std::unique_ptr<HttpFront> front_;
    std::shared_ptr<const TlsContext> tls_;  ///< nullptr: HTTPS is off.
    bool leftBehind_ = false;                ///< stop() abandoned a handler.
    HealthPages healthPages_{[this] { return context_.health(); }};
    std::unique_ptr<HttpServer> health_;
    std::unique_ptr<HttpServer> main_;
};

const ServiceDescriptor kDescriptor = {
    DROVER_BUILD_STAMP,
    "api",
    DROVER_VERSION,
    "The HTTP front: serves the route table, its OpenAPI document, Swagger UI and the health "
    "pages.",
    {textKey("environment", "dev", "prod turns the Swagger page off.", DROVER_CONFIG_SHARED),
     textKey("host", "127.0.0.1", "Address that both ports listen on; 0.0.0.0 for every one."),
     numberKey("port", "4000", 0, 65535, "Port of the routes; 0: any free one."),
     numberKey("healthPort", "4001", 0, 65535, "Port of /livez and /readyz; 0 turns it off."),
     numberKey("threads", "32", 1, 1024, "Requests that are handled at once."),
     numberKey("waitTimeoutMs",
               "1000",
               1,
               600000,
               "A request that waits longer for a thread is answered with 503."),
     numberKey(
         "maxConnections",
         "4096",
         1,
         1000000,
         "Connections in all. For one more the longest idle one is closed, if it is idle for a "
         "second; else the new one is answered with 503."),
     numberKey("maxConnectionsPerAddress",
               "2048",
               1,
               1000000,
               "The same for connections from one address; an IPv6 /64 is one."),
     numberKey("requestTimeoutMs",
               "10000",
               10,
               3600000,
               "A whole request must have arrived by then, else 408."),
     numberKey("idleTimeoutMs",
               "30000",
               10,
               3600000,
               "A connection without a request is closed after this."),
     numberKey("sendTimeoutMs",
               "10000",
               10,
               3600000,
               "A client must have read the whole answer by then."),
     numberKey("maxBodyBytes", "65536", 0, 16777216, "Largest body of a request; more is 413."),
     numberKey(
         "maxOpenBodies",
         "64",
         1,
         100000,
         "Bodies of lines for /queues/QUEUE/jobs that are chunked or larger, and are added while "
         "they arrive, at once; one more is answered with 503."),
     numberKey(
         "idempotencyTtlMs",
         "86400000",
         1000,
         2592000000,
         "How long an Idempotency-Key is remembered: a request that comes again adds nothing."),
     textKey(
         "tokens.file",
         "",
         "File of the tokens that routes demand, made of lines by `drover token new`. Read again "
         "by a "
         "reload.",
         DROVER_CONFIG_RELOADABLE),
     textKey(
         "tls.certificate",
         "",
         "PEM file of the certificate and its issuers. With it the port of the routes speaks HTTPS "
         "alone. Read again by a reload.",
         DROVER_CONFIG_RELOADABLE),
     textKey("tls.key",
             "",
             "PEM file of the certificate's private key, without a passphrase.",
             DROVER_CONFIG_RELOADABLE),
     textKey("hosts",
             "",
             "Hosts that requests may name, parted by commas: api.example, *.shop.example, "
             "localhost:4000. Empty: any.",
             DROVER_CONFIG_RELOADABLE),
     textKey(
         "cors.origins",
         "",
         "Origins whose pages may send requests and read answers, parted by commas. Empty: CORS is "
         "off.",
         DROVER_CONFIG_RELOADABLE),
     textKey("trustedProxies",
             "",
             "Networks of proxies whose X-Forwarded-For names the client, parted by commas: "
             "10.0.0.0/8, ::1.",
             DROVER_CONFIG_RELOADABLE),
     textKey(
         "queues",
         "",
         "Queues that clients with tokens may add to at /queues/QUEUE, as globs parted by commas: "
         "mail-*, reports. Empty: none.",
         DROVER_CONFIG_RELOADABLE),
     flagKey("accessLog", "false", "A line for each request in the log.", DROVER_CONFIG_RELOADABLE),
     textKey("docsDir", "", "Folder of the npm package swagger-ui-dist, for the page at /api.")},
    {"route"},
    [](ServiceContext& context) -> std::unique_ptr<Service> {
        return std::make_unique<ApiService>(context);
    }};

}  // namespace

}  // namespace drover::api

DROVER_SERVICE(drover::api::kDescriptor);
