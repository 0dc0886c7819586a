#include "host/Consumers.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "core/Log.h"
#include "drover/Exceptions.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

/// Interval at which drain() checks if the workers have ended.
constexpr std::chrono::milliseconds kDrainPoll{5};
/// How long handlers may take to notice that their jobs were cancelled at the end.
constexpr std::chrono::milliseconds kCancelMoment{250};

/// Warns of each setting that a queue that comes back does not change, since its worker has not ended.
void warnOfUnchanged(const QueueSettings& present, const QueueSettings& wanted) {
    for (const QueueSetting& setting : kQueueSettings) {
        if (setting.reloadable || setting.scope == QueueSetting::Scope::Producer) {
            continue;
        }
        const std::string has = setting.text(present);
        const std::string wants = setting.text(wanted);
        if (has != wants) {
            Log("worker").warning("the queue comes back: its " + std::string(setting.name) +
                                      " stays " + has + " until a restart, not " + wants,
                                  {.queue = present.name});
        }
    }
}

/// Logs each part of the work on a queue that its settings leave out.
void reportLeftOut(const QueueSettings& settings) {
    const Log log("worker", {.queue = settings.name});
    if (!settings.autorun) {
        log.information(
            "the worker claims no jobs (autorun = false) until a CONT signal, or until "
            "a reload sets autorun to true");
    }
    if (settings.skipLockRenewal) {
        log.warning("the process renews no locks (skipLockRenewal): a job that runs longer than " +
                    std::to_string(settings.lockDuration.count()) +
                    " ms (lockDurationMs) counts as stalled and runs again while it still runs");
    }
    if (settings.skipStalledCheck) {
        log.warning(
            "the process looks for neither stalled nor lost jobs (skipStalledCheck); "
            "without another worker that does, jobs of a crashed process stay active");
    }
}

/// One queue in Redis that is worked: its settings, and the queue of the registry that it belongs to.
struct Served {
    QueueSettings settings;
    std::string queue;
};

/// Returns the queues in Redis that have handlers: for a queue with shards each of them.
std::vector<Served> servedQueues(const HandlerRegistry& registry, const Configuration& config) {
    std::vector<Served> served;
    for (const std::string& queue : registry.queues()) {
        const QueueSettings settings = Settings::queueNamed(config, queue);
        for (int shard = 0; shard < settings.shards; ++shard) {
            served.push_back({shardOf(settings, shard), queue});
        }
    }
    return served;
}

/// Returns the queues that handlers may add to, as they are configured.
TargetQueues::Known targetsOf(const Configuration& config) {
    TargetQueues::Known targets;
    for (const std::string& alias : config.aliases()) {
        const QueueSettings settings = Settings::queue(config, alias);
        const std::string prefix = settings.prefix + ":";
        for (const std::string& name : shardsOf(settings).namesOf(settings.name)) {
            targets[prefix + name] = {settings.bullmq5, {}};
        }
        targets[prefix + settings.name] = {settings.bullmq5, shardsOf(settings)};
    }
    return targets;
}

std::unique_ptr<RedisClient> client(const Redis& redis, const std::string& label) {
    return std::make_unique<RedisClient>(redis.shared().options(), label);
}

}  // namespace

Consumers::Consumers(Redis redis)
    : redis_(std::move(redis)),
      keeper_(client(redis_, "lock keeper"), clock_),
      sweeper_(client(redis_, "stalled sweeper"), clock_) {}

/// The handlers and workers that are ready to take over.
struct Consumers::Next {
    HandlerRegistry registry;
    std::vector<std::pair<Worker*, Worker::Change>> changes;
    std::vector<std::unique_ptr<Worker>> added;
    std::map<std::string, std::string> wholes;
    std::vector<std::pair<QueueSettings, QueueSettings>>
        returned;  ///< The present and the wanted ones, for each queue that comes back.
};

