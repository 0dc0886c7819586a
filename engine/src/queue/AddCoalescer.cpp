#include "queue/AddCoalescer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include <Poco/Exception.h>

#include "core/Guarded.h"
#include "core/JobFields.h"
#include "drover/Exceptions.h"
#include "queue/QueueContext.h"
#include "queue/ops/Add.h"
#include "queue/ops/Control.h"

namespace drover {

namespace {

/// How often an idle sender sends a small command, so that readiness is known before the first add.
constexpr std::chrono::milliseconds kIdleProbe{1000};

/// How long the thread that watches deadlines sleeps without any.
constexpr std::chrono::hours kIdleDeadline{1};

constexpr std::size_t kMostInFlight = 2;

/// A second call that is not full has as many adds at least: a call costs Redis about as much as two adds.
constexpr std::size_t kLeastSecond = 8;

/// How long adds wait for the server that has the keys now, at most; a failover by sentinels and the move of a small slot
/// need less.
constexpr std::chrono::seconds kServerChange{5};
constexpr std::chrono::milliseconds kShortestPause{10};

std::vector<AddResult> all(std::size_t count,
                           AddResult::Status status,
                           const std::string& message) {
    AddResult result;
    result.status = status;
    result.message = message;
    return std::vector<AddResult>(count, result);
}

/// Returns why the script refused a job, from its code (docs/wire-format.md#codes).
std::string refusalOf(const JobRecord& job, int code) {
    switch (code) {
        case -5:
            return "the parent " + job.parentKey + " does not exist (-5)";
        case -7:
            return "job " + job.customId + " has another parent than " + job.parentKey +
                   ", which exists and cannot be replaced (-7)";
        default:
            return "the job was refused (" + std::to_string(code) + ")";
    }
}

}  // namespace

AddCoalescer::AddCoalescer(QueueContext queue,
                           std::unique_ptr<RedisClient> redis,
                           const Queue::Settings& settings,
                           std::chrono::milliseconds stuckAfter)
    : queue_(std::move(queue)),
      log_("queue", {.queue = queueNameOf(queue_.keys().qualifiedName())}),
      redis_(std::move(redis)),
      maxWaiting_(settings.maxWaiting),
      maxBatch_(settings.maxBatch),
      linger_(settings.linger),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      stuckAfter_(stuckAfter),
      deadlineThread_([this] { watchDeadlines(); }),
      thread_([this] { run(); }) {}

AddCoalescer::~AddCoalescer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    arrived_.notify_all();
    deadlinesChanged_.notify_all();
    thread_.join();
    deadlineThread_.join();
    refuseQueued("the queue is closing");
    close(wake_);
}

void AddCoalescer::add(std::vector<JobRecord> items,
                       Clock::time_point deadline,
                       Done done,
                       std::optional<AddOnce> once,
                       bool recallOnly) {
    const std::size_t count = items.size();
    std::string refusal;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            refusal = "the queue is closing";
        } else if (queuedItems_ + count > maxWaiting_) {
            refusal = "too many adds wait for Redis already (" + std::to_string(queuedItems_) + ")";
        } else {
            auto waiter = std::make_shared<Waiter>();
            waiter->items = std::move(items);
            waiter->count = count;
            waiter->done = std::move(done);
            waiter->once = std::move(once);
            waiter->recallOnly = recallOnly;
            waiter->deadline = deadlines_.emplace(deadline, waiter);
            if (deadline < deadlineWake_) {
                deadlineWake_ = deadline;
                deadlinesChanged_.notify_one();
            }
            queued_.push_back(std::move(waiter));
            queuedItems_ += count;
            outstandingItems_ += count;
            if (wakeWhenWorth_ && isWorthSecond()) {
                wakeWhenWorth_ = false;
                eventfd_write(wake_, 1);
            }
            arrived_.notify_one();
            return;
        }
    }
    done(all(count, AddResult::Status::Unavailable, refusal));
}

void AddCoalescer::watchDeadlines() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        const auto now = Clock::now();
        if (deadlines_.empty() || now < deadlines_.begin()->first) {
            deadlineWake_ = deadlines_.empty() ? now + kIdleDeadline : deadlines_.begin()->first;
            deadlinesChanged_.wait_until(lock, deadlineWake_);
            continue;
        }
        std::shared_ptr<Waiter> waiter = deadlines_.begin()->second;
        {
            Answer late = giveUp(waiter);
            waiter.reset();
            lock.unlock();
            late.done(std::move(late.results));
        }  // The callback goes without the lock, too: it may hold anything.
        lock.lock();
    }
}

AddCoalescer::Answer AddCoalescer::answerFor(Waiter& waiter, std::vector<AddResult> results) {
    waiter.phase = Waiter::Phase::Done;
    outstandingItems_ -= waiter.count;
    deadlines_.erase(waiter.deadline);
    return {std::move(waiter.done), std::move(results)};
}

