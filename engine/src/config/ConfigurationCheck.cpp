#include "config/ConfigurationCheck.h"

#include <algorithm>
#include <cstdint>

#include <Poco/NumberParser.h>

#include "config/KeyNames.h"

namespace drover {

std::string describeProblem(const KeySpec& spec, const std::string& key, const ConfigValue& value) {
    return value.origin + ": " + key + " = \"" + (spec.secret ? "***" : value.text) +
           "\": " + spec.error(value.text);
}

std::vector<std::string> ConfigurationCheck::problems() const {
    std::vector<std::string> all = config_.layers().problems();
    checkUnknown(all);
    checkValues(all);
    checkLockRenewal(all);
    checkSuggestions(all);
    return all;
}

std::vector<std::string> ConfigurationCheck::warnings() const {
    const std::vector<std::string> keys = config_.knownKeys();
    const ConfigEnvironment& environment = config_.layers().environment();
    std::vector<std::string> all = environment.serviceAddresses(keys, config_.schema());
    const std::vector<std::string> misspelt = environment.misspelt(keys);
    all.insert(all.end(), misspelt.begin(), misspelt.end());
    return all;
}

void ConfigurationCheck::checkUnknown(std::vector<std::string>& problems) const {
    // A folder of files serves several roles: keys of a plugin that is there, but not loaded by this one, are its own
    // affair. A section that no plugin stands for is a typing error.
    const std::vector<std::string> notLoaded = config_.undeclaredPlugins();
    const ConfigSchema& schema = config_.schema();
    for (const ConfigValueMap* layer : config_.layers().written()) {
        for (const auto& [key, value] : *layer) {
            const std::string plugin = pluginOf(key);
            if (schema.find(key) != nullptr || schema.inTable(key) ||
                std::find(notLoaded.begin(), notLoaded.end(), plugin) != notLoaded.end()) {
                continue;
            }
            const auto like = schema.nearest(key);
            std::string line = value.origin + ": " + key + ": unknown key";
            line += like ? "; did you mean " + *like + "?" : "";
            if (!like && !plugin.empty() && !config_.hasPlugin(plugin)) {
                line += ", and there is no plugin " + config_.pluginFolder() + "/" + plugin + ".so";
            }
            problems.push_back(line);
        }
    }
}

void ConfigurationCheck::checkValues(std::vector<std::string>& problems) const {
    for (const std::string& key : config_.knownKeys()) {
        const KeySpec* const known = config_.schema().find(key);
        if (known == nullptr) {
            continue;
        }
        const auto value = config_.find(key);
        if (value && !known->accepts(value->text)) {
            problems.push_back(describeProblem(*known, key, *value));
        } else if (known->required && (!value || value->text.empty())) {
            problems.push_back(key + ": is required" +
                               (known->owner.empty() ? "" : " by plugin " + known->owner) + "; " +
                               known->sentence);
        }
    }
}

void ConfigurationCheck::checkLockRenewal(std::vector<std::string>& problems) const {
    for (const std::string& alias : config_.aliases()) {
        const ConfigValue renewal = config_.queueSetting(alias, "lockRenewTimeMs");
        const ConfigValue duration = config_.queueSetting(alias, "lockDurationMs");
        std::int64_t every = 0;
        std::int64_t lasts = 0;
        // Values that are not numbers have a problem of their own.
        if (Poco::NumberParser::tryParse64(renewal.text, every) &&
            Poco::NumberParser::tryParse64(duration.text, lasts) && every > 0 && every >= lasts) {
            problems.push_back(renewal.origin + ": " + queueKey(alias, "lockRenewTimeMs") +
                               " = \"" + renewal.text + "\": expected less than lockDurationMs, " +
                               duration.text + " by " + duration.origin);
        }
    }
}

void ConfigurationCheck::checkSuggestions(std::vector<std::string>& problems) const {
    for (const Configuration::Plugin& plugin : config_.plugins()) {
        for (const auto& suggestion : plugin.declaration.suggestions) {
            checkSuggestion(suggestion, plugin, problems);
        }
    }
}

void ConfigurationCheck::checkSuggestion(const PluginDeclaration::Suggestion& suggestion,
                                         const Configuration::Plugin& plugin,
                                         std::vector<std::string>& problems) const {
    const std::string where = "plugin " + plugin.declaration.name + "/" + suggestion.handler;
    for (const auto& [setting, value] : suggestion.options) {
        const KeySpec* const known = config_.schema().find(defaultsKey(setting));
        if (known == nullptr) {
            problems.push_back(where + ": suggests " + setting + ", which is not a worker setting");
        } else if (!known->accepts(value)) {
            problems.push_back(describeProblem(*known, setting, {value, where}));
        }
        const std::string key = queueKey(suggestion.queue, setting);
        const auto first = config_.suggested(suggestion.queue, setting);
        if (plugin.loaded && first && first->text != value && !config_.given(key)) {
            problems.push_back(where + ": suggests " + setting + " " + value + " for queue " +
                               suggestion.queue + ", and " + first->origin + " suggests " +
                               first->text + "; set " + key);
        }
    }
}

}  // namespace drover
