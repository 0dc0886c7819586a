#include "drover/operate/ProcessList.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/Json.h"

namespace drover::cli {

namespace {

std::string textOf(const JsonView& value) {
    return value.string().value_or("");
}

/// Returns the names of a list of objects, with what `more` returns behind each.
template <typename More>
std::string joined(const JsonView& list, const More& more) {
    std::string all;
    for (const JsonView& entry : list.elements()) {
        all += (all.empty() ? "" : ", ") + textOf(entry["name"]) + more(entry);
    }
    return all.empty() ? "-" : all;
}

/// Returns why a process is unfit: its first part that is.
std::string problemOf(const JsonView& report) {
    for (const JsonView& check : report["checks"].elements()) {
        if (!check["ok"].boolean().value_or(false)) {
            return textOf(check["name"]) + ": " + textOf(check["detail"]);
        }
    }
    return "";
}

void write(Table& table, const JsonView& report) {
    const bool ok = report["ok"].boolean().value_or(false);
    const std::string problem = ok ? "" : problemOf(report);
    table.add({textOf(report["host"]),
               std::to_string(report["pid"].integer().value_or(0)),
               textOf(report["version"]),
               textOf(report["state"]) + (ok ? "" : ", unfit"),
               durationText(report["uptimeMs"].integer().value_or(0)),
               joined(report["queues"],
                      [](const JsonView& queue) {
                          const auto perSecond = queue["completedPerSecond"].number();
                          return perSecond ? " " + rateText(*perSecond) + "/s" : std::string();
                      }),
               joined(report["plugins"],
                      [](const JsonView& plugin) { return " " + textOf(plugin["version"]); }),
               problem.empty() ? "-" : problem});
}

/// `drover process list`. Throws UsageException, ConfigException, ScriptException and RedisIoException.
class ProcessList : public Command {
public:
    ProcessList()
        : Command({"process list",
                   "lists the processes of Drover on this Redis, of all machines",
                   operateOptions({options::kWatch}),
                   "",
                   "Each process publishes every 5 s how it fares, unless process.publish is "
                   "false. One that was killed is listed for up to 20 s.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        return watched(call, [&](Output& output) {
            const std::vector<std::string> reports =
                operate::processReports(on.redis(), on.prefix());
            output.print(
                [&](JsonWriter& json) {
                    json.beginArray();
                    for (const std::string& report : reports) {
                        json.raw(report);
                    }
                    json.endArray();
                },
                [&](std::ostream& text) {
                    if (reports.empty()) {
                        text << "no process publishes how it fares\n";
                        return;
                    }
                    Table table({{"HOST"},
                                 {"PID", Table::Align::Right},
                                 {"VERSION"},
                                 {"STATE"},
                                 {"UP", Table::Align::Right},
                                 {"QUEUES"},
                                 {"PLUGINS"},
                                 {"PROBLEM"}});
                    for (const std::string& report : reports) {
                        write(table, JsonView::parse(report));
                    }
                    table.write(text, call.terminal.columns());
                });
            return ExitCode::Ok;
        });
    }
};

}  // namespace

std::unique_ptr<Command> makeProcessList() {
    return std::make_unique<ProcessList>();
}

}  // namespace drover::cli
