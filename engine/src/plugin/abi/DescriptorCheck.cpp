#include "plugin/abi/DescriptorCheck.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include "core/JsonText.h"
#include "core/Names.h"
#include "drover/Exceptions.h"
#include "plugin/abi/ConfigKeys.h"
#include "plugin/abi/DefaultOptions.h"

namespace drover {

namespace {

// The sizes of ABI 1.0, which every plugin of this major has at least, however the structs grow.
#define DROVER_SIZE_UP_TO(Struct, member) (offsetof(Struct, member) + sizeof(Struct::member))
constexpr std::size_t kDescriptorSize = DROVER_SIZE_UP_TO(drover_plugin_descriptor, shutdown);
constexpr std::size_t kHandlerSize = DROVER_SIZE_UP_TO(drover_handler, configure);
constexpr std::size_t kConfigKeySize = DROVER_SIZE_UP_TO(drover_config_key, description);
#undef DROVER_SIZE_UP_TO

constexpr std::uint32_t kMaxCount =
    1024;  // More handlers, names or keys than this are a garbled descriptor.

std::string quoted(const char* text) {
    return text == nullptr ? "NULL" : "'" + repairedUtf8(text) + "'";
}

std::string version(unsigned major, unsigned minor) {
    return std::to_string(major) + "." + std::to_string(minor);
}

/// Returns the text of a descriptor's member; NULL is empty.
std::string_view viewOf(const char* text) {
    return text == nullptr ? std::string_view() : std::string_view(text);
}

bool isText(const char* text) {
    return text != nullptr && isUtf8(text);
}

/// The checks of one plugin file; every refusal starts with its path.
class Checker {
public:
    Checker(const std::string& file, const std::string& stem) : file_(file), stem_(stem) {}

    void identity(const char* name, const char* pluginVersion, const char* description) const {
        if (!isPluginName(viewOf(name))) {
            refuse("its name " + quoted(name) + " is not of the form " + kPluginNameForm);
        }
        if (stem_ != name) {
            refuse("the plugin names itself " + quoted(name) + ", the file is named '" + stem_ +
                   "': both must be equal");
        }
        if (!isText(pluginVersion) || *pluginVersion == '\0') {
            refuse("its version " + quoted(pluginVersion) + " is not text in UTF-8");
        }
        if (description != nullptr && !isUtf8(description)) {
            refuse("its description is not text in UTF-8");
        }
    }

    void key(const drover_config_key* key, std::set<std::string>& seen) const {
        if (key == nullptr) {
            refuse("one of its configuration keys is NULL");
        }
        size("drover_config_key", key->struct_size, kConfigKeySize);
        if (!isPluginKey(viewOf(key->name))) {
            refuse("the configuration key " + quoted(key->name) +
                   " is not made of letters, digits, '_', '-' and '.'");
        }
        const std::string what = "the configuration key " + quoted(key->name);
        if (!seen.insert(key->name).second) {
            refuse(what + " is declared twice");
        }
        if (key->type < DROVER_CONFIG_STRING || key->type > DROVER_CONFIG_BOOL) {
            refuse(what + " has type " + std::to_string(key->type) + ", this engine has 0 to 3");
        }
        if (key->minimum > key->maximum) {
            refuse(what + " has an empty range [" + std::to_string(key->minimum) + ", " +
                   std::to_string(key->maximum) + "]");
        }
        if (key->default_value != nullptr) {
            if (const auto complaint = configComplaint(*key, key->default_value)) {
                refuse(what + " has a default that does not fit: " + *complaint);
            }
        }
    }

    void handler(const drover_handler* handler, std::set<std::string>& seen) const {
        if (handler == nullptr) {
            refuse("one of its handlers is NULL");
        }
        size("drover_handler", handler->struct_size, kHandlerSize);
        if (!isPluginName(viewOf(handler->name))) {
            refuse("the handler name " + quoted(handler->name) + " is not of the form " +
                   kPluginNameForm);
        }
        const std::string what = "the handler " + quoted(handler->name);
        if (!seen.insert(handler->name).second) {
            refuse(what + " is declared twice");
        }
        if (handler->batch_max == 0) {
            refuse(what + " has batch_max 0, at least 1 is needed");
        }
        if (handler->create == nullptr || handler->destroy == nullptr ||
            handler->process == nullptr) {
            refuse(what + " lacks one of create, destroy and process");
        }
        if (const auto error = queueNameError(viewOf(handler->default_queue)); !error.empty()) {
            refuse(what + " has the default queue " + quoted(handler->default_queue) + ": " +
                   error);
        }
        jobNames(what, *handler);
        if (handler->default_options != nullptr) {
            try {
                (void)parseDefaultOptions(handler->default_options);
            } catch (const PluginException& error) {
                refuse(what + " has bad default options: " + error.message());
            }
        }
    }

