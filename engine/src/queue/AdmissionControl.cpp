#include "queue/AdmissionControl.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "core/Guarded.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

using std::chrono::milliseconds;

/// Clients that come again within a second would all come at once.
constexpr milliseconds kShortestRetry{1000};
constexpr milliseconds kLongestRetry{60000};

AddResult refusal(AddResult::Status status, std::string message, double retryMs) {
    AddResult result;
    result.status = status;
    result.message = std::move(message);
    result.retryAfter =
        milliseconds(std::llround(std::clamp(retryMs,
                                             static_cast<double>(kShortestRetry.count()),
                                             static_cast<double>(kLongestRetry.count()))));
    return result;
}

std::string estimateOf(const std::optional<QueueLoad>& load) {
    return load && load->wait
               ? "; a job would wait for about " + std::to_string(load->wait->count()) + " ms"
               : "; how long a job would wait is not known yet";
}

}  // namespace

std::optional<AddResult> refusalOf(const Queue::Admission& bounds,
                                   const std::string& queue,
                                   const std::optional<QueueLoad>& load,
                                   const std::optional<RedisMemory>& memory,
                                   std::int64_t jobs) {
    using Status = AddResult::Status;
    if (bounds.maxMemoryPercent > 0 && memory && memory->limit > 0) {
        const std::int64_t percent = memory->used * 100 / memory->limit;
        if (percent >= bounds.maxMemoryPercent) {
            return refusal(Status::MemoryFull,
                           "Redis uses " + std::to_string(percent) + " % of its memory, " +
                               std::to_string(bounds.maxMemoryPercent) + " % are allowed" +
                               estimateOf(load),
                           static_cast<double>(kLongestRetry.count()) / 6);
        }
    }
    if (!load) {
        return std::nullopt;
    }
    const std::int64_t depth = load->waiting + jobs;
    if (bounds.maxDepth > 0 && depth > bounds.maxDepth) {
        const double perMs = load->drainPerSecond.value_or(0) / 1000;
        return refusal(Status::QueueFull,
                       std::to_string(load->waiting) + " jobs wait in the queue " + queue + ", " +
                           std::to_string(bounds.maxDepth) + " are allowed" + estimateOf(load),
                       static_cast<double>(depth - bounds.maxDepth) / std::max(perMs, 1e-9));
    }
    if (bounds.maxWait.count() > 0 && load->wait && *load->wait > bounds.maxWait) {
        return refusal(Status::QueueFull,
                       std::to_string(load->waiting) + " jobs wait in the queue " + queue +
                           estimateOf(load) + ", " + std::to_string(bounds.maxWait.count()) +
                           " ms are allowed",
                       static_cast<double>((*load->wait - bounds.maxWait).count()));
    }
    return std::nullopt;
}

AdmissionControl::AdmissionControl(QueueContext queue,
                                   std::unique_ptr<RedisClient> redis,
                                   const Queue::Admission& bounds)
    : queue_(std::move(queue)),
      redis_(std::move(redis)),
      bounds_(bounds),
      known_(!bounds.isBounded()),
      deadlineThread_([this] {
          while (!runGuarded("admission-deadlines", [this] { watchDeadlines(); })) {
          }
      }),
      thread_([this] {
          while (!runGuarded("admission", [this] { run(); })) {
          }
      }) {}

AdmissionControl::~AdmissionControl() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    stop_.notify_all();
    heldChanged_.notify_all();
    thread_.join();
    deadlineThread_.join();
    for (const Held& one : held_) {
        one.known(late());
    }
}

AddResult AdmissionControl::late() const {
    AddResult result;
    result.status = AddResult::Status::Unavailable;
    result.message =
        "the load of the queue " + queue_.keys().qualifiedName() + " was not known in time";
    return result;
}

void AdmissionControl::whenKnown(Time deadline, Known known) {
    {
        const std::lock_guard lock(mutex_);
        if (!isKnown()) {
            held_.push_back({deadline, std::move(known)});
            heldChanged_.notify_all();
            return;
        }
    }
    known(std::nullopt);
}

void AdmissionControl::release() {
    std::vector<Held> released;
    {
        const std::lock_guard lock(mutex_);
        released.swap(held_);
    }
    for (const Held& one : released) {
        one.known(std::nullopt);
    }
}

void AdmissionControl::watchDeadlines() {
    std::unique_lock lock(mutex_);
    while (!stopping_ && !isKnown()) {
        const auto later = std::partition(held_.begin(), held_.end(), [](const Held& one) {
            return one.deadline <= Queue::Clock::now();
        });
        if (later != held_.begin()) {
            const std::vector<Held> ended(std::make_move_iterator(held_.begin()),
                                          std::make_move_iterator(later));
            held_.erase(held_.begin(), later);
            lock.unlock();
            for (const Held& one : ended) {
                one.known(late());
            }
            lock.lock();
            continue;
        }
        if (held_.empty()) {
            heldChanged_.wait(lock);
            continue;
        }
        const Time next =
            std::min_element(held_.begin(), held_.end(), [](const Held& one, const Held& other) {
                return one.deadline < other.deadline;
            })->deadline;
        heldChanged_.wait_until(lock, next);
    }
}

std::optional<AddResult> AdmissionControl::admit(std::int64_t jobs) {
    const std::lock_guard lock(mutex_);
    std::optional<AddResult> refused =
        refusalOf(bounds_, queue_.keys().qualifiedName(), meter_.load(), memory_, jobs);
    if (!refused) {
        meter_.onAdded(jobs);
    }
    return refused;
}

std::optional<QueueLoad> AdmissionControl::load() const {
    const std::lock_guard lock(mutex_);
    return meter_.load();
}

void AdmissionControl::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        bool answered = true;
        try {
            sample();
        } catch (const RedisIoException&) {
            answered = false;  // Redis is away, and adds fail by themselves.
        } catch (const Exception&) {
            // A key has another type, or a user may not read: the last sample counts on, and without one adds are admitted.
        }
        lock.lock();
        if (answered && !isKnown()) {
            known_.store(true, std::memory_order_release);
            heldChanged_.notify_all();
        }
        lock.unlock();
        release();
        lock.lock();
        stop_.wait_for(lock, kInterval, [this] { return stopping_; });
    }
}

void AdmissionControl::sample() {
    const LoadSample load = ops::load(queue_, *redis_);
    std::optional<RedisMemory> memory;
    if (bounds_.maxMemoryPercent > 0) {
        memory = ops::memory(*redis_);
    }
    const std::lock_guard lock(mutex_);
    meter_.onSample(load, std::chrono::steady_clock::now());
    memory_ = memory;
}

}  // namespace drover
