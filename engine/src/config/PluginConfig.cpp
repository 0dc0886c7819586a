#include "config/PluginConfig.h"

#include <Poco/Exception.h>

namespace drover {

namespace {

/// A key of every process, which the HTTP front reads.
const std::string kEnvironment = "environment";

}  // namespace

PluginConfig::PluginConfig(const Configuration& config, const ServiceDescriptor& descriptor)
    : config_(config), name_(descriptor.name) {
    keys_[kEnvironment] = kEnvironment;
    for (const drover_config_key& key : descriptor.configKeys) {
        keys_[key.name] = PluginDeclaration::fullKey(name_, key);
    }
}

std::string PluginConfig::whole(const std::string& key) const {
    const auto found = keys_.find(key);
    if (found == keys_.end()) {
        throw Poco::NotFoundException("plugin " + name_ +
                                      " does not declare the configuration key " + key);
    }
    return found->second;
}

std::string PluginConfig::text(const std::string& key) const {
    return config_.text(whole(key));
}
std::int64_t PluginConfig::integer(const std::string& key) const {
    return config_.integer(whole(key));
}
bool PluginConfig::boolean(const std::string& key) const {
    return config_.boolean(whole(key));
}

bool PluginConfig::has(const std::string& key) const {
    const auto found = keys_.find(key);
    return found != keys_.end() && config_.find(found->second).has_value();
}

std::vector<std::pair<std::string, std::string>> PluginConfig::below(
    const std::string& prefix) const {
    return config_.below(name_ + "." + prefix);
}

std::string PluginConfig::origin(const std::string& key) const {
    const auto declared = keys_.find(key);
    const auto value = config_.find(declared == keys_.end() ? name_ + "." + key : declared->second);
    return value ? value->origin : "";
}

}  // namespace drover
