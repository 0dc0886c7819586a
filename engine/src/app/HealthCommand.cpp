#include "app/HealthCommand.h"

#include <ostream>
#include <rapidjson/document.h>

#include <Poco/Exception.h>

#include "app/ControlClient.h"
#include "app/ControlSocket.h"
#include "app/JsonWriter.h"

namespace drover {

namespace {

constexpr std::chrono::milliseconds kPatience{5000};

void printText(const rapidjson::Value& report, std::ostream& out) {
    out << (report["ok"].GetBool() ? "ok" : "not ok") << ": " << report["state"].GetString()
        << ", process " << report["pid"].GetInt64() << ", version " << report["version"].GetString()
        << ", up " << report["uptimeMs"].GetInt64() / 1000 << " s\n";
    if (report.HasMember("logLinesDropped") && report["logLinesDropped"].GetInt64() > 0) {
        out << "  " << report["logLinesDropped"].GetInt64()
            << " lines of the log were dropped: nobody reads its standard error\n";
    }
    for (const auto& check : report["checks"].GetArray()) {
        out << "  " << (check["ok"].GetBool() ? "ok      " : "not ok  ")
            << check["name"].GetString();
        if (check["detail"].GetStringLength() > 0) {
            out << ": " << check["detail"].GetString();
        }
        out << '\n';
    }
}

}  // namespace

ExitCode healthCommand(const CommandLine& line,
                       const std::map<std::string, std::string>& environment,
                       const Configuration& config,
                       std::ostream& out) {
    std::string reason;
    try {
        const std::string path = controlSocketOf(line, environment, config);
        const std::string answer = askControlSocket(path, R"({"command":"health"})", kPatience);
        rapidjson::Document document;
        document.Parse(answer.data(), answer.size());
        if (!document.HasParseError() && document.IsObject() && document.HasMember("result") &&
            document["result"].IsObject() && document["result"].HasMember("ok")) {
            const rapidjson::Value& report = document["result"];
            if (line.json) {
                rapidjson::StringBuffer buffer;
                rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
                report.Accept(writer);
                out << buffer.GetString() << '\n';
            } else {
                printText(report, out);
            }
            return report["ok"].GetBool() ? ExitCode::Ok : ExitCode::Unavailable;
        }
        reason = path + ": this is no answer of drover";
    } catch (const UsageException&) {
        throw;
    } catch (const Poco::Exception& error) {
        reason = error.message();
    }
    if (line.json) {
        JsonWriter json;
        json.beginObject();
        json.key("ok").boolean(false);
        json.key("error").text(reason);
        json.endObject();
        out << json.str() << '\n';
    } else {
        out << "not ok: " << reason << '\n';
    }
    return ExitCode::Unavailable;
}

}  // namespace drover
