#include "worker/Worker.h"

#include <algorithm>
#include <exception>
#include <poll.h>
#include <utility>

#include <Poco/Logger.h>
#include <Poco/UUIDGenerator.h>

#include "core/ErrorCode.h"
#include "core/Guarded.h"
#include "drover/Exceptions.h"
#include "drover/Failpoint.h"

namespace drover {

namespace {

/// How long a queue is left alone whose keys answer with an error that no repetition cures.
constexpr std::chrono::seconds kQuarantine{5};
/// The longest sleep of the loop: bounds what a forgotten wake-up could cost.
constexpr std::chrono::seconds kLongestWait{1};
/// Runs of one attempt that follow each other without a pause.
constexpr int kRunsAtOnce = 3;
/// For how long a job is put off that cannot run now, so that it is not in the way of others.
constexpr std::int64_t kPutOffMs = 1000;

Poco::Logger& logger() {
    return Poco::Logger::get("worker");
}

/// What an item carries besides ids.
std::size_t bytesOf(const RetryItem& item) {
    return item.reason.size() + item.stacktrace.size();
}
template <typename Item>
std::size_t bytesOf(const Item& /*item*/) {
    return 0;
}

std::int64_t ms(std::chrono::steady_clock::duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

ClaimPolicy::Limits limitsOf(const WorkerSettings& settings) {
    return {std::max(settings.concurrency, 1), settings.unstartedMax, settings.maxBytes};
}

}  // namespace

Worker::Worker(WorkerSettings settings,
               const RedisOptions& redis,
               const std::shared_ptr<const ScriptRegistry>& scripts,
               const Clock& clock,
               std::vector<std::shared_ptr<HandlerType>> handlers)
    : settings_(std::move(settings)),
      clock_(clock, redis.time),
      backend_(QueueKeys(settings_.prefix, settings_.name), settings_.bullmq5),
      redis_(redis, scripts, "claim " + settings_.name),
      hostClients_(
          [this, redis, scripts] {
              return std::make_unique<RedisClient>(redis, scripts, "host " + settings_.name);
          },
          4),
      marker_(backend_,
              std::make_unique<RedisClient>(redis,
                                            scripts,
                                            "wait " + settings_.name,
                                            backend_.keys().workerClientName(settings_.workerName)),
              clock_),
      scheduler_(backend_),
      problems_(clock),
      router_(std::make_shared<HandlerRouter>(
          std::move(handlers), settings_.threads, settings_.batchSize, settings_.timeout, inbox_)),
      settlement_(settings_),
      calls_(backend_, redis_, settlement_, clock_),
      servedNames_(router_->servedNames()),
      tokenPrefix_(Poco::UUIDGenerator::defaultGenerator().createRandom().toString() + ":"),
      policy_(limitsOf(settings_)),
      lastProgress_(clock.monotonic()) {}

Worker::~Worker() {
    stop();
}

void Worker::makeReady() {
    router_->start();
    if (thread_.joinable()) {
        return;
    }
    thread_ = std::thread([this] {
        begun_.wait(false);
        if (!stopping_) {
            marker_.connect();
        }
        listed_ = true;
        listed_.notify_all();
        while (!stopping_ && !finished_) {
            if (runGuarded("claim", [this] { loop(); })) {
                break;
            }
        }
        // Only stop() leaves a call behind. Its reply would answer the next command.
        if (calls_.underWay()) {
            redis_.drop();
        }
        marker_.disarm(redis_);
        finished_ = true;
    });
}

void Worker::start() {
    makeReady();
    begin();
}

void Worker::begin() {
    begun_ = true;
    begun_.notify_all();
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
    begin();
    if (thread_.joinable()) {
        thread_.join();
    }
    // Once more: a claim that was in flight above has brought jobs since, and their handlers are waited for.
    held_.cancelAll(CancelReason::Shutdown);
}

Worker::Change Worker::prepare(std::vector<std::shared_ptr<HandlerType>> handlers,
                               const WorkerSettings& settings) const {
    Change next;
    std::shared_ptr<HandlerRouter> before;
    {
        const std::lock_guard lock(routing_);
        before = next_ ? next_->router : router_;
        next.settings = reloaded(settings_, settings);
    }
    next.router = std::make_shared<HandlerRouter>(
        *before, std::move(handlers), settings.threads, settings.batchSize, settings.timeout);
    next.router->start();
    return next;
}

void Worker::switchTo(Change next) {
    {
        const std::lock_guard lock(routing_);
        next_ = std::move(next);
    }
    changeAsked_ = true;
    inbox_.wake();
}

WorkerSettings Worker::settings() const {
    const std::lock_guard lock(routing_);
    return settings_;
}

bool Worker::handlersBusy() const {
    const std::lock_guard lock(routing_);
    return router_->busy() || std::any_of(retired_.begin(), retired_.end(), [](const auto& route) {
               return route->pool.busy();
           });
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
    stats.setAside = counters_.setAside;
    stats.held = held_.size();
    stats.redisHealthy = redis_.healthy();
    {
        const std::lock_guard lock(routing_);
        stats.trouble = trouble_;
    }
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
                           settings_.name,
                           error.message(),
                           static_cast<Poco::Int64>(kQuarantine.count()));
            waitForRedis(clock_.monotonic() + kQuarantine);
        }
    }
}

