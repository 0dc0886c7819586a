#include "config/ConfigSchema.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>

#include <Poco/NumberParser.h>
#include <Poco/String.h>

#include "core/Names.h"
#include "core/QueueSettings.h"
#include "core/Similar.h"

namespace drover {

namespace {

constexpr std::int64_t kMaxMs = 86400000;  // A day: longer timeouts are typing errors.
constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();

KeySpec text(const std::string& pattern, const std::string& fallback, const std::string& sentence) {
    KeySpec spec;
    spec.pattern = pattern;
    spec.defaultValue = fallback;
    spec.sentence = sentence;
    return spec;
}

KeySpec integer(const std::string& pattern,
                std::int64_t fallback,
                std::int64_t minimum,
                std::int64_t maximum,
                const std::string& sentence) {
    KeySpec spec = text(pattern, std::to_string(fallback), sentence);
    spec.type = KeyType::Integer;
    spec.minimum = minimum;
    spec.maximum = maximum;
    return spec;
}

KeySpec choice(const std::string& pattern,
               std::vector<std::string> choices,
               const std::string& fallback,
               const std::string& sentence) {
    KeySpec spec = text(pattern, fallback, sentence);
    spec.type = KeyType::Choice;
    spec.choices = std::move(choices);
    return spec;
}

KeySpec share(const std::string& pattern,
              const std::string& fallback,
              const std::string& sentence) {
    KeySpec spec = text(pattern, fallback, sentence);
    spec.type = KeyType::Double;
    spec.minimum = 0;
    spec.maximum = 1;
    return spec;
}

KeySpec boolean(const std::string& pattern, bool fallback, const std::string& sentence) {
    KeySpec spec = text(pattern, fallback ? "true" : "false", sentence);
    spec.type = KeyType::Boolean;
    return spec;
}

KeySpec list(const std::string& pattern, const std::string& sentence) {
    KeySpec spec = text(pattern, "", sentence);
    spec.type = KeyType::List;
    return spec;
}

KeySpec secret(KeySpec spec) {
    spec.secret = true;
    return spec;
}

KeySpec ruled(KeySpec spec, std::string (*rule)(std::string_view)) {
    spec.rule = rule;
    return spec;
}

KeySpec reloadable(KeySpec spec) {
    spec.reloadable = true;
    return spec;
}

KeySpec withoutDefault(KeySpec spec) {
    spec.defaultValue.reset();
    return spec;
}

/// Returns the type of a setting's key by that of the member.
struct TypeOf {
    KeyType operator()(std::string QueueSettings::* /*member*/) const { return KeyType::Text; }
    KeyType operator()(KeepJobs QueueSettings::* /*member*/) const { return KeyType::Text; }
    KeyType operator()(bool QueueSettings::* /*member*/) const { return KeyType::Boolean; }
    KeyType operator()(Bullmq5 QueueSettings::* /*member*/) const { return KeyType::Choice; }
    template <typename Number>
    KeyType operator()(Number QueueSettings::* /*member*/) const {
        return KeyType::Integer;
    }
};

/// Returns the key of a queue's setting, whose pattern is the setting's name alone.
KeySpec specOf(const QueueSetting& setting) {
    KeySpec spec = text(setting.name, setting.text(QueueSettings()), setting.sentence);
    spec.type = std::visit(TypeOf(), setting.member);
    spec.minimum = setting.range.minimum;
    spec.maximum = setting.range.maximum;
    spec.choices = setting.choices();
    spec.rule = setting.rule;
    spec.reloadable = setting.reloadable;
    return spec;
}

std::vector<KeySpec> engineKeys() {
    std::vector<KeySpec> keys = {
        text("environment",
             "dev",
             "The kind of this installation; `prod` turns the Swagger page off."),
        boolean("config.watch",
                true,
                "Whether the process reloads a changed file of --config or --env-file, or one "
                "beside a plugin, when it has been left alone for a moment. HUP reloads as well."),
        secret(
            text("redis.url",
                 "",
                 "redis://[[user]:password@]host[:port][/database], in place of redis.host and "
                 "redis.port, and of each other redis.* key that it has a part for; rediss:// for "
                 "TLS, unix://[[user]:password@]/path[?db=database] for a socket; empty: none.")),
        text("redis.host",
             "127.0.0.1",
             "Host name or address of the Redis server, or the path of its Unix socket."),
        integer("redis.port", 6379, 1, 65535, "Port of the Redis server."),
        text(
            "redis.sentinels",
            "",
            "Addresses host:port of sentinels, separated by commas, which name the server in place "
            "of redis.host and redis.port; without a port 26379."),
        text("redis.master", "", "The name that redis.sentinels have for the master."),
        text("redis.sentinelUsername", "", "ACL user at the sentinels; empty: their default user."),
        secret(text("redis.sentinelPassword", "", "Password of the sentinels; empty: none.")),
        text("redis.cluster",
             "",
             "Addresses host:port of some nodes of a cluster, separated by commas, in place of "
             "redis.host and redis.port; the nodes name the rest. Without a port 6379. The keys of "
             "a queue must share a slot: braces in redis.prefix, as in {bull}, or in the name."),
        text("redis.user", "", "ACL user; empty: the default user."),
        secret(text("redis.password", "", "Password; empty: none.")),
        integer("redis.db", 0, 0, kMaxInt, "Number of the database (SELECT)."),
        ruled(text("redis.prefix",
                   "bull",
                   "First part of every key; all clients of a queue must agree on it."),
              prefixError),
        integer("redis.connectTimeoutMs", 1000, 1, kMaxMs, "How long connecting may take."),
        integer("redis.commandTimeoutMs",
                2000,
                1,
                kMaxMs,
                "How long a reply may take; a large one may take longer while its bytes arrive."),
        boolean("redis.tls", false, "Encrypts the connections to Redis by TLS 1.2 or newer."),
        text("redis.tls.ca",
             "",
             "PEM file with the certificates that sign Redis's; empty: those that the machine "
             "trusts."),
        text("redis.tls.certificate",
             "",
             "PEM file with the certificate of this client and its chain, for a Redis that demands "
             "one; empty: none."),
        text("redis.tls.key",
             "",
             "PEM file with the private key of redis.tls.certificate, without a passphrase."),
        text("redis.tls.serverName",
             "",
             "The name or address that the certificate of Redis must have; empty: redis.host."),
        choice("redis.tls.minVersion", {"1.2", "1.3"}, "1.2", "The oldest version of TLS."),
        secret(withoutDefault(text("database.url",
                                   "",
                                   "The database of plugins that need one: "
                                   "postgresql://user:password@host:port/database?schema=name."))),
        choice("database.statements",
               {"auto", "named", "unnamed"},
               "auto",
               "Whether prepared statements have names and sessions have settings. Behind a pooler "
               "that gives each transaction another server connection, as PgBouncer in transaction "
               "mode, neither lasts: unnamed. auto finds out when it connects."),
        text("plugins.dir",
             "",
             "Folder with the .so files; empty: <libdir>/drover/plugins of the installation."),
        list("plugins.load",
             "Names of the plugins to load, separated by commas (echo is echo.so); `*`: every "
             "handler plugin of the folder, also those that come later."),
        boolean("plugins.watch",
                true,
                "Whether the process loads handler plugins that come or change, and drops those "
                "that go, while it runs. HUP looks as well."),
        choice(
            "plugins.trust",
            {"owner", "everybody"},
            "owner",
            "Which plugin files are loaded: those that only root and the user of the process can "
            "write or replace, or those of every user, for a mount that no other user reaches."),
        list("plugins.allow",
             "SHA-256 sums, in hex, of the plugin files that may be loaded; empty: all."),
        integer("plugins.probeTimeoutMs",
                5000,
                1,
                kMaxMs,
                "How long a plugin may take to be loaded and to make its handlers in the child "
                "process that tries it out."),
        reloadable(choice(
            "plugin.<name>.isolation",
            {"thread", "process"},
            "thread",
            "Where the plugin's handlers run: in threads of the engine, or each in a process of "
            "its own, whose end costs one job an attempt. A change makes another generation.")),
        reloadable(integer(
            "plugin.<name>.memoryLimitMb",
            0,
            0,
            1048576,
            "With isolation = process: how much a handler's process may allocate; 0: no limit. "
            "An empty process uses 9.")),
        reloadable(integer(
            "plugin.<name>.hardTimeoutMs",
            0,
            0,
            kMaxMs,
            "With isolation = process: how long a handler may go without deciding a job before "
            "its process is killed; 0: no limit.")),
        integer(
            "startup.timeoutMs", 30000, 0, kMaxMs, "How long to wait for servers before exit 69."),
        reloadable(integer("shutdown.graceMs",
                           10000,
                           0,
                           kMaxMs,
                           "How long running jobs and requests may take to end after TERM.")),
        reloadable(choice("log.level",
                          {"fatal",
                           "critical",
                           "error",
                           "warning",
                           "notice",
                           "information",
                           "debug",
                           "trace",
                           "none"},
                          "information",
                          "The least important messages that are still written.")),
        choice("log.format",
               {"auto", "json", "text"},
               "auto",
               "One JSON object per line, or text; auto: text on a terminal, json otherwise."),
        text(
            "control.socket",
            "",
            "Path of the Unix socket for `drover health` and its like; empty: drover-<pid>.sock in "
            "the "
            "first "
            "of $XDG_RUNTIME_DIR, /run/drover, /tmp, /dev/shm and /var/tmp that can be written to; "
            "`off`: none."),
        boolean("process.publish",
                true,
                "Whether the process publishes every 5 s in Redis how it fares, for `drover "
                "process list` and the pages of other processes."),
        text("trace.endpoint",
             "",
             "URL to which spans are sent by OTLP over HTTP, such as "
             "http://127.0.0.1:4318/v1/traces; empty: there are no traces. "
             "OTEL_EXPORTER_OTLP_ENDPOINT gives it as well, and the other variables of "
             "OpenTelemetry the other keys (docs/tracing.md)."),
        boolean("trace.disabled", false, "Whether there are no traces in spite of an endpoint."),
        text("trace.protocol", "http/json", "The form of what is sent: http/json."),
        text("trace.sampler",
             "parentbased_traceidratio",
             "Which spans are sent: parentbased_traceidratio follows the caller, and decides by "
             "trace.sampling where there is none; traceidratio decides alone; always_on, "
             "always_off, parentbased_always_on and parentbased_always_off."),
        share("trace.sampling", "1", "The share of traces that a sampler with traceidratio sends."),
        boolean("trace.passUnsampled",
                true,
                "Whether jobs of a trace that is not sent carry its context, too, so that their "
                "workers follow the decision."),
        secret(text("trace.headers",
                    "",
                    "Headers of each export: name=value, separated by commas, values "
                    "percent-encoded.")),
        text("trace.caFile",
             "",
             "For an https endpoint: file with the certificates that it may be signed by; empty: "
             "those that the machine trusts."),
        text("trace.service", "", "service.name of the spans; empty: drover."),
        text("trace.attributes",
             "",
             "Further attributes of the process: name=value, separated by commas, values "
             "percent-encoded."),
        integer("trace.timeoutMs", 10000, 1, kMaxMs, "How long the collector may take to answer."),
        integer("trace.exportDelayMs",
                5000,
                1,
                kMaxMs,
                "How long spans wait for company before they are sent."),
        integer("trace.maxBatch", 512, 1, 65536, "The most spans of one export."),
        integer("trace.maxQueued",
                2048,
                1,
                1048576,
                "The most spans that wait; further ones are dropped, and health counts them."),
    };
    for (const QueueSetting& setting : kQueueSettings) {
        if (setting.scope == QueueSetting::Scope::Worker) {
            keys.push_back(specOf(setting));
            keys.back().pattern = "worker.defaults." + keys.back().pattern;
        }
    }
    for (const QueueSetting& setting : kQueueSettings) {
        keys.push_back(specOf(setting));
        keys.back().pattern = "queue.<alias>." + keys.back().pattern;
        if (setting.scope == QueueSetting::Scope::Worker || keys.back().defaultValue == "") {
            // Below these are the plugin's suggestion and worker.defaults; below the name is the alias.
            keys.back().defaultValue.reset();
        }
    }
    return keys;
}

std::vector<std::string> segments(const std::string& key) {
    std::vector<std::string> parts;
    std::string::size_type from = 0;
    for (auto dot = key.find('.'); dot != std::string::npos; dot = key.find('.', from)) {
        parts.push_back(key.substr(from, dot - from));
        from = dot + 1;
    }
    parts.push_back(key.substr(from));
    return parts;
}

bool isWildcard(const std::string& segment) {
    return !segment.empty() && segment.front() == '<';
}

bool matches(const std::string& pattern, const std::string& key) {
    if (pattern.find('<') == std::string::npos) {
        return pattern == key;
    }
    const std::vector<std::string> wanted = segments(pattern);
    const std::vector<std::string> given = segments(key);
    return wanted.size() == given.size() &&
           std::equal(
               wanted.begin(), wanted.end(), given.begin(), [](const auto& want, const auto& have) {
                   return isWildcard(want) ? isAlias(have) : want == have;
               });
}

/// Returns the pattern with the names that `key` has in place of its wildcards.
std::string filledFrom(const std::string& pattern, const std::string& key) {
    std::vector<std::string> wanted = segments(pattern);
    const std::vector<std::string> given = segments(key);
    std::string filled;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const bool isFilled = isWildcard(wanted[i]) && i < given.size() && isAlias(given[i]);
        filled += (i == 0 ? "" : ".") + (isFilled ? given[i] : wanted[i]);
    }
    return filled;
}

bool parseInteger(const std::string& text, std::int64_t& value) {
    // Poco::NumberParser alone would read "1,000" as 1000 and " 5" as 5.
    const std::size_t digits = text.empty() || text[0] != '-' ? 0 : 1;
    if (text.size() == digits ||
        text.find_first_not_of("0123456789", digits) != std::string::npos) {
        return false;
    }
    Poco::Int64 parsed = 0;
    if (!Poco::NumberParser::tryParse64(text, parsed)) {
        return false;
    }
    value = parsed;
    return true;
}

}  // namespace