    void size(const char* what, std::uint32_t given, std::size_t least) const {
        if (given < least) {
            refuse(std::string(what) + " has " + std::to_string(given) + " bytes, plugin ABI " +
                   version(DROVER_ABI_MAJOR, 0) + " has at least " + std::to_string(least));
        }
    }

    void array(const char* what, const void* elements, std::uint32_t count) const {
        if (count > kMaxCount) {
            refuse(std::to_string(count) + " " + what + ", at most " + std::to_string(kMaxCount) +
                   " are allowed");
        }
        if (count > 0 && elements == nullptr) {
            refuse(std::to_string(count) + " " + what + ", but no pointer to them");
        }
    }

    [[noreturn]] void refuse(const std::string& why) const {
        throw PluginException(file_ + ": " + why);
    }

private:
    void jobNames(const std::string& what, const drover_handler& handler) const {
        array("job names", handler.job_names, handler.job_name_count);
        std::set<std::string> seen;
        for (std::uint32_t i = 0; i < handler.job_name_count; ++i) {
            const char* name = handler.job_names[i];
            if (!isText(name) || *name == '\0') {
                refuse(what + " serves the job name " + quoted(name) + ", text in UTF-8 is needed");
            }
            if (!seen.insert(name).second) {
                refuse(what + " serves the job name " + quoted(name) + " twice");
            }
        }
    }

    const std::string& file_;
    const std::string& stem_;
};

}  // namespace

void checkDescriptor(const std::string& file,
                     const std::string& stem,
                     const drover_plugin_descriptor* descriptor) {
    const Checker check(file, stem);
    if (descriptor == nullptr) {
        check.refuse("drover_plugin() returned no descriptor");
    }
    // Magic, version and size have their places for ever; nothing else is read before they are right.
    if (descriptor->magic != DROVER_ABI_MAGIC) {
        check.refuse("its descriptor starts with the magic number " +
                     std::to_string(descriptor->magic) + ", a drover plugin's with " +
                     std::to_string(DROVER_ABI_MAGIC));
    }
    if (descriptor->abi_major != DROVER_ABI_MAJOR || descriptor->abi_minor > DROVER_ABI_MINOR) {
        check.refuse("built for plugin ABI " +
                     version(descriptor->abi_major, descriptor->abi_minor) + ", this engine has " +
                     version(DROVER_ABI_MAJOR, DROVER_ABI_MINOR));
    }
    check.size("drover_plugin_descriptor", descriptor->struct_size, kDescriptorSize);
    check.identity(descriptor->name, descriptor->version, descriptor->description);
    if (descriptor->handler_count == 0) {
        check.refuse("it has no handler");
    }
    check.array("handlers", descriptor->handlers, descriptor->handler_count);
    check.array("configuration keys", descriptor->config_keys, descriptor->config_key_count);
    std::set<std::string> keys;
    for (std::uint32_t i = 0; i < descriptor->config_key_count; ++i) {
        check.key(descriptor->config_keys[i], keys);
    }
    std::set<std::string> handlers;
    for (std::uint32_t i = 0; i < descriptor->handler_count; ++i) {
        check.handler(descriptor->handlers[i], handlers);
    }
}

void checkDescriptor(const std::string& file,
                     const std::string& stem,
                     const ServiceDescriptor* descriptor) {
    const Checker check(file, stem);
    if (descriptor == nullptr) {
        check.refuse("drover_service() returned no descriptor");
    }
    check.identity(descriptor->name, descriptor->version, descriptor->description);
    if (descriptor->create == nullptr) {
        check.refuse("the service has no create function");
    }
    std::set<std::string> keys;
    for (const drover_config_key& key : descriptor->configKeys) {
        check.key(&key, keys);
    }
    for (const std::string& table : descriptor->configTables) {
        if (!isPluginKey(table)) {
            check.refuse("the configuration table '" + repairedUtf8(table) +
                         "' is not made of letters, digits, '_', '-' and '.'");
        }
    }
}

}  // namespace drover
