#include "cli/Commands.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>

#include <Poco/Exception.h>
#include <Poco/Logger.h>

#include "cli/CommandLine.h"
#include "cli/commands/DatabaseCommand.h"
#include "cli/commands/HealthCommand.h"
#include "cli/commands/JobCommand.h"
#include "cli/commands/NewPluginCommand.h"
#include "cli/commands/PluginCommand.h"
#include "config/ConfigReport.h"
#include "config/Settings.h"
#include "core/JsonWriter.h"
#include "core/Version.h"
#include "drover/Exceptions.h"
#include "drover/Unavailable.h"
#include "host/Assemble.h"
#include "plugin/isolation/ChildProcess.h"
#include "process/Logging.h"
#include "process/Process.h"
#include "process/Reaper.h"

namespace drover {

namespace {

/// Opens the plugins that plugins.load names and makes their keys known. What cannot be opened is one more problem.
void declarePlugins(Configuration& config,
                    PluginCatalog& plugins,
                    std::vector<std::string>& problems) {
    std::vector<std::string> names;
    try {
        names = config.list("plugins.load");
    } catch (const ConfigException&) {
        // Reported with the other values.
        return;
    }
    for (const std::string& name : names) {
        if (name == "*") {
            continue;  // They are looked for once the process runs.
        }
        try {
            config.declare(plugins.declaration(name));
        } catch (const PluginException& error) {
            problems.push_back("plugins.load: " + error.message());
        }
    }
}

/// Opens also the plugins that other roles load, so that their keys are checked as well. Returns what stays unchecked.
std::vector<std::string> declareOthers(Configuration& config, PluginCatalog& plugins) {
    std::vector<std::string> unchecked;
    for (const std::string& name : config.undeclaredPlugins()) {
        try {
            config.declare(plugins.declaration(name), false);
        } catch (const PluginException& error) {
            unchecked.push_back("keys below " + name + " are not checked: " + error.message());
        }
    }
    return unchecked;
}

/// Throws ConfigException with all of them, unless there is none.
void requireNone(const std::vector<std::string>& problems) {
    std::string all;
    for (const std::string& problem : problems) {
        all += (all.empty() ? "" : "\n") + problem;
    }
    if (!all.empty()) {
        throw ConfigException(all);
    }
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

/// Every problem of a plugin or a key.
std::vector<std::string> checkAll(Configuration& config, PluginCatalog& plugins) {
    std::vector<std::string> problems;
    declarePlugins(config, plugins, problems);
    append(problems, Settings::check(config));
    return problems;
}

ExitCode runEngine(const CommandLine& line) {
    // Before anything that could make a thread.
    SignalThread::block();
    Configuration config(line.sources);
    PluginOpener plugins(config, line.sources);
    requireNone(checkAll(config, plugins));
    Logging logging(config);
    for (const std::string& warning : config.warnings()) {
        Poco::Logger::get("configuration").warning(warning);
    }
    const Settings settings = Settings::read(config);
    for (const std::string& name : settings.plugins.names) {
        for (const std::string& warning : plugins.plugin(name).warnings) {
            Poco::Logger::get("plugins").warning("plugin " + name + ": " + warning);
        }
    }
    if (const std::string note =
            controlSocketNote(settings, config, ConfigSources::processEnvironment());
        !note.empty()) {
        Poco::Logger::get("engine").warning(note);
    }
    const Assembly assembly = assemble(config, settings, plugins);
    std::optional<Reaper> reaper;
    if (Reaper::isNeeded()) {
        reaper.emplace(&ChildProcess::isOurs);
    }
    Process process(
        config, settings, [&logging](const Configuration& fresh) { logging.apply(fresh); });
    return process.run(assembly);
}

void writeList(JsonWriter& json, const std::string& key, const std::vector<std::string>& items) {
    json.key(key).beginArray();
    for (const std::string& item : items) {
        json.text(item);
    }
    json.endArray();
}

ExitCode checkConfig(const CommandLine& line, std::ostream& out) {
    Configuration config(line.sources);
    PluginOpener plugins(config, {});
    std::vector<std::string> problems;
    declarePlugins(config, plugins, problems);
    std::vector<std::string> warnings = declareOthers(config, plugins);
    append(problems, Settings::check(config));
    append(warnings, config.warnings());
    if (line.json) {
        JsonWriter json;
        json.beginObject();
        json.key("ok").boolean(problems.empty());
        writeList(json, "problems", problems);
        writeList(json, "warnings", warnings);
        json.endObject();
        out << json.str() << '\n';
    } else {
        for (const std::string& problem : problems) {
            out << "error: " << problem << '\n';
        }
        for (const std::string& warning : warnings) {
            out << "warning: " << warning << '\n';
        }
        if (problems.empty()) {
            out << "the configuration is good\n";
        }
    }
    return problems.empty() ? ExitCode::Ok : ExitCode::Config;
}

ExitCode showConfig(const CommandLine& line, std::ostream& out) {
    if (line.reference) {
        out << referenceText(ConfigSchema());
        return ExitCode::Ok;
    }
    Configuration config(line.sources);
    PluginOpener plugins(config, {});
    requireNone(checkAll(config, plugins));
    out << (line.json ? showJson(config) + "\n" : showText(config));
    return ExitCode::Ok;
}

ExitCode showVersion(const CommandLine& line, std::ostream& out) {
    if (line.json) {
        JsonWriter json;
        json.beginObject();
        json.key("version").text(version());
        json.key("build").text(buildStamp());
        json.endObject();
        out << json.str() << '\n';
    } else {
        out << "drover " << version() << "\nbuild " << buildStamp() << '\n';
    }
    return ExitCode::Ok;
}

ExitCode showHelp(const CommandLine& line, std::ostream& out) {
    std::string topic;
    for (const std::string& word : line.arguments) {
        topic += (topic.empty() ? "" : " ") + word;
    }
    if (!topic.empty() && CommandLine::usage(topic) == CommandLine::usage()) {
        throw UsageException("there is no command " + topic);
    }
    out << CommandLine::usage(topic);
    return ExitCode::Ok;
}

ExitCode dispatch(const CommandLine& line,
                  const std::map<std::string, std::string>& environment,
                  std::ostream& out) {
    if (line.help) {
        out << CommandLine::usage(line.command);
        return ExitCode::Ok;
    }
    if (line.command == "help") {
        return showHelp(line, out);
    }
    if (line.command == "version") {
        return showVersion(line, out);
    }
    if (line.command == "run") {
        return runEngine(line);
    }
    if (line.command == "config check") {
        return checkConfig(line, out);
    }
    if (line.command == "config show") {
        return showConfig(line, out);
    }
    if (line.command == "plugin new") {
        return newPluginCommand(line, out);
    }
    if (line.command == "plugin check" || line.command == "plugin list") {
        return pluginCommand(line, environment, out);
    }
    // What follows needs a few keys of the engine's only; those of plugins are none of its business.
    const Configuration config(line.sources);
    if (line.command == "job cancel") {
        return jobCommand(line, config, out);
    }
    return line.command == "health" ? healthCommand(line, environment, config, out)
                                    : databaseCommand(line, config, out);
}

}  // namespace

ExitCode runCommand(const std::vector<std::string>& args,
                    const std::map<std::string, std::string>& environment,
                    std::ostream& out,
                    std::ostream& err) {
    try {
        CommandLine line = CommandLine::parse(args);
        line.sources.environment = environment;
        const ExitCode code = dispatch(line, environment, out);
        out.flush();
        return code;
    } catch (const UsageException& error) {
        err << "drover: " << error.message() << "\n`drover help` lists the commands.\n";
        return ExitCode::Usage;
    } catch (const ConfigException& error) {
        err << error.message() << '\n';
        return ExitCode::Config;
    } catch (const PluginException& error) {
        err << "drover: " << error.message() << '\n';
        return ExitCode::Config;
    } catch (const RedisIoException& error) {
        err << "drover: " << error.message() << '\n';
        return ExitCode::Unavailable;
    } catch (const Unavailable& error) {
        err << "drover: " << error.what() << '\n';
        return ExitCode::Unavailable;
    } catch (const Poco::Exception& error) {
        err << "drover: " << error.displayText() << '\n';
        return ExitCode::Internal;
    } catch (const std::exception& error) {
        err << "drover: " << error.what() << '\n';
        return ExitCode::Internal;
    }
}

}  // namespace drover
