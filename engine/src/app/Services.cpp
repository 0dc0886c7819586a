#include "app/Services.h"

#include <algorithm>

#include <Poco/Logger.h>

#include "app/Workers.h"
#include "drover/Exceptions.h"

namespace drover {

/// What one service sees of the process.
class Services::Context : public ServiceContext {
public:
    Context(Services& services, const ServiceDescriptor& descriptor)
        : services_(services),
          config_(services.config_, descriptor),
          logger_(Poco::Logger::get(descriptor.name)) {}

    [[nodiscard]] const ServiceConfig& config() const override { return config_; }
    [[nodiscard]] Routes& routes() override { return services_.routes_; }
    [[nodiscard]] Queue& queue(const std::string& alias) override { return services_.queue(alias); }
    [[nodiscard]] Poco::Logger& logger() override { return logger_; }
    void addHealthCheck(const std::string& name, std::function<HealthReport()> check) override {
        services_.checks_.add(name, std::move(check));
    }
    [[nodiscard]] std::vector<std::pair<std::string, HealthReport>> health() const override {
        HealthReports reports = services_.checks_.run();
        for (auto& report : services_.others_()) {
            reports.push_back(std::move(report));
        }
        return reports;
    }

private:
    Services& services_;
    PluginConfig config_;
    Poco::Logger& logger_;
};

Services::Services(const Configuration& config,
                   const Settings& settings,
                   const std::vector<LoadedPlugin>& plugins,
                   std::function<HealthReports()> others)
    : config_(config),
      redis_(redisOptions(settings.redis)),
      prefix_(settings.redis.prefix),
      others_(std::move(others)) {
    for (const LoadedPlugin& plugin : plugins) {
        const ServiceDescriptor& descriptor =
            *std::get<const ServiceDescriptor*>(plugin.descriptor);
        if (Settings::isolation(config, plugin.name)) {
            throw ConfigException("plugin." + plugin.name +
                                  ".isolation = \"process\": " + plugin.name +
                                  " is a service plugin, which runs in the engine's process");
        }
        Loaded loaded;
        loaded.context = std::make_unique<Context>(*this, descriptor);
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

Queue& Services::queue(const std::string& alias) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto found = queues_.find(alias);
    if (found == queues_.end()) {
        const std::vector<std::string> known = config_.aliases();
        if (std::find(known.begin(), known.end(), alias) == known.end()) {
            throw ConfigException("queue " + alias + ": no such alias; set queue." + alias +
                                  ".name");
        }
        const QueueSettings settings = Settings::queue(config_, alias);
        Queue::Settings producer;
        producer.prefix = prefix_;
        producer.name = settings.name;
        producer.addTimeout = settings.addTimeout;
        producer.linger = settings.addLinger;
        producer.bullmq5 = bullmq5Of(settings);
        found = queues_.emplace(alias, std::make_unique<Queue>(redis_, producer)).first;
        Queue& made = *found->second;
        checks_.add("producer " + settings.name, [&made] {
            return HealthReport{made.healthy(), made.healthy() ? "" : "redis is away"};
        });
    }
    return *found->second;
}

void Services::start() {
    for (const Loaded& loaded : services_) {
        // Counted first: one that failed half-way is stopped as well.
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
            Poco::Logger::get("engine").error(std::string("a service did not stop well: ") +
                                              error.what());
        }
    }
}

}  // namespace drover
