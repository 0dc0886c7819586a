#include "config/Configuration.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <Poco/Ascii.h>
#include <Poco/Exception.h>
#include <Poco/NumberParser.h>
#include <Poco/RegularExpression.h>
#include <Poco/String.h>

#include "config/TrustedFile.h"
#include "core/QueueSettings.h"
#include "drover/Exceptions.h"

extern char** environ;

namespace drover {

namespace {

/// The variable names of older deployments, the stronger one first. `emptyCounts`: an empty value is one.
struct OldName {
    const char* variable;
    const char* key;
    bool emptyCounts;
};

constexpr OldName kOldNames[] = {
    {"SERVICE_PORT", "api.port", false},
    {"ENVIRONMENT", "environment", false},
    {"DATABASE_URL", "database.url", false},
    {"REDIS_URL", "redis.url", false},
    {"REDIS_QUEUE_HOST", "redis.host", false},
    {"REDIS_HOST", "redis.host", false},
    {"REDIS_QUEUE_PORT", "redis.port", false},
    {"REDIS_PORT", "redis.port", false},
    // An empty password is the way to say "none" there.
    {"REDIS_QUEUE_PASSWORD", "redis.password", true},
    {"REDIS_PASSWORD", "redis.password", true},
};

const std::string kQueuePrefix = "queue.";

/// A pipe, say, which can be read only once.
bool isReadOnce(const std::string& path) {
    std::error_code ignored;
    const auto status = std::filesystem::status(path, ignored);
    return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

std::map<std::string, std::string> ConfigSources::processEnvironment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string text = *entry;
        const std::size_t equals = text.find('=');
        if (equals != std::string::npos) {
            variables.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    return variables;
}

std::string describeProblem(const KeySpec& spec, const std::string& key, const ConfigValue& value) {
    return value.origin + ": " + key + " = \"" + (spec.secret ? "***" : value.text) +
           "\": " + spec.error(value.text);
}

Configuration::Configuration(const ConfigSources& sources) : Configuration(sources, {}) {}

Configuration::Configuration(const ConfigSources& sources, FileTexts onceRead)
    : sources_(sources), filesRead_(std::move(onceRead)) {
    readFiles();
    readEnvironment();
    readSettings();
}

const std::string& Configuration::readFile(const std::string& path) {
    const auto read = filesRead_.find(path);
    if (read != filesRead_.end() && isReadOnce(path)) {
        return read->second;
    }
    return filesRead_[path] = readWholeFile(path);
}

std::string Configuration::fileOf(const std::string& plugin) const {
    return pluginFolder() + "/" + plugin + ".properties";
}

std::vector<std::string> Configuration::files() const {
    std::vector<std::string> paths = sources_.files;
    if (!sources_.envFile.empty()) {
        paths.push_back(sources_.envFile);
    }
    for (const auto& [plugin, loaded] : plugins_) {
        if (loaded) {
            paths.push_back(fileOf(plugin.name));
        }
    }
    return paths;
}

FileTexts Configuration::filesNow() const {
    FileTexts texts;
    for (const std::string& path : files()) {
        if (isReadOnce(path)) {
            if (const auto read = filesRead_.find(path); read != filesRead_.end()) {
                texts.insert(*read);
            }
            continue;
        }
        try {
            texts[path] = readWholeFile(path);
        } catch (const ConfigException&) {
            // If it has been there, that is a change, and the reload that follows tells why.
        }
    }
    return texts;
}

void Configuration::readFiles() {
    for (const std::string& path : sources_.files) {
        try {
            FileContents contents = parseProperties(readFile(path), path);
            for (FileEntry& entry : contents.entries) {
                files_[entry.key] = {entry.value, entry.where};
            }
            readProblems_.insert(
                readProblems_.end(), contents.problems.begin(), contents.problems.end());
        } catch (const ConfigException& error) {
            readProblems_.push_back(error.message());
        }
    }
}

void Configuration::readEnvironment() {
    if (!sources_.envFile.empty()) {
        try {
            const FileContents contents =
                parseEnvFile(readFile(sources_.envFile), sources_.envFile);
            for (const FileEntry& entry : contents.entries) {
                environment_[entry.key] = {entry.value, entry.where + " " + entry.key};
            }
            readProblems_.insert(
                readProblems_.end(), contents.problems.begin(), contents.problems.end());
        } catch (const ConfigException& error) {
            readProblems_.push_back(error.message());
        }
    }
    for (const auto& [name, value] : sources_.environment) {
        environment_[name] = {value, "environment " + name};
    }
}

void Configuration::readSettings() {
    for (const std::string& setting : sources_.settings) {
        const std::size_t equals = setting.find('=');
        const std::string key = Poco::trim(setting.substr(0, equals));
        if (equals == std::string::npos || key.empty()) {
            readProblems_.push_back("--set " + key + ": expected key=value");
            continue;
        }
        settings_[key] = {Poco::trim(setting.substr(equals + 1)), "--set"};
    }
}

void Configuration::declare(const PluginDeclaration& plugin, bool loaded) {
    addKeys(plugin, loaded);
    if (loaded) {
        readFileOf(plugin.name);
    }
}

void Configuration::addKeys(const PluginDeclaration& plugin, bool loaded) {
    for (KeySpec key : plugin.keys) {
        // What another role needs is not needed here.
        key.required = key.required && loaded;
        schema_.add(key);
    }
    for (const std::string& table : plugin.tables) {
        schema_.addTable(table);
    }
    plugins_.emplace_back(plugin, loaded);
}

Configuration Configuration::with(const PluginDeclaration& plugin) const {
    Configuration fresh = reduced(plugin.name);
    fresh.declare(plugin);
    fresh.keep(*this, plugin.name);
    return fresh;
}

Configuration Configuration::without(const std::string& plugin) const {
    Configuration fresh = reduced(plugin);
    fresh.keep(*this);
    return fresh;
}

Configuration Configuration::reduced(const std::string& plugin) const {
    Configuration fresh = *this;
    fresh.schema_ = ConfigSchema();
    fresh.plugins_.clear();
    fresh.beside_.clear();
    fresh.besideProblems_.clear();
    fresh.filesRead_.erase(fileOf(plugin));
    for (const auto& [other, loaded] : plugins_) {
        if (other.name == plugin) {
            continue;
        }
        fresh.addKeys(other, loaded);
        const auto read = fresh.filesRead_.find(fileOf(other.name));
        if (loaded && read != fresh.filesRead_.end()) {
            fresh.takeFileOf(other.name, read->second);
        }
    }
    return fresh;
}

void Configuration::keep(const Configuration& inForce, const std::string& loaded) {
    kept_.clear();
    std::vector<std::string> keys = knownKeys();
    append(keys, inForce.knownKeys());
    std::map<std::string, Kept> kept;
    for (const std::string& key : keys) {
        if (keeps(inForce, loaded, key)) {
            kept[key] = {inForce.resolved(key), resolved(key)};
        }
    }
    for (auto& [key, value] : kept) {
        const bool same = value.inForce && value.said ? value.inForce->text == value.said->text
                                                      : !value.inForce && !value.said;
        if (!same) {
            kept_.emplace(key, std::move(value));
        }
    }
}

bool Configuration::keeps(const Configuration& inForce,
                          const std::string& loaded,
                          const std::string& key) const {
    const KeySpec* now = schema_.find(key);
    if (now == nullptr || now->reloadable || inForce.schema_.find(key) == nullptr ||
        (!loaded.empty() && now->owner == loaded)) {
        return false;
    }
    const std::string alias = aliasOf(key);
    if (alias.empty()) {
        return true;
    }
    if (!contains(aliases(), alias) || !contains(inForce.aliases(), alias)) {
        return false;
    }
    const std::string setting = key.substr(kQueuePrefix.size() + alias.size() + 1);
    const bool isNew = std::none_of(inForce.plugins_.begin(),
                                    inForce.plugins_.end(),
                                    [&](const auto& one) { return one.first.name == loaded; });
    const std::string origin = queueSetting(alias, setting).origin;
    const bool brought = origin.rfind("plugin " + loaded + "/", 0) == 0 ||
                         origin.rfind(inForce.fileOf(loaded) + ":", 0) == 0;
    return !(isNew && brought && isWorkerSetting(setting));
}

void Configuration::readFileOf(const std::string& plugin) {
    const std::string path = fileOf(plugin);
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
        return;
    }
    if (isReadOnce(path)) {
        // Everybody would wait until somebody writes into it.
        besideProblems_.push_back(path + ": is no regular file");
        return;
    }
    try {
        const std::string& text = readFile(path);  // Also what is refused has been seen.
        if (this->text("plugins.trust") != "everybody") {
            requireTrusted(std::filesystem::absolute(path));
        }
        takeFileOf(plugin, text);
    } catch (const Exception& error) {
        besideProblems_.push_back(error.message());
    }
}

void Configuration::takeFileOf(const std::string& plugin, const std::string& text) {
    const FileContents contents = parseProperties(text, fileOf(plugin));
    append(besideProblems_, contents.problems);
    for (const FileEntry& entry : contents.entries) {
        if (owner(entry.key).empty() && aliasOf(entry.key).empty() &&
            entry.key.rfind("plugin." + plugin + ".", 0) != 0) {
            besideProblems_.push_back(
                entry.where + ": " + entry.key +
                ": belongs to the whole process; set it in a file of --config");
        } else if (const auto known = beside_.find(entry.key); known != beside_.end()) {
            besideProblems_.push_back(entry.where + ": " + entry.key + ": is set in " +
                                      known->second.origin + " already");
        } else {
            beside_[entry.key] = {entry.value, entry.where};
        }
    }
}

Configuration Configuration::reread() const {
    FileTexts onceRead;
    for (const auto& [path, text] : filesRead_) {
        if (isReadOnce(path)) {
            onceRead.emplace(path, text);
        }
    }
    Configuration fresh(sources_, std::move(onceRead));
    fresh.kept_["plugins.dir"] = {find("plugins.dir"), fresh.find("plugins.dir")};
    for (const auto& [plugin, loaded] : plugins_) {
        fresh.declare(plugin, loaded);
    }
    return fresh;
}

std::vector<std::string> Configuration::emptied(const Configuration& inForce) const {
    const auto isEmpty = [](const std::string& text) {
        return std::all_of(
            text.begin(), text.end(), [](char c) { return Poco::Ascii::isSpace(c); });
    };
    std::vector<std::string> sentences;
    for (const auto& [path, text] : filesRead_) {
        const auto before = inForce.filesRead_.find(path);
        if (isEmpty(text) && before != inForce.filesRead_.end() && !isEmpty(before->second)) {
            sentences.push_back(
                path +
                ": is empty, and what it held stays in force; a file with a comment only "
                "(#) is taken");
        }
    }
    return sentences;
}

std::string Configuration::environmentName(const std::string& key) {
    std::string name = "DROVER_";
    for (const char c : key) {
        name += Poco::Ascii::isAlphaNumeric(c) ? static_cast<char>(Poco::Ascii::toUpper(c)) : '_';
    }
    return name;
}

std::optional<ConfigValue> Configuration::fromEnvironment(const std::string& key) const {
    if (schema_.inTable(key)) {
        return std::nullopt;
    }
    const auto own = environment_.find(environmentName(key));
    if (own != environment_.end() && !isServiceLink(key, own->second)) {
        return own->second;
    }
    for (const OldName& old : kOldNames) {
        const auto found = environment_.find(old.variable);
        if (key == old.key && found != environment_.end() &&
            (old.emptyCounts || !found->second.text.empty()) &&
            !isServiceLink(key, found->second)) {
            return found->second;
        }
    }
    return std::nullopt;
}

bool Configuration::isServiceLink(const std::string& key, const ConfigValue& value) const {
    const KeySpec* const known = schema_.find(key);
    if (known == nullptr || known->type == KeyType::Text || known->accepts(value.text)) {
        return false;
    }
    static const Poco::RegularExpression link("^(tcp|udp|sctp)://[^/]*:[0-9]+$");
    return link.match(value.text);
}

std::vector<std::string> Configuration::serviceLinks() const {
    std::map<std::string, std::string> keys;
    for (const std::string& key : knownKeys()) {
        keys.emplace(environmentName(key), key);
    }
    for (const OldName& old : kOldNames) {
        keys.emplace(old.variable, old.key);
    }
    std::vector<std::string> all;
    for (const auto& [variable, key] : keys) {
        const auto found = environment_.find(variable);
        if (found != environment_.end() && isServiceLink(key, found->second)) {
            all.push_back(found->second.origin + " = \"" + found->second.text +
                          "\": is the address of a service, as Kubernetes and Docker set it, and "
                          "no value of " +
                          key + "; it is passed over");
        }
    }
    return all;
}

std::optional<ConfigValue> Configuration::given(const std::string& key) const {
    if (const auto kept = kept_.find(key); kept != kept_.end()) {
        return kept->second.inForce;
    }
    if (const auto set = settings_.find(key); set != settings_.end()) {
        return set->second;
    }
    if (auto variable = fromEnvironment(key)) {
        return variable;
    }
    if (const auto file = files_.find(key); file != files_.end()) {
        return file->second;
    }
    if (const auto file = beside_.find(key); file != beside_.end()) {
        return file->second;
    }
    return std::nullopt;
}

const KeySpec& Configuration::spec(const std::string& key) const {
    const KeySpec* known = schema_.find(key);
    if (known == nullptr) {
        throw Poco::NotFoundException("configuration key " + key + " is not declared");
    }
    return *known;
}

std::optional<ConfigValue> Configuration::find(const std::string& key) const {
    if (schema_.inTable(key) && schema_.find(key) == nullptr) {
        return given(key);
    }
    const KeySpec& known = spec(key);
    if (auto value = given(key)) {
        return value;
    }
    if (known.defaultValue) {
        return ConfigValue{*known.defaultValue, "default"};
    }
    return std::nullopt;
}

std::string Configuration::text(const std::string& key) const {
    const auto value = find(key);
    if (!value) {
        throw Poco::NotFoundException("configuration key " + key + " has no value");
    }
    const KeySpec* known = schema_.find(key);
    if (known != nullptr && !known->accepts(value->text)) {
        throw ConfigException(describeProblem(*known, key, *value));
    }
    return value->text;
}

std::int64_t Configuration::integer(const std::string& key) const {
    return Poco::NumberParser::parse64(text(key));
}

double Configuration::number(const std::string& key) const {
    return Poco::NumberParser::parseFloat(text(key));
}

bool Configuration::boolean(const std::string& key) const {
    return text(key) == "true";
}

std::vector<std::string> Configuration::list(const std::string& key) const {
    return splitList(text(key));
}

std::string Configuration::aliasOf(const std::string& key) {
    const std::size_t dot = key.find('.', kQueuePrefix.size());
    return key.compare(0, kQueuePrefix.size(), kQueuePrefix) == 0 && dot != std::string::npos
               ? key.substr(kQueuePrefix.size(), dot - kQueuePrefix.size())
               : "";
}

std::vector<std::string> Configuration::settingNames() const {
    static const std::string kPattern = "queue.<alias>.";
    std::vector<std::string> names;
    for (const KeySpec& spec : schema_.specs()) {
        if (spec.pattern.compare(0, kPattern.size(), kPattern) == 0) {
            names.push_back(spec.pattern.substr(kPattern.size()));
        }
    }
    return names;
}

std::optional<ConfigValue> Configuration::suggested(const std::string& alias,
                                                    const std::string& setting) const {
    // A handler may name its queue by the alias or as it is called on the wire.
    const auto renamed = given(kQueuePrefix + alias + ".name");
    const std::string& name = renamed ? renamed->text : alias;
    for (const auto& [plugin, loaded] : plugins_) {
        for (const PluginDeclaration::Suggestion& suggestion : plugin.suggestions) {
            const auto option = suggestion.options.find(setting);
            if (loaded && (suggestion.queue == alias || suggestion.queue == name) &&
                option != suggestion.options.end()) {
                return ConfigValue{option->second,
                                   "plugin " + plugin.name + "/" + suggestion.handler};
            }
        }
    }
    return std::nullopt;
}

ConfigValue Configuration::queueSetting(const std::string& alias,
                                        const std::string& setting) const {
    const std::string key = kQueuePrefix + alias + "." + setting;
    std::optional<ConfigValue> value;
    // A queue that is worked under its own name, which may have dots, has no keys of its own.
    if (schema_.find(key) != nullptr) {
        value = find(key);
    }
    if (!value && isWorkerSetting(setting)) {
        value = suggested(alias, setting);
    }
    if (!value && isWorkerSetting(setting)) {
        value = find("worker.defaults." + setting);
    }
    if (!value && setting == "name") {
        value = ConfigValue{alias, "default"};
    }
    if (!value) {
        // The default belongs to the pattern, so any alias will do.
        value = ConfigValue{spec("queue.any." + setting).defaultValue.value_or(""), "default"};
    }
    return *value;
}

std::vector<std::string> Configuration::aliases() const {
    std::set<std::string> found;
    for (const auto* layer : written()) {
        for (const auto& [key, value] : *layer) {
            if (!aliasOf(key).empty()) {
                found.insert(aliasOf(key));
            }
        }
    }
    for (const auto& [plugin, loaded] : plugins_) {
        for (const PluginDeclaration::Suggestion& suggestion : plugin.suggestions) {
            if (loaded && schema_.find(kQueuePrefix + suggestion.queue + ".name") != nullptr) {
                found.insert(suggestion.queue);
            }
        }
    }
    // An alias that only the environment knows is the variable's part in lower case: the case is lost there.
    const std::string prefix = environmentName(kQueuePrefix);
    for (const auto& entry : environment_) {
        const std::string& variable = entry.first;
        for (const std::string& setting : settingNames()) {
            const std::string suffix = environmentName("." + setting).substr(7);
            if (variable.size() <= prefix.size() + suffix.size() ||
                variable.compare(0, prefix.size(), prefix) != 0 ||
                variable.compare(variable.size() - suffix.size(), suffix.size(), suffix) != 0) {
                continue;
            }
            const bool known =
                std::any_of(found.begin(), found.end(), [&](const std::string& alias) {
                    return environmentName(kQueuePrefix + alias + "." + setting) == variable;
                });
            if (!known) {
                found.insert(Poco::toLower(variable.substr(
                    prefix.size(), variable.size() - prefix.size() - suffix.size())));
            }
        }
    }
    return {found.begin(), found.end()};
}

std::vector<std::pair<std::string, std::string>> Configuration::below(
    const std::string& prefix) const {
    std::map<std::string, std::string> found;
    for (const auto* layer : written()) {
        for (const auto& [key, value] : *layer) {
            if (key.compare(0, prefix.size() + 1, prefix + ".") == 0) {
                if (const auto inForce = given(key)) {
                    found[key.substr(prefix.size() + 1)] = inForce->text;
                }
            }
        }
    }
    return {found.begin(), found.end()};
}

}  // namespace drover
