#include "config/Settings.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "config/ConfigurationCheck.h"
#include "config/KeyNames.h"
#include "config/RedisAddresses.h"
#include "config/RedisUrl.h"
#include "core/HashSlot.h"
#include "core/Names.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// The longest path that fits into sockaddr_un, its final NUL left out.
constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un{}.sun_path) - 1;

/// Reports a key and its value for a problem beyond type and range.
void report(std::vector<std::string>& problems,
            const Configuration& config,
            const std::string& key,
            const std::string& sentence) {
    const auto value = config.find(key);
    const KeySpec* spec = config.schema().find(key);
    const std::string shown = spec != nullptr && spec->secret ? "***" : value->text;
    problems.push_back(value->origin + ": " + key + " = \"" + shown + "\": " + sentence);
}

/// The same for a setting of a queue, which may have a default.
void reportSetting(std::vector<std::string>& problems,
                   const Configuration& config,
                   const std::string& alias,
                   const std::string& setting,
                   const std::string& sentence) {
    const ConfigValue value = config.queueSetting(alias, setting);
    problems.push_back(value.origin + ": " + queueKey(alias, setting) + " = \"" + value.text +
                       "\": " + sentence);
}

std::string socketPath(const Configuration& config) {
    std::string path = config.text("control.socket");
    if (path == "off") {
        return "";
    }
    if (!path.empty()) {
        return path;
    }
    for (const std::string& folder : runtimeFolders(ConfigSources::processEnvironment())) {
        if (access(folder.c_str(), W_OK | X_OK) == 0) {
            return folder + "/drover-" + std::to_string(getpid()) + ".sock";
        }
    }
    return "";
}

void checkRedisTls(const Configuration& config,
                   const Redis::Tls& tls,
                   std::vector<std::string>& problems) {
    for (const auto& [key, path] : {std::pair{"redis.tls.ca", &tls.ca},
                                    std::pair{"redis.tls.certificate", &tls.certificate},
                                    std::pair{"redis.tls.key", &tls.key}}) {
        if (!path->empty() && access(path->c_str(), R_OK) != 0) {
            report(problems, config, key, std::generic_category().message(errno));
        }
    }
    if (tls.certificate.empty() != tls.key.empty()) {
        report(problems,
               config,
               tls.key.empty() ? "redis.tls.certificate" : "redis.tls.key",
               "certificate and key belong together");
    }
}

constexpr int kSentinelPort = 26379;
constexpr int kRedisPort = 6379;

/// Returns true if the addresses of the key are right.
bool checkAddresses(const Configuration& config,
                    const std::string& key,
                    std::vector<std::string>& problems) {
    try {
        static_cast<void>(parseAddresses(config.text(key), kRedisPort));
        return true;
    } catch (const ConfigException& error) {
        report(problems, config, key, error.message());
        return false;
    }
}

/// Reports keys that say twice where Redis is.
void checkOnePlace(const Configuration& config,
                   const std::string& place,
                   const std::vector<std::string>& others,
                   std::vector<std::string>& problems) {
    for (const std::string& other : others) {
        const auto given = config.given(other);
        if (given && !given->text.empty()) {
            report(problems,
                   config,
                   other,
                   "it has no effect beside " + place + "; remove one of them");
        }
    }
}

void checkSentinels(const Configuration& config, std::vector<std::string>& problems) {
    const bool any = !config.text("redis.sentinels").empty();
    for (const char* key : {"redis.master", "redis.sentinelUsername", "redis.sentinelPassword"}) {
        if (!any && !config.text(key).empty()) {
            report(problems, config, key, "it has no effect without redis.sentinels");
        }
    }
    if (!any) {
        return;
    }
    checkOnePlace(config,
                  "redis.sentinels",
                  {"redis.url", "redis.host", "redis.port", "redis.cluster"},
                  problems);
    if (config.text("redis.master").empty()) {
        report(problems,
               config,
               "redis.sentinels",
               "redis.master must have the name of the master, often mymaster");
    }
    if (!config.text("redis.sentinelUsername").empty() &&
        config.text("redis.sentinelPassword").empty()) {
        report(problems, config, "redis.sentinelUsername", "a user needs redis.sentinelPassword");
    }
}

