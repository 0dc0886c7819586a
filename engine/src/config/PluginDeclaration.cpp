#include "config/PluginDeclaration.h"

namespace drover {

std::string PluginDeclaration::fullKey(const std::string& plugin, const drover_config_key& key) {
    return (key.flags & DROVER_CONFIG_SHARED) != 0 ? key.name : plugin + "." + key.name;
}

KeySpec PluginDeclaration::specOf(const std::string& plugin, const drover_config_key& key) {
    KeySpec spec;
    spec.pattern = fullKey(plugin, key);
    switch (key.type) {
        case DROVER_CONFIG_INT:
            spec.type = KeyType::Integer;
            break;
        case DROVER_CONFIG_DOUBLE:
            spec.type = KeyType::Double;
            break;
        case DROVER_CONFIG_BOOL:
            spec.type = KeyType::Boolean;
            break;
        default:
            break;
    }
    if (key.default_value != nullptr) {
        spec.defaultValue = key.default_value;
    }
    spec.minimum = key.minimum;
    spec.maximum = key.maximum;
    spec.secret = (key.flags & DROVER_CONFIG_SECRET) != 0;
    spec.required = (key.flags & DROVER_CONFIG_REQUIRED) != 0;
    spec.reloadable = (key.flags & DROVER_CONFIG_RELOADABLE) != 0;
    spec.sentence = key.description == nullptr ? "" : key.description;
    spec.owner = plugin;
    return spec;
}

PluginDeclaration PluginDeclaration::of(const drover_plugin_descriptor& descriptor) {
    PluginDeclaration declaration;
    declaration.name = descriptor.name;
    for (std::uint32_t i = 0; i < descriptor.config_key_count; ++i) {
        declaration.keys.push_back(specOf(declaration.name, *descriptor.config_keys[i]));
    }
    return declaration;
}

PluginDeclaration PluginDeclaration::of(const ServiceDescriptor& descriptor) {
    PluginDeclaration declaration;
    declaration.name = descriptor.name;
    for (const drover_config_key& key : descriptor.configKeys) {
        declaration.keys.push_back(specOf(declaration.name, key));
    }
    for (const std::string& table : descriptor.configTables) {
        declaration.tables.push_back(declaration.name + "." + table);
    }
    return declaration;
}

}  // namespace drover