Component::Change Consumers::prepareHandlers(const HandlerRegistry& registry,
                                             const Configuration& config) {
    const auto next = std::make_shared<Next>();
    next->registry = registry;
    const std::vector<std::string> before = registry_.queues();
    std::set<std::string> served;
    for (const auto& [wanted, queue] : servedQueues(registry, config)) {
        served.insert(wanted.name);
        if (wanted.name != queue) {
            next->wholes.emplace(wanted.name, queue);
        }
        if (Worker* const worker = workerOf(wanted.name)) {
            if (std::find(before.begin(), before.end(), queue) == before.end()) {
                next->returned.emplace_back(worker->settings(), wanted);
            }
            next->changes.emplace_back(worker, worker->prepare(registry.handlersOf(queue), wanted));
            continue;
        }
        next->added.push_back(std::make_unique<Worker>(
            wanted,
            redis_.shared().of(wanted.prefix + ":" + wanted.name)->options(),
            clock_,
            registry.handlersOf(queue),
            targetsOf(config)));
        if (started_) {
            next->added.back()->makeReady();
        }
    }
    for (const auto& worker : workers_) {
        if (served.count(worker->settings().name) == 0) {
            next->changes.emplace_back(worker.get(), worker->prepare({}, worker->settings()));
        }
    }
    return [this, next] { switchTo(*next); };
}

void Consumers::switchTo(Next& next) {
    registry_ = std::move(next.registry);
    {
        const std::lock_guard lock(mutex_);
        wholes_.merge(next.wholes);
    }
    for (const auto& [present, wanted] : next.returned) {
        warnOfUnchanged(present, wanted);
    }
    for (auto& [worker, change] : next.changes) {
        const bool begins = !worker->settings().autorun && change.settings.autorun;
        worker->replaceHandlers(std::move(change));
        if (begins && !quiet_) {
            worker->quiet(false);
        }
    }
    for (auto& worker : next.added) {
        Worker& fresh = *worker;
        {
            const std::lock_guard lock(mutex_);
            workers_.push_back(std::move(worker));
        }
        if (started_) {
            if (quiet_) {
                fresh.quiet(true);
            }
            startOne(fresh);
        }
    }
}

Worker* Consumers::workerOf(const std::string& queue) const {
    const auto found = std::find_if(workers_.begin(), workers_.end(), [&queue](const auto& one) {
        return one->settings().name == queue;
    });
    return found == workers_.end() ? nullptr : found->get();
}

void Consumers::startOne(Worker& worker) {
    const QueueSettings settings = worker.settings();
    reportLeftOut(settings);
    // Before the first claim: a lock may need a renewal soon after.
    if (!settings.skipLockRenewal) {
        keeper_.watch(worker.queue(),
                      worker.held(),
                      settings.lockDuration,
                      settings.lockRenewal(),
                      ownClient(worker.queue(), "lock keeper"));
    }
    cancelListener(worker.queue()).watch(worker.queue(), worker.held());
    if (!settings.skipStalledCheck) {
        sweeper_.watch(worker.queue(),
                       settings.stalledInterval,
                       settings.maxStalledCount,
                       settings.lostJobsInterval,
                       ownClient(worker.queue(), "stalled sweeper"));
    }
    worker.onResumed([this, &worker] { sweeper_.onResumed(worker.queue()); });
    worker.start();
}

CancelListener& Consumers::cancelListener(const QueueContext& queue) {
    if (cancels_.empty() || redis_.shared().options().isCluster()) {
        const Redis server = serverOf(redis_, queue.keys().qualifiedName());
        cancels_.push_back(std::make_unique<CancelListener>(client(server, "cancel listener")));
        cancels_.back()->start();
    }
    return *cancels_.back();
}

std::shared_ptr<RedisClient> Consumers::ownClient(const QueueContext& queue,
                                                  const std::string& label) const {
    const std::string& name = queue.keys().qualifiedName();
    return redis_.shared().options().isCluster()
               ? client(serverOf(redis_, name), label + " " + name)
               : nullptr;
}

