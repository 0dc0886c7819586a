#include "worker/Worker.h"

#include <algorithm>
#include <exception>
#include <poll.h>

#include <Poco/Logger.h>
#include <Poco/UUIDGenerator.h>

#include "core/ErrorCode.h"
#include "core/Guarded.h"
#include "drover/Exceptions.h"
#include "drover/Failpoint.h"

namespace drover {

namespace {

/// Jobs per call of advance, for claims and for outcomes: a script holds up every other client of the server.
constexpr int kMostPerCall = 256;
/// How long a queue is left alone whose keys answer with an error that no repetition cures.
constexpr std::chrono::seconds kQuarantine{5};
/// The longest sleep of the loop: bounds what a forgotten wake-up could cost.
constexpr std::chrono::seconds kLongestWait{1};
/// The longest trust in a rate limiter's own word: somebody may lift it sooner. BullMQ: maximumRateLimitDelay.
constexpr std::chrono::seconds kLongestLimit{30};
/// A job without outcome is a defect of its handler: without a pause it would come back at once, for ever.
constexpr std::int64_t kUndecidedDelayMs = 1000;
constexpr std::int64_t kUnservedFirstMs = 1000;
constexpr std::int64_t kUnservedMostMs = 60000;

Poco::Logger& logger() {
    return Poco::Logger::get("worker");
}

std::int64_t ms(std::chrono::steady_clock::duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

Worker::Worker(WorkerSettings settings,
               const RedisOptions& redis,
               std::shared_ptr<const ScriptRegistry> scripts,
               const Clock& clock,
               std::vector<std::shared_ptr<HandlerType>> handlers)
    : settings_(std::move(settings)),
      clock_(clock),
      backend_(QueueKeys(settings_.prefix, settings_.queue)),
      redis_(redis, scripts, "claim " + settings_.queue),
      hostClients_(
          [this, redis, scripts] {
              return std::make_unique<RedisClient>(redis, scripts, "host " + settings_.queue);
          },
          4),
      marker_(backend_,
              std::make_unique<RedisClient>(redis,
                                            scripts,
                                            "wait " + settings_.queue,
                                            backend_.keys().workerClientName(settings_.workerName)),
              clock),
      tokenPrefix_(Poco::UUIDGenerator::defaultGenerator().createRandom().toString() + ":"),
      lastProgress_(clock.monotonic()) {
    int slots = 0;
    for (auto& type : handlers) {
        for (const std::string& name : type->jobNames()) {
            byName_.emplace(name, served_.size());
        }
        if (type->jobNames().empty()) {
            anyName_ = served_.size();
        }
        served_.push_back({std::make_unique<HandlerPool>(
                               std::move(type), settings_.threads, settings_.batchSize, inbox_),
                           Breaker()});
        slots += served_.back().pool->slots();
    }
    window_ = std::clamp(slots * 2, 1, std::max(settings_.concurrency, 1));
}

Worker::~Worker() {
    stop();
}

void Worker::start() {
    for (Served& served : served_) {
        served.pool->start();
    }
    thread_ = std::thread([this] {
        while (!stopping_ && !finished_) {
            if (runGuarded("claim", [this] { loop(); })) {
                break;
            }
        }
        marker_.disarm(redis_);
        finished_ = true;
    });
}

void Worker::quiet(bool on) {
    quiet_ = on;
    inbox_.wake();
}

void Worker::drain() {
    draining_ = true;
    inbox_.wake();
}

void Worker::stop() {
    stopping_ = true;
    held_.cancelAll(CancelReason::Shutdown);
    inbox_.wake();
    if (thread_.joinable()) {
        thread_.join();
    }
    // Once more: a claim that was in flight above has brought jobs since, and their handlers are waited for.
    held_.cancelAll(CancelReason::Shutdown);
}

bool Worker::handlersBusy() const {
    return std::any_of(
        served_.begin(), served_.end(), [](const Served& served) { return served.pool->busy(); });
}

Worker::Stats Worker::stats() const {
    Stats stats;
    stats.claimed = counters_.claimed;
    stats.completed = counters_.completed;
    stats.failed = counters_.failed;
    stats.retried = counters_.retried;
    stats.handedBack = counters_.handedBack;
    stats.lost = counters_.lost;
    stats.unserved = counters_.unserved;
    stats.held = held_.size();
    stats.redisHealthy = redis_.healthy();
    stats.breakersClosed = counters_.breakersClosed;
    stats.sinceProgress = std::chrono::milliseconds(ms(clock_.monotonic() - lastProgress_.load()));
    return stats;
}

void Worker::loop() {
    while (!stopping_ && !finished_) {
        try {
            step();
        } catch (const RedisIoException&) {
            // Logged when the outage began. Outcomes are kept; what was in flight is sent again and recognised.
            waitForRedis(redis_.nextAttempt());
        } catch (const Exception& error) {
            logger().error("queue %s: %s; left alone for %Ld s",
                           settings_.queue,
                           error.message(),
                           static_cast<Poco::Int64>(kQuarantine.count()));
            waitForRedis(clock_.monotonic() + kQuarantine);
        }
    }
}

void Worker::step() {
    gather();
    handBackUnstarted();
    // The end does not wait for an outage: what a lost claim holds is then found as stalled by a peer.
    if (!draining_ || held_.size() > 0) {
        recoverClaims();
    }
    sendSettlements();
    // What this call finishes makes room for what it claims: the script does both, in that order.
    const auto freed =
        static_cast<int>(std::min<std::size_t>(settlement_.finish.size(), kMostPerCall));
    const int claim = capacity(clock_.monotonic(), freed);
    if (!settlement_.finish.empty() || (claim > 0 && lookAgain_)) {
        advance(claim);
        return;
    }
    if (answer_) {
        takeIn();
        return;
    }
    if (draining_ && held_.size() == 0) {
        finished_ = true;
        return;
    }
    wait();
}

void Worker::gather() {
    const Time now = clock_.monotonic();
    for (const auto& run : inbox_.take()) {
        try {
            settle(run, now);
        } catch (const std::exception& error) {
            // One outcome that cannot be worked out must not take the others with it, nor hold its job for ever.
            logger().error("job %s of %s: %s; it is tried again in %Ld ms",
                           run->job().id,
                           run->job().queue,
                           std::string(error.what()),
                           static_cast<Poco::Int64>(kUndecidedDelayMs));
            settlement_.handBack.push_back(
                {run,
                 {run->job().id, run->job().token, clock_.wallMs() + kUndecidedDelayMs, false}});
        }
    }
    counters_.breakersClosed =
        std::all_of(served_.begin(), served_.end(), [](const Served& served) {
            return served.breaker.closed();
        });
}

void Worker::settle(const std::shared_ptr<JobRun>& run, Time now) {
    if (run->cancelled() == CancelReason::Lost) {
        // Said already when it was noticed; another worker has the job, whatever this one found is discarded.
        held_.remove(*run);
        ++counters_.lost;
        if (Served* served = servedBy(run->pool)) {
            served->breaker
                .probeReturned();  // If it was the probe, it told nothing: another one may go.
        }
        return;
    }
    run->settling = true;
    const ClaimedJob& job = run->job();
    const JobOutcome& outcome = run->outcome();
    const auto handBack = [&](std::int64_t untilMs, bool uncountStart) {
        settlement_.handBack.push_back({run, {job.id, job.token, untilMs, uncountStart}});
    };
    const auto finish = [&](bool completed, std::string value, std::string stacktrace) {
        const auto& keep =
            completed ? run->options().removeOnComplete : run->options().removeOnFail;
        settlement_.finish.push_back({run,
                                      {job.id,
                                       job.token,
                                       completed,
                                       std::move(value),
                                       std::move(stacktrace),
                                       keep.value_or(KeepJobs{}),
                                       run->options().attempts,
                                       job.attemptsMade + 1,
                                       job.deduplicationId}});
    };

    Served* served = servedBy(run->pool);
    if (served != nullptr) {
        if (outcome.kind == JobOutcome::Kind::Unavailable) {
            if (served->breaker.unavailable(std::chrono::milliseconds(outcome.ms), now)) {
                logger().warning(
                    "handler %s is unavailable: %s; claiming is paused, one job at a time probes",
                    served->pool->type().name(),
                    outcome.text);
            }
            handBackUnstarted(*served);
        } else if (outcome.kind == JobOutcome::Kind::Unset) {
            served->breaker.probeReturned();
        } else if (const auto outage = served->breaker.worked(now); outage.count() > 0) {
            logger().information("handler %s works again after %Ld ms",
                                 served->pool->type().name(),
                                 static_cast<Poco::Int64>(outage.count()));
            lookAgain_ = true;
        }
    }

    switch (outcome.kind) {
        case JobOutcome::Kind::Completed:
            finish(true, outcome.text.empty() ? "null" : outcome.text, "");
            break;
        case JobOutcome::Kind::Failed:
        case JobOutcome::Kind::Unrecoverable: {
            static thread_local std::minstd_rand random{std::random_device{}()};
            const FailureDecision decision =
                decideFailure(*run, std::uniform_real_distribution<double>(0.0, 1.0)(random));
            std::string trace = stacktraceOf(
                *run, served == nullptr ? "drover" : served->pool->type().pluginVersion());
            if (decision.retry) {
                settlement_.retry.push_back({run,
                                             {job.id,
                                              job.token,
                                              decision.backoffMs,
                                              run->options().lifo,
                                              outcome.text,
                                              std::move(trace)}});
            } else {
                finish(false, outcome.text, std::move(trace));
            }
            break;
        }
        case JobOutcome::Kind::Unavailable:
            handBack(0, true);
            break;
        case JobOutcome::Kind::Delayed:
            handBack(std::max<std::int64_t>(outcome.ms, 1), false);
            break;
        case JobOutcome::Kind::RateLimited:
            handBack(clock_.wallMs() + outcome.ms, false);
            break;
        case JobOutcome::Kind::Wait:
            handBack(0, false);
            break;
        case JobOutcome::Kind::WaitingChildren:
            run->overrideOutcome({JobOutcome::Kind::Unrecoverable,
                                  "waiting for children is not supported by this version of drover",
                                  "",
                                  0});
            settle(run, now);
            break;
        case JobOutcome::Kind::Unset:
            logger().warning(
                "job %s of %s came back from its handler without an outcome; it is tried again in "
                "%Ld ms",
                job.id,
                job.queue,
                static_cast<Poco::Int64>(kUndecidedDelayMs));
            handBack(clock_.wallMs() + kUndecidedDelayMs, false);
            break;
    }
}

void Worker::handBackUnstarted(Served& served) {
    for (const auto& run : served.pool->takeUnstarted()) {
        settlement_.handBack.push_back({run, {run->job().id, run->job().token, 0, true}});
    }
}

void Worker::handBackUnstarted() {
    const Time now = clock_.monotonic();
    const bool all = draining_ || stopping_;
    for (Served& served : served_) {
        const Time oldest = served.pool->oldestUnstarted();
        if (oldest == Time::max() || (!all && now - oldest < settings_.unstartedMax)) {
            continue;
        }
        // Everything that waits, not just the oldest: what stayed behind would run after jobs that were claimed later.
        handBackUnstarted(served);
        // Claimed more than the handlers get to: hold less ahead.
        window_ = std::clamp(window_ / 2,
                             std::min(served.pool->slots(), settings_.concurrency),
                             std::max(settings_.concurrency, 1));
        served.breaker.probeReturned();
    }
}

void Worker::sendSettlements() {
    // A lost reply leaves it open whether the script ran: what is sent again says so.
    const auto send = [this](auto& pending,
                             auto call,
                             const char* operation,
                             std::atomic<std::uint64_t>& counter) {
        while (!pending.empty()) {
            const std::size_t count = std::min<std::size_t>(pending.size(), kMostPerCall);
            std::vector<std::decay_t<decltype(pending.front().item)>> items;
            items.reserve(count);
            for (std::size_t i = 0; i < count; ++i) {
                items.push_back(pending[i].item);
            }
            std::vector<int> codes;
            redis_.connection();  // Throws before anything is sent: the entries stay what they are.
            try {
                codes = call(items);
            } catch (const RedisBusyException&) {
                throw;  // Refused as a whole: nothing was done.
            } catch (...) {
                for (std::size_t i = 0; i < count; ++i) {
                    pending[i].sentBefore = true;
                }
                throw;
            }
            progressed();
            for (std::size_t i = 0; i < count; ++i) {
                release(pending[i].run, codes[i], operation, pending[i].sentBefore);
                counter += codes[i] == 0 ? 1 : 0;
            }
            pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(count));
            lookAgain_ = true;
        }
    };
    send(
        settlement_.retry,
        [this](const auto& items) { return backend_.retryJobs(redis_, items, clock_.wallMs()); },
        "retryJob",
        counters_.retried);
    // Each goes to the front: the newest first, so that the oldest ends up foremost.
    std::stable_sort(
        settlement_.handBack.begin(), settlement_.handBack.end(), [](const auto& a, const auto& b) {
            return a.run->sequence > b.run->sequence;
        });
    send(
        settlement_.handBack,
        [this](const auto& items) { return backend_.handBackJobs(redis_, items, clock_.wallMs()); },
        "moveJobFromActiveToWait",
        counters_.handedBack);
}

void Worker::advance(int claim) {
    const std::size_t count = std::min<std::size_t>(settlement_.finish.size(), kMostPerCall);
    AdvanceRequest request;
    request.finish.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        request.finish.push_back(settlement_.finish[i].item);
    }
    request.claim = claim;
    request.token = nextToken();
    request.lockDuration = settings_.lockDuration;
    request.workerName = settings_.workerName;
    redis_.connection();  // Throws before anything is sent: the outcomes stay what they are.
    std::optional<AdvanceResult> result;
    try {
        // The jobs of the last call are taken in meanwhile.
        result = backend_.advance(redis_, request, clock_.wallMs(), [this] { takeIn(); });
    } catch (const RedisBusyException&) {
        throw;  // Refused as a whole: nothing was done.
    } catch (...) {
        for (std::size_t i = 0; i < count; ++i) {
            settlement_.finish[i].sentBefore = true;
        }
        if (claim > 0) {
            unansweredClaims_.push_back(request.token);
        }
        throw;
    }
    progressed();
    if (count > 0) {
        failpoint("finish-unread");
    }
    const bool full = claim > 0 && static_cast<int>(result->claimed()) == claim;
    if (claim > 0) {
        if (result->claimed() > 0) {
            failpoint("claimed-unread");
        }
        lookAgain_ = full;
        nextDelayedMs_ = result->nextDelayedMs;
        if (nextDelayedMs_ > 0 && nextDelayedMs_ <= clock_.wallMs()) {
            lookAgain_ = true;
        }
        if (result->rateLimited.count() > 0) {
            claimNotBefore_ = clock_.monotonic() + std::min<std::chrono::milliseconds>(
                                                       result->rateLimited, kLongestLimit);
            lookAgain_ = true;
        }
    }
    // What the call did may have added to the settlement: from here on its own entries are those of the answer.
    const auto sent = settlement_.finish.begin();
    answer_.emplace(Answer{std::move(*result),
                           full,
                           {std::make_move_iterator(sent),
                            std::make_move_iterator(sent + static_cast<std::ptrdiff_t>(count))}});
    settlement_.finish.erase(sent, sent + static_cast<std::ptrdiff_t>(count));
}

void Worker::takeIn() {
    if (!answer_) {
        return;
    }
    const Answer answer = std::move(*answer_);
    answer_.reset();
    for (std::size_t i = 0; i < answer.finished.size(); ++i) {
        const auto& [run, item, sentBefore] = answer.finished[i];
        release(run, answer.result.codes[i], "moveToFinished", sentBefore);
        if (answer.result.codes[i] == 0) {
            ++(item.completed ? counters_.completed : counters_.failed);
        }
    }
    if (answer.full && !answer.finished.empty() &&
        static_cast<int>(held_.size() + answer.result.claimed()) >= window_) {
        // Everything that could be held was there: hold more ahead if the handlers are through with what they had.
        const bool starved = std::all_of(served_.begin(), served_.end(), [](const Served& served) {
            return served.pool->oldestUnstarted() == Time::max();
        });
        if (starved) {
            window_ = std::min(window_ * 2, std::max(settings_.concurrency, 1));
        }
    }
    accept(answer.result.jobs());
}

void Worker::recoverClaims() {
    // Nobody works on such jobs: without this they would wait until their locks expire, and count as stalled then.
    while (!unansweredClaims_.empty()) {
        const std::string token = unansweredClaims_.back();
        std::vector<HandBackItem> items;
        for (std::string& id : backend_.activeWithToken(redis_, token)) {
            items.push_back({std::move(id), token, 0, true});
        }
        if (!items.empty()) {
            backend_.handBackJobs(redis_, items, clock_.wallMs());
            logger().information("%s: %z jobs of a claim whose reply was lost went back to wait",
                                 backend_.keys().qualifiedName(),
                                 items.size());
            lookAgain_ = true;
        }
        unansweredClaims_.pop_back();
    }
}

void Worker::accept(std::vector<ClaimedJob> jobs) {
    if (jobs.empty()) {
        return;
    }
    const Time now = clock_.monotonic();
    counters_.claimed += jobs.size();
    std::vector<std::vector<std::shared_ptr<JobRun>>> perHandler(served_.size());
    for (ClaimedJob& job : jobs) {
        auto options = optionsOf(job);
        auto run = std::make_shared<JobRun>(
            std::move(job), std::move(options), backend_, hostClients_, now);
        run->sequence = ++claims_;
        held_.add(run);
        const ClaimedJob& claimed = run->job();
        // Ending a flow's child without releasing its parent, or a scheduler's job without making the next one, would
        // corrupt the queue silently: left to a peer that does both, like a name that nobody here serves.
        const bool foreign = !claimed.parentKey.empty() || !claimed.scheduler.empty();
        Served* served = foreign ? nullptr : servedBy(claimed.name);
        if (served == nullptr && claimed.deferredFailure && !foreign) {
            run->setOutcome({JobOutcome::Kind::Unrecoverable, *claimed.deferredFailure, "", 0});
            settle(run, now);
        } else if (served == nullptr) {
            // A peer may have the plugin: delayed, so that the queue's own jobs go on, and without costing an attempt.
            const std::int64_t delay = unservedDelayMs(claimed.id);
            if (delay == kUnservedFirstMs) {
                const std::string why =
                    !claimed.parentKey.empty()
                        ? "it is a child of a flow, which this version does not release"
                    : !claimed.scheduler.empty()
                        ? "it belongs to a job scheduler, whose next job this version does not make"
                        : "no handler here serves the name \"" + claimed.name + "\"";
                logger().warning("job %s of %s: %s; put back for a peer that does",
                                 claimed.id,
                                 claimed.queue,
                                 why);
            }
            ++counters_.unserved;
            settlement_.handBack.push_back(
                {run, {claimed.id, claimed.token, clock_.wallMs() + delay, true}});
        } else {
            run->pool = served->pool.get();
            perHandler[static_cast<std::size_t>(served - served_.data())].push_back(std::move(run));
        }
    }
    for (std::size_t i = 0; i < served_.size(); ++i) {
        auto& runs = perHandler[i];
        if (runs.empty()) {
            continue;
        }
        Served& served = served_[i];
        const int allowed = served.breaker.allowed(static_cast<int>(runs.size()), now);
        for (std::size_t k = static_cast<std::size_t>(allowed); k < runs.size(); ++k) {
            // Another handler of the queue works, this one does not: its jobs wait where they are in nobody's way.
            settlement_.handBack.push_back({runs[k],
                                            {runs[k]->job().id,
                                             runs[k]->job().token,
                                             clock_.wallMs() + kUnservedFirstMs,
                                             true}});
        }
        runs.resize(static_cast<std::size_t>(allowed));
        served.breaker.claimed(allowed);
        if (!runs.empty()) {
            served.pool->submit(std::move(runs));
        }
    }
}

void Worker::wait() {
    const Time now = clock_.monotonic();
    const bool canClaim = capacity(now, 0) > 0;
    if (canClaim) {
        marker_.arm(nextDelayedMs_, settings_.drainDelay);
    }
    Time until = now + kLongestWait;
    if (marker_.armed()) {
        until = std::min(until, marker_.deadline());
    } else if (canClaim) {
        until = std::min(until, marker_.deadline());
        lookAgain_ = true;
    }
    if (claimNotBefore_ > now) {
        until = std::min(until, claimNotBefore_);
    }
    for (const Served& served : served_) {
        until = std::min(until, served.breaker.nextChange());
        const Time oldest = served.pool->oldestUnstarted();
        if (oldest != Time::max()) {
            until = std::min(until, oldest + settings_.unstartedMax);
        }
    }
    pollfd fds[2] = {{inbox_.fd(), POLLIN, 0}, {marker_.fd(), POLLIN, 0}};
    const auto left = ms(until - now) + 1;  // Rounded up: rather late than in a loop of zero waits.
    poll(fds, 2, static_cast<int>(std::max<std::int64_t>(left, 0)));

    switch (marker_.check()) {
        case MarkerWait::Woken::No:
            break;
        case MarkerWait::Woken::Later:
            nextDelayedMs_ = marker_.nextDelayedMs();
            progressed();
            if (capacity(clock_.monotonic(), 0) == 0) {
                backend_.restoreMarker(redis_, "1", std::to_string(nextDelayedMs_));
            }
            break;
        case MarkerWait::Woken::Look:
            progressed();
            lookAgain_ = true;
            if (capacity(clock_.monotonic(), 0) == 0) {
                // It was armed while there was room and there is none now: the wake-up is for somebody else.
                backend_.restoreMarker(redis_, "0", "0");
            }
            break;
    }
}

void Worker::waitForRedis(Time until) {
    takeIn();
    while (!stopping_) {
        const auto left = ms(until - clock_.monotonic());
        if (left <= 0) {
            return;
        }
        pollfd fd{inbox_.fd(), POLLIN, 0};
        poll(&fd, 1, static_cast<int>(std::min<std::int64_t>(left, 1000)));
        gather();
    }
}

int Worker::capacity(Time now, int freed) {
    if (quiet_ || draining_ || stopping_ || now < claimNotBefore_) {
        return 0;
    }
    // An answer that is not taken in yet has jobs to hold and others to let go.
    const auto unread = answer_ ? static_cast<int>(answer_->result.claimed()) -
                                      static_cast<int>(answer_->finished.size())
                                : 0;
    const int held = static_cast<int>(held_.size()) + unread;
    const int room = std::min(window_ - held + freed, kMostPerCall);
    if (room <= 0) {
        return 0;
    }
    int most = 0;
    for (const Served& served : served_) {
        most = std::max(most, served.breaker.allowed(room, now));
    }
    return most;
}

Worker::Served* Worker::servedBy(const std::string& jobName) {
    const auto found = byName_.find(jobName);
    if (found != byName_.end()) {
        return &served_[found->second];
    }
    return anyName_ < served_.size() ? &served_[anyName_] : nullptr;
}

Worker::Served* Worker::servedBy(const HandlerPool* pool) {
    for (Served& served : served_) {
        if (served.pool.get() == pool) {
            return &served;
        }
    }
    return nullptr;
}

void Worker::release(const std::shared_ptr<JobRun>& run,
                     int code,
                     const char* operation,
                     bool sentBefore) {
    const std::optional<ErrorCode> error = errorCodeOf(code);
    if (!error) {
        held_.remove(*run);
        return;
    }
    const ClaimedJob& job = run->job();
    const std::string message = errorMessage(*error, {job.id, operation, "active", job.parentKey});
    if (isOwnershipLost(*error)) {
        held_.remove(*run);
        if (sentBefore) {
            logger().debug(
                "%s: %s; the earlier call, whose reply was lost, had done it", job.queue, message);
            return;
        }
        run->cancel(CancelReason::Lost);
        ++counters_.lost;
        logger().warning("%s: %s; the outcome is discarded", job.queue, message);
        return;
    }
    // Children pending or failed: the handler completed a job that may not complete. It failed then.
    run->overrideOutcome({*error == ErrorCode::JobHasFailedChildren
                              ? JobOutcome::Kind::Unrecoverable
                              : JobOutcome::Kind::Failed,
                          message,
                          "",
                          0});
    settle(run, clock_.monotonic());
}

std::int64_t Worker::unservedDelayMs(const std::string& id) {
    if (unserved_.size() > 10000) {
        unserved_.clear();  // Forgetting only means that some begin with the short delay again.
    }
    const int before = unserved_[id]++;
    return std::min(kUnservedMostMs, kUnservedFirstMs << std::min(before, 10));
}

std::shared_ptr<const JobOptions> Worker::optionsOf(const ClaimedJob& job) {
    // Jobs of one producer mostly carry the same text.
    if (cachedOptions_ && cachedOptionsText_ == job.opts) {
        return cachedOptions_;
    }
    try {
        cachedOptions_ = std::make_shared<const JobOptions>(JobOptions::parse(job.opts));
        cachedOptionsText_ = job.opts;
        return cachedOptions_;
    } catch (const Poco::Exception& error) {
        logger().warning("job %s of %s has options that cannot be read (%s); the defaults apply",
                         job.id,
                         job.queue,
                         error.message());
        return std::make_shared<const JobOptions>();
    }
}

std::string Worker::nextToken() {
    return tokenPrefix_ + std::to_string(++claims_);
}

}  // namespace drover
