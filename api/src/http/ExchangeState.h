#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <utility>

namespace drover::api {

/// The state of one request that its connection and its responder share: open, then answered or over, once.
/// Threads: any.
class ExchangeState {
public:
    /// Returns true for the one answer that counts.
    [[nodiscard]] bool answer() {
        State expected = State::Open;
        return state_.compare_exchange_strong(expected, State::Answered);
    }
    /// Ends it without an answer: the client has left, or the deadline has passed. Returns false if it was answered.
    bool end() {
        State expected = State::Open;
        if (!state_.compare_exchange_strong(expected, State::Over)) {
            return false;
        }
        std::function<void()> callback;
        {
            const std::lock_guard lock(mutex_);
            callback = std::exchange(callback_, nullptr);
        }
        if (callback) {
            callback();
        }
        return true;
    }
    [[nodiscard]] bool over() const { return state_.load() == State::Over; }
    void whenOver(std::function<void()> callback) {
        {
            const std::lock_guard lock(mutex_);
            if (!over()) {
                callback_ = std::move(callback);
                return;
            }
        }
        callback();
    }

private:
    enum class State { Open, Answered, Over };

    std::atomic<State> state_{State::Open};
    std::mutex mutex_;
    std::function<void()> callback_;  ///< Guarded by mutex_.
};

}  // namespace drover::api
