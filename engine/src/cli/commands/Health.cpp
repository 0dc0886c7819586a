#include <memory>

#include <Poco/Exception.h>

#include "cli/Command.h"
#include "cli/ConfigOptions.h"
#include "cli/RunningProcess.h"
#include "drover/Json.h"

namespace drover::cli {

namespace {

bool isOk(const JsonView& report) {
    return report["ok"].boolean().value_or(false);
}

void write(std::ostream& out, const JsonView& report) {
    const auto text = [](const JsonView& value) { return value.string().value_or(""); };
    const auto integer = [](const JsonView& value) { return value.integer().value_or(0); };
    out << (isOk(report) ? "ok" : "not ok") << ": " << text(report["state"]) << ", process "
        << integer(report["pid"]) << ", version " << text(report["version"]) << ", up "
        << integer(report["uptimeMs"]) / 1000 << " s\n";
    if (const std::int64_t dropped = integer(report["logLinesDropped"]); dropped > 0) {
        out << "  " << dropped
            << " lines of the log were dropped: the reader of its standard error does not keep "
               "up\n";
    }
    for (const JsonView& check : report["checks"].elements()) {
        out << "  " << (isOk(check) ? "ok      " : "not ok  ") << text(check["name"]);
        if (const std::string detail = text(check["detail"]); !detail.empty()) {
            out << ": " << detail;
        }
        out << '\n';
    }
}

/// `drover health`: Ok if the process is fit for work; Unavailable if it is not, or if no process answers.
class Health : public Command {
public:
    Health()
        : Command({"health",
                   "reports whether a running process is fit for work",
                   configOptions({options::kSocket, options::kJson})}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        // Without the plugins, whose keys do not matter here.
        const Configuration config(configSources(call));
        std::string reason;
        try {
            const ControlClient process = runningProcess(call, config);
            const std::string answer = process.run("health");
            const JsonView report = JsonView::tryParse(answer).value_or(JsonView())["result"];
            if (report["ok"].boolean().has_value()) {
                call.output.print([&](JsonWriter& json) { json.raw(report.text()); },
                                  [&](std::ostream& text) { write(text, report); });
                return isOk(report) ? ExitCode::Ok : ExitCode::Unavailable;
            }
            reason = process.path() + ": the answer is not one of drover";
        } catch (const UsageException&) {
            throw;
        } catch (const Poco::Exception& error) {
            reason = error.message();
        }
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("ok").boolean(false);
                json.key("error").text(reason);
                json.endObject();
            },
            [&](std::ostream& text) { text << "not ok: " << reason << '\n'; });
        return ExitCode::Unavailable;
    }
};

}  // namespace

std::unique_ptr<Command> makeHealth() {
    return std::make_unique<Health>();
}

}  // namespace drover::cli
