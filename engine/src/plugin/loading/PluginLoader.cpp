#include "plugin/loading/PluginLoader.h"

#include <cstdlib>
#include <cstring>
#include <cxxabi.h>

#include "drover/Exceptions.h"
#include "plugin/abi/DescriptorCheck.h"
#include "plugin/loading/SharedObject.h"

namespace drover {

namespace {

const char* orEmpty(const char* text) {
    return text == nullptr ? "" : text;
}

void fillFromHandlerPlugin(LoadedPlugin& plugin, const SharedObject& file, void* function) {
    const auto* descriptor = reinterpret_cast<drover_plugin_function>(function)();
    checkDescriptor(file.path(), file.stem(), descriptor);
    plugin.name = descriptor->name;
    plugin.version = descriptor->version;
    plugin.description = orEmpty(descriptor->description);
    plugin.configKeys.assign(descriptor->config_keys,
                             descriptor->config_keys + descriptor->config_key_count);
    plugin.descriptor = descriptor;
}

void fillFromService(LoadedPlugin& plugin, const SharedObject& file, void* function) {
    // The stamp is C: it is compared before any C++ type of the plugin is read.
    void* const stampFunction = file.symbol(DROVER_BUILD_STAMP_SYMBOL);
    if (stampFunction == nullptr) {
        throw PluginException(file.path() + ": it exports " DROVER_SERVICE_SYMBOL
                                            " without " DROVER_BUILD_STAMP_SYMBOL
                                            "; DROVER_SERVICE exports both");
    }
    const char* const stamp = reinterpret_cast<const char* (*)()>(stampFunction)();
    if (stamp == nullptr || std::strcmp(stamp, DROVER_BUILD_STAMP) != 0) {
        throw PluginException(file.path() + ": a service built for the engine '" + orEmpty(stamp) +
                              "', this engine is '" DROVER_BUILD_STAMP
                              "': both must be the same build");
    }
    const auto* descriptor = reinterpret_cast<const ServiceDescriptor* (*)()>(function)();
    checkDescriptor(file.path(), file.stem(), descriptor);
    plugin.name = descriptor->name;
    plugin.version = descriptor->version;
    plugin.description = orEmpty(descriptor->description);
    for (const drover_config_key& key : descriptor->configKeys) {
        plugin.configKeys.push_back(&key);
    }
    plugin.descriptor = descriptor;
}

std::string demangled(const std::string& symbol) {
    int status = 0;
    char* const name = abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status);
    std::string text = name != nullptr ? name : symbol;
    std::free(name);
    return text;
}

LoadedPlugin described(const SharedObject& file) {
    void* const handlers = file.symbol(DROVER_PLUGIN_SYMBOL);
    void* const service = file.symbol(DROVER_SERVICE_SYMBOL);
    if ((handlers == nullptr) == (service == nullptr)) {
        throw PluginException(
            file.path() + (handlers == nullptr ? ": it exports neither " : ": it exports both ") +
            DROVER_PLUGIN_SYMBOL + (handlers == nullptr ? " nor " : " and ") +
            DROVER_SERVICE_SYMBOL + "; a plugin has exactly one of them");
    }
    LoadedPlugin plugin;
    plugin.path = file.path();
    plugin.sha256 = file.sha256();
    plugin.bytes = file.size();
    plugin.copy = file.copy();
    if (const auto& unique = file.uniqueSymbolNames(); !unique.empty()) {
        plugin.warnings.push_back("the file has " + std::to_string(unique.size()) +
                                  " unique symbols (STB_GNU_UNIQUE, " + demangled(unique.front()) +
                                  " for one): these static variables are shared with every other "
                                  "plugin, and with the next generations of "
                                  "this one, that have them too; build it with -fvisibility=hidden "
                                  "or -fno-gnu-unique, as "
                                  "drover_add_plugin does");
    }
    if (handlers != nullptr) {
        fillFromHandlerPlugin(plugin, file, handlers);
    } else {
        fillFromService(plugin, file, service);
    }
    return plugin;
}

}  // namespace

LoadedPlugin PluginLoader::load(const std::string& path, const std::string& tried) const {
    return described(SharedObject(path, allowed_, tried));
}

LoadedPlugin PluginLoader::loadCopy(const std::string& path,
                                    const std::string& sha256,
                                    int copy) const {
    return described(SharedObject(path, sha256, copy));
}

}  // namespace drover
