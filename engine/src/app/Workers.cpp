#include "app/Workers.h"

#include <algorithm>
#include <thread>

#include "plugin/HandlerRegistry.h"
#include "redis/RedisClient.h"
#include "redis/ScriptRegistry.h"

namespace drover {

namespace {

/// How often drain() looks whether the workers are done.
constexpr std::chrono::milliseconds kDrainPoll{5};
/// How long handlers may take to notice that their jobs were cancelled at the end.
constexpr std::chrono::milliseconds kCancelMoment{250};
/// A worker whose blocking read has neither returned nor timed out for this much longer than it may last is stuck.
constexpr std::chrono::milliseconds kProgressMargin{10000};

ConfigLookup lookupOf(const Configuration& config) {
    return [&config](const std::string& key) -> std::optional<std::string> {
        const auto value = config.find(key);
        return value ? std::optional<std::string>(value->text) : std::nullopt;
    };
}

WorkerSettings workerSettingsOf(const QueueSettings& queue, const std::string& prefix) {
    WorkerSettings worker;
    worker.prefix = prefix;
    worker.queue = queue.name;
    worker.workerName = queue.workerName;
    worker.concurrency = queue.concurrency;
    worker.threads = queue.threads;
    worker.batchSize = queue.batchSize;
    worker.lockDuration = queue.lockDuration;
    worker.stalledInterval = queue.stalledInterval;
    worker.maxStalledCount = queue.maxStalledCount;
    worker.unstartedMax = queue.unstartedMax;
    worker.timeout = queue.timeout;
    worker.drainDelay = queue.drainDelay;
    worker.bullmq5 = bullmq5Of(queue);
    worker.limiter = {queue.limiterMax, queue.limiterDuration};
    worker.metricsPoints = queue.metricsMaxDataPoints;
    worker.maxStartedAttempts = queue.maxStartedAttempts;
    worker.keepCompleted = queue.removeOnComplete;
    worker.keepFailed = queue.removeOnFail;
    return worker;
}

/// The settings of a queue by its name on the wire: those of its alias if it has one.
QueueSettings settingsOf(const Configuration& config,
                         const Settings& settings,
                         const std::string& queue) {
    const auto alias = std::find_if(
        settings.queues.begin(), settings.queues.end(), [&queue](const QueueSettings& one) {
            return one.name == queue;
        });
    return alias != settings.queues.end() ? *alias : Settings::queue(config, queue);
}

std::unique_ptr<RedisClient> client(const Settings& settings,
                                    const std::shared_ptr<const ScriptRegistry>& scripts,
                                    const std::string& label) {
    return std::make_unique<RedisClient>(redisOptions(settings.redis), scripts, label);
}

}  // namespace

RedisOptions redisOptions(const RedisSettings& settings) {
    RedisOptions options;
    options.host = settings.host;
    options.port = settings.port;
    options.user = settings.user;
    options.password = settings.password;
    options.database = settings.db;
    options.connectTimeout = settings.connectTimeout;
    options.commandTimeout = settings.commandTimeout;
    return options;
}

Workers::Workers(const Configuration& config,
                 const Settings& settings,
                 const std::vector<LoadedPlugin>& plugins)
    : keeper_(client(settings, std::make_shared<ScriptRegistry>(), "lock keeper"), clock_),
      sweeper_(client(settings, std::make_shared<ScriptRegistry>(), "stalled sweeper"), clock_) {
    HandlerRegistry::Types types;
    for (const LoadedPlugin& plugin : plugins) {
        plugins_.push_back(PluginGeneration::start(plugin, lookupOf(config)));
        for (auto& type : plugins_.back()->handlerTypes()) {
            types.push_back(std::move(type));
        }
    }
    const HandlerRegistry registry(types, [&config](const std::string& defaultQueue) {
        return Settings::queue(config, defaultQueue).name;
    });
    const auto scripts = std::make_shared<const ScriptRegistry>();
    for (const std::string& queue : registry.queues()) {
        const WorkerSettings worker =
            workerSettingsOf(settingsOf(config, settings, queue), settings.redis.prefix);
        workers_.push_back(std::make_unique<Worker>(
            worker, redisOptions(settings.redis), scripts, clock_, registry.handlersOf(queue)));
    }
}

void Workers::start() {
    for (const auto& worker : workers_) {
        const WorkerSettings& settings = worker->settings();
        keeper_.watch(worker->backend(), worker->held(), settings.lockDuration);
        sweeper_.watch(worker->backend(), settings.stalledInterval, settings.maxStalledCount);
    }
    // Before the first claim: a lock may need a renewal soon after.
    keeper_.start();
    sweeper_.start();
    for (const auto& worker : workers_) {
        worker->start();
    }
}

void Workers::quiet() {
    for (const auto& worker : workers_) {
        worker->quiet(true);
    }
}

void Workers::resume() {
    for (const auto& worker : workers_) {
        worker->quiet(false);
    }
}

void Workers::reload(const Configuration& config) {
    for (const auto& plugin : plugins_) {
        plugin->reconfigure(lookupOf(config));
    }
}

bool Workers::allFinished() const {
    return std::all_of(
        workers_.begin(), workers_.end(), [](const auto& one) { return one->finished(); });
}

void Workers::drain(Component::Clock::time_point deadline) {
    for (const auto& worker : workers_) {
        worker->drain();
    }
    while (!allFinished() && !stopNow_ && Clock::now() < deadline) {
        std::this_thread::sleep_for(kDrainPoll);
    }
    for (const auto& worker : workers_) {
        worker->stop();
    }
    sweeper_.stop();
    keeper_.stop();
    // Handlers that heard their cancel token get a moment to return; who does not is left behind.
    const auto moment = Clock::now() + kCancelMoment;
    while (stillBusy() && Clock::now() < moment) {
        std::this_thread::sleep_for(kDrainPoll);
    }
}

bool Workers::stillBusy() const {
    return std::any_of(
        workers_.begin(), workers_.end(), [](const auto& one) { return one->handlersBusy(); });
}

HealthReports Workers::health() const {
    HealthReports reports;
    for (const auto& worker : workers_) {
        const Worker::Stats stats = worker->stats();
        const WorkerSettings& settings = worker->settings();
        const bool progresses = stats.sinceProgress < settings.drainDelay + kProgressMargin;
        HealthReport report;
        report.ok = stats.redisHealthy && stats.breakersClosed && progresses;
        report.detail = "held " + std::to_string(stats.held) + ", completed " +
                        std::to_string(stats.completed) + ", failed " +
                        std::to_string(stats.failed);
        report.detail += stats.redisHealthy ? "" : "; redis is away";
        report.detail += stats.breakersClosed ? "" : "; a handler's infrastructure is away";
        report.detail +=
            progresses ? ""
                       : "; no progress for " + std::to_string(stats.sinceProgress.count()) + " ms";
        reports.emplace_back("queue " + settings.queue, report);
    }
    return reports;
}

}  // namespace drover