AddCoalescer::Answer AddCoalescer::giveUp(const std::shared_ptr<Waiter>& waiter) {
    if (waiter->phase == Waiter::Phase::InFlight) {
        return answerFor(*waiter,
                         all(waiter->count,
                             AddResult::Status::Unknown,
                             "Redis did not answer within the deadline"));
    }
    if (waiter->phase == Waiter::Phase::Queued) {
        queued_.erase(std::find(queued_.begin(), queued_.end(), waiter));
        queuedItems_ -= waiter->count;
    }
    return answerFor(*waiter,
                     all(waiter->count,
                         AddResult::Status::Unavailable,
                         "Redis did not get to it within the deadline"));
}

std::string AddCoalescer::problem() const {
    const auto since =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - progressed_.load());
    if (since > stuckAfter_) {
        return "the thread that adds makes no progress for " + std::to_string(since.count()) +
               " ms";
    }
    return redis_->healthy() ? "" : "redis is away";
}

void AddCoalescer::run() {
    while (true) {
        const bool normal = runGuarded("add", [this] {
            probe();
            while (true) {
                progressed_ = Clock::now();
                if (calls_.empty() && !elsewhere_.empty()) {
                    putBackElsewhere();
                }
                if (Waiters waiters = popBatch(); !waiters.empty()) {
                    progressed_ = Clock::now();
                    send(std::move(waiters));
                    continue;
                }
                if (!calls_.empty()) {
                    if (std::optional<Answered> answered = receive()) {
                        // The next call goes first: Redis works on it while this thread passes the answers on. Not after
                        // an error, which may cost the connection.
                        if (linger_.count() == 0 && elsewhere_.empty() &&
                            !answered->reply.isError()) {
                            send(popQueued());
                        }
                        finish(std::move(*answered));
                    }
                    continue;
                }
                {
                    const std::lock_guard lock(mutex_);
                    if (stopping_) {
                        return;
                    }
                }
                probe();
            }
        });
        if (normal) {
            return;
        }
    }
}

void AddCoalescer::probe() {
    try {
        if (introduced_) {
            redis_->call(Command{"PING"});
        } else {
            ops::writeMeta(queue_, *redis_);
            introduced_ = true;
        }
        metaRefused_ = false;
    } catch (const RedisIoException&) {
        // Logged by the client when the outage began; problem() returns it.
    } catch (const Exception& error) {
        // A key of the queue has another type, say. Adds fail for it as well; it must not end the thread.
        if (!metaRefused_) {
            log_.error(error.message());
        }
        metaRefused_ = true;
    }
}

bool AddCoalescer::maySendMore() const {
    // The clock of Redis is measured between calls only.
    return calls_.size() < kMostInFlight && elsewhere_.empty() && !redis_->options().time->due();
}

bool AddCoalescer::isWorthSecond() const {
    return queuedItems_ >= maxBatch_ ||
           (queuedItems_ >= kLeastSecond && queuedItems_ >= outstandingItems_ / 2);
}

AddCoalescer::Waiters AddCoalescer::popBatch() {
    std::unique_lock lock(mutex_);
    if (!calls_.empty()) {
        if (!maySendMore() || !isWorthSecond()) {
            return {};
        }
    } else {
        arrived_.wait_for(lock, kIdleProbe, [this] { return stopping_ || !queued_.empty(); });
    }
    if (busy_ && linger_.count() > 0 && !queued_.empty()) {
        arrived_.wait_for(lock, linger_, [this] { return stopping_ || isWorthSecond(); });
    }
    lock.unlock();
    return popQueued();
}

AddCoalescer::Waiters AddCoalescer::popQueued() {
    const std::lock_guard lock(mutex_);
    // Half of what is not answered: the other half makes a second call.
    const std::size_t half = std::max(kLeastSecond, (outstandingItems_ + 1) / 2);
    const std::size_t most = std::min(half, maxBatch_);
    Waiters batch;
    std::size_t items = 0;
    while (!queued_.empty() && (batch.empty() || items + queued_.front()->items.size() <= most)) {
        std::shared_ptr<Waiter> waiter = std::move(queued_.front());
        queued_.pop_front();
        items += waiter->items.size();
        waiter->phase = Waiter::Phase::Gathered;
        batch.push_back(std::move(waiter));
    }
    queuedItems_ -= items;
    busy_ = batch.size() > 1;
    return batch;
}

