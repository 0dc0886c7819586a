#include "host/Services.h"

#include <algorithm>
#include <optional>
#include <set>

#include <Poco/Logger.h>

#include "core/Log.h"
#include "core/Version.h"
#include "drover/Exceptions.h"
#include "host/Consumers.h"
#include "process/Logging.h"
#include "redis/RedisFigures.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

void requireThread(const Configuration& config, const std::string& service) {
    if (Settings::isolation(config, service)) {
        throw ConfigException("plugin." + service + ".isolation = \"process\": " + service +
                              " is a service plugin, which runs in the engine's process");
    }
}

Queue::Settings producing(const QueueSettings& settings) {
    Queue::Settings wanted;
    wanted.prefix = settings.prefix;
    wanted.name = settings.name;
    wanted.addTimeout = settings.addTimeout;
    wanted.linger = settings.addLinger;
    wanted.admission = {settings.maxDepth, settings.maxWait, settings.maxMemoryPercent};
    wanted.bullmq5 = settings.bullmq5;
    wanted.shards = shardsOf(settings);
    return wanted;
}

}  // namespace

/// A queue of which services have references.
struct Services::Producer {
    Producer(const Redis& redis, const Queue::Settings& wanted)
        : settings(wanted), queue(redis, wanted) {
        if (settings.shards.count == 1) {
            reader.emplace(redis, QueueReader::Settings{wanted.prefix, wanted.name});
        }
    }

    const Queue::Settings settings;
    Queue queue;
    std::optional<const QueueReader> reader;  ///< None reads all shards.
};

/// The view that one service has of the process, with one configuration.
class Services::Context : public ServiceContext {
public:
    Context(Services& services,
            const ServiceDescriptor& descriptor,
            const Configuration& config,
            Routes& routes,
            Queues& queues)
        : services_(services),
          all_(config),
          config_(config, descriptor),
          descriptor_(descriptor),
          routes_(routes),
          queues_(queues),
          logger_(Poco::Logger::get(descriptor.name)) {}

    [[nodiscard]] const ServiceConfig& config() const override { return config_; }
    [[nodiscard]] Routes& routes() override { return routes_; }
    [[nodiscard]] Queue& queue(const std::string& alias) override {
        return services_.producer(alias, all_, queues_).queue;
    }
    [[nodiscard]] const QueueReader& queueReader(const std::string& alias) override {
        const Producer& producer = services_.producer(alias, all_, queues_);
        if (!producer.reader) {
            throw ConfigException("queue." + alias +
                                  ".shards = " + std::to_string(producer.settings.shards.count) +
                                  ": a job is read from the shard that has it, and " +
                                  descriptor_.name + " reads jobs of one queue; remove the shards");
        }
        return *producer.reader;
    }
    [[nodiscard]] const Redis& redis() const override { return services_.redis_; }
    [[nodiscard]] Queue::Settings queueSettings(const std::string& name) const override {
        return producing(Settings::queueNamed(*current(), name));
    }
    [[nodiscard]] ShardedQueues shardedQueues() const override {
        return Settings::sharded(*current());
    }
    [[nodiscard]] Poco::Logger& logger() override { return logger_; }
    void addHealthCheck(const std::string& name, std::function<HealthReport()> check) override {
        services_.checks_.add(name, std::move(check));
    }
    [[nodiscard]] std::vector<std::pair<std::string, HealthReport>> health() const override {
        HealthReports reports = services_.checks_.run();
        for (auto& report : services_.neighbours_.health()) {
            reports.push_back(std::move(report));
        }
        return reports;
    }
    void addMetrics(std::function<void(Metrics&)> measure) override {
        const std::lock_guard<std::mutex> lock(services_.mutex_);
        services_.measures_.push_back(std::move(measure));
    }
    [[nodiscard]] Metrics collectMetrics() const override { return services_.collect(); }
    [[nodiscard]] std::vector<QueueReader::Settings> queues() const override {
        const std::shared_ptr<const Configuration> config = current();
        std::vector<QueueReader::Settings> queues;
        std::set<std::string> names;
        for (const std::string& alias : config->aliases()) {
            const QueueSettings settings = Settings::queue(*config, alias);
            for (std::string& name : shardsOf(settings).namesOf(settings.name)) {
                if (names.insert(name).second) {
                    queues.push_back({settings.prefix, std::move(name)});
                }
            }
        }
        for (QueueReader::Settings& served : services_.neighbours_.queues()) {
            if (names.insert(served.name).second) {
                queues.push_back(std::move(served));
            }
        }
        return queues;
    }

private:
    /// Returns the configuration of this context; that of the start may have been replaced by now.
    [[nodiscard]] std::shared_ptr<const Configuration> current() const {
        const bool isOfStart = &all_ == &services_.config_;
        return isOfStart ? services_.inForce()
                         : std::shared_ptr<const Configuration>(std::shared_ptr<void>(), &all_);
    }

    Services& services_;
    const Configuration& all_;
    PluginConfig config_;
    const ServiceDescriptor& descriptor_;
    Routes& routes_;
    Queues& queues_;
    Poco::Logger& logger_;
};

/// The routes, queues and changes that are ready to take over.
struct Services::Next {
    std::shared_ptr<const Configuration> config;
    Routes routes;
    Queues queues;
    std::vector<std::function<void()>> changes;
};

