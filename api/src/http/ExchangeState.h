#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "drover/Trace.h"

namespace drover::api {

/// The front's notes on a request, for its answer, the access log and its span. Written before the request is answered.
struct AnswerNotes {
    std::vector<std::pair<std::string, std::string>> headers;  ///< For the answer, whatever it is.
    std::string method;
    std::string route;            ///< The pattern of its path; empty: none was found.
    std::string client;           ///< The address that counts, behind trusted proxies.
    std::string token;            ///< The name of its token; empty: none.
    TraceContext trace;           ///< The context of its span; not set: there are no traces.
    std::unique_ptr<Span> span;   ///< Its span if that is recorded.
    std::shared_ptr<void> guard;  ///< Lives until the request is answered.
};

/// The state of one request that its connection and its responder share: open, then answered or over, once.
/// Threads: any.
class ExchangeState {
public:
    /// Returns true for the one answer that counts, and drops the callback.
    [[nodiscard]] bool answer() {
        State expected = State::Open;
        if (!state_.compare_exchange_strong(expected, State::Answered)) {
            return false;
        }
        std::function<void()> dropped;
        const std::lock_guard lock(mutex_);
        dropped.swap(callback_);
        return true;
    }
    [[nodiscard]] bool open() const { return state_.load() == State::Open; }
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
    [[nodiscard]] AnswerNotes& notes() { return notes_; }

    void whenOver(std::function<void()> callback) {
        {
            const std::lock_guard lock(mutex_);
            if (open()) {
                callback_ = std::move(callback);
                return;
            }
        }
        if (over()) {
            callback();
        }
    }

private:
    enum class State { Open, Answered, Over };

    AnswerNotes notes_;
    std::atomic<State> state_{State::Open};
    std::mutex mutex_;
    std::function<void()> callback_;  ///< Guarded by mutex_.
};

}  // namespace drover::api
