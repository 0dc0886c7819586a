#include "cli/commands/PluginCommand.h"

#include <filesystem>
#include <iomanip>
#include <ostream>

#include <Poco/Exception.h>

#include "cli/ControlAddress.h"
#include "control/ControlSocket.h"
#include "core/JsonWriter.h"
#include "host/HandlerPlugins.h"
#include "host/PluginOpener.h"
#include "plugin/loading/PluginGeneration.h"

namespace drover {

namespace {

constexpr std::chrono::milliseconds kPatience{5000};

/// The handlers of a plugin that can be set up, each made and destroyed once.
std::vector<std::string> tryHandlers(const LoadedPlugin& plugin, Configuration& config) {
    config = config.with(declarationOf(plugin));
    const auto generation = PluginGeneration::start(plugin, lookupOf(config));
    std::vector<std::string> names;
    for (const auto& type : generation->handlerTypes()) {
        static_cast<void>(type->create());
        names.push_back(type->name());
    }
    return names;
}

ExitCode checkPlugin(const CommandLine& line, Configuration& config, std::ostream& out) {
    const std::string path = std::filesystem::absolute(line.arguments[0]);
    const LoadedPlugin plugin = PluginLoader().load(path);
    const std::vector<std::string> handlers =
        plugin.isService() ? std::vector<std::string>{} : tryHandlers(plugin, config);
    if (line.json) {
        JsonWriter json;
        json.beginObject();
        json.key("ok").boolean(true);
        json.key("path").text(path);
        json.key("name").text(plugin.name);
        json.key("version").text(plugin.version);
        json.key("kind").text(plugin.isService() ? "service" : "handler");
        json.key("handlers").beginArray();
        for (const std::string& handler : handlers) {
            json.text(handler);
        }
        json.endArray();
        json.key("sha256").text(plugin.sha256);
        json.key("warnings").beginArray();
        for (const std::string& warning : plugin.warnings) {
            json.text(warning);
        }
        json.endArray();
        json.endObject();
        out << json.str() << '\n';
        return ExitCode::Ok;
    }
    // The last line is the verdict: a trial reads it.
    for (const std::string& warning : plugin.warnings) {
        out << path << ": warning: " << warning << '\n';
    }
    std::string all;
    for (const std::string& handler : handlers) {
        all += (all.empty() ? "; handlers " : ", ") + handler;
    }
    out << path << ": good: " << (plugin.isService() ? "service " : "") << plugin.name << ' '
        << plugin.version << all << '\n';
    return ExitCode::Ok;
}

std::int64_t integerOf(const JsonView& value) {
    return value.integer().value_or(0);
}

std::string textOf(const JsonView& value) {
    return value.string().value_or("");
}

/// "257 kB: copy 249 kB, private 8 kB; resident 204 kB".
std::string memoryText(const JsonView& bytes, const JsonView& memory) {
    const auto kilobytes = [](std::int64_t count) {
        return std::to_string((count + 512) / 1024) + " kB";
    };
    const std::int64_t copy = integerOf(bytes);
    const std::int64_t own = integerOf(memory["private"]);
    return kilobytes(copy + own) + ": copy " + kilobytes(copy) + ", private " + kilobytes(own) +
           "; resident " + kilobytes(integerOf(memory["rss"]));
}

void printList(const JsonView& plugins, std::ostream& out) {
    const std::vector<JsonView> all = plugins.elements();
    if (all.empty()) {
        out << "no handler plugin is loaded\n";
    }
    for (const JsonView& plugin : all) {
        out << textOf(plugin["name"]);
        const bool runs = plugin.member("version").has_value();
        if (runs) {
            out << ' ' << textOf(plugin["version"]) << ", ABI " << textOf(plugin["abi"])
                << ", generation " << integerOf(plugin["generation"]) << ": "
                << textOf(plugin["state"]) << ", " << integerOf(plugin["jobsRun"])
                << " jobs run\n  handlers ";
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
        // Of one that runs and is the only one all is said above.
        const JsonView loaded = plugin["loaded"];
        if (integerOf(loaded["files"]) > (runs ? 1 : 0)) {
            out << "  all " << integerOf(loaded["files"])
                << " files since the start: " << memoryText(loaded["bytes"], loaded) << '\n';
        }
    }
}

ExitCode listPlugins(const CommandLine& line,
                     const std::map<std::string, std::string>& environment,
                     const Configuration& config,
                     std::ostream& out) {
    const std::string path = controlSocketOf(line, environment, config);
    const std::string answer = askControlSocket(path, R"({"command":"plugins"})", kPatience);
    const JsonView document = JsonView::tryParse(answer).value_or(JsonView());
    const JsonView plugins = document["result"];
    if (!plugins.isArray()) {
        // A process without handlers does not know the command.
        throw Poco::IOException(path + ": this process has no handler plugins");
    }
    if (line.json) {
        out << plugins.text() << '\n';
    } else {
        printList(plugins, out);
    }
    return ExitCode::Ok;
}

}  // namespace

ExitCode pluginCommand(const CommandLine& line,
                       const std::map<std::string, std::string>& environment,
                       std::ostream& out) {
    Configuration config(line.sources);
    return line.command == "plugin check" ? checkPlugin(line, config, out)
                                          : listPlugins(line, environment, config, out);
}

}  // namespace drover