Services::Services(const Configuration& config,
                   Redis redis,
                   const std::vector<LoadedPlugin>& plugins,
                   Neighbours neighbours)
    : config_(config),
      redis_(std::move(redis)),
      neighbours_(std::move(neighbours)),
      inForce_(std::make_shared<const Configuration>(config)) {
    for (const LoadedPlugin& plugin : plugins) {
        const ServiceDescriptor& descriptor =
            *std::get<const ServiceDescriptor*>(plugin.descriptor);
        requireThread(config, plugin.name);
        Loaded loaded;
        loaded.descriptor = &descriptor;
        loaded.context = std::make_unique<Context>(*this, descriptor, config_, routes_, queues_);
        loaded.service = descriptor.create(*loaded.context);
        if (loaded.service == nullptr) {
            throw PluginException(plugin.path + ": made no service");
        }
        services_.push_back(std::move(loaded));
    }
}

Services::~Services() {
    while (!services_.empty()) {
        services_.pop_back();
    }
}

Services::Producer& Services::producer(const std::string& alias,
                                       const Configuration& config,
                                       Queues& queues) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto found = queues.find(alias);
    if (found == queues.end()) {
        const std::vector<std::string> known = config.aliases();
        if (std::find(known.begin(), known.end(), alias) == known.end()) {
            throw ConfigException("queue " + alias + ": no such alias; set queue." + alias +
                                  ".name");
        }
        const Queue::Settings wanted = producing(Settings::queue(config, alias));
        // An alias that went with its plugin comes again with it.
        const auto same = std::find_if(held_.begin(), held_.end(), [&wanted](const auto& one) {
            return one->settings == wanted;
        });
        found =
            queues
                .emplace(alias,
                         same != held_.end() ? *same : std::make_shared<Producer>(redis_, wanted))
                .first;
        if (&queues == &queues_) {
            hold(found->second);
        }
    }
    return *found->second;
}

void Services::hold(const std::shared_ptr<Producer>& producer) {
    if (std::find(held_.begin(), held_.end(), producer) != held_.end()) {
        return;
    }
    held_.push_back(producer);
    checks_.add("producer " + producer->settings.name, [&queue = producer->queue] {
        const std::string problem = queue.problem();
        HealthReport report{problem.empty(), problem};
        report.standsStill = !queue.progresses();
        return report;
    });
}

std::shared_ptr<const Configuration> Services::inForce() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return inForce_;
}

void Services::measure(Metrics& metrics) const {
    redis_.shared().options().figures->adds.measure(metrics);
}

Metrics Services::collect() const {
    Metrics metrics;
    metrics.gauge("drover_build_info", "1, with the version of the engine")
        .add({{"version", version()}}, 1);
    metrics.counter("drover_log_lines_dropped_total", "Lines of the log that no reader read")
        .add({}, Logging::dropped());
    redis_.shared().options().figures->measure(metrics);
    neighbours_.measure(metrics);
    measure(metrics);
    std::vector<std::function<void(Metrics&)>> measures;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        measures = measures_;
    }
    for (const auto& measure : measures) {
        try {
            measure(metrics);
        } catch (const std::exception& error) {
            // The other figures are there all the same.
            Log("engine").warning(std::string("figures of a service are missing: ") + error.what());
        }
    }
    return metrics;
}

Component::Change Services::prepare(const Configuration& config) {
    const auto next = std::make_shared<Next>();
    next->config = std::make_shared<const Configuration>(config);
    next->routes.publish(routes_.snapshot());
    const std::vector<std::string> aliases = config.aliases();
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (const auto& [alias, producer] : queues_) {
            // An alias that goes may come again as another queue; one that stays is the same until a restart.
            if (std::find(aliases.begin(), aliases.end(), alias) != aliases.end()) {
                next->queues.emplace(alias, producer);
            }
        }
    }
    for (const Loaded& loaded : services_) {
        requireThread(config, loaded.descriptor->name);
        Context context(*this, *loaded.descriptor, config, next->routes, next->queues);
        if (auto change = loaded.service->prepareReload(context)) {
            next->changes.push_back(std::move(change));
        }
    }
    return [this, next] { switchTo(*next); };
}

void Services::switchTo(Next& next) {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (const auto& [alias, producer] : next.queues) {
            hold(producer);
        }
        queues_ = std::move(next.queues);
        inForce_ = std::move(next.config);
    }
    routes_.publish(next.routes.snapshot());
    for (const auto& change : next.changes) {
        change();
    }
}

void Services::start() {
    for (const Loaded& loaded : services_) {
        // Counted first: a service that failed half-way is stopped as well.
        ++started_;
        loaded.service->start();
    }
}

bool Services::stillBusy() const {
    return std::any_of(services_.begin(), services_.end(), [](const Loaded& loaded) {
        return loaded.service->stillBusy();
    });
}

void Services::drain(Clock::time_point deadline) {
    for (; started_ > 0; --started_) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        const auto grace =
            stopNow_ ? std::chrono::milliseconds(0) : std::max(left, std::chrono::milliseconds(0));
        try {
            services_[started_ - 1].service->stop(grace);
        } catch (const std::exception& error) {
            Log("engine").error(std::string("the service's stop failed: ") + error.what(),
                                {.plugin = services_[started_ - 1].descriptor->name});
        }
    }
}

}  // namespace drover