void checkCluster(const Configuration& config, std::vector<std::string>& problems) {
    if (config.text("redis.cluster").empty()) {
        return;
    }
    checkOnePlace(config, "redis.cluster", {"redis.url", "redis.host", "redis.port"}, problems);
    if (config.integer("redis.db") != 0) {
        report(problems, config, "redis.db", "a cluster has database 0 only");
    }
    for (const std::string& alias : config.aliases()) {
        const QueueSettings queue = Settings::queue(config, alias);
        const std::string qualified = queue.prefix + ":" + queue.name;
        const std::string problem = slotError(qualified);
        if (queue.shards <= 1 && !problem.empty()) {
            report(problems, config, "redis.cluster", problem);
        }
        if (queue.shards > 1 && problem.empty()) {
            reportSetting(problems,
                          config,
                          alias,
                          "shards",
                          "the braces in " + qualified +
                              " put all shards into one slot of the cluster; remove them");
        }
    }
}

/// Reports queues that two aliases would both have, and settings of shards without effect.
void checkShards(const Configuration& config, std::vector<std::string>& problems) {
    std::map<std::string, std::string> owners;  // Name in Redis, or that of all shards, to alias.
    for (const std::string& alias : config.aliases()) {
        const QueueSettings queue = Settings::queue(config, alias);
        if (queue.shards <= 1) {
            owners.emplace(queue.name, alias);
            if (!queue.shardBy.empty()) {
                reportSetting(problems,
                              config,
                              alias,
                              "shardBy",
                              "it has no effect without " + queueKey(alias, "shards"));
            }
        }
    }
    for (const std::string& alias : config.aliases()) {
        const QueueSettings queue = Settings::queue(config, alias);
        if (queue.shards <= 1) {
            continue;
        }
        std::vector<std::string> names = shardsOf(queue).namesOf(queue.name);
        names.push_back(queue.name);
        for (const std::string& name : names) {
            if (const auto [owner, isNew] = owners.emplace(name, alias); !isNew) {
                reportSetting(problems,
                              config,
                              alias,
                              "shards",
                              "the queue " + name + " is that of queue." + owner->second + " too");
            }
        }
        if (queue.limiterMax > 0 && queue.limiterMax < queue.shards) {
            reportSetting(problems,
                          config,
                          alias,
                          "limiterMax",
                          "expected at least the number of shards, " +
                              std::to_string(queue.shards) + ": each has its part");
        }
    }
}

void checkRedis(const Configuration& config, std::vector<std::string>& problems) {
    if (!checkAddresses(config, "redis.sentinels", problems) ||
        !checkAddresses(config, "redis.cluster", problems)) {
        return;
    }
    checkSentinels(config, problems);
    checkCluster(config, problems);
    Redis::Settings redis;
    try {
        redis = Settings::redisServer(config);
    } catch (const ConfigException& error) {
        report(problems, config, "redis.url", error.message());
        return;
    }
    const bool isSocket = redis.host.rfind('/', 0) == 0;
    if (redis.host.empty() || (!isSocket && redis.host.find_first_of(" /") != std::string::npos)) {
        report(problems,
               config,
               "redis.host",
               "expected a host name, an address, or the path of a Unix socket");
    } else if (isSocket && redis.host.size() > kMaxSocketPath) {
        report(problems,
               config,
               "redis.host",
               "expected a path of at most " + std::to_string(kMaxSocketPath) + " bytes");
    } else if (std::count(redis.host.begin(), redis.host.end(), ':') == 1) {
        // More than one colon is an IPv6 address.
        report(problems, config, "redis.host", "expected a host alone; its port is redis.port");
    }
    if (!redis.user.empty() && redis.password.empty()) {
        report(problems, config, "redis.user", "a user needs redis.password");
    }
    if (redis.tls) {
        checkRedisTls(config, *redis.tls, problems);
        return;
    }
    for (const char* key :
         {"redis.tls.ca", "redis.tls.certificate", "redis.tls.key", "redis.tls.serverName"}) {
        if (!config.text(key).empty()) {
            report(problems, config, key, "it has no effect without redis.tls = true or rediss://");
        }
    }
}

