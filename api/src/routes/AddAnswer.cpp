#include "routes/AddAnswer.h"

#include <chrono>

#include "http/HttpText.h"

namespace drover::api {

namespace {

constexpr int kRetryAfterSeconds = 1;

int secondsOf(std::chrono::milliseconds time) {
    return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

}  // namespace

std::optional<Response> refusalOf(const AddResult& result) {
    switch (result.status) {
        case AddResult::Status::Added:
            break;
        case AddResult::Status::Rejected:
            return errorResponse(400, result.message);
        case AddResult::Status::QueueFull:
            return errorResponse(429, result.message, secondsOf(result.retryAfter));
        case AddResult::Status::MemoryFull:
            return errorResponse(503, result.message, secondsOf(result.retryAfter));
        case AddResult::Status::Unavailable:
            return errorResponse(
                503, "The queue cannot be reached; nothing was added", kRetryAfterSeconds);
        case AddResult::Status::Unknown:
            return errorResponse(
                503,
                "The queue did not answer in time; whether the job was added is unknown",
                kRetryAfterSeconds);
        case AddResult::Status::KeyTaken:
            return errorResponse(422,
                                 "This Idempotency-Key was sent with another request before; each "
                                 "request needs a key of its own");
    }
    return std::nullopt;
}

}  // namespace drover::api
