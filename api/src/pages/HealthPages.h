#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "drover/Service.h"
#include "http/HttpServer.h"

namespace drover::api {

using HealthChecks = std::vector<std::pair<std::string, HealthReport>>;

/// The answers of the health port, for tools that watch the process.
///
/// GET /livez: 200 unless a part of the process stands still, which a restart ends and an outage of a server is not; then
/// 503 as {"status": "stands still", "check": name, "detail": string}. GET /readyz: 200 if every check is fine, else 503, both as
/// {"status": "ok" or "unavailable", "checks": {name: {"ok": bool, "detail": string}}}.
/// It has a server of its own, so that it answers while the main port is busy or under attack.
class HealthPages : public Front {
public:
    explicit HealthPages(std::function<HealthChecks()> checks) : checks_(std::move(checks)) {}

    [[nodiscard]] Handling accept(HttpRequest& request,
                                  Responder& responder,
                                  AnswerNotes& notes) override;

    /// A server for these pages: few threads, few connections, short deadlines.
    [[nodiscard]] static HttpServer::Settings serverSettings(const std::string& host,
                                                             std::uint16_t port);

private:
    [[nodiscard]] Response answer(const HttpRequest& request) const;
    [[nodiscard]] Response liveness() const;
    [[nodiscard]] Response readiness() const;

    std::function<HealthChecks()> checks_;
};

}  // namespace drover::api
