#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "drover/Responder.h"

namespace drover::test {

/// A responder whose answer a test reads. Threads: none.
class CapturedAnswer {
public:
    [[nodiscard]] Responder responder() const {
        return Responder(std::make_unique<Channel>(answer_));
    }
    /// Throws std::bad_optional_access without an answer.
    [[nodiscard]] const Response& response() const { return answer_->value(); }

private:
    using Answer = std::shared_ptr<std::optional<Response>>;

    class Channel : public Responder::Channel {
    public:
        explicit Channel(Answer answer) : answer_(std::move(answer)) {}

        bool respond(Response response) override {
            if (*answer_) {
                return false;
            }
            *answer_ = std::move(response);
            return true;
        }
        [[nodiscard]] bool over() const override { return false; }
        void whenOver(std::function<void()> /*callback*/) override {}
        std::shared_ptr<EventStream> stream() override { return nullptr; }
        std::shared_ptr<Upload> upload() override { return nullptr; }

    private:
        const Answer answer_;
    };

    const Answer answer_ = std::make_shared<std::optional<Response>>();
};

}  // namespace drover::test
