#include <memory>

#include <Poco/Exception.h>

#include "cli/Command.h"
#include "cli/ConfigOptions.h"
#include "cli/RunningProcess.h"
#include "drover/Json.h"

namespace drover::cli {

namespace {

std::int64_t integerOf(const JsonView& value) {
    return value.integer().value_or(0);
}

std::string textOf(const JsonView& value) {
    return value.string().value_or("");
}

/// Returns "257 kB: copy 249 kB, private 8 kB; resident 204 kB".
std::string memoryText(const JsonView& bytes, const JsonView& memory) {
    const auto kilobytes = [](std::int64_t count) {
        return std::to_string((count + 512) / 1024) + " kB";
    };
    const std::int64_t copy = integerOf(bytes);
    const std::int64_t own = integerOf(memory["private"]);
    return kilobytes(copy + own) + ": copy " + kilobytes(copy) + ", private " + kilobytes(own) +
           "; resident " + kilobytes(integerOf(memory["rss"]));
}

void write(std::ostream& out, const JsonView& plugin) {
    out << textOf(plugin["name"]);
    const bool runs = plugin.member("version").has_value();
    if (runs) {
        out << ' ' << textOf(plugin["version"]) << ", ABI " << textOf(plugin["abi"])
            << ", generation " << integerOf(plugin["generation"]) << ": " << textOf(plugin["state"])
            << ", " << integerOf(plugin["jobsRun"]) << " jobs run\n  handlers ";
        const char* separator = "";
        for (const JsonView& handler : plugin["handlers"].elements()) {
            out << separator << textOf(handler);
            separator = ", ";
        }
        out << "\n  " << textOf(plugin["path"]) << ", " << integerOf(plugin["bytes"])
            << " bytes\n  sha256 " << textOf(plugin["sha256"]) << "\n  memory "
            << memoryText(plugin["bytes"], plugin["memory"]) << '\n';
    } else {
        out << ": " << textOf(plugin["state"]) << '\n';
    }
    if (const auto reason = plugin["reason"].string()) {
        out << "  the last file was refused: " << *reason << '\n';
    }
    // The lines above are complete if the running file is the only one.
    const JsonView loaded = plugin["loaded"];
    if (integerOf(loaded["files"]) > (runs ? 1 : 0)) {
        out << "  all " << integerOf(loaded["files"])
            << " files since the start: " << memoryText(loaded["bytes"], loaded) << '\n';
    }
}

/// `drover plugin list`: prints what HandlerPlugins::listJson() returns in a running process.
/// Throws Poco::IOException if no process answers.
class PluginList : public Command {
public:
    PluginList()
        : Command({"plugin list",
                   "lists the handler plugins of a running process",
                   configOptions({options::kSocket, options::kJson})}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const ControlClient process = runningProcess(call, Configuration(configSources(call)));
        const std::string answer = process.run("plugins");
        const JsonView plugins = JsonView::tryParse(answer).value_or(JsonView())["result"];
        if (!plugins.isArray()) {
            // A process without handlers does not have the command.
            throw Poco::IOException(process.path() + ": this process has no handler plugins");
        }
        call.output.print([&](JsonWriter& json) { json.raw(plugins.text()); },
                          [&](std::ostream& text) {
                              const std::vector<JsonView> all = plugins.elements();
                              if (all.empty()) {
                                  text << "no handler plugin is loaded\n";
                              }
                              for (const JsonView& plugin : all) {
                                  write(text, plugin);
                              }
                          });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makePluginList() {
    return std::make_unique<PluginList>();
}

}  // namespace drover::cli
