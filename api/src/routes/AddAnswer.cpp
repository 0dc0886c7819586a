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

std::optional<HttpError> errorOf(const AddResult& result) {
    switch (result.status) {
        case AddResult::Status::Added:
            break;
        case AddResult::Status::Rejected:
            return HttpError(400, result.message);
        case AddResult::Status::QueueFull:
            return HttpError(429, result.message, secondsOf(result.retryAfter));
        case AddResult::Status::MemoryFull:
            return HttpError(503, result.message, secondsOf(result.retryAfter));
        case AddResult::Status::Unavailable:
            return HttpError(
                503, "The queue cannot be reached; nothing was added", kRetryAfterSeconds);
        case AddResult::Status::Unknown:
            return HttpError(
                503,
                "The queue did not answer in time; whether the job was added is unknown",
                kRetryAfterSeconds);
        case AddResult::Status::KeyTaken:
            return HttpError(422,
                             "This Idempotency-Key was sent with another request before; each "
                             "request needs a key of its own");
    }
    return std::nullopt;
}

std::optional<Response> refusalOf(const AddResult& result) {
    const std::optional<HttpError> error = errorOf(result);
    if (!error) {
        return std::nullopt;
    }
    return errorResponse(error->status(), error->what(), error->retryAfterSeconds());
}

}  // namespace drover::api
