#pragma once

#include <memory>

#include <Poco/Logger.h>

#include "drover/Responder.h"
#include "http/ExchangeState.h"
#include "http/HttpText.h"
#include "http/LoopInbox.h"
#include "http/UploadState.h"

namespace drover::api {

/// The way of one answer from any thread to its connection.
/// Threads: one at a time; over() from any.
class PendingAnswer : public Responder::Channel {
public:
    struct Target {
        std::shared_ptr<LoopInbox> inbox;
        Ticket ticket;
        std::shared_ptr<ExchangeState> state;
        bool headOnly = false;   ///< HEAD: the body is left out.
        bool keepAlive = false;  ///< The client's wish.
        std::size_t streamCapBytes = 0;
        std::shared_ptr<UploadState> upload = nullptr;  ///< That of an open body.
        bool expectsContinue = false;                   ///< The client waits to send that body.
        Poco::Logger* logger = nullptr;
    };

    explicit PendingAnswer(Target target) : target_(std::move(target)) {}
    /// Answers 500 if nothing else has.
    ~PendingAnswer() override;
    PendingAnswer(const PendingAnswer&) = delete;
    PendingAnswer& operator=(const PendingAnswer&) = delete;

    bool respond(Response response) override;
    [[nodiscard]] bool over() const override { return target_.state->over(); }
    void whenOver(std::function<void()> callback) override {
        target_.state->whenOver(std::move(callback));
    }
    std::shared_ptr<EventStream> stream() override;
    std::shared_ptr<Upload> upload() override;

private:
    bool post(Response response, bool keepAlive);

    const Target target_;
};

}  // namespace drover::api
