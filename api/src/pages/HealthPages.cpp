#include "pages/HealthPages.h"

#include <chrono>

#include "drover/JsonWriter.h"
#include "http/HttpText.h"
#include "http/Target.h"

namespace drover::api {

Handling HealthPages::accept(HttpRequest& /*request*/,
                             Responder& /*responder*/,
                             AnswerNotes& /*notes*/) {
    return {.pooled = [this](HttpRequest& request, Responder&) { return answer(request); }};
}

Response HealthPages::answer(const HttpRequest& request) const {
    const std::string path = Target::parse(request.target()).path;
    if (path != "/livez" && path != "/readyz") {
        return errorResponse(404, "This port has /livez and /readyz");
    }
    if (request.method() != "GET" && request.method() != "HEAD") {
        Response response =
            errorResponse(405, "Cannot " + std::string(request.method()) + " " + path);
        response.headers.emplace_back("Allow", "GET, HEAD");
        return response;
    }
    return path == "/readyz" ? readiness() : liveness();
}

Response HealthPages::liveness() const {
    Response response;
    response.body = R"({"status":"ok"})";
    for (const auto& [name, report] : checks_()) {
        if (report.standsStill) {
            JsonWriter json;
            json.beginObject();
            json.key("status").text("stands still");
            json.key("check").text(name);
            json.key("detail").text(report.detail);
            json.endObject();
            response.status = 503;
            response.body = json.str();
            break;
        }
    }
    return response;
}

Response HealthPages::readiness() const {
    bool ok = true;
    JsonWriter json;
    json.beginObject();
    for (const auto& [name, report] : checks_()) {
        ok = ok && report.ok;
        json.key(name).beginObject();
        json.key("ok").boolean(report.ok);
        json.key("detail").text(report.detail);
        if (!report.counts.empty()) {
            json.key("counts").beginObject();
            for (const auto& [counted, value] : report.counts) {
                json.key(counted).number(value);
            }
            json.endObject();
        }
        json.endObject();
    }
    json.endObject();
    Response response;
    response.status = ok ? 200 : 503;
    response.body = std::string(R"({"status":)") + (ok ? R"("ok")" : R"("unavailable")") +
                    R"(,"checks":)" + json.str() + "}";
    if (!ok) {
        response.headers.emplace_back("Retry-After", "1");
    }
    return response;
}

HttpServer::Settings HealthPages::serverSettings(const std::string& host, std::uint16_t port) {
    HttpServer::Settings settings;
    settings.name = "health";
    settings.threads = 2;
    settings.gate.host = host;
    settings.gate.port = port;
    settings.gate.caps.connections = 256;
    settings.gate.caps.connectionsPerAddress = 128;
    // A probe sends its request at once: a slower client makes room for the next one.
    settings.gate.caps.idleGivesWayAfter = std::chrono::milliseconds(0);
    settings.gate.caps.partialGivesWay = true;
    settings.gate.requestTimeout = std::chrono::milliseconds(5000);
    settings.gate.idleTimeout = std::chrono::milliseconds(10000);
    settings.gate.sendTimeout = std::chrono::milliseconds(5000);
    settings.gate.limits.maxBodyBytes = 0;
    return settings;
}

}  // namespace drover::api
