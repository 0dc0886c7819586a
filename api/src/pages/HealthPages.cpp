#include "pages/HealthPages.h"

#include <chrono>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "http/HttpText.h"
#include "http/Target.h"

namespace drover::api {

Response HealthPages::answer(const HttpRequest& request) const {
    const std::string path = Target::parse(request.target).path;
    if (path != "/livez" && path != "/readyz") {
        return errorResponse(404, "This port has /livez and /readyz");
    }
    if (request.method != "GET" && request.method != "HEAD") {
        Response response =
            errorResponse(405, "Cannot " + std::string(request.method) + " " + path);
        response.headers.emplace_back("Allow", "GET, HEAD");
        return response;
    }
    if (path == "/readyz") {
        return readiness();
    }
    Response response;
    response.body = R"({"status":"ok"})";
    return response;
}

Response HealthPages::readiness() const {
    bool ok = true;
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
    json.StartObject();
    for (const auto& [name, report] : checks_()) {
        ok = ok && report.ok;
        json.Key(name.c_str(), static_cast<rapidjson::SizeType>(name.size()));
        json.StartObject();
        json.Key("ok");
        json.Bool(report.ok);
        json.Key("detail");
        json.String(report.detail.c_str(), static_cast<rapidjson::SizeType>(report.detail.size()));
        json.EndObject();
    }
    json.EndObject();
    Response response;
    response.status = ok ? 200 : 503;
    response.body = std::string(R"({"status":)") + (ok ? R"("ok")" : R"("unavailable")") +
                    R"(,"checks":)" + std::string(buffer.GetString(), buffer.GetSize()) + "}";
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
    settings.gate.maxConnections = 256;
    settings.gate.maxConnectionsPerAddress = 128;
    // A probe sends its request at once: whoever keeps it waiting makes room for the next one.
    settings.gate.idleGivesWayAfter = std::chrono::milliseconds(0);
    settings.gate.partialGivesWay = true;
    settings.gate.requestTimeout = std::chrono::milliseconds(5000);
    settings.gate.idleTimeout = std::chrono::milliseconds(10000);
    settings.gate.sendTimeout = std::chrono::milliseconds(5000);
    settings.gate.limits.maxBodyBytes = 0;
    return settings;
}

}  // namespace drover::api
