#include "queues/ResultRoute.h"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "drover/JobResults.h"
#include "drover/JsonWriter.h"
#include "http/HttpText.h"
#include "queues/QueueRoutes.h"
#include "queues/ServedQueues.h"

namespace drover::api {

namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kMostWaitMs = 60000;
/// Within it Redis must have answered whether the job has ended, however short the wait is.
constexpr std::chrono::seconds kLookTime{5};

Response answerFor(const JobEnd& end) {
    Response response;
    JsonWriter json;
    json.beginObject();
    switch (end.status) {
        case JobEnd::Status::Completed:
            json.key("state").text("completed").key("value");
            isJson(end.text) ? json.raw(end.text) : json.text(end.text);
            break;
        case JobEnd::Status::Failed:
            json.key("state").text("failed").key("reason").text(end.text);
            break;
        case JobEnd::Status::TimedOut:
            if (!end.text.empty()) {
                return errorResponse(
                    503, "The queue did not answer in time; the state of the job is unknown", 1);
            }
            response.status = 202;
            json.key("state").text("unfinished");
            break;
        case JobEnd::Status::NoSuchJob:
            return errorResponse(
                404, "There is no such job, and the queue's events have no end of it any more");
    }
    response.body = std::move(json.endObject()).str();
    return response;
}

/// A client that waits. Threads: any.
class Waiting {
public:
    Waiting(Exchange exchange, std::shared_ptr<JobResults> results)
        : exchange_(std::move(exchange)),
          results_(std::move(results)),
          id_(exchange_.request.text("id")) {}

    static void begin(const std::shared_ptr<Waiting>& self) {
        const Request& request = self->exchange_.request;
        const milliseconds time(request.has("waitMs") ? request.integer("waitMs") : 0);
        self->exchange_.responder.whenClientLeaves([waiting = std::weak_ptr(self)] {
            if (const auto left = waiting.lock()) {
                left->end();
            }
        });
        const auto now = JobResults::Clock::now();
        self->onBegun(self->results_->whenFinished(
            self->id_,
            now + time,
            [self](const JobEnd& end) { self->exchange_.responder.respond(answerFor(end)); },
            now + kLookTime));
    }

private:
    void onBegun(std::uint64_t wait) {
        const std::lock_guard lock(mutex_);
        wait_ = wait;
        if (left_) {
            results_->endWait(id_, wait);
        }
    }

    void end() {
        const std::lock_guard lock(mutex_);
        left_ = true;
        if (wait_) {
            results_->endWait(id_, *wait_);
        }
    }

    Exchange exchange_;
    const std::shared_ptr<JobResults> results_;
    const std::string id_;
    std::mutex mutex_;
    std::optional<std::uint64_t> wait_;
    bool left_ = false;
};

}  // namespace

Route resultRoute(const std::shared_ptr<const ServedQueues>& queues) {
    Route route;
    route.source = kQueueSource;
    route.method = "GET";
    route.path = "/queues/{queue}/jobs/{id}/result";
    route.summary = "Wait for the end of a job.";
    route.tag = "queues";
    Parameter id;
    id.name = "id";
    id.description = "Id of the job.";
    Parameter waitMs;
    waitMs.name = "waitMs";
    waitMs.in = Parameter::In::Query;
    waitMs.type = ParameterType::Integer;
    waitMs.required = false;
    waitMs.description = "How long to wait for the end, in ms; 0 without it.";
    waitMs.minimum = 0;
    waitMs.maximum = kMostWaitMs;
    route.parameters = {ServedQueues::parameter(), std::move(id), std::move(waitMs)};
    route.scope = Scope{Scope::Kind::Read};
    route.responses = {
        {200,
         "The job has ended",
         R"({"type":"object","required":["state"],"properties":{"state":{"type":"string","enum":["completed","failed"]},)"
         R"("value":{},"reason":{"type":"string"}}})"},
        {202,
         "It has not ended in that time",
         R"({"type":"object","properties":{"state":{"type":"string","enum":["unfinished"]}}})"},
        {404,
         "There is no such job, or api.queues does not list the queue",
         R"({"$ref":"#/components/schemas/Error"})"}};
    route.answerTimeout = milliseconds(kMostWaitMs) + 2 * kLookTime;
    route.asyncHandler = [queues](std::vector<Exchange> exchanges) {
        for (Exchange& exchange : exchanges) {
            try {
                auto results = queues->results(exchange.request.text("queue"));
                Waiting::begin(std::make_shared<Waiting>(std::move(exchange), std::move(results)));
            } catch (const HttpError& error) {
                exchange.responder.respond(
                    errorResponse(error.status(), error.what(), error.retryAfterSeconds()));
            }
        }
    };
    return route;
}

}  // namespace drover::api
