#include "config/ConfigEnvironment.h"

#include <algorithm>
#include <map>

#include <Poco/Ascii.h>
#include <Poco/RegularExpression.h>
#include <Poco/String.h>

#include "config/KeyNames.h"
#include "core/QueueSettings.h"
#include "core/Similar.h"

namespace drover {

namespace {

const std::string kOwnPrefix = "DROVER_";

/// A variable of older deployments, or of OpenTelemetry. `emptyCounts`: an empty value is one.
struct OldName {
    const char* variable;
    const char* key;
    bool emptyCounts;
    const char* below = "";  ///< The value is a URL, and the key's value this path below it.
};

ConfigValue valueOf(const OldName& old, ConfigValue value) {
    if (old.below[0] != '\0') {
        value.text.erase(value.text.find_last_not_of('/') + 1);
        value.text += old.below;
    }
    return value;
}

/// The stronger name of a key comes first.
constexpr OldName kOldNames[] = {
    {"SERVICE_PORT", "api.port", false},
    {"ENVIRONMENT", "environment", false},
    {"DATABASE_URL", "database.url", false},
    {"REDIS_URL", "redis.url", false},
    {"REDIS_QUEUE_HOST", "redis.host", false},
    {"REDIS_HOST", "redis.host", false},
    {"REDIS_QUEUE_PORT", "redis.port", false},
    {"REDIS_PORT", "redis.port", false},
    // There, an empty password is the way to have none.
    {"REDIS_QUEUE_PASSWORD", "redis.password", true},
    {"REDIS_PASSWORD", "redis.password", true},
    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "trace.endpoint", false},
    {"OTEL_EXPORTER_OTLP_ENDPOINT", "trace.endpoint", false, "/v1/traces"},
    {"OTEL_SDK_DISABLED", "trace.disabled", false},
    {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "trace.protocol", false},
    {"OTEL_EXPORTER_OTLP_PROTOCOL", "trace.protocol", false},
    {"OTEL_TRACES_SAMPLER", "trace.sampler", false},
    {"OTEL_TRACES_SAMPLER_ARG", "trace.sampling", false},
    {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "trace.headers", false},
    {"OTEL_EXPORTER_OTLP_HEADERS", "trace.headers", false},
    {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "trace.caFile", false},
    {"OTEL_EXPORTER_OTLP_CERTIFICATE", "trace.caFile", false},
    {"OTEL_SERVICE_NAME", "trace.service", false},
    {"OTEL_RESOURCE_ATTRIBUTES", "trace.attributes", false},
    {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "trace.timeoutMs", false},
    {"OTEL_EXPORTER_OTLP_TIMEOUT", "trace.timeoutMs", false},
    {"OTEL_BSP_SCHEDULE_DELAY", "trace.exportDelayMs", false},
    {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "trace.maxBatch", false},
    {"OTEL_BSP_MAX_QUEUE_SIZE", "trace.maxQueued", false},
};

/// Returns true for the address of a service, which the key's type does not accept.
bool isServiceAddress(const std::string& key, const ConfigSchema& schema, const std::string& text) {
    const KeySpec* const known = schema.find(key);
    if (known == nullptr || known->type == KeyType::Text || known->accepts(text)) {
        return false;
    }
    static const Poco::RegularExpression kAddress("^(tcp|udp|sctp)://[^/]*:[0-9]+$");
    return kAddress.match(text);
}

}  // namespace

std::string ConfigEnvironment::nameOf(const std::string& key) {
    std::string name = kOwnPrefix;
    for (const char c : key) {
        name += Poco::Ascii::isAlphaNumeric(c) ? static_cast<char>(Poco::Ascii::toUpper(c)) : '_';
    }
    return name;
}

std::optional<ConfigValue> ConfigEnvironment::find(const std::string& key,
                                                   const ConfigSchema& schema) const {
    if (schema.inTable(key)) {
        return std::nullopt;
    }
    const auto own = variables_.find(nameOf(key));
    if (own != variables_.end() && !isServiceAddress(key, schema, own->second.text)) {
        return own->second;
    }
    for (const OldName& old : kOldNames) {
        const auto found = key == old.key ? variables_.find(old.variable) : variables_.end();
        if (found != variables_.end() && (old.emptyCounts || !found->second.text.empty()) &&
            !isServiceAddress(key, schema, found->second.text)) {
            return valueOf(old, found->second);
        }
    }
    return std::nullopt;
}

void ConfigEnvironment::addAliases(std::set<std::string>& aliases) const {
    const std::string prefix = nameOf("queue.");
    for (const auto& entry : variables_) {
        const std::string& variable = entry.first;
        for (const QueueSetting& setting : kQueueSettings) {
            const std::string suffix =
                nameOf(std::string(".") + setting.name).substr(kOwnPrefix.size());
            if (variable.size() <= prefix.size() + suffix.size() ||
                variable.compare(0, prefix.size(), prefix) != 0 ||
                variable.compare(variable.size() - suffix.size(), suffix.size(), suffix) != 0) {
                continue;
            }
            const bool known =
                std::any_of(aliases.begin(), aliases.end(), [&](const std::string& alias) {
                    return nameOf(queueKey(alias, setting.name)) == variable;
                });
            if (!known) {
                aliases.insert(Poco::toLower(variable.substr(
                    prefix.size(), variable.size() - prefix.size() - suffix.size())));
            }
        }
    }
}

std::vector<std::string> ConfigEnvironment::serviceAddresses(const std::vector<std::string>& keys,
                                                             const ConfigSchema& schema) const {
    std::map<std::string, std::string> keyOf;
    for (const std::string& key : keys) {
        keyOf.emplace(nameOf(key), key);
    }
    for (const OldName& old : kOldNames) {
        keyOf.emplace(old.variable, old.key);
    }
    std::vector<std::string> sentences;
    for (const auto& [variable, key] : keyOf) {
        const auto found = variables_.find(variable);
        if (found != variables_.end() && isServiceAddress(key, schema, found->second.text)) {
            sentences.push_back(found->second.origin + " = \"" + found->second.text +
                                "\": is the address of a service, as Kubernetes and Docker set it, "
                                "and not a value of " +
                                key + "; it is passed over");
        }
    }
    return sentences;
}

std::vector<std::string> ConfigEnvironment::misspelt(const std::vector<std::string>& keys) const {
    std::set<std::string> names;
    for (const std::string& key : keys) {
        names.insert(nameOf(key));
    }
    const std::vector<std::string> candidates(names.begin(), names.end());
    std::vector<std::string> sentences;
    for (const auto& [variable, value] : variables_) {
        if (variable.compare(0, kOwnPrefix.size(), kOwnPrefix) != 0 || names.count(variable) != 0) {
            continue;
        }
        // Not an error: schedulers set such variables too (DROVER_SERVICE_HOST), and other roles have keys that this
        // one does not have. Only a probable typing error is worth a line.
        const auto like = mostSimilar(variable, candidates);
        if (like && editDistance(variable, *like) <= 2) {
            sentences.push_back(value.origin + ": is not a key; did you mean " + *like + "?");
        }
    }
    return sentences;
}

}  // namespace drover