std::string KeySpec::expectation() const {
    const bool ranged = minimum != 0 || maximum != 0;
    const std::string range =
        ranged ? " in [" + std::to_string(minimum) + ", " + std::to_string(maximum) + "]" : "";
    switch (type) {
        case KeyType::Text:
            return "text";
        case KeyType::Integer:
            return "an integer" + range;
        case KeyType::Double:
            return "a number" + range;
        case KeyType::Boolean:
            return "true or false";
        case KeyType::List:
            return "names separated by commas";
        case KeyType::Choice:
            break;
    }
    std::string all;
    for (const std::string& option : choices) {
        all += (all.empty() ? "" : ", ") + option;
    }
    return choices.size() == 1 ? all : "one of " + all;
}

std::string KeySpec::error(const std::string& value) const {
    if (!isOfType(value)) {
        return "expected " + expectation();
    }
    return rule == nullptr ? "" : rule(value);
}

bool KeySpec::isOfType(const std::string& value) const {
    const bool ranged = minimum != 0 || maximum != 0;
    switch (type) {
        case KeyType::Text:
            return true;
        case KeyType::Integer: {
            std::int64_t number = 0;
            return parseInteger(value, number) &&
                   (!ranged || (number >= minimum && number <= maximum));
        }
        case KeyType::Double: {
            double number = 0;
            return Poco::NumberParser::tryParseFloat(value, number) && std::isfinite(number) &&
                   (!ranged || (number >= static_cast<double>(minimum) &&
                                number <= static_cast<double>(maximum)));
        }
        case KeyType::Boolean:
            return value == "true" || value == "false";
        case KeyType::Choice:
            return std::find(choices.begin(), choices.end(), value) != choices.end();
        case KeyType::List: {
            const std::vector<std::string> names = splitList(value);
            return std::all_of(names.begin(), names.end(), [](const std::string& one) {
                return one == "*" || isAlias(one);
            });
        }
    }
    return false;
}