void Worker::step() {
    if (changeAsked_.exchange(false)) {
        changeHandlers();
    }
    const auto ended = std::stable_partition(
        retired_.begin(), retired_.end(), [](const auto& route) { return !route->pool.retired(); });
    gather();
    if (ended != retired_.end()) {
        // Their last outcomes are gathered.
        const std::lock_guard lock(routing_);
        retired_.erase(ended, retired_.end());
    }
    handBackUnstarted();
    // The end does not wait for an outage: what a lost claim holds is then found as stalled by a peer.
    if (!calls_.unansweredClaims().empty() && (!draining_ || held_.size() > 0)) {
        if (!allAnswered()) {
            return;
        }
        recoverClaims();
    }
    if (settlement_.others()) {
        if (!allAnswered()) {
            return;
        }
        sendSettlements();
    }
    if (calls_.maySend()) {
        // What this call finishes makes room for what it claims: the script does both, in that order.
        const int freed = calls_.outcomes();
        const ClaimPolicy::Load now = load(freed);
        const int claim = capacity(now, clock_.monotonic());
        if (freed > 0 || (claim > 0 && lookAgain_)) {
            sendCall(claim, now);
            takeIn();
            return;
        }
    }
    if (calls_.underWay()) {
        awaitAnswer(!calls_.full());
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

void Worker::changeHandlers() {
    std::vector<std::shared_ptr<HandlerRouter::Route>> gone;
    {
        const std::lock_guard lock(routing_);
        if (!next_) {
            return;  // Asked for twice before the first was seen.
        }
        gone = router_->without(*next_->router);
        retired_.insert(retired_.end(), gone.begin(), gone.end());
        router_ = std::move(next_->router);
        settings_ = std::move(next_->settings);
        next_.reset();
    }
    servedNames_ = router_->servedNames();
    policy_.change(limitsOf(settings_));
    lookAgain_ = true;
    const Time now = clock_.monotonic();
    std::vector<std::shared_ptr<JobRun>> moving;
    for (const auto& route : gone) {
        for (auto& run : route->pool.takeUnstarted()) {
            if (router_->byName(run->job().name) != nullptr) {
                moving.push_back(std::move(run));
            } else {
                settlement_.giveBack(run, 0, true);
            }
        }
        route->pool.retire();
    }
    for (const auto& run : router_->submit(std::move(moving), now)) {
        settlement_.giveBack(run, 0, true);
    }
}

void Worker::gather() {
    const Time now = clock_.monotonic();
    for (const auto& run : inbox_.take()) {
        if (run->batch) {
            policy_.onBatch(run->batch->jobs, run->batch->most, run->batch->took);
        }
        try {
            settle(run, now);
        } catch (const std::exception& error) {
            // One outcome that cannot be worked out must not take the others with it, nor hold its job for ever.
            logger().error("job %s of %s: %s; it is tried again in %Ld ms",
                           run->job().id,
                           run->job().queue,
                           std::string(error.what()),
                           static_cast<Poco::Int64>(kPutOffMs));
            settlement_.giveBack(run, clock_.wallMs() + kPutOffMs, false);
        }
    }
    if (const std::size_t more = failures_.popWithheld(now); more > 0) {
        logger().warning("queue %s: %z more jobs failed for good", settings_.name, more);
    }
    std::string trouble = router_->trouble();
    const std::lock_guard lock(routing_);
    trouble_ = std::move(trouble);
}

void Worker::logFailure(const JobRun& run) {
    if (FailureLog::isDecision(run)) {
        if (logger().debug()) {
            logger().debug(FailureLog::describe(run));
        }
    } else if (failures_.add(clock_.monotonic())) {
        logger().warning(FailureLog::describe(run));
    }
}

void Worker::settle(const std::shared_ptr<JobRun>& run, Time now) {
    HandlerRouter::Route* const route = routeOf(*run);
    if (run->cancelled() == CancelReason::Lost) {
        // Said already when it was noticed; another worker has the job, whatever this one found is discarded.
        held_.remove(*run);
        ++counters_.lost;
        if (route != nullptr) {
            // If it was the probe, it told nothing: another one may go.
            route->breaker.probeReturned();
        }
        return;
    }
    if (stopping_ && run->outcome().kind == JobOutcome::Kind::Unset) {
        return;  // Cancelled by the end of the worker: nothing is known of the job, its lock may expire.
    }
    run->settling = true;
    if (route != nullptr) {
        tellBreaker(*route, run->outcome(), now);
    }
    settlement_.add(
        run, route == nullptr ? "drover" : route->pool.type().pluginVersion(), clock_.wallMs());
}

HandlerRouter::Route* Worker::routeOf(const JobRun& run) const {
    if (HandlerRouter::Route* const route = router_->byPool(run.pool)) {
        return route;
    }
    const auto found = std::find_if(retired_.begin(), retired_.end(), [&run](const auto& route) {
        return &route->pool == run.pool;
    });
    return found == retired_.end() ? nullptr : found->get();
}

void Worker::tellBreaker(HandlerRouter::Route& route, const JobOutcome& outcome, Time now) {
    if (outcome.kind == JobOutcome::Kind::Unavailable) {
        route.trouble = outcome.text;
        if (route.breaker.unavailable(std::chrono::milliseconds(outcome.ms), now)) {
            logger().warning(
                "handler %s is unavailable: %s; claiming is paused, one job at a time probes",
                route.pool.type().name(),
                outcome.text);
        }
        handBackUnstarted(route.pool);
    } else if (outcome.kind == JobOutcome::Kind::Unset ||
               outcome.kind == JobOutcome::Kind::Delayed) {
        // A job that is put off shows nothing about the infrastructure: it may be put off because of it.
        route.breaker.probeReturned();
    } else if (const auto outage = route.breaker.worked(now); outage.count() > 0) {
        logger().information("handler %s works again after %Ld ms",
                             route.pool.type().name(),
                             static_cast<Poco::Int64>(outage.count()));
        lookAgain_ = true;
    }
}

void Worker::handBackUnstarted(HandlerPool& pool) {
    for (const auto& run : pool.takeUnstarted()) {
        settlement_.giveBack(run, 0, true);
    }
}

void Worker::handBackUnstarted() {
    const Time now = clock_.monotonic();
    const bool all = draining_ || stopping_ || quiet_;
    for (const auto& route : router_->routes()) {
        const Time oldest = route->pool.oldestUnstarted();
        if (oldest == Time::max() || (!all && now - oldest < settings_.unstartedMax)) {
            continue;
        }
        // Everything that waits, not just the oldest: what stayed behind would run after jobs that were claimed later.
        handBackUnstarted(route->pool);
        if (!all) {
            policy_.onHandedBack(
                static_cast<int>(held_.size()) - static_cast<int>(settlement_.handBack.size()),
                now);
        }
        route->breaker.probeReturned();
    }
}

void Worker::sendSettlements() {
    if (settlement_.rateLimit.count() > 0) {
        backend_.rateLimit(redis_, settlement_.rateLimit);
        const auto closed = std::min(settlement_.rateLimit, settings_.maximumRateLimitDelay);
        claimNotBefore_ = std::max(claimNotBefore_, clock_.monotonic() + closed);
        settlement_.rateLimit = {};
    }
    // A lost reply leaves it open whether the script ran: what is sent again says so.
    const auto send = [this](auto& pending,
                             auto call,
                             const char* operation,
                             std::atomic<std::uint64_t>& counter) {
        while (!pending.empty()) {
            std::vector<std::decay_t<decltype(pending.front().item)>> items;
            std::size_t bytes = 0;
            while (items.size() <
                       std::min<std::size_t>(pending.size(), AdvanceCalls::kMostPerCall) &&
                   bytes < AdvanceCalls::kEnoughBytes) {
                items.push_back(pending[items.size()].item);
                bytes += bytesOf(items.back());
            }
            const std::size_t count = items.size();
            SettleResult result;
            redis_.connection();  // Throws before anything is sent: the entries stay what they are.
            try {
                result = call(items);
            } catch (const RedisBusyException&) {
                throw;  // Refused as a whole: nothing was done.
            } catch (...) {
                for (std::size_t i = 0; i < count; ++i) {
                    pending[i].sentBefore = true;
                }
                throw;
            }
            progressed();
            // Moved out: what Redis refused comes back as another settlement.
            const std::vector<std::decay_t<decltype(pending.front())>> sent(
                std::make_move_iterator(pending.begin()),
                std::make_move_iterator(pending.begin() + static_cast<std::ptrdiff_t>(count)));
            pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(count));
            lookAgain_ = true;
            for (std::size_t i = 0; i < count; ++i) {
                release(sent[i].run, result.codes[i], operation, sent[i].sentBefore);
                counter += result.codes[i] == 0 ? 1 : 0;
            }
            report(result.problems);
        }
    };
    send(
        settlement_.retry,
        [this](const auto& items) { return backend_.retryJobs(redis_, items, clock_.wallMs()); },
        "retryJob",
        counters_.retried);
    send(
        settlement_.childrenWait,
        [this](const auto& items) {
            return backend_.moveToWaitingChildren(redis_, items, clock_.wallMs());
        },
        "moveToWaitingChildren",
        counters_.handedBack);
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

void Worker::sendCall(int claim, const ClaimPolicy::Load& load) {
    AdvanceRequest request;
    request.claim = claim;
    request.enoughBytes = policy_.bytes(load);
    request.token = nextToken();
    request.lockDuration = settings_.lockDuration;
    request.workerName = settings_.workerName;
    request.limiter = {settings_.limiterMax, settings_.limiterDuration};
    request.metricsPoints = settings_.metricsPoints;
    request.served = servedNames_;
    calls_.send(std::move(request));
}

void Worker::awaitAnswer(bool orOutcomes) {
    if (auto answer = calls_.receive()) {
        answered(std::move(*answer));
        return;
    }
    if (!calls_.underWay()) {
        return;  // Its outcomes were refused.
    }
    // Outcomes that are enough for another call do not wait for this one; fewer do, to go together.
    inbox_.wakeFrom(calls_.missing());
    pollfd fds[2] = {{calls_.fd(), POLLIN, 0}, {orOutcomes ? inbox_.fd() : -1, POLLIN, 0}};
    const auto left = ms(calls_.deadline() - clock_.monotonic()) + 1;
    poll(fds, 2, static_cast<int>(std::clamp<std::int64_t>(left, 0, ms(kLongestWait))));
    inbox_.wakeFrom(1);
}

bool Worker::allAnswered() {
    while (calls_.underWay() && !stopping_) {
        awaitAnswer(false);
    }
    takeIn();
    return !stopping_;
}

void Worker::answered(AdvanceCalls::Answer answer) {
    progressed();
    if (!answer.ended.empty()) {
        failpoint("finish-unread");
    }
    if (answer.asked > 0) {
        const AdvanceResult& result = answer.result;
        if (result.claimed() > 0) {
            failpoint("claimed-unread");
        }
        policy_.onAnswer(answer.enoughBytes, answer.took);
        lookAgain_ = answer.full() || result.more();
        tellUnserved(result);
        if (std::exchange(sharedPaused_, result.sawBullmq5Paused()) && !sharedPaused_) {
            resumed_();
        }
        nextDelayedMs_ = result.nextDelayedMs;
        if (nextDelayedMs_ > 0 && nextDelayedMs_ <= clock_.wallMs()) {
            lookAgain_ = true;
        }
        if (result.rateLimited.count() > 0) {
            claimNotBefore_ =
                clock_.monotonic() + std::min(result.rateLimited, settings_.maximumRateLimitDelay);
            lookAgain_ = true;
        }
    }
    // No other answer waits there: takeIn() follows every call that is sent.
    answer_ = std::move(answer);
    if (calls_.underWay()) {
        takeIn();  // Redis has its next call already.
    }
}

void Worker::takeIn() {
    if (!answer_) {
        return;
    }
    const AdvanceCalls::Answer answer = std::move(*answer_);
    answer_.reset();
    for (std::size_t i = 0; i < answer.ended.size(); ++i) {
        const auto& [run, completed, sentBefore] = answer.ended[i];
        release(run, answer.result.codes[i], "moveToFinished", sentBefore);
        if (answer.result.codes[i] == 0) {
            ++(completed ? counters_.completed : counters_.failed);
            if (!completed) {
                logFailure(*run);
            }
        }
    }
    report(answer.result.problems());
    accept(answer.result.jobs());
}

void Worker::recoverClaims() {
    // Nobody works on such jobs: without this they would wait until their locks expire, and count as stalled then.
    std::vector<AdvanceCalls::OpenClaim>& claims = calls_.unansweredClaims();
    while (!claims.empty()) {
        const std::string token = claims.back().token;
        std::vector<HandBackItem> items;
        for (std::string& id : backend_.activeWithToken(redis_, token)) {
            items.push_back({std::move(id), token, 0, true});
        }
        if (!items.empty()) {
            report(backend_.handBackJobs(redis_, items, clock_.wallMs()).problems);
            logger().information("%s: %z jobs of a claim whose reply was lost went back to wait",
                                 backend_.keys().qualifiedName(),
                                 items.size());
            lookAgain_ = true;
        }
        policy_.onLost(claims.back().asked);
        claims.pop_back();
    }
}

void Worker::accept(std::vector<ClaimedJob> jobs) {
    if (jobs.empty()) {
        return;
    }
    const Time now = clock_.monotonic();
    counters_.claimed += jobs.size();
    std::vector<std::shared_ptr<JobRun>> runs;
    runs.reserve(jobs.size());
    for (ClaimedJob& job : jobs) {
        auto options = optionsOf(job);
        auto run = std::make_shared<JobRun>(
            std::move(job), std::move(options), backend_, hostClients_, now);
        run->sequence = ++claims_;
        held_.add(run);
        const ClaimedJob& claimed = run->job();
        const bool served = router_->byName(claimed.name) != nullptr;
        std::string unrun;
        if (claimed.deferredFailure) {
            unrun = *claimed.deferredFailure;
        } else if (settings_.maxStartedAttempts > 0 &&
                   claimed.attemptsStarted > settings_.maxStartedAttempts) {
            unrun = "job started more than allowable limit";
        }
        const bool endsHere = !unrun.empty() && (!served || !claimed.deferredFailure);
        if (!served && !endsHere) {
            // Its handler went while the claim was under way: a peer may have it.
            settlement_.giveBack(run, clock_.wallMs() + kPutOffMs, true);
        } else if (!claimed.scheduler.empty() && !iterate(claimed)) {
            settlement_.giveBack(run, clock_.wallMs() + kPutOffMs, true);
        } else if (endsHere) {
            run->setOutcome({JobOutcome::Kind::Unrecoverable, unrun, "", 0});
            settle(run, now);
        } else {
            runs.push_back(std::move(run));
        }
    }
    for (const auto& run : router_->submit(std::move(runs), now)) {
        // Another handler of the queue works, this one does not: its jobs wait where they are in nobody's way.
        settlement_.giveBack(run, clock_.wallMs() + kPutOffMs, true);
    }
}

bool Worker::iterate(const ClaimedJob& job) {
    try {
        // Not the claim's own connection: a call may be under way on it.
        const Iteration iteration = scheduler_.iterate(*hostClients_.lease(), job, clock_.wallMs());
        return iteration.state != Iteration::State::Unreadable;
    } catch (const Exception& error) {
        logger().warning(
            "job %s of %s: the next job of its scheduler could not be made (%s); put back",
            job.id,
            job.queue,
            error.message());
        return false;
    }
}

void Worker::tellUnserved(const AdvanceResult& result) {
    const auto names = result.unserved();
    if (names.empty()) {
        return;
    }
    for (const auto& [name, jobs] : names) {
        counters_.unserved += jobs;
    }
    for (const auto& [name, jobs] : unserved_.add(names, clock_.monotonic())) {
        logger().warning("%s: no handler here serves the name %s; %z jobs delayed for a peer",
                         backend_.keys().qualifiedName(),
                         name.empty() ? "of further jobs" : "\"" + name + "\"",
                         jobs);
    }
}

void Worker::wait() {
    const Time now = clock_.monotonic();
    const bool canClaim = capacity(load(0), now) > 0;
    if (canClaim) {
        marker_.arm(nextDelayedMs_, settings_.drainDelay);
    } else if (!marker_.armed() && now - lastProgress_.load() >= settings_.drainDelay) {
        // Nothing is to be asked for while the handlers are busy: an outage would not be noticed.
        redis_.call(Command{"PING"});
        progressed();
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
    until = std::min(until, policy_.nextChange());
    until = std::min(until, router_->nextChange(settings_.unstartedMax));
    pollfd fds[2] = {{inbox_.fd(), POLLIN, 0}, {marker_.fd(), POLLIN, 0}};
    const auto left = ms(until - now) + 1;  // Rounded up: rather late than in a loop of zero waits.
    poll(fds, 2, static_cast<int>(std::max<std::int64_t>(left, 0)));

    switch (marker_.check()) {
        case MarkerWait::Woken::No:
            break;
        case MarkerWait::Woken::Later:
            nextDelayedMs_ = marker_.nextDelayedMs();
            progressed();
            if (capacity(load(0), clock_.monotonic()) == 0) {
                backend_.restoreMarker(redis_, "1", std::to_string(nextDelayedMs_));
            }
            break;
        case MarkerWait::Woken::Look:
            progressed();
            lookAgain_ = true;
            if (capacity(load(0), clock_.monotonic()) == 0) {
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

int Worker::holding() const {
    // An answer that is not taken in yet has jobs to hold and others to let go.
    const auto unread = answer_ ? static_cast<int>(answer_->result.claimed()) -
                                      static_cast<int>(answer_->ended.size())
                                : 0;
    return static_cast<int>(held_.size()) + unread + calls_.unanswered();
}

ClaimPolicy::Load Worker::load(int freed) const {
    const HandlerPool::Load pools = router_->load();
    AdvanceCalls::Claims coming = calls_.claims();
    if (answer_) {
        coming.jobs += static_cast<int>(answer_->result.claimed());
        coming.bytes += answer_->result.claimed() > 0 ? answer_->enoughBytes : 0;
    }
    return {router_->slots(),
            pools.ready,
            pools.unstarted + coming.jobs,
            holding() - freed,
            held_.bytes() + coming.bytes};
}

int Worker::capacity(const ClaimPolicy::Load& load, Time now) {
    if (quiet_ || draining_ || stopping_ || now < claimNotBefore_) {
        return 0;
    }
    const int room = policy_.jobs(load, now);
    if (room <= 0) {
        return 0;
    }
    if (policy_.isFull(load)) {
        if (lookAgain_ && held_.bytes() >= settings_.maxBytes && !std::exchange(toldFull_, true)) {
            logger().warning(
                "%s: the %d jobs held have %Ld bytes, the limit is %Ld (maxBytes); further ones "
                "are "
                "claimed as these end",
                backend_.keys().qualifiedName(),
                load.held,
                static_cast<Poco::Int64>(load.bytes),
                static_cast<Poco::Int64>(settings_.maxBytes));
        }
        return 0;
    }
    toldFull_ = toldFull_ && load.bytes > settings_.maxBytes / 2;
    return router_->allowed(room, now);
}

void Worker::release(const std::shared_ptr<JobRun>& run,
                     int code,
                     const char* operation,
                     bool sentBefore) {
    if (code > 0) {
        // No child is pending any more: it runs again at once, and finds their results. A handler that waits for children
        // which it never had would do so for ever, in front of all others.
        const bool again =
            std::int64_t{run->job().attemptsStarted} - run->job().attemptsMade > kRunsAtOnce;
        settlement_.giveBack(run, again ? clock_.wallMs() + kPutOffMs : 0, false);
        return;
    }
    const std::optional<ErrorCode> error = errorCodeOf(code);
    if (!error) {
        held_.remove(*run);
        return;
    }
    const ClaimedJob& job = run->job();
    const std::string message = errorMessage(*error, {job.id, operation, "active", job.parentKey});
    if (isOwnershipLost(*error)) {
        if (sentBefore) {
            logger().debug(
                "%s: %s; the earlier call, whose reply was lost, had done it", job.queue, message);
        } else {
            run->cancel(CancelReason::Lost);
            ++counters_.lost;
            logger().warning("%s: %s; the outcome is discarded", job.queue, message);
        }
        held_.remove(*run);
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

std::shared_ptr<const JobOptions> Worker::optionsOf(const ClaimedJob& job) {
    // Jobs of one producer mostly carry the same text.
    if (cachedOptions_ && cachedOptionsText_ == job.opts) {
        return cachedOptions_;
    }
    try {
        cachedOptions_ = std::make_shared<const JobOptions>(JobOptions::parseStored(job.opts));
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

void Worker::report(const std::vector<JobProblem>& problems) {
    if (!problems.empty()) {
        counters_.setAside += problems_.report(backend_.keys().qualifiedName(), problems);
    }
}

std::string Worker::nextToken() {
    return tokenPrefix_ + std::to_string(++claims_);
}

}  // namespace drover
