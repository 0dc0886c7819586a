#include "config/ConfigSchema.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <Poco/NumberParser.h>
#include <Poco/String.h>

#include "core/Names.h"
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

KeySpec reloadable(KeySpec spec) {
    spec.reloadable = true;
    return spec;
}

KeySpec withoutDefault(KeySpec spec) {
    spec.defaultValue.reset();
    return spec;
}

std::vector<KeySpec> engineKeys() {
    std::vector<KeySpec> keys = {
        text("environment",
             "dev",
             "What this installation is for; `prod` turns the Swagger page off."),
        boolean("config.watch",
                true,
                "Whether a changed file of --config or --env-file, or one beside a plugin, is "
                "reloaded when it has been left alone for a moment. HUP reloads as well."),
        secret(text("redis.url",
                    "",
                    "redis://[[user]:password@]host[:port][/database], in place of redis.host and "
                    "redis.port, and of the others that it names; empty: those count.")),
        text("redis.host", "127.0.0.1", "Host name or address of the Redis server."),
        integer("redis.port", 6379, 1, 65535, "Port of the Redis server."),
        text("redis.user", "", "ACL user; empty: the default user."),
        secret(text("redis.password", "", "Password; empty: none.")),
        integer("redis.db", 0, 0, kMaxInt, "Number of the database (SELECT)."),
        text("redis.prefix",
             "bull",
             "First part of every key; all clients of a queue must agree on it."),
        integer("redis.connectTimeoutMs", 1000, 1, kMaxMs, "How long connecting may take."),
        integer("redis.commandTimeoutMs",
                2000,
                1,
                kMaxMs,
                "How long a reply may take; a large one may take longer while its bytes arrive."),
        secret(withoutDefault(text("database.url",
                                   "",
                                   "The database of plugins that need one: "
                                   "postgresql://user:password@host:port/database?schema=name."))),
        text("plugins.dir",
             "",
             "Folder with the .so files; empty: <libdir>/drover/plugins of the installation."),
        list("plugins.load",
             "Names of the plugins to load, separated by commas (echo is echo.so); `*`: every "
             "handler plugin of the folder, also those that come later."),
        boolean("plugins.watch",
                true,
                "Whether handler plugins that come, change or go are taken up while the process "
                "runs. HUP looks as well."),
        choice(
            "plugins.trust",
            {"owner", "everybody"},
            "owner",
            "Whose plugin files are loaded: those that only root and the user of the process can "
            "write or replace, or everybody's, for a mount that nobody else reaches."),
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
            "An empty one takes 9.")),
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
            "Path of the Unix socket that `drover health` asks; empty: drover-<pid>.sock in the "
            "first "
            "of $XDG_RUNTIME_DIR, /run/drover, /tmp, /dev/shm and /var/tmp that can be written to; "
            "`off`: none."),
    };
    for (const KeySpec& setting : workerSettings()) {
        keys.push_back(setting);
        keys.back().pattern = "worker.defaults." + setting.pattern;
    }
    keys.push_back(
        withoutDefault(text("queue.<alias>.name",
                            "",
                            "Name of the queue in Redis; without it the alias is the name.")));
    for (const KeySpec& setting : workerSettings()) {
        // No default of their own: below them are the plugin's suggestion and worker.defaults.
        keys.push_back(withoutDefault(setting));
        keys.back().pattern = "queue.<alias>." + setting.pattern;
    }
    keys.push_back(
        integer("queue.<alias>.addTimeoutMs", 800, 1, kMaxMs, "How long adding a job may take."));
    keys.push_back(integer("queue.<alias>.addLingerUs",
                           0,
                           0,
                           1000000,
                           "How long an add under load waits for others to travel with it."));
    keys.push_back(choice(
        "queue.<alias>.bullmq5",
        {"on", "auto", "off"},
        "auto",
        "Whether BullMQ 5 clients share the queue. `on` loses nothing next to them. `auto` acts "
        "when it sees one: not if there are 5.x workers alone, nor after a 6.x client has written "
        "its version over theirs. No setting prevents that a 5.48 worker runs a job that is to be "
        "failed unrun, frees a deduplication id that another job holds, or starts more than a "
        "global limit allows; that 5.x drops jobs which 6.x clients add while it pauses (they are "
        "found again and run, out of order); nor that jobs which an obliterate of 5.x left behind "
        "come back: obliterate with 6.x."));
    keys.push_back(reloadable(
        integer("queue.<alias>.limiterMax",
                0,
                0,
                1000000000,
                "Most jobs that all workers of the queue start within limiterDurationMs; "
                "0: no limit.")));
    keys.push_back(reloadable(integer("queue.<alias>.limiterDurationMs",
                                      1000,
                                      1,
                                      kMaxMs,
                                      "The window that limiterMax counts in.")));
    keys.push_back(reloadable(
        integer("queue.<alias>.maximumRateLimitDelayMs",
                30000,
                1,
                kMaxMs,
                "How long a closed rate limit is trusted before it is looked at again: it may have "
                "been lifted.")));
    keys.push_back(
        reloadable(integer("queue.<alias>.metricsMaxDataPoints",
                           0,
                           0,
                           1000000,
                           "Minutes of throughput that are kept for dashboards; 0: none.")));
    keys.push_back(
        reloadable(integer("queue.<alias>.maxStartedAttempts",
                           0,
                           0,
                           1000000,
                           "A job that was started more often fails unrun; 0: no limit.")));
    keys.push_back(reloadable(
        text("queue.<alias>.removeOnComplete",
             "false",
             "What is kept of completed jobs that do not say it themselves: false (all), "
             "true (none), a count, or {\"age\": s, \"count\": n, \"limit\": n}.")));
    keys.push_back(
        reloadable(text("queue.<alias>.removeOnFail", "false", "The same for failed jobs.")));
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

