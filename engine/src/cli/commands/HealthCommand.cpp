#include "cli/commands/HealthCommand.h"

#include <ostream>

#include <Poco/Exception.h>

#include "cli/ControlAddress.h"
#include "control/ControlSocket.h"
#include "core/JsonWriter.h"

namespace drover {

namespace {

constexpr std::chrono::milliseconds kPatience{5000};

bool isOk(const JsonView& report) {
    return report["ok"].boolean().value_or(false);
}

void printText(const JsonView& report, std::ostream& out) {
    const auto text = [](const JsonView& value) { return value.string().value_or(""); };
    const auto integer = [](const JsonView& value) { return value.integer().value_or(0); };
    out << (isOk(report) ? "ok" : "not ok") << ": " << text(report["state"]) << ", process "
        << integer(report["pid"]) << ", version " << text(report["version"]) << ", up "
        << integer(report["uptimeMs"]) / 1000 << " s\n";
    if (const std::int64_t dropped = integer(report["logLinesDropped"]); dropped > 0) {
        out << "  " << dropped
            << " lines of the log were dropped: nobody reads its standard error\n";
    }
    for (const JsonView& check : report["checks"].elements()) {
        out << "  " << (isOk(check) ? "ok      " : "not ok  ") << text(check["name"]);
        if (const std::string detail = text(check["detail"]); !detail.empty()) {
            out << ": " << detail;
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
        const JsonView document = JsonView::tryParse(answer).value_or(JsonView());
        const JsonView report = document["result"];
        if (report["ok"].boolean().has_value()) {
            if (line.json) {
                out << report.text() << '\n';
            } else {
                printText(report, out);
            }
            return isOk(report) ? ExitCode::Ok : ExitCode::Unavailable;
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
