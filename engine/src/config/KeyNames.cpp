#include "config/KeyNames.h"

#include <set>

namespace drover {

namespace {

/// The first segments that belong to the engine; any other one is a plugin's name.
const std::set<std::string> kEngineSections = {"environment",
                                               "config",
                                               "redis",
                                               "database",
                                               "plugins",
                                               "plugin",
                                               "startup",
                                               "shutdown",
                                               "log",
                                               "control",
                                               "worker",
                                               "queue"};

const std::string kQueuePrefix = "queue.";

}  // namespace

bool isEngineSection(const std::string& section) {
    return kEngineSections.count(section) != 0;
}

std::string pluginOf(const std::string& key) {
    const std::string section = key.substr(0, key.find('.'));
    return section == key || isEngineSection(section) ? "" : section;
}

std::string aliasOf(const std::string& key) {
    if (key.compare(0, kQueuePrefix.size(), kQueuePrefix) != 0) {
        return "";
    }
    const std::size_t dot = key.find('.', kQueuePrefix.size());
    return dot == std::string::npos ? ""
                                    : key.substr(kQueuePrefix.size(), dot - kQueuePrefix.size());
}

std::string settingOf(const std::string& key) {
    return key.substr(kQueuePrefix.size() + aliasOf(key).size() + 1);
}

std::string queueKey(const std::string& alias, const std::string& setting) {
    return kQueuePrefix + alias + "." + setting;
}

std::string defaultsKey(const std::string& setting) {
    return "worker.defaults." + setting;
}

}  // namespace drover
