#include "worker/Worker.h"

#include <algorithm>
#include <tuple>

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
               std::vector<std::shared_ptr<HandlerType>> handlers,
               TargetQueues::Known targets)
    : clock_(clock, redis.time),
      queue_(QueueKeys(settings.prefix, settings.name), settings.bullmq5),
      hostClients_(
          [redis, label = "host " + settings.name] {
              return std::make_unique<RedisClient>(redis, label);
          },
          kHostClients),
      slotClients_(redis, "host " + settings.name, kHostClients),
      jobCalls_(queue_,
                hostClients_,
                settings.workerName,
                std::move(targets),
                redis.tracer,
                redis.slot,
                [this](const std::string& queue) -> ClientPool& { return slotClients_.of(queue); }),
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
    stats.progresses = loop_.progresses();
    return stats;
}

void Worker::measure(Metrics& metrics) const {
    const WorkerCounters& counters = loop_.counters();
    const QueueSettings settings = loop_.settings();
    const MetricLabels labels = {{"queue", settings.name}};
    const std::tuple<const char*, const char*, std::uint64_t> counted[] = {
        {"drover_jobs_claimed_total", "Jobs that workers claimed", counters.claimed},
        {"drover_jobs_completed_total", "Jobs that workers completed", counters.completed},
        {"drover_worker_redis_failures_total",
         "Calls of the worker that Redis did not answer; each is followed by a new connection",
         counters.outages},
        {"drover_jobs_retried_total", "Attempts that failed and are repeated", counters.retried},
        {"drover_jobs_handed_back_total",
         "Claimed jobs that went back without an attempt, waits for children included",
         counters.handedBack},
        {"drover_jobs_unavailable_total",
         "Jobs that handlers refused since infrastructure was away",
         counters.unavailable},
        {"drover_jobs_put_off_total",
         "Jobs that handlers delayed with a reason",
         handlers_.putOff().jobs},
        {"drover_job_locks_lost_total",
         "Jobs whose outcome was discarded: the lock was gone",
         counters.lost},
        {"drover_jobs_unserved_total",
         "Jobs that were delayed for a peer: no handler here serves the name",
         counters.unserved},
        {"drover_jobs_set_aside_total",
         "Jobs that cannot run and that no list can hold",
         counters.setAside},
        {"drover_breaker_openings_total",
         "Times at which the infrastructure of a handler went away",
         handlers_.breakerOpenings()}};
    for (const auto& [name, help, value] : counted) {
        metrics.counter(name, help).add(labels, value);
    }
    MetricFamily& failures =
        metrics.counter("drover_jobs_failed_total", "Jobs that failed for good, by reason");
    for (std::size_t i = 0; i < counters.failures.size(); ++i) {
        failures.add({{"queue", settings.name}, {"reason", nameOf(static_cast<FailureReason>(i))}},
                     counters.failures[i].load());
    }
    counters.times.measure(metrics, settings.name);
    metrics
        .histogram("drover_worker_call_seconds",
                   "Round trips to Redis that finish and claim jobs, up to the reply")
        .add(labels, counters.calls.figures());
    metrics.histogram("drover_batch_jobs", "Jobs that a handler had in one batch")
        .add(labels, counters.batches.figures());
    metrics.histogram("drover_claim_jobs", "Jobs that one claim brought; without empty claims")
        .add(labels, counters.claims.figures());

    const std::chrono::duration<double> sinceJob = loop_.sinceJob();
    const std::chrono::duration<double> sinceFetch = loop_.sinceProgress();
    const std::tuple<const char*, const char*, double> states[] = {
        {"drover_worker_jobs_in_flight",
         "Claimed jobs whose outcome Redis does not have",
         static_cast<double>(held_.size())},
        {"drover_worker_concurrency",
         "Most jobs that the worker holds",
         static_cast<double>(std::max(settings.concurrency, 1))},
        {"drover_worker_since_claim_seconds",
         "Time since a claim brought a job, or since the start",
         sinceJob.count()},
        {"drover_worker_since_fetch_seconds",
         "Time since Redis answered a claim, a wait for jobs or, while none is needed, a ping",
         sinceFetch.count()},
        {"drover_worker_fit",
         "1 if the readiness of the process accepts the worker",
         stats().isFit()},
        {"drover_worker_quiet", "1 while the worker claims nothing by request", loop_.isQuiet()}};
    for (const auto& [name, help, value] : states) {
        metrics.gauge(name, help).add(labels, value);
    }
    MetricFamily& breakers = metrics.gauge(
        "drover_breaker_open", "1 while a handler gets no jobs since its infrastructure is away");
    for (const HandlerSet::BreakerState& breaker : handlers_.breakers()) {
        breakers.add({{"queue", settings.name}, {"handler", breaker.handler}}, breaker.open);
    }
}

}  // namespace drover
