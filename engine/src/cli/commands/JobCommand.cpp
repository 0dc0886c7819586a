#include "cli/commands/JobCommand.h"

#include <algorithm>
#include <memory>
#include <ostream>

#include "config/Settings.h"
#include "core/JsonWriter.h"
#include "host/RedisAccess.h"
#include "queue/QueueBackend.h"

namespace drover {

namespace {

/// The queue's name on the wire.
std::string queueOf(const CommandLine& line, const Configuration& config) {
    const std::vector<std::string> aliases = config.aliases();
    if (line.queue.empty() && aliases.size() != 1) {
        std::string all;
        for (const std::string& alias : aliases) {
            all += (all.empty() ? ", one of " : ", ") + alias;
        }
        throw UsageException(line.command + " needs --queue NAME" +
                             (all.empty() ? ": the configuration names no queue" : all));
    }
    const std::string given = line.queue.empty() ? aliases.front() : line.queue;
    const bool isAlias = std::find(aliases.begin(), aliases.end(), given) != aliases.end();
    std::string name = isAlias ? config.queueSetting(given, "name").text : given;
    if (name.empty() || name.find(':') != std::string::npos) {
        throw UsageException("\"" + name + "\" is no queue: a name is not empty and has no ':'");
    }
    return name;
}

void print(const CommandLine& line,
           const std::string& queue,
           bool requested,
           const std::string& state,
           const std::string& sentence,
           std::ostream& out) {
    if (!line.json) {
        out << "job " << line.arguments[0] << " of " << queue << ": " << sentence << '\n';
        return;
    }
    JsonWriter json;
    json.beginObject();
    json.key("requested").boolean(requested);
    json.key("queue").text(queue);
    json.key("id").text(line.arguments[0]);
    json.key("state").text(state);
    json.key("message").text(sentence);
    json.endObject();
    out << json.str() << '\n';
}

}  // namespace

ExitCode jobCommand(const CommandLine& line, const Configuration& config, std::ostream& out) {
    const RedisSettings server = Settings::redisServer(config);
    const QueueBackend backend(QueueKeys(server.prefix, queueOf(line, config)));
    const std::string& name = backend.keys().qualifiedName();
    const std::string& id = line.arguments[0];
    RedisClient redis(redisOptions(server), std::make_shared<ScriptRegistry>(), "job");
    switch (backend.cancelJob(redis, id, line.reason)) {
        case CancelRequest::Requested:
            print(line,
                  name,
                  true,
                  "active",
                  "is asked to be cancelled; a worker of drover hears of it at once, or when it "
                  "renews the lock, after half of lockDurationMs; what its handler then returns "
                  "counts",
                  out);
            return ExitCode::Ok;
        case CancelRequest::NotHeld: {
            const std::string state = toString(backend.state(redis, id));
            print(line,
                  name,
                  false,
                  state,
                  "is " + state +
                      (state == "active" ? ", but no worker holds its lock: nobody can be asked"
                                         : ": only an active job can be cancelled"),
                  out);
            return ExitCode::NotThere;
        }
        case CancelRequest::Unknown:
            break;
    }
    print(line, name, false, "unknown", "there is no such job", out);
    return ExitCode::NotThere;
}

}  // namespace drover