void checkSocket(const Configuration& config, std::vector<std::string>& problems) {
    const std::string path = socketPath(config);
    if (path.size() > kMaxSocketPath) {
        report(problems,
               config,
               "control.socket",
               "the path " + path + " has " + std::to_string(path.size()) +
                   " bytes, a Unix socket allows " + std::to_string(kMaxSocketPath));
    } else if (!path.empty() && path[0] != '/') {
        // `drover health` would look for a relative path in another folder.
        report(problems, config, "control.socket", "expected an absolute path, or off");
    }
}

}  // namespace

std::vector<std::string> runtimeFolders(const std::map<std::string, std::string>& environment) {
    std::vector<std::string> folders;
    const auto user = environment.find("XDG_RUNTIME_DIR");
    if (user != environment.end() && !user->second.empty()) {
        folders.push_back(user->second);
    }
    folders.insert(folders.end(), {"/run/drover", "/tmp", "/dev/shm", "/var/tmp"});
    return folders;
}

std::string controlSocketNote(const Settings& settings,
                              const Configuration& config,
                              const std::map<std::string, std::string>& environment) {
    if (!config.text("control.socket").empty()) {
        return "";
    }
    std::string passed;
    for (const std::string& folder : runtimeFolders(environment)) {
        if (settings.controlSocket.rfind(folder + "/", 0) == 0) {
            // Most machines have no /run/drover; that is in order.
            return passed.empty() ? ""
                                  : "the control socket is in " + folder + ": " + passed +
                                        " cannot be written to";
        }
        if (folder != "/run/drover") {
            passed += (passed.empty() ? "" : ", ") + folder;
        }
    }
    return "there is no control socket, so that drover health and other commands do not reach "
           "this process: " +
           passed + " cannot be written to; set control.socket to a path in a folder that user " +
           std::to_string(geteuid()) + " may write to, or to off";
}

Redis::Settings Settings::redisServer(const Configuration& config) {
    Redis::Settings redis;
    redis.host = config.text("redis.host");
    redis.port = static_cast<int>(config.integer("redis.port"));
    redis.user = config.text("redis.user");
    redis.password = config.text("redis.password");
    redis.database = static_cast<int>(config.integer("redis.db"));
    bool encrypted = config.boolean("redis.tls");
    if (const std::string text = config.text("redis.url"); !text.empty()) {
        const RedisUrl url = RedisUrl::parse(text);
        redis.host = url.host;
        redis.port = url.port.value_or(kRedisPort);
        redis.user = url.user.value_or(redis.user);
        redis.password = url.password.value_or(redis.password);
        redis.database = url.database.value_or(redis.database);
        encrypted = encrypted || url.tls;
    }
    if (encrypted) {
        Redis::Tls tls;
        tls.ca = config.text("redis.tls.ca");
        tls.certificate = config.text("redis.tls.certificate");
        tls.key = config.text("redis.tls.key");
        tls.serverName = config.text("redis.tls.serverName");
        tls.minVersion = config.text("redis.tls.minVersion") == "1.3" ? Redis::Tls::Version::V13
                                                                      : Redis::Tls::Version::V12;
        redis.tls = std::move(tls);
    }
    if (const std::string sentinels = config.text("redis.sentinels"); !sentinels.empty()) {
        redis.sentinel = Redis::Sentinel{parseAddresses(sentinels, kSentinelPort),
                                         config.text("redis.master"),
                                         config.text("redis.sentinelUsername"),
                                         config.text("redis.sentinelPassword")};
    }
    redis.cluster = parseAddresses(config.text("redis.cluster"), kRedisPort);
    redis.connectTimeout = milliseconds(config.integer("redis.connectTimeoutMs"));
    redis.commandTimeout = milliseconds(config.integer("redis.commandTimeoutMs"));
    return redis;
}

QueueSettings Settings::queue(const Configuration& config, const std::string& alias) {
    QueueSettings queue;
    queue.prefix = config.text("redis.prefix");
    for (const QueueSetting& setting : kQueueSettings) {
        setting.set(queue, config.queueSetting(alias, setting.name).text);
    }
    return queue;
}

