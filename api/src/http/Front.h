#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "drover/Responder.h"
#include "http/ExchangeState.h"
#include "http/HttpRequest.h"

namespace drover::api {

/// The part of a request's handling that runs on a thread of the pool. Returns the answer, or std::nullopt if it has moved
/// the responder away. An exception becomes an answer: HttpError its own, any other 500.
using PooledCall = std::function<std::optional<Response>(HttpRequest&, Responder&)>;

/// How a request is handled.
struct Handling {
    /// Empty: the front answers through the responder, which it has moved away or used.
    PooledCall pooled = {};
    /// How long an answer may take; std::nullopt: as long as the call on the pool.
    std::optional<std::chrono::milliseconds> answerTimeout = {};
};

/// Decides how each request is handled.
/// Threads: one calls all functions, and all connections wait meanwhile: none may block.
class Front {
public:
    virtual ~Front() = default;
    /// An exception becomes an answer as that of a PooledCall.
    [[nodiscard]] virtual Handling accept(HttpRequest& request,
                                          Responder& responder,
                                          AnswerNotes& notes) = 0;
    /// Every request that became whole in this turn of the loop has been accepted.
    virtual void endOfTurn() {}
    /// A request got its answer, or the client left before it; `notes` are empty for bytes that were no request. See
    /// HttpFigures::onAnswer().
    virtual void onAnswer(AnswerNotes& /*notes*/,
                          int /*status*/,
                          std::optional<std::chrono::nanoseconds> /*took*/) {}
    /// Returns true if each request is logged.
    [[nodiscard]] virtual bool logsAccess() const { return false; }
    /// Returns true for the address of a proxy, whose connections do not count as those of one client.
    [[nodiscard]] virtual bool isProxy(const std::string& /*address*/) const { return false; }
};

}  // namespace drover::api