ConfigSchema::ConfigSchema() : specs_(engineKeys()) {}

void ConfigSchema::add(const KeySpec& spec) {
    for (KeySpec& known : specs_) {
        if (known.pattern == spec.pattern) {
            known.required = known.required || spec.required;
            known.secret = known.secret || spec.secret;
            return;
        }
    }
    specs_.push_back(spec);
}

void ConfigSchema::addTable(const std::string& prefix) {
    tables_.push_back(prefix + ".");
}

const KeySpec* ConfigSchema::find(const std::string& key) const {
    for (const KeySpec& spec : specs_) {
        if (matches(spec.pattern, key)) {
            return &spec;
        }
    }
    return nullptr;
}

bool ConfigSchema::inTable(const std::string& key) const {
    return std::any_of(tables_.begin(), tables_.end(), [&key](const std::string& table) {
        return key.size() > table.size() && key.compare(0, table.size(), table) == 0;
    });
}

std::optional<std::string> ConfigSchema::nearest(const std::string& key) const {
    std::vector<std::string> candidates;
    for (const KeySpec& spec : specs_) {
        candidates.push_back(filledFrom(spec.pattern, key));
    }
    return mostSimilar(key, candidates);
}

std::vector<std::string> splitList(const std::string& text) {
    std::vector<std::string> items;
    std::string::size_type from = 0;
    while (from <= text.size()) {
        const auto comma = std::min(text.find(',', from), text.size());
        const std::string item = Poco::trim(text.substr(from, comma - from));
        if (!item.empty()) {
            items.push_back(item);
        }
        from = comma + 1;
    }
    return items;
}

}  // namespace drover
