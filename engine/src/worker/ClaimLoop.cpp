#include "worker/ClaimLoop.h"

#include <algorithm>
#include <exception>
#include <poll.h>
#include <utility>

#include <Poco/UUIDGenerator.h>

#include "core/JobFields.h"
#include "drover/Exceptions.h"
#include "drover/Failpoint.h"
#include "queue/ops/Advance.h"
#include "queue/ops/Replies.h"

namespace drover {

namespace {

/// How long the loop leaves a queue alone whose keys cause an error that no repetition cures.
constexpr std::chrono::seconds kQuarantine{5};
/// The longest sleep of the loop: bounds what a forgotten wake-up could cost.
constexpr std::chrono::seconds kLongestWait{1};
/// A worker that waits for a shorter time than half of it may be late by its calls and by the machine's load.
constexpr std::chrono::milliseconds kShortestProgress{5000};
/// Runs of one attempt that follow each other without a pause.
constexpr int kRunsAtOnce = 3;
/// For how long a job that cannot run now is delayed, so that it does not stand in front of other jobs.
constexpr std::int64_t kPutOffMs = 1000;

std::int64_t ms(std::chrono::steady_clock::duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

ClaimPolicy::Limits limitsOf(const QueueSettings& settings) {
    return {std::max(settings.concurrency, 1), settings.unstartedMax, settings.maxBytes};
}

/// Returns how long a job waited for its claim. By then Redis has dropped its delay, so that its options count.
std::chrono::milliseconds waitOf(const JobRun& run) {
    const std::int64_t now = run.job().processedOnMs;
    const std::int64_t added = run.job().timestampMs;
    const std::int64_t delay = std::max<std::int64_t>(run.options().delayMs.value_or(0), 0);
    // Other clients may have written anything there.
    const bool isSane = added >= 0 && added <= now && delay <= now - added;
    return std::chrono::milliseconds(isSane ? now - added - delay : 0);
}

/// Makes the next job of a scheduler, on a connection of its own: a call may be under way on the claim's.
bool iterate(SchedulerIterator& scheduler,
             ClientPool& clients,
             const Clock& clock,
             const ClaimedJob& job) {
    try {
        const Iteration iteration = scheduler.iterate(*clients.lease(), job, clock.wallMs());
        return iteration.state != Iteration::State::Unreadable;
    } catch (const Exception& error) {
        Log("worker").warning("the scheduler's next job could not be made (" + error.message() +
                                  "); this one goes back",
                              fieldsOf(job));
        return false;
    }
}

}  // namespace

ClaimLoop::ClaimLoop(QueueSettings settings, const RedisOptions& redis, const Shared& shared)
    : settings_(std::move(settings)),
      clock_(shared.clock),
      queue_(shared.queue),
      inbox_(shared.inbox),
      handlers_(shared.handlers),
      held_(shared.held),
      redis_(redis, "claim " + settings_.name),
      scheduler_(queue_),
      intake_(
          shared.jobCalls,
          [this, &clients = shared.hostClients](const ClaimedJob& job) {
              return iterate(scheduler_, clients, clock_, job);
          },
          redis.tracer),
      settlement_(settings_),
      lostClaims_(queue_, clock_),
      calls_(queue_, redis_, settlement_, lostClaims_, clock_),
      sender_(queue_, redis_, settlement_, clock_),
      policy_(limitsOf(settings_)),
      idle_(queue_,
            std::make_unique<RedisClient>(redis,
                                          "wait " + settings_.name,
                                          queue_.keys().workerClientName(settings_.workerName)),
            inbox_,
            outlook_,
            clock_),
      servedNames_(handlers_.router().servedNames()),
      tokenPrefix_(Poco::UUIDGenerator::defaultGenerator().createRandom().toString() + ":"),
      spans_(redis.tracer,
             settings_.name,
             settings_.workerName,
             tokenPrefix_.substr(0, tokenPrefix_.size() - 1)),
      log_("worker", {.queue = settings_.name, .worker = settings_.workerName}),
      problems_(clock_),
      failures_(settings_.name, clock_),
      unserved_(clock_),
      quiet_(!settings_.autorun),
      lastProgress_(clock_.monotonic()),
      fetchTime_(settings_.drainDelay),
      lastJob_(clock_.monotonic()) {}

void ClaimLoop::quiet(bool on) {
    quiet_ = on;
    inbox_.wake();
}

void ClaimLoop::drain() {
    draining_ = true;
    inbox_.wake();
}

void ClaimLoop::stop() {
    stopping_ = true;
    inbox_.wake();
}

QueueSettings ClaimLoop::settings() const {
    const std::lock_guard lock(settingsMutex_);
    return settings_;
}

std::chrono::milliseconds ClaimLoop::sinceProgress() const {
    return std::chrono::milliseconds(ms(clock_.monotonic() - lastProgress_.load()));
}

bool ClaimLoop::progresses() const {
    return sinceProgress() <= std::max(2 * fetchTime_.load(), kShortestProgress);
}

std::chrono::milliseconds ClaimLoop::sinceJob() const {
    return std::chrono::milliseconds(ms(clock_.monotonic() - lastJob_.load()));
}

void ClaimLoop::run() {
    while (!stopping_ && !finished_) {
        try {
            step();
        } catch (const RedisIoException&) {
            ++counters_.outages;
            // Logged when the outage began. The settlement holds the outcomes; calls without reply are sent again, and a job
            // that such a call had settled is recognised.
            waitForRedis(redis_.nextAttempt(), settings_.runRetryDelay);
        } catch (const Exception& error) {
            log_.error(error.message() + "; the queue is left alone for " +
                       std::to_string(kQuarantine.count()) + " s");
            waitForRedis(clock_.monotonic() + kQuarantine);
        }
    }
}

void ClaimLoop::close() {
    // Only stop() leaves a call behind. Its reply would answer the next command.
    if (calls_.underWay()) {
        redis_.drop();
    }
    idle_.disarm(redis_);
    finished_ = true;
}

void ClaimLoop::step() {
    adoptHandlers();
    gather();
    handBackUnstarted();
    // A draining worker does not wait for an outage to end: a peer finds the jobs of a lost claim as stalled then.
    if (!lostClaims_.empty() && (!draining_ || held_.size() > 0)) {
        if (!allAnswered()) {
            return;
        }
        recoverClaims();
    }
    if (settlement_.hasMoreThanFinished()) {
        if (!allAnswered()) {
            return;
        }
        sendSettlements();
    }
    const bool sent = calls_.maySend() && sendCall();
    if (!sent && calls_.underWay()) {
        awaitAnswer(!calls_.full());
    } else if (sent || answer_) {
        processAnswer();
    } else if (draining_ && held_.size() == 0) {
        finished_ = true;
    } else {
        wait();
    }
}

void ClaimLoop::adoptHandlers() {
    std::optional<HandlerSet::Adopted> adopted = handlers_.adopt(clock_.monotonic());
    if (!adopted) {
        return;
    }
    {
        const std::lock_guard lock(settingsMutex_);
        settings_ = std::move(adopted->settings);
    }
    servedNames_ = handlers_.router().servedNames();
    policy_.change(limitsOf(settings_));
    outlook_.expectJobs();
    giveBack(adopted->homeless, 0);
}

void ClaimLoop::gather() {
    const Time now = clock_.monotonic();
    for (const FinishedBatch& batch : handlers_.popOutcomes()) {
        if (batch.most > 0) {
            policy_.onBatch(static_cast<int>(batch.runs.size()), batch.most, batch.took);
            measure(batch);
        }
        for (const auto& run : batch.runs) {
            try {
                settle(run, now);
            } catch (const std::exception& error) {
                // One outcome without an entry must not cost its neighbours their entries, nor hold its job for ever.
                log_.error(std::string(error.what()) + "; the job is tried again in " +
                               std::to_string(kPutOffMs) + " ms",
                           fieldsOf(run->job()));
                settlement_.giveBack(run, clock_.wallMs() + kPutOffMs, false);
            }
        }
    }
    handlers_.forgetEnded();
    failures_.reportWithheld();
}

void ClaimLoop::measure(const FinishedBatch& batch) {
    counters_.batches.observe(batch.runs.size());
    // Jobs of one name mostly follow each other.
    for (auto first = batch.runs.begin(); first != batch.runs.end();) {
        const std::string& name = (*first)->job().name;
        const auto next = std::find_if(
            first, batch.runs.end(), [&name](const auto& run) { return run->job().name != name; });
        counters_.times.onRun(name, batch.took, static_cast<std::uint64_t>(next - first));
        first = next;
    }
}

void ClaimLoop::settle(const std::shared_ptr<JobRun>& run, Time now) {
    if (run->cancelled() == CancelReason::Lost) {
        // Logged when it was noticed. Another worker has the job: this outcome is discarded.
        held_.remove(*run);
        ++counters_.lost;
        spans_.recordLost(*run);
        handlers_.onLost(*run);
        return;
    }
    if (stopping_ && run->outcome().kind == JobOutcome::Kind::Unset) {
        return;  // The end of the worker cancelled the job. Its result is unknown: its lock may expire.
    }
    if (run->outcome().kind == JobOutcome::Kind::Unavailable) {
        ++counters_.unavailable;
    }
    const HandlerSet::Reaction reaction = handlers_.onOutcome(*run, now);
    giveBack(reaction.handBack, 0);
    if (reaction.recovered) {
        outlook_.expectJobs();
    }
    settlement_.add(run, handlers_.versionOf(*run), clock_.wallMs());
}

void ClaimLoop::giveBack(const HandlerSet::Runs& runs, std::int64_t delayMs) {
    for (const auto& run : runs) {
        settlement_.giveBack(run, delayMs > 0 ? clock_.wallMs() + delayMs : 0, true);
    }
}

void ClaimLoop::handBackUnstarted() {
    const Time now = clock_.monotonic();
    const bool all = draining_ || stopping_ || quiet_;
    const HandlerSet::Runs unstarted =
        handlers_.popUnstarted(all ? std::chrono::milliseconds(0) : settings_.unstartedMax, now);
    if (unstarted.empty()) {
        return;
    }
    giveBack(unstarted, 0);
    if (!all) {
        policy_.onHandedBack(
            static_cast<int>(held_.size()) - static_cast<int>(settlement_.handBack.size()), now);
    }
}

void ClaimLoop::recoverClaims() {
    while (!lostClaims_.empty()) {
        const LostClaims::Recovered recovered = lostClaims_.recoverNext(redis_);
        report(recovered.problems);
        if (recovered.jobs > 0) {
            log_.information(std::to_string(recovered.jobs) +
                             " jobs of a claim whose reply was lost went back to wait");
            outlook_.expectJobs();
        }
        policy_.onLost(recovered.wanted);
    }
}

void ClaimLoop::sendSettlements() {
    while (const auto sent = sender_.sendNext()) {
        if (sent->closed.count() > 0) {
            outlook_.closeUntil(clock_.monotonic() +
                                std::min(sent->closed, settings_.maximumRateLimitDelay));
            continue;
        }
        markProgress();
        outlook_.expectJobs();
        for (const SettledRun& settled : sent->runs) {
            conclude(settled);
        }
        report(sent->problems);
    }
}

void ClaimLoop::conclude(const SettledRun& settled) {
    JobRun& run = *settled.run;
    Verdict verdict = verdictOf(settled);
    switch (verdict.kind) {
        case Verdict::Kind::Done:
            held_.remove(run);
            spans_.record(run, settled.ending);
            counters_.countEnding(settled);
            if (settled.ending == Ending::Failed) {
                failures_.report(run);
            }
            break;
        case Verdict::Kind::DoneBefore:
            held_.remove(run);
            spans_.record(run, settled.ending);
            log_.debug(verdict.message + "; the earlier call, whose reply was lost, had done it",
                       fieldsOf(run.job()));
            break;
        case Verdict::Kind::Lost:
            run.cancel(CancelReason::Lost);
            held_.remove(run);
            spans_.recordLost(run);
            ++counters_.lost;
            log_.warning(verdict.message + "; the outcome is discarded", fieldsOf(run.job()));
            break;
        case Verdict::Kind::RunAgain: {
            // The job runs again at once, and finds its children's results. A handler that waits for children which it never
            // had would do so for ever, in front of all other jobs.
            const bool tooOften =
                std::int64_t{run.job().attemptsStarted} - run.job().attemptsMade > kRunsAtOnce;
            settlement_.giveBack(settled.run, tooOften ? clock_.wallMs() + kPutOffMs : 0, false);
            break;
        }
        case Verdict::Kind::Refused:
            run.refuse(std::move(verdict.instead));
            settle(settled.run, clock_.monotonic());
            break;
    }
}

bool ClaimLoop::sendCall() {
    // The jobs that this call finishes make room for those that it claims: the script does both, in that order.
    const int freed = calls_.outcomes();
    const ClaimPolicy::Load now = load(freed);
    const int claim = capacity(now, clock_.monotonic());
    if (freed == 0 && (claim == 0 || !outlook_.mayFindJobs())) {
        return false;
    }
    AdvanceRequest request;
    request.claim = claim;
    request.enoughBytes = policy_.bytes(now);
    request.token = tokenPrefix_ + std::to_string(++tokens_);
    request.lockDuration = settings_.lockDuration;
    request.workerName = settings_.workerName;
    request.limiter = {settings_.limiterMax, settings_.limiterDuration};
    request.metricsPoints = settings_.metricsPoints;
    request.served = servedNames_;
    calls_.send(std::move(request));
    return true;
}

void ClaimLoop::awaitAnswer(bool orOutcomes) {
    if (auto answer = calls_.receive()) {
        onAnswer(std::move(*answer));
        return;
    }
    if (!calls_.underWay()) {
        return;  // Redis refused its outcomes.
    }
    // With enough outcomes another call is sent before this reply comes; fewer outcomes wait for it, to go together.
    inbox_.wakeFrom(calls_.missing());
    pollfd fds[2] = {{calls_.fd(), POLLIN, 0}, {orOutcomes ? inbox_.fd() : -1, POLLIN, 0}};
    const auto left = ms(calls_.deadline() - clock_.monotonic()) + 1;
    poll(fds, 2, static_cast<int>(std::clamp<std::int64_t>(left, 0, ms(kLongestWait))));
    inbox_.wakeFrom(1);
}

bool ClaimLoop::allAnswered() {
    while (calls_.underWay() && !stopping_) {
        awaitAnswer(false);
    }
    processAnswer();
    return !stopping_;
}

void ClaimLoop::onAnswer(AdvanceCalls::Answer answer) {
    markProgress();
    counters_.calls.observe(answer.took);
    if (!answer.ended.empty()) {
        failpoint("finish-unread");
    }
    if (answer.wanted > 0) {
        const AdvanceResult& result = answer.result;
        if (result.claimed() > 0) {
            failpoint("claimed-unread");
        }
        policy_.onAnswer(answer.enoughBytes, answer.took);
        counters_.unserved += unserved_.report(settings_.name, result.unserved());
        QueueOutlook::Claim claim;
        claim.more = answer.full() || result.more();
        claim.nextDelayedMs = result.nextDelayedMs;
        if (result.rateLimited.count() > 0) {
            claim.closedFor = std::min(result.rateLimited, settings_.maximumRateLimitDelay);
        }
        claim.sharedPaused = result.sawBullmq5Paused();
        if (outlook_.onClaim(claim, clock_.wallMs(), clock_.monotonic())) {
            resumed_();
        }
    }
    // No other answer waits there: processAnswer() follows every call that is sent.
    answer_ = std::move(answer);
    if (calls_.underWay()) {
        processAnswer();  // Redis has its next call already.
    }
}

void ClaimLoop::processAnswer() {
    if (!answer_) {
        return;
    }
    const AdvanceCalls::Answer answer = std::move(*answer_);
    answer_.reset();
    for (const SettledRun& settled : answer.ended) {
        conclude(settled);
    }
    report(answer.result.problems());
    accept(answer.result.jobs());
}

void ClaimLoop::accept(std::vector<ClaimedJob> jobs) {
    if (jobs.empty()) {
        return;
    }
    const Time now = clock_.monotonic();
    counters_.claimed += jobs.size();
    counters_.claims.observe(jobs.size());
    lastJob_ = now;
    Intake::Runs runs = intake_.runsOf(std::move(jobs), now);
    held_.add(runs);  // Before anything that takes time: their locks need renewal from now on.
    for (const auto& run : runs) {
        if (run->job().attemptsStarted <= 1) {
            counters_.times.onWait(run->job().name, waitOf(*run));
        }
    }
    Intake::Sorted sorted = intake_.sort(
        std::move(runs), handlers_.router(), settings_.maxStartedAttempts, clock_.wallMs());
    giveBack(sorted.putOff, kPutOffMs);
    for (const auto& run : sorted.settle) {
        settle(run, now);
    }
    // A handler that is unavailable: its jobs are delayed, where they do not stand in front of those of other handlers.
    giveBack(handlers_.router().submit(std::move(sorted.run), now), kPutOffMs);
}

void ClaimLoop::wait() {
    const Time now = clock_.monotonic();
    const bool canClaim = capacity(load(0), now) > 0;
    if (!canClaim && !idle_.armed() &&
        (!redis_.healthy() || now - lastProgress_.load() >= settings_.drainDelay)) {
        // While the handlers are busy no call is needed, and an outage would go unnoticed. A worker that begins quiet has
        // made no call yet, and its health is not ok before one.
        redis_.call(Command{"PING"});
        markProgress();
    }
    const Time until = std::min({now + kLongestWait,
                                 policy_.nextChange(),
                                 handlers_.router().nextChange(settings_.unstartedMax)});
    const IdleWait::Ended ended = idle_.wait(canClaim, settings_.drainDelay, until);
    fetchTime_ = idle_.armed() ? idle_.blockTime() : settings_.drainDelay;
    if (ended == IdleWait::Ended::Quietly) {
        return;
    }
    if (ended == IdleWait::Ended::ByReply) {
        markProgress();
    }
    if (capacity(load(0), clock_.monotonic()) == 0) {
        // The wait was armed while there was room, and there is none now: another worker needs the wake-up.
        idle_.passOn(redis_);
    }
}

void ClaimLoop::waitForRedis(Time until, std::chrono::milliseconds pause) {
    processAnswer();
    const Time afterPause = std::max(until, clock_.monotonic() + pause);
    while (!stopping_) {
        const auto left = ms((draining_ ? until : afterPause) - clock_.monotonic());
        if (left <= 0) {
            return;
        }
        pollfd fd{inbox_.fd(), POLLIN, 0};
        poll(&fd, 1, static_cast<int>(std::min<std::int64_t>(left, ms(kLongestWait))));
        gather();
    }
}

int ClaimLoop::holding() const {
    // An answer that is not processed yet has jobs to hold and jobs to let go.
    const auto unread = answer_ ? static_cast<int>(answer_->result.claimed()) -
                                      static_cast<int>(answer_->ended.size())
                                : 0;
    return static_cast<int>(held_.size()) + unread + calls_.unanswered();
}

ClaimPolicy::Load ClaimLoop::load(int freed) const {
    const HandlerPool::Load pools = handlers_.router().load();
    AdvanceCalls::Claims coming = calls_.claims();
    if (answer_) {
        coming.jobs += static_cast<int>(answer_->result.claimed());
        coming.bytes += answer_->result.claimed() > 0 ? answer_->enoughBytes : 0;
    }
    return {handlers_.router().slots(),
            pools.ready,
            pools.unstarted + coming.jobs,
            holding() - freed,
            held_.bytes() + coming.bytes};
}

int ClaimLoop::capacity(const ClaimPolicy::Load& load, Time now) {
    if (quiet_ || draining_ || stopping_ || outlook_.isClosed(now)) {
        return 0;
    }
    const int room = policy_.jobs(load, now);
    if (room <= 0) {
        return 0;
    }
    if (policy_.isFull(load)) {
        if (outlook_.mayFindJobs() && held_.bytes() >= settings_.maxBytes &&
            !std::exchange(fullLogged_, true)) {
            log_.warning("the " + std::to_string(load.held) + " jobs held have " +
                         std::to_string(load.bytes) + " bytes, the limit is " +
                         std::to_string(settings_.maxBytes) +
                         " (maxBytes); further ones are claimed as these end");
        }
        return 0;
    }
    fullLogged_ = fullLogged_ && load.bytes > settings_.maxBytes / 2;
    return handlers_.router().allowed(room, now);
}

void ClaimLoop::report(const std::vector<JobProblem>& problems) {
    if (!problems.empty()) {
        counters_.setAside += problems_.report(settings_.name, problems);
    }
}

}  // namespace drover
