#include "cli/Operated.h"

#include <algorithm>
#include <sstream>

#include <Poco/Exception.h>

#include "cli/Table.h"
#include "config/RedisUrl.h"
#include "config/Settings.h"
#include "core/Names.h"

namespace drover::cli {

namespace {

ConfigSources sourcesOf(const Invocation& call) {
    ConfigSources sources = configSources(call);
    if (const std::string url = call.line.value(options::kRedis); !url.empty()) {
        // The URL is the place, whatever the configuration has for one.
        sources.settings.insert(sources.settings.end(),
                                {"redis.url=" + url,
                                 "redis.sentinels=",
                                 "redis.master=",
                                 "redis.sentinelUsername=",
                                 "redis.sentinelPassword=",
                                 "redis.cluster="});
    }
    return sources;
}

/// Replaces the screen by the text: as many lines as it has, none of which wraps.
void draw(std::ostream& out, const std::string& text, const Terminal& terminal) {
    std::istringstream lines(text);
    std::string screen = "\033[H";
    int row = 0;
    for (std::string line; row + 1 < terminal.rows() && std::getline(lines, line); ++row) {
        screen += cut(line, static_cast<std::size_t>(terminal.columns())) + "\033[K\r\n";
    }
    out << screen << "\033[J";
}

/// Shows another screen, without a cursor, for as long as it lives.
class OtherScreen {
public:
    OtherScreen(std::ostream& out, bool shows) : out_(out), shows_(shows) {
        if (shows_) {
            out_ << "\033[?1049h\033[?25l";
        }
    }
    ~OtherScreen() {
        if (shows_) {
            out_ << "\033[?25h\033[?1049l" << std::flush;
        }
    }
    OtherScreen(const OtherScreen&) = delete;
    OtherScreen& operator=(const OtherScreen&) = delete;

private:
    std::ostream& out_;
    const bool shows_;
};

}  // namespace

std::vector<Option> operateOptions(std::vector<Option> more) {
    std::vector<Option> all = configOptions({options::kRedis});
    all.insert(all.end(), more.begin(), more.end());
    all.push_back(options::kJson);
    return all;
}

Operated::Operated(const Invocation& call)
    : call_(call),
      config_(sourcesOf(call)),
      redis_(Settings::redisServer(config_)),
      prefix_(config_.text("redis.prefix")) {}

std::string Operated::nameOf(const std::string& given) const {
    const std::vector<std::string> aliases = config_.aliases();
    const bool isAlias = std::find(aliases.begin(), aliases.end(), given) != aliases.end();
    std::string name = isAlias ? config_.queueSetting(given, "name").text : given;
    if (const std::string error = queueNameError(name); !error.empty()) {
        throw UsageException(error);
    }
    return name;
}

std::string Operated::queue() const {
    const std::string given = call_.line.value(options::kQueue);
    if (!given.empty()) {
        return nameOf(given);
    }
    const std::vector<std::string> aliases = config_.aliases();
    if (aliases.size() != 1) {
        std::string all;
        for (const std::string& alias : aliases) {
            all += (all.empty() ? ", one of " : ", ") + alias;
        }
        throw UsageException(call_.line.command()->name() + " needs --queue NAME" +
                             (all.empty() ? ": the configuration names no queue" : all));
    }
    return nameOf(aliases.front());
}

std::string Operated::queueOfJobs() const {
    std::string name = queue();
    if (const std::string problem = shardsOf(name).problemOf(name); !problem.empty()) {
        throw UsageException(problem);
    }
    return name;
}

std::string Operated::queueOfScheduler(const std::string& id) const {
    const std::string name = queue();
    return shardsOf(name).nameFor(name, id);
}

Shards Operated::shardsOf(const std::string& name) const {
    return drover::shardsOf(Settings::queueNamed(config_, name));
}

ShardedQueues Operated::sharded() const {
    return Settings::sharded(config_);
}

std::vector<std::string> Operated::configured() const {
    std::vector<std::string> names;
    for (const std::string& alias : config_.aliases()) {
        names.push_back(nameOf(alias));
    }
    return names;
}

Bullmq5 Operated::bullmq5(const std::string& name) const {
    return Settings::queueNamed(config_, name).bullmq5;
}

ExitCode watched(const Invocation& call, const std::function<ExitCode(Output& output)>& show) {
    return call.line.has(options::kWatch) ? repeated(call, show) : show(call.output);
}

ExitCode repeated(const Invocation& call, const std::function<ExitCode(Output& output)>& show) {
    const bool json = call.line.has(options::kJson);
    if (!json && call.terminal.columns() == 0) {
        throw UsageException(call.line.command()->name() +
                             " --watch needs a terminal, or --json for a line each second");
    }
    call.terminal.catchEnd();
    std::ostream& out = call.output.text();
    const OtherScreen screen(out, !json);
    do {
        std::ostringstream text;
        Output output(text, json);
        static_cast<void>(show(output));
        if (json) {
            out << text.str();
        } else {
            draw(out, text.str(), call.terminal);
        }
        out.flush();
        // The reader of a pipe may have gone.
    } while (out.good() && call.terminal.pause(std::chrono::seconds(1)));
    return ExitCode::Ok;
}

ExitCode confirmed(const Invocation& call, const std::string& question) {
    if (call.line.has(options::kYes)) {
        return ExitCode::Ok;
    }
    if (!call.terminal.canAsk()) {
        throw UnconfirmedException(call.line.command()->name() +
                                   " destroys, and there is no terminal to ask at: " + question +
                                   " Give --yes");
    }
    return call.terminal.confirm(question) ? ExitCode::Ok : ExitCode::Unconfirmed;
}

}  // namespace drover::cli
