#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "drover/AbiText.h"
#include "drover/PluginAbi.h"
#include "drover/testing/Config.h"
#include "drover/testing/Host.h"
#include "drover/testing/Instance.h"

/// The export of the plugin that is linked into this program. Needed only by a test that names it.
extern "C" DROVER_EXPORT const drover_plugin_descriptor* drover_plugin(void) noexcept;

namespace drover::testing {

/// A plugin, set up as the engine does it at its start. Outlives its instances.
class Plugin {
public:
    /// `config`: values of the plugin's keys, by the names that it declares; other keys have their defaults.
    /// Throws std::invalid_argument for a value that does not fit, std::runtime_error if the plugin is of another ABI or
    /// its init refuses. `drover plugin check` looks at the rest of a descriptor.
    explicit Plugin(const drover_plugin_descriptor* descriptor,
                    std::map<std::string, std::string> config = {})
        : descriptor_(descriptor) {
        if (descriptor == nullptr || descriptor->magic != DROVER_ABI_MAGIC ||
            descriptor->abi_major != DROVER_ABI_MAJOR || descriptor->abi_minor > DROVER_ABI_MINOR) {
            throw std::runtime_error(
                "this is not a descriptor of the plugin ABI of this Testing.h");
        }
        config_ = std::make_shared<const detail::Config>(*descriptor, std::move(config));
        abi::ErrorText reason;
        if (descriptor->init != nullptr &&
            descriptor->init(
                &detail::Host::api(), config_->view(), &abi::ErrorText::receive, &reason) != 0) {
            throw std::runtime_error(std::string("the init of the plugin ") + descriptor->name +
                                     " refuses: " + reason.text());
        }
    }
    Plugin(const Plugin&) = delete;
    Plugin& operator=(const Plugin&) = delete;
    ~Plugin() {
        if (descriptor_->shutdown != nullptr) {
            descriptor_->shutdown();
        }
    }

    /// Makes an instance of the handler of that name; empty: of the plugin's first. Throws std::out_of_range for an
    /// unknown name, std::runtime_error if the handler refuses.
    [[nodiscard]] Instance create(std::string_view handler = {}) const {
        for (std::uint32_t i = 0; i < descriptor_->handler_count; ++i) {
            if (handler.empty() || handler == descriptor_->handlers[i]->name) {
                return Instance(*descriptor_, *descriptor_->handlers[i], config_);
            }
        }
        throw std::out_of_range(std::string("the plugin ") + descriptor_->name +
                                " has no handler " + std::string(handler));
    }

private:
    const drover_plugin_descriptor* descriptor_;
    std::shared_ptr<const detail::Config> config_;
};

}  // namespace drover::testing
