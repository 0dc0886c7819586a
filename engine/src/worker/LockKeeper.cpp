#include "worker/LockKeeper.h"

#include <algorithm>

#include <Poco/Logger.h>

#include "core/Guarded.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

constexpr std::size_t kLocksPerCall = 500;
constexpr std::chrono::seconds kLongestWait{1};

}  // namespace

LockKeeper::LockKeeper(std::unique_ptr<RedisClient> redis, const Clock& clock)
    : redis_(std::move(redis)), clock_(clock) {}

LockKeeper::~LockKeeper() {
    stop();
}

void LockKeeper::watch(const QueueBackend& backend,
                       HeldJobs& held,
                       std::chrono::milliseconds lockDuration) {
    const std::lock_guard lock(mutex_);
    watched_.push_back({&backend, &held, lockDuration, clock_.monotonic() + lockDuration / 2});
    changed_.notify_all();
}

void LockKeeper::start() {
    thread_ = std::thread([this] {
        while (!runGuarded("lock-keeper", [this] { loop(); })) {
        }
    });
}

void LockKeeper::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void LockKeeper::loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        Clock::Monotonic wake = clock_.monotonic() + kLongestWait;
        for (std::size_t i = 0; i < watched_.size(); ++i) {
            if (clock_.monotonic() >= watched_[i].due) {
                const Watched watched = watched_[i];
                lock.unlock();
                auto next = clock_.monotonic() + watched.lockDuration / 2;
                try {
                    renew(watched);
                } catch (const RedisIoException&) {
                    // Refused or unanswered is not lost: at once again when the client may, other queues meanwhile.
                    next = std::max(redis_->nextAttempt(),
                                    clock_.monotonic() + std::chrono::milliseconds(10));
                } catch (const Exception& error) {
                    Poco::Logger::get("worker").error("lock renewal: %s", error.message());
                }
                lock.lock();
                watched_[i].due = next;
            }
            wake = std::min(wake, watched_[i].due);
        }
        // A queue that came meanwhile may be due sooner.
        changed_.wait_until(lock, wake, [this, known = watched_.size()] {
            return stopping_ || watched_.size() != known;
        });
    }
}

void LockKeeper::renew(const Watched& watched) {
    const auto locks = watched.held->locks();
    for (std::size_t from = 0; from < locks.size(); from += kLocksPerCall) {
        const auto begin = locks.begin() + static_cast<std::ptrdiff_t>(from);
        const auto end = locks.begin() +
                         static_cast<std::ptrdiff_t>(std::min(from + kLocksPerCall, locks.size()));
        const std::string& queue = watched.backend->keys().qualifiedName();
        const RenewResult result =
            watched.backend->extendLocks(*redis_, {begin, end}, watched.lockDuration);
        for (const std::size_t position : result.cancelled) {
            const auto& [id, token] = locks[from + position];
            if (watched.held->cancel(id, token, CancelReason::Remote)) {
                Poco::Logger::get("worker").information(
                    "job %s of %s: somebody cancels it; its cancel token is set", id, queue);
            }
        }
        for (const std::size_t position : result.lost) {
            const auto& [id, token] = locks[from + position];
            // A job that ended between the list and the call has no lock any more either: it is not held, not lost.
            if (watched.held->cancel(id, token, CancelReason::Lost)) {
                Poco::Logger::get("worker").warning(
                    "job %s of %s: its lock is lost; its cancel token is set", id, queue);
            }
        }
    }
}

}  // namespace drover
