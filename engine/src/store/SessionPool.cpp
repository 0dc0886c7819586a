#include "store/SessionPool.h"

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

#include "drover/Unavailable.h"

namespace drover::store {

namespace {

constexpr std::chrono::milliseconds kFirstBackoff{50};
constexpr std::chrono::milliseconds kLongestBackoff{1000};
// How often idle sessions are checked, so that trouble() is at most this old.
constexpr std::chrono::milliseconds kLookInterval{500};

}  // namespace

SessionPool::Lease::Lease(SessionPool& pool, std::unique_ptr<Session> session)
    : pool_(&pool), session_(std::move(session)) {}

SessionPool::Lease::~Lease() {
    if (session_) {
        pool_->giveBack(std::move(session_));
    }
}

SessionPool::SessionPool(SessionSettings settings, std::size_t size)
    : settings_(std::move(settings)), size_(size), opener_([this] { openSessions(); }) {}

SessionPool::~SessionPool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    opener_.join();
}

SessionPool::Lease SessionPool::checkout(std::chrono::milliseconds wait) {
    const auto deadline = std::chrono::steady_clock::now() + wait;
    std::unique_lock lock(mutex_);
    while (true) {
        while (!idle_.empty()) {
            std::unique_ptr<Session> session = std::move(idle_.back());
            idle_.pop_back();
            if (session->probe()) {
                return Lease(*this, std::move(session));
            }
            --open_;
            changed_.notify_all();
        }
        if (changed_.wait_until(lock, deadline) == std::cv_status::timeout && idle_.empty()) {
            throw Unavailable(trouble_.empty() ? "every database session is busy" : trouble_);
        }
    }
}

SessionPool::Usage SessionPool::usage() const {
    const std::lock_guard lock(mutex_);
    return {idle_.size(), open_ - idle_.size(), size_ - open_};
}

std::string SessionPool::trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
}

void SessionPool::giveBack(std::unique_ptr<Session> session) noexcept {
    // A transaction left open would become the next caller's.
    const bool good = session->usable() && !session->inTransaction();
    if (!good) {
        session.reset();
    }
    {
        const std::lock_guard lock(mutex_);
        if (good) {
            idle_.push_back(std::move(session));
        } else {
            --open_;
        }
    }
    changed_.notify_all();
}

void SessionPool::dropDead() {
    const auto dead = std::remove_if(
        idle_.begin(), idle_.end(), [](const auto& session) { return !session->probe(); });
    open_ -= static_cast<std::size_t>(idle_.end() - dead);
    idle_.erase(dead, idle_.end());
}

void SessionPool::openSessions() {
    std::minstd_rand random(std::random_device{}());
    std::chrono::milliseconds backoff = kFirstBackoff;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        dropDead();
        if (open_ >= size_) {
            changed_.wait_for(lock, kLookInterval);
            continue;
        }
        lock.unlock();
        std::unique_ptr<Session> session;
        std::string trouble;
        try {
            session = std::make_unique<Session>(settings_);
        } catch (const std::exception& error) {
            trouble = error.what();
        }
        lock.lock();
        trouble_ = trouble;
        if (session) {
            backoff = kFirstBackoff;
            idle_.push_back(std::move(session));
            ++open_;
            changed_.notify_all();
        } else {
            const std::chrono::milliseconds jittered(
                std::uniform_int_distribution<long>(backoff.count() / 2, backoff.count())(random));
            changed_.wait_for(lock, jittered, [this] { return stopping_; });
            backoff = std::min(backoff * 2, kLongestBackoff);
        }
    }
}

}  // namespace drover::store