void Consumers::start() {
    keeper_.start();
    sweeper_.start();
    for (const auto& worker : workers_) {
        worker->makeReady();
    }
    for (const auto& worker : workers_) {
        startOne(*worker);
    }
    // A process that reports that it runs must be on the list of dashboards.
    for (const auto& worker : workers_) {
        worker->awaitListed();
    }
    started_ = true;
}

void Consumers::quiet() {
    quiet_ = true;
    for (const auto& worker : workers_) {
        worker->quiet(true);
    }
}

void Consumers::resume() {
    quiet_ = false;
    for (const auto& worker : workers_) {
        worker->quiet(false);
    }
}

bool Consumers::allFinished() const {
    return std::all_of(
        workers_.begin(), workers_.end(), [](const auto& one) { return one->finished(); });
}

void Consumers::drain(Component::Clock::time_point deadline) {
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
    for (const auto& listener : cancels_) {
        listener->stop();
    }
    keeper_.stop();
    // Handlers whose cancel token is set get a moment to return; the process ends without those that do not.
    const auto moment = Clock::now() + kCancelMoment;
    while (stillBusy() && Clock::now() < moment) {
        std::this_thread::sleep_for(kDrainPoll);
    }
}

bool Consumers::stillBusy() const {
    return std::any_of(
        workers_.begin(), workers_.end(), [](const auto& one) { return one->handlersBusy(); });
}

std::vector<QueueReader::Settings> Consumers::queues() const {
    const std::lock_guard lock(mutex_);
    std::vector<QueueReader::Settings> queues;
    for (const auto& worker : workers_) {
        const QueueSettings settings = worker->settings();
        queues.push_back({settings.prefix, settings.name});
    }
    return queues;
}

void Consumers::measure(Metrics& metrics) const {
    {
        const std::lock_guard lock(mutex_);
        for (const auto& worker : workers_) {
            worker->measure(metrics);
        }
    }
    sweeper_.measure(metrics);
    const std::lock_guard lock(mutex_);
    if (wholes_.empty()) {
        return;
    }
    // The sums of all shards are then sums by queue, as in every expression of a dashboard.
    metrics.relabel([this](MetricLabels& labels) {
        for (auto& [name, value] : labels) {
            const auto whole = name == "queue" ? wholes_.find(value) : wholes_.end();
            if (whole != wholes_.end()) {
                const std::string shard = std::to_string(Shards::numberOf(value).value_or(0));
                value = whole->second;
                labels.emplace_back("shard", shard);
                return;
            }
        }
    });
}

HealthReports Consumers::health() const {
    const std::lock_guard lock(mutex_);
    HealthReports reports;
    for (const auto& worker : workers_) {
        const Worker::Stats stats = worker->stats();
        const QueueSettings settings = worker->settings();
        HealthReport report;
        report.ok = stats.isFit();
        // Without Redis no fetch is answered, and a restart would not help.
        report.standsStill = stats.redisHealthy && !stats.progresses;
        report.detail = "held " + std::to_string(stats.held) + ", completed " +
                        std::to_string(stats.completed) + ", failed " +
                        std::to_string(stats.failed);
        if (stats.putOff > 0) {
            report.detail += ", put off " + std::to_string(stats.putOff) +
                             " because infrastructure refused them, last: " + stats.putOffReason;
        }
        report.counts = {{"held", static_cast<std::int64_t>(stats.held)},
                         {"completed", static_cast<std::int64_t>(stats.completed)},
                         {"failed", static_cast<std::int64_t>(stats.failed)},
                         {"putOff", static_cast<std::int64_t>(stats.putOff)}};
        report.detail += stats.quiet ? "; quiet: claims nothing" : "";
        report.detail += stats.redisHealthy ? "" : "; redis is away";
        report.detail += stats.trouble.empty() ? "" : "; " + stats.trouble;
        report.detail += stats.progresses ? ""
                                          : "; no answer to a fetch for " +
                                                std::to_string(stats.sinceProgress.count()) + " ms";
        reports.emplace_back("queue " + settings.name, report);
    }
    return reports;
}

}  // namespace drover
