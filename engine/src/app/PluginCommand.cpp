#include "app/PluginCommand.h"

#include <filesystem>
#include <iomanip>
#include <ostream>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <Poco/Exception.h>

#include "app/ControlClient.h"
#include "app/ControlSocket.h"
#include "app/JsonWriter.h"
#include "app/PluginHost.h"
#include "app/Plugins.h"
#include "plugin/PluginGeneration.h"

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
        json.endObject();
        out << json.str() << '\n';
        return ExitCode::Ok;
    }
    std::string all;
    for (const std::string& handler : handlers) {
        all += (all.empty() ? "; handlers " : ", ") + handler;
    }
    out << path << ": good: " << (plugin.isService() ? "service " : "") << plugin.name << ' '
        << plugin.version << all << '\n';
    return ExitCode::Ok;
}

/// "257 kB: copy 249 kB, private 8 kB; resident 204 kB".
std::string memoryText(const rapidjson::Value& bytes, const rapidjson::Value& memory) {
    const auto kilobytes = [](std::int64_t count) {
        return std::to_string((count + 512) / 1024) + " kB";
    };
    const std::int64_t copy = bytes.GetInt64();
    const std::int64_t own = memory["private"].GetInt64();
    return kilobytes(copy + own) + ": copy " + kilobytes(copy) + ", private " + kilobytes(own) +
           "; resident " + kilobytes(memory["rss"].GetInt64());
}

void printList(const rapidjson::Value& plugins, std::ostream& out) {
    if (plugins.Empty()) {
        out << "no handler plugin is loaded\n";
    }
    for (const rapidjson::Value& plugin : plugins.GetArray()) {
        out << plugin["name"].GetString();
        if (plugin.HasMember("version")) {
            out << ' ' << plugin["version"].GetString() << ", ABI " << plugin["abi"].GetString()
                << ", generation " << plugin["generation"].GetInt() << ": "
                << plugin["state"].GetString() << ", " << plugin["jobsRun"].GetInt64()
                << " jobs run\n  handlers ";
            const char* separator = "";
            for (const auto& handler : plugin["handlers"].GetArray()) {
                out << separator << handler.GetString();
                separator = ", ";
            }
            out << "\n  " << plugin["path"].GetString() << ", " << plugin["bytes"].GetInt64()
                << " bytes\n  sha256 " << plugin["sha256"].GetString() << "\n  memory "
                << memoryText(plugin["bytes"], plugin["memory"]) << '\n';
        } else {
            out << ": " << plugin["state"].GetString() << '\n';
        }
        if (plugin.HasMember("reason")) {
            out << "  the last file was refused: " << plugin["reason"].GetString() << '\n';
        }
        // Of one that runs and is the only one all is said above.
        if (plugin.HasMember("loaded") &&
            plugin["loaded"]["files"].GetInt() > (plugin.HasMember("version") ? 1 : 0)) {
            const rapidjson::Value& loaded = plugin["loaded"];
            out << "  all " << loaded["files"].GetInt()
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
    rapidjson::Document document;
    document.Parse(answer.data(), answer.size());
    if (document.HasParseError() || !document.IsObject() || !document.HasMember("result")) {
        // A process without handlers does not know the command.
        throw Poco::IOException(path + ": this process has no handler plugins");
    }
    const rapidjson::Value& plugins = document["result"];
    if (line.json) {
        rapidjson::StringBuffer buffer;
        rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
        plugins.Accept(writer);
        out << buffer.GetString() << '\n';
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