void AddCoalescer::send(Waiters waiters) {
    if (waiters.empty()) {
        return;
    }
    std::int64_t nowMs = 0;
    try {
        redis_->connection();
        nowMs = redis_->nowMs();
    } catch (const Exception& error) {
        loseCalls(error.message());
        if (awaitServer()) {
            std::vector<JobRecord> none;
            putBack(waiters, none);
            return;
        }
        // Not sent, and what waits would meet the same: answer at once, a producer's client can decide.
        finish(waiters, AddResult::Status::Unavailable, error.message(), {});
        refuseQueued(error.message());
        return;
    }
    {
        // Connecting took its time: adds whose deadline passed meanwhile were answered as not sent.
        const std::lock_guard lock(mutex_);
        waiters.erase(
            std::remove_if(waiters.begin(),
                           waiters.end(),
                           [](const auto& waiter) { return waiter->phase == Waiter::Phase::Done; }),
            waiters.end());
        for (const auto& waiter : waiters) {
            waiter->phase = Waiter::Phase::InFlight;
        }
    }
    if (waiters.empty()) {
        return;
    }
    Call& call = *calls_.emplace_back(std::make_unique<Call>(Call{std::move(waiters)}));
    try {
        std::vector<ops::OnceGroup> onces;
        for (const auto& waiter : call.waiters) {
            // Moved: a waiter that gives up leaves without its items. `once` stays, since the waiter does until the reply.
            if (waiter->once) {
                onces.push_back(
                    {&*waiter->once, call.items.size(), waiter->count, waiter->recallOnly});
            }
            call.items.insert(call.items.end(),
                              std::make_move_iterator(waiter->items.begin()),
                              std::make_move_iterator(waiter->items.end()));
        }
        for (JobRecord& item : call.items) {
            item.timestampMs = item.timestampMs == JobRecord::kWhenAdded ? nowMs : item.timestampMs;
        }
        call.command = ops::addJobsCall(queue_, *redis_, call.items, nowMs, onces);
        redis_->send(call.command);
        call.deadline = Clock::now() + redis_->options().commandTimeout;
    } catch (const Exception& error) {
        const std::unique_ptr<Call> failed = std::move(calls_.back());
        calls_.pop_back();
        fail(*failed, error);
        loseCalls(error.message());
    }
}

std::optional<AddCoalescer::Answered> AddCoalescer::receive() {
    try {
        while (true) {
            if (auto answered = redis_->receive()) {
                const auto found =
                    std::find_if(calls_.begin(), calls_.end(), [&](const auto& call) {
                        return &call->command == answered->call;
                    });
                std::unique_ptr<Call> call = std::move(*found);
                calls_.erase(found);
                if (!calls_.empty()) {
                    // Redis begins with the next call only now.
                    calls_.front()->deadline = Clock::now() + redis_->options().commandTimeout;
                }
                return Answered{std::move(call), std::move(answered->reply)};
            }
            const auto timeout = redis_->options().commandTimeout;
            const auto deadline =
                std::max(calls_.front()->deadline, redis_->lastProgress() + timeout);
            if (!waitReadable(deadline)) {
                return std::nullopt;
            }
            if (Clock::now() < deadline) {
                continue;
            }
            if (!redis_->sendProgressed()) {
                const std::string why = "no reply from Redis within the deadline";
                redis_->fail(why);
                throw RedisTimeoutException(why);
            }
            calls_.front()->deadline = Clock::now() + timeout;
        }
    } catch (const Exception& error) {
        loseCalls(error.message());
        return std::nullopt;
    }
}

