#include "queue/AddCoalescer.h"

#include <algorithm>

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
}

void AddCoalescer::add(std::vector<JobRecord> items,
                       Clock::time_point deadline,
                       Done done,
                       std::optional<AddOnce> once) {
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
            waiter->deadline = deadlines_.emplace(deadline, waiter);
            if (deadline < deadlineWake_) {
                deadlineWake_ = deadline;
                deadlinesChanged_.notify_one();
            }
            queued_.push_back(std::move(waiter));
            queuedItems_ += count;
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
                Waiters waiters = popBatch();
                progressed_ = Clock::now();
                if (!waiters.empty()) {
                    send(std::move(waiters));
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

AddCoalescer::Waiters AddCoalescer::popBatch() {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, kIdleProbe, [this] { return stopping_ || !queued_.empty(); });
    if (busy_ && linger_.count() > 0 && !queued_.empty() && queuedItems_ < maxBatch_ &&
        !stopping_) {
        arrived_.wait_for(lock, linger_, [this] { return stopping_ || queuedItems_ >= maxBatch_; });
    }
    Waiters batch;
    std::size_t items = 0;
    while (!queued_.empty() &&
           (batch.empty() || items + queued_.front()->items.size() <= maxBatch_)) {
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
    try {
        redis_->connection();
    } catch (const Exception& error) {
        // Not sent, and what waits would meet the same: answer at once, a producer's client can decide.
        finish(waiters, AddResult::Status::Unavailable, error.message(), {});
        refuseQueued(error.message());
        return;
    }
    std::vector<JobRecord> items;
    std::vector<ops::OnceGroup> onces;
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
    for (const auto& waiter : waiters) {
        // Moved: a waiter that gives up leaves without its items. `once` stays, since the waiter does until the reply.
        if (waiter->once) {
            onces.push_back({&*waiter->once, items.size(), waiter->count});
        }
        items.insert(items.end(),
                     std::make_move_iterator(waiter->items.begin()),
                     std::make_move_iterator(waiter->items.end()));
    }
    try {
        const std::int64_t nowMs = redis_->nowMs();
        for (JobRecord& item : items) {
            item.timestampMs = item.timestampMs == JobRecord::kWhenAdded ? nowMs : item.timestampMs;
        }
        finish(waiters,
               AddResult::Status::Added,
               "",
               ops::addJobs(queue_, *redis_, items, nowMs, onces),
               items);
    } catch (const RedisBusyException& error) {
        finish(waiters, AddResult::Status::Unavailable, error.message(), {});
    } catch (const RedisAuthException& error) {
        finish(waiters, AddResult::Status::Unavailable, error.message(), {});
    } catch (const Exception& error) {
        // Sent, and the reply is lost or an error from the middle of the script: it may have been written.
        log_.error("an add has an unknown result: " + error.message());
        finish(waiters, AddResult::Status::Unknown, error.message(), {});
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
