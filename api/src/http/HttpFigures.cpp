#include "http/HttpFigures.h"

namespace drover::api {

void HttpFigures::onAnswer(const AnswerNotes& notes,
                           int status,
                           std::optional<std::chrono::nanoseconds> took) {
    const bool known = !notes.route.empty();
    const std::string method = known ? notes.method : "other";
    const std::string path = known ? notes.route : "none";
    const std::lock_guard lock(mutex_);
    const auto [found, isNew] = routes_.try_emplace(method + " " + path);
    Route& route = found->second;
    if (isNew) {
        route.method = method;
        route.path = path;
    }
    ++route.answers[status];
    if (took) {
        route.took.observe(*took);
    }
}

void HttpFigures::measure(Metrics& metrics) const {
    MetricFamily& requests =
        metrics.counter("drover_http_requests_total",
                        "Answers by route and status; 499: the client left before its answer");
    MetricFamily& took =
        metrics.histogram("drover_http_request_seconds",
                          "Time from the whole request to its answer; without streams of events");
    const std::lock_guard lock(mutex_);
    for (const auto& [key, route] : routes_) {
        for (const auto& [status, count] : route.answers) {
            requests.add({{"method", route.method},
                          {"route", route.path},
                          {"status", std::to_string(status)}},
                         count);
        }
        took.add({{"method", route.method}, {"route", route.path}}, route.took.figures());
    }
}

}  // namespace drover::api