bool AddCoalescer::waitReadable(Clock::time_point until) {
    {
        const std::lock_guard lock(mutex_);
        wakeWhenWorth_ = maySendMore();
        if (wakeWhenWorth_ && isWorthSecond()) {
            wakeWhenWorth_ = false;
            return false;
        }
    }
    std::array<pollfd, 2> ready{{{redis_->fd(), POLLIN, 0}, {wake_, POLLIN, 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::max(until - Clock::now(), Clock::duration::zero()));
    if (poll(ready.data(), ready.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) {
        throw Poco::IOException("wait for Redis", errno);
    }
    const std::lock_guard lock(mutex_);
    wakeWhenWorth_ = false;
    eventfd_t count = 0;
    return eventfd_read(wake_, &count) != 0;
}

void AddCoalescer::finish(Answered answered) {
    if (redis_->options().endpoints && answered.reply.isError() &&
        isElsewhere(answered.reply.text())) {
        elsewhere_.push_back(std::move(answered));
        return;
    }
    Call& call = *answered.call;
    try {
        redis_->require(answered.reply, "addJobs");
        finish(call.waiters,
               AddResult::Status::Added,
               "",
               ops::addedIds(queue_, answered.reply, call.items.size()),
               call.items);
        awaitServerUntil_ = {};
    } catch (const Exception& error) {
        fail(call, error);
    }
    if (redis_->fd() < 0) {
        loseCalls("the connection to Redis is lost");
    }
}

void AddCoalescer::putBack(const Waiters& waiters, std::vector<JobRecord>& items) {
    const std::lock_guard lock(mutex_);
    auto next = items.begin();
    Waiters back;
    for (const auto& waiter : waiters) {
        const bool sent = waiter->phase == Waiter::Phase::InFlight;
        const auto end = items.empty() ? next : next + static_cast<std::ptrdiff_t>(waiter->count);
        if (sent) {
            waiter->items.assign(std::make_move_iterator(next), std::make_move_iterator(end));
        }
        next = end;
        if (waiter->phase != Waiter::Phase::Done) {
            waiter->phase = Waiter::Phase::Queued;
            queuedItems_ += waiter->count;
            back.push_back(waiter);
        }
    }
    queued_.insert(queued_.begin(), back.begin(), back.end());
}

void AddCoalescer::putBackElsewhere() {
    if (awaitServerUntil_ == Clock::time_point{}) {
        awaitServerUntil_ = Clock::now() + kServerChange;
    }
    try {
        redis_->require(elsewhere_.front().reply, "addJobs", queue_.keys().meta);
    } catch (const Exception&) {
        // Logged by the client; the next connection leads to the other server.
    }
    for (; !elsewhere_.empty(); elsewhere_.pop_back()) {
        putBack(elsewhere_.back().call->waiters, elsewhere_.back().call->items);
    }
}

bool AddCoalescer::awaitServer() {
    if (Clock::now() >= awaitServerUntil_) {
        return false;
    }
    std::unique_lock lock(mutex_);
    const auto next = std::max(redis_->nextAttempt(), Clock::now() + kShortestPause);
    return !arrived_.wait_until(lock, next, [this] { return stopping_; });
}

void AddCoalescer::fail(const Call& call, const Exception& error) {
    if (dynamic_cast<const RedisBusyException*>(&error) != nullptr ||
        dynamic_cast<const RedisAuthException*>(&error) != nullptr) {
        finish(call.waiters, AddResult::Status::Unavailable, error.message(), {});
        return;
    }
    // Sent, and the reply is lost or an error from the middle of the script: it may have been written.
    log_.error("an add has an unknown result: " + error.message());
    finish(call.waiters, AddResult::Status::Unknown, error.message(), {});
}

void AddCoalescer::loseCalls(const std::string& message) {
    if (calls_.empty()) {
        return;
    }
    redis_->drop();  // Gone already, mostly. A late reply would answer the next call.
    log_.error("an add has an unknown result: " + message);
    for (; !calls_.empty(); calls_.pop_front()) {
        finish(calls_.front()->waiters, AddResult::Status::Unknown, message, {});
    }
}

void AddCoalescer::finish(const Waiters& waiters,
                          AddResult::Status status,
                          const std::string& message,
                          const std::vector<AddedId>& added,
                          const std::vector<JobRecord>& items) {
    std::vector<Answer> answers;
    answers.reserve(waiters.size());
    {
        std::size_t next = 0;
        const std::lock_guard lock(mutex_);
        for (const auto& waiter : waiters) {
            const std::size_t first = next;
            next += waiter->count;
            if (waiter->phase == Waiter::Phase::Done) {
                continue;  // Its deadline has passed.
            }
            std::vector<AddResult> results = all(waiter->count, status, message);
            for (std::size_t i = 0; status == AddResult::Status::Added && i < results.size(); ++i) {
                results[i].timestampMs = items[first + i].timestampMs;
                const AddedId& one = added[first + i];
                results[i].id = one.id;
                if (one.keyTaken) {
                    results[i].status = AddResult::Status::KeyTaken;
                    continue;
                }
                results[i].repeated = one.timestampMs.has_value();
                results[i].timestampMs = one.timestampMs.value_or(results[i].timestampMs);
                results[i].match = one.match;
                if (one.code < 0) {
                    results[i].status = AddResult::Status::Rejected;
                    results[i].code = one.code;
                    results[i].message = refusalOf(items[first + i], one.code);
                }
                if (!one.error.empty()) {
                    // Nothing of it was stored; another try gets another id.
                    results[i].status = AddResult::Status::Unavailable;
                    results[i].message = one.error;
                }
            }
            answers.push_back(answerFor(*waiter, std::move(results)));
        }
    }
    for (Answer& answer : answers) {
        answer.done(std::move(answer.results));
    }
}

void AddCoalescer::refuseQueued(const std::string& message) {
    Waiters waiters;
    {
        const std::lock_guard lock(mutex_);
        waiters.assign(queued_.begin(), queued_.end());
        for (const auto& waiter : waiters) {
            waiter->phase = Waiter::Phase::Gathered;
        }
        queued_.clear();
        queuedItems_ = 0;
    }
    finish(waiters, AddResult::Status::Unavailable, message, {});
}

}  // namespace drover
