#pragma once

#include <string>

#include "drover/PluginAbi.h"
#include "drover/Service.h"

namespace drover {

/// Checks a plugin's descriptor before anything of it is used. Each throws PluginException, naming the file and
/// both sides of the disagreement. `stem` is the file's name without ".so": the plugin must have that name.

void checkDescriptor(const std::string& file,
                     const std::string& stem,
                     const drover_plugin_descriptor* descriptor);
void checkDescriptor(const std::string& file,
                     const std::string& stem,
                     const ServiceDescriptor* descriptor);

}  // namespace drover