/// The pattern with the names that `key` has in place of its wildcards.
std::string filledFrom(const std::string& pattern, const std::string& key) {
    std::vector<std::string> wanted = segments(pattern);
    const std::vector<std::string> given = segments(key);
    std::string filled;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const bool take = isWildcard(wanted[i]) && i < given.size() && isAlias(given[i]);
        filled += (i == 0 ? "" : ".") + (take ? given[i] : wanted[i]);
    }
    return filled;
}

bool parseInteger(const std::string& text, std::int64_t& value) {
    // Poco::NumberParser alone would take "1,000" for 1000 and " 5" for 5.
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

bool KeySpec::accepts(const std::string& value) const {
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

const std::vector<KeySpec>& workerSettings() {
    static const std::vector<KeySpec> kSettings = {
        reloadable(integer("concurrency",
                           256,
                           1,
                           100000,
                           "How many jobs of the queue this process may hold active.")),
        reloadable(integer("threads", 1, 1, 1024, "Handler threads of the queue.")),
        reloadable(
            integer("batchSize", 64, 1, 10000, "Most jobs that a handler is given at once.")),
        integer("lockDurationMs",
                10000,
                100,
                kMaxMs,
                "How long a claimed job stays ours without a renewal; renewed at half of it."),
        integer("stalledIntervalMs", 5000, 100, kMaxMs, "How often stalled jobs are looked for."),
        integer("lostJobsIntervalMs",
                600000,
                1000,
                kMaxMs,
                "How often jobs that are in no list are looked for; next to 5.x clients of BullMQ "
                "as often as stalled ones."),
        integer("maxStalledCount", 1, 0, 1000000, "How often a job may stall before it fails."),
        reloadable(
            integer("unstartedMaxMs",
                    500,
                    0,
                    kMaxMs,
                    "How long a claimed job may wait for a thread before it is handed back.")),
        reloadable(integer("maxBytes",
                           64 << 20,
                           1,
                           std::int64_t{1} << 40,
                           "Bytes of claimed jobs that this process holds of the queue before it "
                           "claims no further one; the job that passes it is held as well. While "
                           "jobs arrive and run their bytes are in memory up to three times.")),
        reloadable(integer(
            "timeoutMs",
            0,
            0,
            kMaxMs,
            "How long a handler may work on a job before its cancel token is set; 0: no limit. "
            "What it then returns counts as ever.")),
        integer("drainDelayMs",
                5000,
                10,
                kMaxMs,
                "How long one wait for jobs lasts while the queue is empty."),
        text("workerName", "", "Name of the worker, as dashboards show it."),
    };
    return kSettings;
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
