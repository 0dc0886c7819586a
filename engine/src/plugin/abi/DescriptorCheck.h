#pragma once

#include <string>

#include "drover/PluginAbi.h"
#include "drover/Service.h"

namespace drover {

/// [A-Za-z][A-Za-z0-9_-]{0,63}
[[nodiscard]] bool isPluginName(const std::string& name);

/// Check what a plugin says about itself before anything of it is used. Each throws PluginException, naming the file and
/// both sides of the disagreement. `stem` is the file's name without ".so": the plugin must have that name.

void checkDescriptor(const std::string& file,
                     const std::string& stem,
                     const drover_plugin_descriptor* descriptor);
void checkDescriptor(const std::string& file,
                     const std::string& stem,
                     const ServiceDescriptor* descriptor);

}  // namespace drover
