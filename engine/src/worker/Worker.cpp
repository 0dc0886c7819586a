#include "worker/Worker.h"

#include "core/Guarded.h"

namespace drover {

namespace {

/// Connections for calls of handlers.
constexpr std::size_t kHostClients = 4;

HandlerLimits handlerLimitsOf(const QueueSettings& settings) {
    return {settings.threads, settings.batchSize, settings.timeout};
}

}  // namespace

Worker::Worker(const QueueSettings& settings,
               const RedisOptions& redis,
               const Clock& clock,
               std::vector<std::shared_ptr<HandlerType>> handlers)
    : clock_(clock, redis.time),
      queue_(QueueKeys(settings.prefix, settings.name), settings.bullmq5),
      hostClients_(
          [redis, label = "host " + settings.name] {
              return std::make_unique<RedisClient>(redis, label);
          },
          kHostClients),
      jobCalls_(queue_, hostClients_, settings.workerName),
      handlers_(std::move(handlers),
                handlerLimitsOf(settings),
                inbox_,
                Log("worker", {.queue = settings.name})),
      loop_(settings, redis, {clock_, queue_, hostClients_, jobCalls_, inbox_, handlers_, held_}) {}

Worker::~Worker() {
    stop();
}

void Worker::makeReady() {
    handlers_.start();
    if (!thread_.joinable()) {
        thread_ = std::thread([this] { work(); });
    }
}

void Worker::work() {
    released_.wait(false);
    if (!loop_.stopping()) {
        loop_.connect();
    }
    listed_ = true;
    listed_.notify_all();
    while (!runGuarded("claim", [this] { loop_.run(); })) {
    }
    loop_.close();
}

void Worker::start() {
    makeReady();
    release();
}

void Worker::release() {
    released_ = true;
    released_.notify_all();
}

void Worker::stop() {
    loop_.stop();
    held_.cancelAll(CancelReason::Shutdown);
    release();
    if (thread_.joinable()) {
        thread_.join();
    }
    // Once more: a claim that was under way has brought jobs since, and their handlers are waited for.
    held_.cancelAll(CancelReason::Shutdown);
}

Worker::Change Worker::prepare(std::vector<std::shared_ptr<HandlerType>> handlers,
                               const QueueSettings& settings) const {
    return {handlers_.prepare(std::move(handlers), handlerLimitsOf(settings)),
            reloaded(loop_.settings(), settings)};
}

void Worker::replaceHandlers(Change change) {
    handlers_.replace(std::move(change));
    inbox_.wake();
}

Worker::Stats Worker::stats() const {
    const WorkerCounters& counters = loop_.counters();
    Stats stats;
    stats.claimed = counters.claimed;
    stats.completed = counters.completed;
    stats.failed = counters.failed;
    stats.retried = counters.retried;
    stats.handedBack = counters.handedBack;
    stats.lost = counters.lost;
    stats.unserved = counters.unserved;
    stats.setAside = counters.setAside;
    stats.held = held_.size();
    stats.redisHealthy = loop_.redisHealthy();
    stats.quiet = loop_.isQuiet();
    stats.trouble = handlers_.trouble();
    const HandlerSet::PutOff putOff = handlers_.putOff();
    stats.putOff = putOff.jobs;
    stats.putOffReason = putOff.reason;
    stats.sinceProgress = loop_.sinceProgress();
    return stats;
}

}  // namespace drover