QueueSettings Settings::queueNamed(const Configuration& config, const std::string& name) {
    const std::optional<int> shard = Shards::numberOf(name);
    for (const std::string& alias : config.aliases()) {
        const QueueSettings queue = Settings::queue(config, alias);
        if (queue.name == name) {
            return queue;
        }
        if (queue.shards > 1 && shard && *shard < queue.shards &&
            name == Shards::nameOf(queue.name, *shard)) {
            return shardOf(queue, *shard);
        }
    }
    // An alias that is not there has the defaults.
    QueueSettings queue = Settings::queue(config, name);
    queue.name = name;
    queue.shards = 1;
    queue.shardBy.clear();
    return queue;
}

ShardedQueues Settings::sharded(const Configuration& config) {
    ShardedQueues queues;
    for (const std::string& alias : config.aliases()) {
        const QueueSettings queue = Settings::queue(config, alias);
        if (queue.shards > 1) {
            queues.emplace(queue.name, shardsOf(queue));
        }
    }
    return queues;
}

LogSettings Settings::logging(const Configuration& config) {
    return {config.text("log.level"), config.text("log.format")};
}

PluginSettings Settings::plugin(const Configuration& config) {
    PluginSettings plugins;
    plugins.folder = config.pluginFolder();
    for (const std::string& name : config.list("plugins.load")) {
        if (name == "*") {
            plugins.all = true;
        } else {
            plugins.names.push_back(name);
        }
    }
    plugins.watch = config.boolean("plugins.watch");
    plugins.allow = config.list("plugins.allow");
    plugins.trustEverybody = config.text("plugins.trust") == "everybody";
    plugins.probeTimeout = milliseconds(config.integer("plugins.probeTimeoutMs"));
    return plugins;
}

std::optional<ProcessIsolation> Settings::isolation(const Configuration& config,
                                                    const std::string& plugin) {
    const std::string below = "plugin." + plugin + ".";
    if (config.text(below + "isolation") != "process") {
        return std::nullopt;
    }
    ProcessIsolation isolation;
    isolation.memoryLimitMb = config.integer(below + "memoryLimitMb");
    isolation.hardTimeout = milliseconds(config.integer(below + "hardTimeoutMs"));
    return isolation;
}

std::vector<std::string> Settings::check(const Configuration& config) {
    std::vector<std::string> problems = ConfigurationCheck(config).problems();
    if (!problems.empty()) {
        // The values cannot be trusted to be of their types, which the checks below rely on.
        return problems;
    }
    checkRedis(config, problems);
    checkShards(config, problems);
    checkSocket(config, problems);
    TraceSettings::check(config, problems);
    const PluginSettings plugins = plugin(config);
    if (std::set<std::string>(plugins.names.begin(), plugins.names.end()).size() !=
        plugins.names.size()) {
        report(problems, config, "plugins.load", "expected every name once");
    }
    for (const std::string& name : plugins.names) {
        if (!isPluginName(name)) {
            report(problems,
                   config,
                   "plugins.load",
                   "expected names of the form " + std::string(kPluginNameForm) + ", or *");
            break;
        }
    }
    const bool sums =
        std::all_of(plugins.allow.begin(), plugins.allow.end(), [](const std::string& sum) {
            return sum.size() == 64 &&
                   sum.find_first_not_of("0123456789abcdef") == std::string::npos;
        });
    if (!sums) {
        report(problems, config, "plugins.allow", "expected SHA-256 sums of 64 digits 0-9a-f");
    }
    return problems;
}

Settings Settings::read(const Configuration& config) {
    std::string all;
    for (const std::string& problem : check(config)) {
        all += (all.empty() ? "" : "\n") + problem;
    }
    if (!all.empty()) {
        throw ConfigException(all);
    }
    Settings settings;
    settings.environment = config.text("environment");
    settings.redis = redisServer(config);
    settings.plugins = plugin(config);
    settings.log = logging(config);
    settings.trace = TraceSettings::read(config);
    settings.watchConfig = config.boolean("config.watch");
    settings.prefix = config.text("redis.prefix");
    settings.publishProcess = config.boolean("process.publish");
    settings.startupTimeout = milliseconds(config.integer("startup.timeoutMs"));
    settings.shutdownGrace = milliseconds(config.integer("shutdown.graceMs"));
    settings.controlSocket = socketPath(config);
    return settings;
}

}  // namespace drover
