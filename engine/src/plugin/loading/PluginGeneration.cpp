#include "plugin/loading/PluginGeneration.h"

#include <utility>

#include "drover/Exceptions.h"
#include "plugin/abi/HostFunctions.h"
#include "plugin/abi/InProcessHandler.h"
#include "plugin/isolation/IsolatedHandler.h"

namespace drover {

std::shared_ptr<PluginGeneration> PluginGeneration::start(
    LoadedPlugin plugin, const ConfigLookup& lookup, std::optional<ProcessIsolation> isolation) {
    if (plugin.isService()) {
        throw PluginException(plugin.path + ": a service plugin, a handler plugin is needed here");
    }
    std::shared_ptr<PluginGeneration> generation(new PluginGeneration(std::move(plugin)));
    generation->values_ =
        checkedConfig(generation->plugin_.name, generation->plugin_.configKeys, lookup);
    generation->config_ = std::make_shared<const ConfigValues>(generation->values_);
    generation->isolation_ = std::move(isolation);
    if (!generation->isolation_) {
        generation->init();
    }
    return generation;
}

PluginGeneration::~PluginGeneration() {
    if (initialised_ && descriptor().shutdown != nullptr) {
        descriptor().shutdown();
    }
}

const drover_plugin_descriptor& PluginGeneration::descriptor() const noexcept {
    return **std::get_if<const drover_plugin_descriptor*>(&plugin_.descriptor);
}

void PluginGeneration::init() {
    if (descriptor().init != nullptr) {
        abi::ErrorText error;
        if (descriptor().init(&hostApi(), config_->view(), &abi::ErrorText::receive, &error) != 0) {
            throw PluginException(plugin_.path + ": its init refuses: " + error.text());
        }
    }
    initialised_ = true;
}

std::vector<std::shared_ptr<HandlerType>> PluginGeneration::handlerTypes() {
    std::vector<std::shared_ptr<HandlerType>> types;
    for (std::uint32_t i = 0; i < descriptor().handler_count; ++i) {
        const drover_handler& handler = *descriptor().handlers[i];
        if (isolation_) {
            types.push_back(
                std::make_shared<IsolatedHandler>(shared_from_this(), handler, *isolation_));
        } else {
            types.push_back(std::make_shared<InProcessHandler>(shared_from_this(), handler));
        }
    }
    return types;
}

std::function<void()> PluginGeneration::prepare(const ConfigLookup& lookup) {
    const auto& keys = plugin_.configKeys;
    auto values = checkedConfig(plugin_.name, keys, lookup);
    std::unique_lock lock(mutex_);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if ((keys[i]->flags & DROVER_CONFIG_RELOADABLE) == 0) {
            values[i] = values_[i];
        }
    }
    if (values == values_) {
        return [] {};
    }
    lock.unlock();
    auto config = std::make_shared<const ConfigValues>(values);
    return [this, values = std::move(values), config = std::move(config)] {
        const std::lock_guard changing(mutex_);
        values_ = values;
        config_ = config;
    };
}

std::shared_ptr<const ConfigValues> PluginGeneration::config() const {
    const std::lock_guard lock(mutex_);
    return config_;
}

}  // namespace drover
